//! Reasoning that a model writes into its answer: `<think>…</think>` ahead of it, as many local models do whose server
//! does not set it apart.

/// The marks around reasoning.
static MARKS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
];

/// An answer without the reasoning ahead of it. One that never ends is the answer itself, so that nothing is lost; of
/// one whose beginning stood in the prompt there is the end alone.
pub(crate) fn without(text: &str) -> &str {
    let trimmed = text.trim_start();
    for (open, close) in MARKS {
        if let Some(reasoning) = trimmed.strip_prefix(open) {
            return match reasoning.split_once(close) {
                Some((_, answer)) if !answer.trim().is_empty() => answer,
                Some((alone, _)) => alone,
                None => reasoning,
            };
        }
        if let Some((_, answer)) = text.split_once(close)
            && !answer.trim().is_empty()
            && !text.contains(open)
        {
            return answer;
        }
    }
    text
}

/// Sets reasoning apart while an answer comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    state: State,
    held: String,
    /// Whether there was reasoning: the blanks behind it are no part of the answer.
    thought: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks and perhaps the beginning of a mark so far.
    #[default]
    Beginning,
    /// Within reasoning that ends with this mark.
    Thinking(&'static str),
    /// In the answer, to its end.
    Answering,
}

/// What a piece came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// More of the reasoning.
    pub(super) thinking: String,
    /// More of the answer.
    pub(super) text: String,
}

impl Splitter {
    /// Takes a piece. What may be part of a mark is held back.
    pub(super) fn push(&mut self, piece: &str) -> Split {
        let mut split = Split::default();
        if self.state == State::Answering {
            piece.clone_into(&mut split.text);
            return split;
        }
        self.held.push_str(piece);
        if self.state == State::Beginning {
            let begun = self.held.trim_start();
            let mark = MARKS.iter().find(|(open, _)| begun.starts_with(*open));
            if let Some(&(open, close)) = mark {
                self.held = begun[open.len()..].to_owned();
                self.state = State::Thinking(close);
                self.thought = true;
            } else if MARKS.iter().any(|(open, _)| open.starts_with(begun)) {
                return split;
            } else {
                self.state = State::Answering;
                split.text = self.take_answer();
                return split;
            }
        }
        if let State::Thinking(close) = self.state {
            if let Some(at) = self.held.find(close) {
                self.held[at + close.len()..]
                    .trim_start()
                    .clone_into(&mut split.text);
                self.held.truncate(at);
                split.thinking = std::mem::take(&mut self.held);
                self.state = if split.text.is_empty() {
                    State::Beginning
                } else {
                    State::Answering
                };
            } else {
                let kept = overlap(&self.held, close);
                let rest = self.held.split_off(self.held.len() - kept);
                split.thinking = std::mem::replace(&mut self.held, rest);
            }
        }
        split
    }

    /// What was held back, once the answer is over.
    pub(super) fn finish(&mut self) -> Split {
        match self.state {
            State::Thinking(_) => Split {
                thinking: std::mem::take(&mut self.held),
                text: String::new(),
            },
            State::Beginning | State::Answering => Split {
                thinking: String::new(),
                text: self.take_answer(),
            },
        }
    }

    /// What is held, as the beginning of the answer.
    fn take_answer(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.thought {
            held.trim_start().to_owned()
        } else {
            held
        }
    }
}

/// Bytes at the end of `text` with which `mark` begins.
fn overlap(text: &str, mark: &str) -> usize {
    (1..mark.len())
        .rev()
        .find(|&length| mark.is_char_boundary(length) && text.ends_with(&mark[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut splitter = Splitter::default();
        let (mut thinking, mut text) = (String::new(), String::new());
        let mut take = |part: Split| {
            thinking.push_str(&part.thinking);
            text.push_str(&part.text);
        };
        for piece in pieces {
            take(splitter.push(piece));
        }
        take(splitter.finish());
        (thinking, text)
    }

    #[test]
    fn reasoning_is_set_apart_wherever_pieces_are_cut() {
        let whole = "\n<think>first\nthis</think>\n\nThe answer < 3.";
        for width in 1..whole.len() {
            let pieces: Vec<&str> = whole
                .as_bytes()
                .chunks(width)
                .map(|piece| std::str::from_utf8(piece).expect("ASCII"))
                .collect();
            let expected = ("first\nthis".to_owned(), "The answer < 3.".to_owned());
            assert_eq!(split(&pieces), expected, "{width}");
        }
    }

    #[test]
    fn an_answer_without_reasoning_is_left_as_it_is() {
        for text in [
            " two words",
            "<th",
            "<b>bold</b>",
            "a <think> b </think> c",
            "",
        ] {
            assert_eq!(split(&[text]), (String::new(), text.to_owned()), "{text}");
            assert_eq!(without(text), text);
        }
    }

    #[test]
    fn reasoning_that_never_ends_is_not_lost() {
        assert_eq!(split(&["<think>", "on and on"]).0, "on and on");
        assert_eq!(without("<think>on and on"), "on and on");
        assert_eq!(without("<think>all of it</think> \n"), "all of it");
        assert_eq!(without("<think>so</think>\nSELECT 1"), "\nSELECT 1");
        assert_eq!(without("so</think>SELECT 1"), "SELECT 1");
    }
}
