//! How likely the tokens of an answer were.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What OpenAI writes for a token that is next to impossible; JSON has no infinity.
const NEXT_TO_NEVER: f32 = -9999.0;

/// The tokens of an answer, or of a piece of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct LogprobsOut {
    /// In their order.
    pub content: Vec<LogprobOut>,
}

/// A token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogprobOut {
    /// As text.
    pub token: String,
    /// The natural logarithm of its likelihood.
    pub logprob: f32,
    /// The bytes it writes: a token may be a part of a character.
    #[schema(value_type = Option<Vec<u32>>)]
    pub bytes: Option<Vec<u8>>,
    /// The likeliest tokens in its place, best first.
    pub top_logprobs: Vec<TopLogprobOut>,
}

/// One of the likeliest tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TopLogprobOut {
    /// As text.
    pub token: String,
    /// The natural logarithm of its likelihood.
    pub logprob: f32,
    /// The bytes it writes.
    #[schema(value_type = Option<Vec<u32>>)]
    pub bytes: Option<Vec<u8>>,
}

impl TopLogprobOut {
    /// One of a likelihood that may be none at all.
    pub fn new(token: String, bytes: Vec<u8>, logprob: Option<f32>) -> Self {
        Self {
            token,
            logprob: logprob.unwrap_or(NEXT_TO_NEVER).max(NEXT_TO_NEVER),
            bytes: Some(bytes),
        }
    }
}

impl LogprobOut {
    /// A token that was told, with the likeliest in its place.
    pub fn new(told: TopLogprobOut, top_logprobs: Vec<TopLogprobOut>) -> Self {
        Self {
            token: told.token,
            logprob: told.logprob,
            bytes: told.bytes,
            top_logprobs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_is_a_number_all_the_same() {
        for never in [None, Some(f32::NEG_INFINITY), Some(f32::NAN)] {
            let one = TopLogprobOut::new("a".to_owned(), vec![97], never);
            assert_eq!(
                serde_json::to_string(&one).expect("JSON"),
                r#"{"token":"a","logprob":-9999.0,"bytes":[97]}"#
            );
        }
    }
}
