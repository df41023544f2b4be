//! How likely tokens were, in the form of plain completions: lists beside each other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What OpenAI writes for a token that is next to impossible; JSON has no infinity.
const NEXT_TO_NEVER: f32 = -9999.0;

/// The tokens of an answer, or of a piece of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletionLogprobs {
    /// As text.
    pub tokens: Vec<String>,
    /// The natural logarithm of each one's likelihood; null for the first token of a prompt, before which nothing
    /// stands.
    pub token_logprobs: Vec<Option<f32>>,
    /// The likeliest tokens in each place with their likelihoods.
    #[schema(value_type = Vec<Value>)]
    pub top_logprobs: Vec<Option<Map<String, Value>>>,
    /// Where each begins in the text, in characters.
    pub text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    /// Adds a token that stands at `offset`, with the likeliest in its place, best first.
    pub fn push(
        &mut self,
        token: String,
        logprob: Option<f32>,
        top: impl IntoIterator<Item = (String, Option<f32>)>,
        offset: usize,
    ) {
        let top: Map<String, Value> = top
            .into_iter()
            .map(|(token, logprob)| {
                (
                    token,
                    Value::from(bounded(logprob.unwrap_or(NEXT_TO_NEVER))),
                )
            })
            .collect();
        self.tokens.push(token);
        // Told of nothing, and not of something impossible.
        self.token_logprobs.push(logprob.map(bounded));
        self.top_logprobs.push(logprob.is_some().then_some(top));
        self.text_offset.push(offset);
    }

    /// Whether it tells of no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

fn bounded(logprob: f32) -> f32 {
    // Also for what is no number.
    logprob.max(NEXT_TO_NEVER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_token_of_a_prompt_has_no_likelihood_and_an_impossible_one_has_a_number() {
        let mut told = CompletionLogprobs::default();
        assert!(told.is_empty());
        told.push("a".to_owned(), None, [], 0);
        let top = [
            ("b".to_owned(), Some(-0.5)),
            ("c".to_owned(), Some(f32::NEG_INFINITY)),
        ];
        told.push("b".to_owned(), Some(-0.5), top, 1);
        assert_eq!(
            serde_json::to_value(&told).expect("JSON"),
            json!({
                "tokens": ["a", "b"], "token_logprobs": [null, -0.5],
                "top_logprobs": [null, {"b": -0.5, "c": -9999.0}], "text_offset": [0, 1],
            })
        );
    }
}
