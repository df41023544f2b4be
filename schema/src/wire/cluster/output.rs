//! What a model says, on the wire between processes.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Error, model::Usage};

/// A piece of a model's answer, or all of it so far.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "content": {"object": {"data": "Hello", "format": "text"}, "type": "text"}, "error_code": 0, "incremental": false,
    "model_context": null, "finish_reason": null, "usage": null, "metrics": null
}))]
pub struct OutputBody {
    /// The text; where the model thought aloud, that first.
    pub content: Content,
    /// 0 unless it failed; then the text says why.
    pub error_code: i32,
    /// Whether `content` is what is new, rather than all so far.
    pub incremental: bool,
    /// What was done with the prompt.
    pub model_context: Option<ModelContextOut>,
    /// `stop` or `length`, with the end.
    pub finish_reason: Option<String>,
    /// Tokens, with the end.
    pub usage: Option<OutputUsage>,
    /// Times.
    pub metrics: Option<MetricsOut>,
    /// What failed, for our own processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PeerError>,
}

impl OutputBody {
    /// An output that carries a text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            content: Content::One(Media::text(text)),
            error_code: 0,
            incremental: false,
            model_context: None,
            finish_reason: None,
            usage: None,
            metrics: None,
            error: None,
        }
    }

    /// An output that tells of a failure; with its kind where the reader is one of ours.
    pub fn failed(error: &Error, text: &str, ours: bool) -> Self {
        Self {
            error_code: 1,
            error: ours.then(|| PeerError::of(error)),
            ..Self::text(format!("{}{text}", super::FAILED))
        }
    }
}

/// One medium or several.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Content {
    /// Text.
    One(Media),
    /// Thoughts, then text.
    Several(Vec<Media>),
}

impl Content {
    /// A text with the thoughts before it, if there were any.
    pub fn of(thinking: &str, text: &str) -> Self {
        if thinking.is_empty() {
            Self::One(Media::text(text))
        } else {
            Self::Several(vec![Media::new("thinking", thinking), Media::text(text)])
        }
    }
}

/// A medium.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Media {
    /// What it says.
    pub object: MediaData,
    /// `text` or `thinking`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Media {
    fn new(kind: &str, data: impl Into<String>) -> Self {
        Self {
            object: MediaData {
                data: data.into(),
                format: "text".to_owned(),
            },
            kind: kind.to_owned(),
        }
    }

    fn text(data: impl Into<String>) -> Self {
        Self::new("text", data)
    }
}

/// What a medium says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MediaData {
    /// The text.
    pub data: String,
    /// `text`.
    pub format: String,
}

/// What was done with the prompt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ModelContextOut {
    /// Characters of the prompt that stand before the answer; -1 for none.
    pub prompt_echo_len_char: i64,
    /// Always false: the prompt's form is the worker's own matter.
    pub has_format_prompt: bool,
    /// As it was asked for.
    pub echo: bool,
}

/// Tokens of an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutputUsage {
    /// Of the answer.
    pub completion_tokens: u32,
    /// Of the prompt.
    pub prompt_tokens: u32,
    /// Of both.
    pub total_tokens: u32,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub completion_tokens_details: Option<Value>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub prompt_tokens_details: Option<Value>,
}

impl From<Usage> for OutputUsage {
    fn from(usage: Usage) -> Self {
        Self {
            completion_tokens: usage.completion_tokens,
            prompt_tokens: usage.prompt_tokens,
            total_tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
            completion_tokens_details: None,
            prompt_tokens_details: None,
        }
    }
}

/// Times of an answer, under DB-GPT's names; milliseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct MetricsOut {
    /// Pieces so far.
    pub collect_index: u64,
    /// When the answer was asked for.
    pub start_time_ms: i64,
    /// When it ended.
    pub end_time_ms: Option<i64>,
    /// Now.
    pub current_time_ms: i64,
    /// Always null: only pieces are seen here.
    pub first_token_time_ms: Option<i64>,
    /// When its first piece came.
    pub first_completion_time_ms: Option<i64>,
    /// Always null.
    pub first_completion_tokens: Option<u32>,
    /// Of the prompt, with the end.
    pub prompt_tokens: Option<u32>,
    /// Of the answer, with the end.
    pub completion_tokens: Option<u32>,
    /// Of both, with the end.
    pub total_tokens: Option<u32>,
    /// Tokens of the answer a second, with the end.
    pub speed_per_second: Option<f64>,
    /// Always null.
    pub prefill_tokens_per_second: Option<f64>,
    /// Always null.
    pub decode_tokens_per_second: Option<f64>,
    /// Always null.
    #[schema(value_type = Option<Vec<Object>>)]
    pub current_gpu_infos: Option<Vec<Value>>,
    /// Always null.
    #[schema(value_type = Option<Vec<Object>>)]
    pub avg_gpu_infos: Option<Vec<Value>>,
}

