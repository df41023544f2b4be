//! What an upstream says when it refuses, and whose fault that is.

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tidegate_schema::Error;

/// Most of an upstream's error text that is passed on.
const ERROR_CHARS: usize = 600;
/// Shorter keys are placeholders (`none`, `EMPTY`): taking them out would garble words and protect nothing.
const SHORTEST_KEY: usize = 6;
/// When to try again where the upstream does not say.
const SOON: Duration = Duration::from_secs(1);
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
        // A quota that is used up does not come back by waiting.
        if self.status == StatusCode::TOO_MANY_REQUESTS && !self.has_code("insufficient_quota") {
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

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const KEY: &str = "sk-very-secret";

    fn words() -> Words {
        Words::new("gpt", SecretString::from(KEY))
    }

    fn read(status: u16, text: &str) -> Refusal {
        let status = StatusCode::from_u16(status).expect("a status");
        Refusal::read(status, &HeaderMap::new(), text)
    }

    #[test]
    fn a_fault_of_the_request_is_the_callers_under_the_upstreams_own_name_for_it() {
        let nested = r#"{"error": {"message": "too long", "param": "messages", "code": 400}}"#;
        let flat = r#"{"object": "error", "message": "too long", "param": null, "code": 400}"#;
        let told = |status, text| read(status, text).into_error(&words()).to_string();
        for status in [400, 413, 422] {
            assert_eq!(told(status, nested), "messages: gpt: too long");
        }
        assert_eq!(told(400, flat), "body: gpt: too long");
        assert_eq!(told(422, r#"{"detail": "no"}"#), "body: gpt: no");
        assert_eq!(told(400, r#"{"error": "no"}"#), "body: gpt: no");
        assert_eq!(told(413, "<html>no</html>\n"), "body: gpt: <html>no</html>");
        assert_eq!(
            told(404, r#"{"error": {"message": "no such model"}}"#),
            "gpt: answered 404 Not Found: no such model"
        );
    }

    #[test]
    fn a_quota_that_is_used_up_is_no_overload() {
        let quota = r#"{"error": {"message": "check your plan", "code": "insufficient_quota"}}"#;
        assert_eq!(
            read(429, quota).into_error(&words()).to_string(),
            "gpt: answered 429 Too Many Requests: check your plan"
        );
        assert!(matches!(
            read(429, r#"{"error": {"message": "slow down"}}"#).into_error(&words()),
            Error::Overloaded { retry_after } if retry_after == SOON
        ));
    }

    #[test]
    fn reads_every_form_of_the_time_to_try_again() {
        let wait = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|&(name, value)| {
                    (
                        reqwest::header::HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            retry_after(&headers).as_secs()
        };
        assert_eq!(wait(&[("retry-after", "7")]), 7);
        assert_eq!(wait(&[("retry-after", "0.2")]), 1);
        assert_eq!(wait(&[("retry-after-ms", "2500")]), 3);
        let date = [
            ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ];
        assert_eq!(wait(&date), 30);
        for nonsense in ["-5", "NaN", "soon", "1e300"] {
            assert_eq!(wait(&[("retry-after", nonsense)]), 1, "{nonsense}");
        }
        assert_eq!(wait(&[("retry-after", "99999999")]), 86_400);
    }

    #[test]
    fn the_key_is_stars_in_every_text_of_the_upstream() {
        let padding = "x".repeat(ERROR_CHARS - 5);
        let body =
            format!(r#"{{"error": {{"message": "key {KEY} {padding}{KEY}", "param": "{KEY}"}}}}"#);
        for status in [400, 401, 429, 500] {
            let told = read(status, &body).into_error(&words()).to_string();
            assert!(!told.contains("sk-v"), "{told}");
        }
        let placeholder = Words::new("gpt", SecretString::from("x"));
        assert_eq!(placeholder.error("exact").to_string(), "gpt: exact");
    }

    #[test]
    fn sees_that_the_form_is_what_cannot_be_done_whatever_the_status() {
        for said in [
            r#"{"error": {"message": "JSON schema is not supported by this backend"}}"#,
            r#"{"detail": "response_format: unknown type json_schema"}"#,
            "failed to parse grammar",
        ] {
            assert!(read(500, said).names_the_form(), "{said}");
        }
        assert!(!read(500, "out of memory").names_the_form());
    }

    #[test]
    fn sees_that_more_than_one_answer_is_too_many() {
        let named = r#"{"error": {"message": "must be 1", "param": "n"}}"#;
        assert!(read(400, named).names_the_number());
        assert!(read(422, r#"{"detail": "'n' must be 1"}"#).names_the_number());
        assert!(!read(500, named).names_the_number());
        assert!(!read(400, r#"{"error": {"message": "no", "param": "stop"}}"#).names_the_number());
    }

    #[test]
    fn sees_that_a_parameter_is_wanted_under_its_other_name() {
        let (old, new) = ("max_tokens", "max_completion_tokens");
        let said = format!(r#"{{"error": {{"message": "Use '{new}' instead."}}}}"#);
        let coded = r#"{"error": {"message": "no", "code": "unsupported_parameter", "param": "max_tokens"}}"#;
        let too_many =
            r#"{"error": {"message": "max_tokens is too large", "param": "max_tokens"}}"#;
        assert!(read(400, &said).prefers(old, new));
        assert!(!read(400, &said).prefers(new, old));
        assert!(read(400, coded).prefers(old, new));
        assert!(!read(400, too_many).prefers(old, new));
        assert!(!read(500, &said).prefers(old, new));
    }
}
