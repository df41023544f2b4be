//! Which sequences a step runs, and how much of each.
//!
//! Where a prompt is cut depends on the prompt alone, never on who runs beside it: the numbers of a row may depend on
//! the size of its part, and an answer is to be the same alone and in a batch.

/// Most tokens behind a prompt that are run at once. The executors run parts up to this size as they run single
/// tokens, so an answer that is run again gets the numbers it had.
pub(super) const BEHIND: usize = 32;
/// Most tokens of a prompt that are run at once when the scores behind each are asked for: they are as many numbers as
/// the vocabulary has, for every token.
const WEIGHED: usize = 16;

/// How much of a sequence is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Tokens run.
    pub(super) held: usize,
    /// Tokens known.
    pub(super) all: usize,
    /// How many of them are the prompt.
    pub(super) prompt: usize,
    /// Most tokens behind the prompt that are run at once: [`BEHIND`], or one where positions change with the length.
    pub(super) behind: usize,
    /// Whether the scores behind every token of the prompt are asked for.
    pub(super) weighs: bool,
    /// The step that ran a part of it last.
    pub(super) served: u64,
    /// Whether it must run alone, since a step that it was part of has failed.
    pub(super) alone: bool,
}

impl Standing {
    /// Tokens of the next part; prompts are cut at every `chunk` tokens and at their end.
    pub(super) fn part(&self, chunk: usize) -> usize {
        let left = self.all.saturating_sub(self.held);
        let chunk = if self.weighs {
            chunk.min(WEIGHED)
        } else {
            chunk
        };
        if self.held < self.prompt {
            let border = (self.held / chunk + 1) * chunk;
            left.min(border.min(self.prompt) - self.held)
        } else {
            left.min(self.behind)
        }
    }

    /// Whether the next token of its answer comes behind this step in any case.
    fn decodes(&self) -> bool {
        self.held >= self.prompt && self.all - self.held <= BEHIND
    }
}

/// Tokens to run of each sequence; 0 for those that are left out. All that make the next token of an answer run in
/// every step. The others share `budget` tokens, those first that have waited longest; one of them runs always.
pub(super) fn share(all: &[Standing], chunk: usize, budget: usize) -> Vec<usize> {
    let mut parts = vec![0; all.len()];
    if let Some(at) = all.iter().position(|one| one.alone) {
        parts[at] = all[at].part(chunk);
        return parts;
    }
    let mut filling: Vec<usize> = Vec::new();
    for (at, one) in all.iter().enumerate() {
        if one.decodes() {
            parts[at] = one.part(chunk);
        } else {
            filling.push(at);
        }
    }
    filling.sort_by_key(|&at| all[at].served);
    let mut spent = 0;
    for at in filling {
        let part = all[at].part(chunk);
        if spent == 0 || spent + part <= budget {
            parts[at] = part;
            spent += part;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(held: usize, all: usize, prompt: usize, served: u64) -> Standing {
        Standing {
            held,
            all,
            prompt,
            behind: BEHIND,
            weighs: false,
            served,
            alone: false,
        }
    }

    #[test]
    fn a_prompt_is_cut_at_the_same_places_wherever_it_begins() {
        let mut held = 0;
        let mut borders = Vec::new();
        while held < 20 {
            held += standing(held, 20, 20, 0).part(7);
            borders.push(held);
        }
        assert_eq!(borders, [7, 14, 20]);
        assert_eq!(
            standing(10, 20, 20, 0).part(7),
            4,
            "behind a kept prefix of 10"
        );
        assert_eq!(standing(20, 21, 20, 0).part(7), 1);
        assert_eq!(
            standing(20, 120, 20, 0).part(7),
            32,
            "an answer that is run again"
        );
        assert_eq!(
            standing(14, 120, 20, 0).part(7),
            6,
            "its prompt comes first"
        );
        let changing = Standing {
            behind: 1,
            ..standing(20, 120, 20, 0)
        };
        assert_eq!(changing.part(7), 1, "positions change with every token");
        let weighed = Standing {
            weighs: true,
            ..standing(0, 300, 300, 0)
        };
        assert_eq!(
            weighed.part(256),
            16,
            "scores behind every token take memory"
        );
    }

    #[test]
    fn answers_run_in_every_step_and_prompts_share_what_is_left() {
        let all = [
            standing(9, 10, 5, 3),
            standing(0, 100, 100, 2),
            standing(0, 100, 100, 1),
            standing(0, 30, 30, 4),
        ];
        assert_eq!(share(&all, 64, 64), [1, 0, 64, 0]);
        assert_eq!(share(&all, 64, 100), [1, 0, 64, 30]);
        assert_eq!(share(&all, 64, 158), [1, 64, 64, 30]);
    }

    #[test]
    fn long_prompts_take_turns_and_none_is_left_out_for_ever() {
        let mut all = [standing(0, 300, 300, 0), standing(0, 300, 300, 0)];
        let mut order = Vec::new();
        for step in 1..=6 {
            let parts = share(&all, 100, 100);
            let at = parts.iter().position(|&part| part > 0).expect("one runs");
            assert_eq!(parts.iter().sum::<usize>(), 100);
            all[at].held += parts[at];
            all[at].served = step;
            order.push(at);
        }
        assert_eq!(order, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn one_that_must_run_alone_does() {
        let mut all = [standing(5, 6, 5, 0), standing(5, 6, 5, 0)];
        all[1].alone = true;
        assert_eq!(share(&all, 64, 64), [0, 1]);
    }
}