/// What failed at a peer, so that the caller's own error is of the same kind.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PeerError {
    /// The kind, as logs and metrics have it.
    pub kind: String,
    /// The field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, for the caller.
    pub message: String,
    /// When to try again, or the limit that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
}

impl PeerError {
    /// What an error says of itself; nothing of an internal cause.
    pub fn of(error: &Error) -> Self {
        let (field, message, time) = match error {
            Error::Invalid { field, reason } => (Some(field.clone()), reason.clone(), None),
            Error::Overloaded { retry_after } | Error::RateLimited { retry_after, .. } => {
                (None, error.to_string(), Some(*retry_after))
            }
            Error::Timeout { what, limit } => (None, what.clone(), Some(*limit)),
            Error::Upstream { message, .. } => (None, message.clone(), None),
            other => (None, other.to_string(), None),
        };
        Self {
            kind: error.kind().to_owned(),
            field,
            message,
            milliseconds: time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Reads what a peer sent; nothing if it is no such object.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            kind: text("kind")?,
            field: text("field"),
            message: text("message").unwrap_or_default(),
            milliseconds: value.get("milliseconds").and_then(Value::as_u64),
        })
    }

    /// The caller's own error: what was wrong with the request stays that, everything else is the model's failure.
    pub fn into_error(self, model: &str) -> Error {
        let time = Duration::from_millis(self.milliseconds.unwrap_or(1000));
        match self.kind.as_str() {
            "invalid" => Error::invalid(
                self.field.unwrap_or_else(|| "body".to_owned()),
                self.message,
            ),
            "unsupported" => Error::Unsupported { what: self.message },
            "overloaded" | "rate_limited" => Error::Overloaded { retry_after: time },
            "timeout" => Error::Timeout {
                what: self.message,
                limit: time,
            },
            _ => Error::upstream(model, self.message),
        }
    }
}

/// A piece of a peer's answer, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    /// Thoughts.
    pub thinking: String,
    /// Text.
    pub text: String,
    /// Whether both are what is new, rather than all so far.
    pub incremental: bool,
    /// 0 unless it failed.
    pub error_code: i64,
    /// What failed, where the peer is one of ours.
    pub error: Option<PeerError>,
    /// Why it ended, where it says.
    pub finish_reason: Option<String>,
    /// Tokens, where they are told.
    pub usage: Option<Usage>,
}

impl Output {
    /// Reads one output: `content` of DB-GPT from 0.7 on, or `text` of older ones.
    ///
    /// # Errors
    /// What is wrong with it, for the log and the caller.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("is no JSON: {error}"))?;
        let mut read = Self {
            incremental: value["incremental"].as_bool().unwrap_or(false),
            error_code: value["error_code"].as_i64().unwrap_or(0),
            error: value.get("error").and_then(PeerError::read),
            finish_reason: value["finish_reason"].as_str().map(str::to_owned),
            usage: usage(&value["usage"]),
            ..Self::default()
        };
        match (&value["content"], &value["text"]) {
            (Value::Null, Value::String(text)) | (Value::String(text), _) => {
                read.text.push_str(text);
            }
            (Value::Null, _) => return Err("has neither content nor text".to_owned()),
            (Value::Array(media), _) => media.iter().for_each(|medium| read.add(medium)),
            (medium, _) => read.add(medium),
        }
        Ok(read)
    }

    /// Media other than text are passed over: the models asked here write.
    fn add(&mut self, medium: &Value) {
        let Some(data) = medium["object"]["data"].as_str() else {
            return;
        };
        match medium["type"].as_str() {
            Some("thinking") => self.thinking.push_str(data),
            Some("text") | None => self.text.push_str(data),
            Some(_) => {}
        }
    }
}

fn usage(value: &Value) -> Option<Usage> {
    let count = |name: &str| {
        let count = value.get(name)?.as_u64()?;
        u32::try_from(count).ok()
    };
    Some(Usage {
        prompt_tokens: count("prompt_tokens").unwrap_or_default(),
        completion_tokens: count("completion_tokens")?,
    })
}
