//! What an upstream says when it refuses, and whose fault that is.

#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tidegate_schema::Error;

/// Most of an upstream's error text that is passed on.
const ERROR_CHARS: usize = 600;
/// Shorter keys are placeholders (`none`, `EMPTY`): taking them out would garble words and protect nothing.
const SHORTEST_KEY: usize = 6;
/// Anthropic's own status of a busy server.
const OVERLOADED: u16 = 529;
/// When to try again where the upstream does not say.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// The longest wait that is passed on.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Makes errors of an upstream's words: under the model's name, with the key taken out.
#[derive(Clone)]
pub(super) struct Words {
    model: String,
    api_key: SecretString,
}

impl Words {
    pub(super) fn new(model: &str, api_key: SecretString) -> Self {
        Self {
            model: model.to_owned(),
            api_key,
        }
    }

    /// The upstream's failure.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::upstream(&self.model, self.clean(&message.to_string()))
    }

    /// The upstream was silent for too long.
    pub(super) fn late(&self, what: &str, limit: Duration) -> Error {
        Error::Timeout {
            what: format!("{what} of '{}'", self.model),
            limit,
        }
    }

    /// A text of the upstream's with stars for the key, cut to what is passed on.
    fn clean(&self, text: &str) -> String {
        let key = self.api_key.expose_secret();
        // The key goes before the text is cut, or a piece of it could be left at the end.
        let text = if key.len() < SHORTEST_KEY {
            text.to_owned()
        } else {
            text.replace(key, "******")
        };
        text.chars().take(ERROR_CHARS).collect()
    }
}

/// An answer that is no success, read.
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    /// The parameter at fault, where the upstream names it.
    param: Option<String>,
    /// OpenAI's `code` and `type`.
    codes: [Option<String>; 2],
    retry_after: Duration,
    /// Whether it said when to try again.
    asks_for_patience: bool,
}

/// What an error says that came inside an answer: OpenAI's object, or plain text.
pub(super) fn said(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    message
        .as_str()
        .filter(|text| !text.is_empty())
        .map_or_else(|| error.to_string(), str::to_owned)
}

impl Refusal {
    /// Reads an answer: OpenAI's error object, or one of the flatter ones of other servers, or plain text.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, text: &str) -> Self {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let error = body
            .get("error")
            .filter(|error| error.is_object())
            .unwrap_or(&body);
        let word = |name: &str| {
            error
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            status,
            message: ["message", "error", "detail"]
                .into_iter()
                .find_map(word)
                .unwrap_or_else(|| text.trim().to_owned()),
            param: word("param"),
            codes: [word("code"), word("type")],
            retry_after: retry_after(headers),
            asks_for_patience: ["retry-after", "retry-after-ms"]
                .iter()
                .any(|name| headers.contains_key(*name)),
        }
    }

    /// Whether the request is at fault, so that sending it again cannot help.
    pub(super) fn blames_the_request(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY
        )
    }

    /// Whether the form that was asked for is what the upstream cannot do: some say so with a status of their own fault.
    pub(super) fn names_the_form(&self) -> bool {
        let said = self.message.to_lowercase();
        [
            "response_format",
            "json_schema",
            "json schema",
            "structured output",
            "guided",
            "grammar",
        ]
        .iter()
        .any(|words| said.contains(words))
    }

    /// Whether it is the number of answers that the upstream will not have.
    pub(super) fn names_the_number(&self) -> bool {
        let said = ["'n'", "`n`", "\"n\"", "parameter n ", "n > 1", "n must be"];
        self.blames_the_request()
            && (self.param.as_deref() == Some("n")
                || said.iter().any(|words| self.message.contains(words)))
    }

    /// Whether documents are called texts there, as text-embeddings-inference has it.
    pub(super) fn wants_texts(&self) -> bool {
        self.blames_the_request() && self.message.contains("texts")
    }

    /// Whether it is a busy server's, which waiting may help: a quota that is used up does not come back by it.
    fn is_overload(&self) -> bool {
        match self.status.as_u16() {
            429 => !self.has_code("insufficient_quota"),
            503 => self.asks_for_patience,
            OVERLOADED => true,
            _ => false,
        }
    }

    /// Whether the upstream wants the parameter `sent` under its `other` name.
    pub(super) fn prefers(&self, sent: &str, other: &str) -> bool {
        let does_not_know_it =
            self.has_code("unsupported_parameter") && self.param.as_deref() == Some(sent);
        self.blames_the_request() && (does_not_know_it || self.message.contains(other))
    }

    fn has_code(&self, code: &str) -> bool {
        self.codes.iter().flatten().any(|own| own == code)
    }

    /// What the caller is told.
    pub(super) fn into_error(self, words: &Words) -> Error {
        if self.blames_the_request() {
            let param = self.param.unwrap_or_else(|| "body".to_owned());
            let reason = format!("{}: {}", words.model, words.clean(&self.message));
            return Error::invalid(words.clean(&param), reason);
        }
        if self.is_overload() {
            tracing::debug!(
                model = words.model,
                said = words.clean(&self.message),
                "the upstream asks for patience"
            );
            return Error::Overloaded {
                retry_after: self.retry_after,
            };
        }
        words.error(format!("answered {}: {}", self.status, self.message))
    }
}

/// When to try again: milliseconds, seconds or a date, as servers differ.
fn retry_after(headers: &HeaderMap) -> Duration {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let number = |name: &str| text(name).and_then(|text| text.parse::<f64>().ok());
    // A date counts from the upstream's own clock, which may differ from ours.
    let date =
        |name: &str| text(name).and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok());
    let seconds = number("retry-after-ms")
        .map(|milliseconds| milliseconds / 1000.0)
        .or_else(|| number("retry-after"))
        .or_else(|| Some((date("retry-after")? - date("date")?).num_seconds() as f64));
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.ceil()).ok())
        .map_or(SOON, |wait| wait.clamp(SOON, LONGEST_WAIT))
}
