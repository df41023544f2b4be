//! One answer, before a dialect writes it down.

use serde_json::Value;

use super::{
    script::{Act, What},
    seen::Seen,
    words,
};

/// Words of an answer where neither script nor request says.
const USUAL: usize = 16;

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Reasoning that comes first.
    pub(super) thoughts: Option<String>,
    /// The text, piece by piece; a piece is a token.
    pub(super) pieces: Vec<String>,
    /// Tools that are called instead.
    pub(super) calls: Vec<Call>,
    /// Why it ended, in OpenAI's words.
    pub(super) finish: &'static str,
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
}

impl Said {
    /// Answer number `choice` to a request.
    pub(super) fn of(seen: &Seen, act: &Act, choice: u64) -> Self {
        let What::Answer {
            text,
            words: wanted,
            thoughts,
            ..
        } = &act.what
        else {
            return Self::default();
        };
        let calls = calls(seen);
        if !calls.is_empty() && text.is_none() {
            return Self {
                thoughts: thoughts.clone(),
                pieces: Vec::new(),
                calls,
                finish: "tool_calls",
            };
        }
        let pieces = match (text, seen.form(), seen.tool_answer()) {
            (Some(text), ..) => words::in_words(text),
            (None, Some(schema), _) => words::in_letters(&words::fitting(&schema).to_string()),
            (None, None, Some(answer)) => words::in_words(&format!("The tool says {answer}.")),
            (None, None, None) => {
                let seed = seen.body["seed"].as_i64().unwrap_or(0);
                words::drawn((seed as u64).wrapping_add(choice), wanted.unwrap_or(USUAL))
            }
        };
        let (pieces, finish) = ended(pieces, seen);
        Self {
            thoughts: thoughts.clone(),
            pieces,
            calls: Vec::new(),
            finish,
        }
    }

    /// The text.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// What it is counted as.
    pub(super) fn tokens(&self) -> usize {
        let called: usize = self
            .calls
            .iter()
            .map(|call| words::in_letters(&call.arguments.to_string()).len())
            .sum();
        (self.pieces.len() + called).max(1)
    }
}

/// Cut at the first stop, or at the most tokens.
fn ended(mut pieces: Vec<String>, seen: &Seen) -> (Vec<String>, &'static str) {
    let text = pieces.concat();
    let stop = seen
        .stops()
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min();
    if let Some(at) = stop {
        pieces = words::in_words(&text[..at]);
    }
    match seen.most() {
        Some(most) if most < pieces.len() => {
            pieces.truncate(most);
            (pieces, "length")
        }
        _ => (pieces, "stop"),
    }
}

/// One call, or one of each of two tools where the question asks about both.
fn calls(seen: &Seen) -> Vec<Call> {
    let functions = seen.functions();
    let several = seen.body["parallel_tool_calls"] != false && seen.text().contains("both");
    functions
        .iter()
        .cycle()
        .take(if several { 2 } else { 1 })
        .enumerate()
        .map(|(at, function)| Call {
            id: format!("call_mock_{at}"),
            name: function.name.clone(),
            arguments: words::fitting(&function.parameters),
        })
        .collect()
}
