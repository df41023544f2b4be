//! The usage in an answer, found without reading the rest.

use std::sync::LazyLock;

use memchr::memmem::FinderRev;
use serde::Deserialize;
use tidegate_schema::model;

use crate::services::metering::Meter;

const FIELD: &[u8] = b"\"usage\"";
static USAGE: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(FIELD));

/// Tokens used, by the names that chat completions and responses have for them.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Usage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    /// All that rerankers and some embedders tell.
    total_tokens: Option<u32>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Details {
    cached_tokens: Option<u32>,
}

impl Usage {
    /// What was used, where that is told.
    fn tokens(&self) -> Option<model::Usage> {
        let completion_tokens = self.completion_tokens.or(self.output_tokens).unwrap_or(0);
        let rest = self
            .total_tokens
            .map(|total| total.saturating_sub(completion_tokens));
        Some(model::Usage {
            prompt_tokens: self.prompt_tokens.or(self.input_tokens).or(rest)?,
            completion_tokens,
        })
    }

    fn cached(&self) -> Option<u32> {
        let details = self
            .prompt_tokens_details
            .as_ref()
            .or(self.input_tokens_details.as_ref());
        details?.cached_tokens
    }

    /// Tells what was used.
    pub(super) fn tell(&self, meter: &mut Meter) {
        if let Some(tokens) = self.tokens() {
            meter.usage(tokens);
        }
        if let Some(cached) = self.cached() {
            meter.cached(cached);
        }
    }
}

/// The last usage that whole lines or a whole answer tell; null is none. Inside a text its quotes would be escaped, so
/// it is not mistaken for one.
pub(super) fn last_in(bytes: &[u8]) -> Option<Usage> {
    let at = USAGE.rfind(bytes)?;
    let value = bytes[at + FIELD.len()..]
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    if !value.starts_with(b"{") {
        return None;
    }
    serde_json::Deserializer::from_slice(value)
        .into_iter::<Usage>()
        .next()?
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(u32, u32)> {
        let tokens = last_in(text.as_bytes())?.tokens()?;
        Some((tokens.prompt_tokens, tokens.completion_tokens))
    }

    #[test]
    fn the_last_usage_counts_wherever_it_stands() {
        let counted = r#""usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}"#;
        assert_eq!(
            told(&format!("{{\"choices\": [], {counted}}}")),
            Some((3, 4))
        );
        assert_eq!(
            told(&format!(
                "data: {{\"usage\":null}}\n\ndata: {{{counted}}}\n\ndata: [DONE]\n\n"
            )),
            Some((3, 4))
        );
        assert_eq!(
            told(r#"{"usage":{"input_tokens":1,"output_tokens":2}}"#),
            Some((1, 2))
        );
        assert_eq!(told(r#"{"usage":{"total_tokens":5}}"#), Some((5, 0)));
    }

    #[test]
    fn what_is_no_usage_is_not_taken_for_one() {
        for text in [
            r#"{"usage":null}"#,
            r#"{"content":"\"usage\":{\"prompt_tokens\":1}"}"#,
            r#"{"usage"#,
            r#"{"usage":{"prompt_tokens":-1}}"#,
            "{}",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_that_were_kept_from_before_are_told() {
        let text = r#"{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":5}}}"#;
        let usage = last_in(text.as_bytes()).expect("a usage");
        assert_eq!(usage.cached(), Some(5));
    }
}
