//! The answers to one request: passed on as they come, or kept until it is known which are the best.

use std::cmp::Ordering;

use tidegate_schema::model::Usage;

use super::{
    generation::{Generation, Progress},
    plan::Plan,
};
use crate::workers::{Chunk, FinishReason};

/// What is known of all answers to a request.
pub(super) struct Answers {
    prompt: u32,
    choices: usize,
    tries: Vec<Try>,
}

/// One of them.
#[derive(Default)]
struct Try {
    /// Kept back, where the best of several are told.
    kept: Vec<Chunk>,
    made: u32,
    mean: f64,
    finish: Option<FinishReason>,
}

impl Answers {
    /// Of a plan, before anything is written.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            prompt: u32::try_from(plan.prompt.len()).unwrap_or(u32::MAX),
            choices: plan.choices,
            tries: (0..plan.tries).map(|_| Try::default()).collect(),
        }
    }

    /// Takes what a step of answer number `choice` led to; gives what is to be told now, each answer's end included.
    /// The tokens to run stay in `progress`.
    pub(super) fn take(
        &mut self,
        choice: usize,
        generation: &Generation,
        progress: &mut Progress,
    ) -> Vec<Chunk> {
        let mut told = std::mem::take(&mut progress.told);
        let ranks = self.tries.len() > self.choices;
        let Some(one) = self.tries.get_mut(choice) else {
            return Vec::new();
        };
        one.made = u32::try_from(generation.made()).unwrap_or(u32::MAX);
        one.mean = generation.mean_likelihood();
        one.finish = progress.finish;
        if ranks {
            for chunk in told {
                keep(&mut one.kept, chunk);
            }
            return if self.is_over() {
                self.best()
            } else {
                Vec::new()
            };
        }
        if let Some(finish) = progress.finish {
            told.push(self.end(choice, finish));
        }
        told
    }

    /// Whether every answer has ended.
    pub(super) fn is_over(&self) -> bool {
        self.tries.iter().all(|one| one.finish.is_some())
    }

    /// Tokens used so far by all of them, those that are not told included: they were worked for.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt,
            completion_tokens: self.tries.iter().map(|one| one.made).sum(),
        }
    }

    fn end(&self, choice: usize, finish: FinishReason) -> Chunk {
        Chunk::End {
            choice: u32::try_from(choice).unwrap_or(u32::MAX),
            finish,
            usage: self.usage(),
            confidence: None,
        }
    }

    /// The best answers, likeliest first by the mean over their tokens, numbered anew.
    fn best(&mut self) -> Vec<Chunk> {
        let mut order: Vec<usize> = (0..self.tries.len()).collect();
        // Stable: of equals the first.
        order.sort_by(|&a, &b| better(&self.tries[a], &self.tries[b]));
        let mut told = Vec::new();
        for (number, at) in order.into_iter().take(self.choices).enumerate() {
            let kept = std::mem::take(&mut self.tries[at].kept);
            let finish = self.tries[at].finish.unwrap_or(FinishReason::Stop);
            told.extend(kept.into_iter().map(|chunk| renumbered(chunk, number)));
            told.push(self.end(number, finish));
        }
        told
    }
}

fn better(a: &Try, b: &Try) -> Ordering {
    b.mean.total_cmp(&a.mean)
}

/// Keeps a chunk, as part of the last one where both are text.
fn keep(kept: &mut Vec<Chunk>, chunk: Chunk) {
    match (kept.last_mut(), chunk) {
        (Some(Chunk::Text(last)), Chunk::Text(more)) => {
            last.text.push_str(&more.text);
            last.logprobs.extend(more.logprobs);
        }
        (_, chunk) => kept.push(chunk),
    }
}

fn renumbered(mut chunk: Chunk, number: usize) -> Chunk {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    match &mut chunk {
        Chunk::Text(piece) | Chunk::Thinking(piece) => piece.choice = number,
        Chunk::ToolCall { choice, .. } | Chunk::End { choice, .. } => *choice = number,
        Chunk::Alternatives(_) => {}
    }
    chunk
}
