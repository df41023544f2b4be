//! Chat completions: the request.

mod choosing;
mod legacy;
mod messages;
mod tools;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(in crate::wire::openai) use self::messages::text_of_parts;
pub use self::{
    messages::{ChatMessage, TurnIn},
    tools::{Call, CallIn, FunctionCall, FunctionIn, ToolChoiceIn, ToolIn},
};
use crate::{Error, Result};

/// A request.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "tidegate-sql", "datasource": "shop",
    "messages": [{"role": "user", "content": "how many orders per city in 2024, top 5?"}]}))]
pub struct ChatIn {
    /// Model. `NAME:DATASOURCE` asks a datasource, as the field `datasource` does.
    pub model: String,
    /// The conversation: messages, or one text.
    #[schema(value_type = Vec<ChatMessage>)]
    pub messages: Value,
    /// Ask this datasource; the answer then has the SQL, the rows and the evidence in `tidegate`.
    #[serde(default)]
    pub datasource: Option<String>,
    /// 0 to 2; 0 is greedy: the likeliest token always, so that several answers are all the same.
    #[serde(default)]
    pub temperature: Option<f32>,
    /// Above 0, at most 1.
    #[serde(default)]
    pub top_p: Option<f32>,
    /// -1 for all tokens, or at least 1.
    #[serde(default)]
    pub top_k: Option<i64>,
    /// 0 to 1: only tokens at least this share as likely as the likeliest.
    #[serde(default)]
    pub min_p: Option<f32>,
    /// Above 0, at most 1: only the tokens closest to the expected surprise that make up this share.
    #[serde(default)]
    pub typical_p: Option<f32>,
    /// -2 to 2: taken off the score of each token written before.
    #[serde(default)]
    pub presence_penalty: Option<f32>,
    /// -2 to 2: taken off the score of a token for each time it was written before.
    #[serde(default)]
    pub frequency_penalty: Option<f32>,
    /// Above 0: makes tokens of prompt and answer less likely; 1 does nothing.
    #[serde(default)]
    pub repetition_penalty: Option<f32>,
    /// Added to the scores of tokens, by their ids: -100 to 100.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub logit_bias: Option<Map<String, Value>>,
    /// Tell how likely each token was.
    #[serde(default)]
    pub logprobs: Option<bool>,
    /// So many of the likeliest tokens beside each, 0 to 20; needs `logprobs`.
    #[serde(default)]
    pub top_logprobs: Option<i64>,
    /// Answers wanted, 1 to 128; about a datasource, 1 to 8.
    #[serde(default)]
    pub n: Option<i64>,
    /// Answers made, of which the `n` likeliest are told; not in a stream.
    #[serde(default)]
    pub best_of: Option<i64>,
    /// Most new tokens.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// The newer name of `max_tokens`.
    #[serde(default)]
    pub max_completion_tokens: Option<i64>,
    /// No end before so many new tokens.
    #[serde(default)]
    pub min_tokens: Option<i64>,
    /// Up to sixteen texts that end the answer.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub stop: Option<Value>,
    /// Tokens that end the answer, by their ids.
    #[serde(default)]
    pub stop_token_ids: Option<Vec<u32>>,
    /// Write on behind the model's own end marks.
    #[serde(default)]
    pub ignore_eos: Option<bool>,
    /// Server-sent events.
    #[serde(default)]
    pub stream: Option<bool>,
    /// What a stream carries beside the text.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
    /// Repeatable sampling.
    #[serde(default)]
    pub seed: Option<i64>,
    /// `text`, `json_object`, `json_schema`, `regex` (with `pattern`) or `grammar` (with `syntax` and `grammar`). A
    /// local model is held to it, a proxy model's server gets it as it stands, other models refuse it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// Tools the model may call.
    #[serde(default)]
    pub tools: Option<Vec<ToolIn>>,
    /// `auto`, `none`, `required`, or one of the tools. A model that calls none refuses what forces a call.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub tool_choice: Option<Value>,
    /// Whether several tools may be called at once; true where unsaid.
    #[serde(default)]
    pub parallel_tool_calls: Option<bool>,
    /// The older form of `tools`; what is called then stands in `function_call`, one call at most.
    #[serde(default)]
    pub functions: Option<Vec<FunctionIn>>,
    /// The older form of `tool_choice`: `auto`, `none`, or an object with the name of a function.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub function_call: Option<Value>,
    /// Values for the model's chat template beside the conversation.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub chat_template_kwargs: Option<Map<String, Value>>,
    /// Caller's own name for its user.
    #[serde(default)]
    pub user: Option<String>,
}

/// What a stream carries beside the text.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
pub struct StreamOptions {
    /// A last chunk with the usage and no choice.
    #[serde(default)]
    pub include_usage: bool,
}

impl ChatIn {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter, in upstream's words where it has some.
    pub fn check(&self) -> Result<()> {
        self.check_choosing()?;
        self.tool_choice()?;
        self.demanded_format()?;
        self.stops().map(|_| ())
    }

    /// The `response_format` the answer is to be held to, whole; none for free text.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one of a type that nobody knows.
    pub fn demanded_format(&self) -> Result<Option<Value>> {
        let Some(wanted) = self
            .response_format
            .as_ref()
            .filter(|format| !format.is_null())
        else {
            return Ok(None);
        };
        match wanted.get("type").and_then(Value::as_str) {
            Some("text") => Ok(None),
            Some("json_object" | "json_schema" | "regex" | "grammar") => Ok(Some(wanted.clone())),
            _ => Err(Error::invalid(
                "response_format",
                "must be an object whose type is 'text', 'json_object', 'json_schema', 'regex' or 'grammar'",
            )),
        }
    }
}
