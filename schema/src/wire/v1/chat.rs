//! The dialogue object of `/api/v1/chat/completions` and its stream frames.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Error, Result, wire::lenient};

/// What a turn is asked with.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = ConversationVo, example = json!({
    "conv_uid": "", "chat_mode": "chat_with_db_execute", "select_param": "shop",
    "user_input": "how many orders per city in 2024, top 5?"
}))]
#[serde(default)]
pub struct DialogueIn {
    /// Conversation; one is made when empty.
    pub conv_uid: Option<String>,
    /// The question: text, or a message object whose text parts are joined.
    #[schema(value_type = Object)]
    pub user_input: Value,
    /// Mode; `chat_normal` when empty.
    pub chat_mode: Option<String>,
    /// What is asked: a datasource's name for database modes.
    #[serde(deserialize_with = "lenient::text_of")]
    #[schema(value_type = Option<Object>)]
    pub select_param: Option<String>,
    /// Model; the default one when empty.
    pub model_name: Option<String>,
    /// OpenAI's delta framing with `[DONE]`; else whole-text frames.
    pub incremental: bool,
    /// Display name, for old clients.
    pub user_name: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// A stored prompt.
    pub prompt_code: Option<String>,
    /// App.
    pub app_code: Option<String>,
    /// Sampling.
    pub temperature: Option<f32>,
    /// Most new tokens.
    pub max_new_tokens: Option<u32>,
    /// Passed to agents.
    #[schema(value_type = Option<Object>)]
    pub ext_info: Option<Value>,
}

impl DialogueIn {
    /// The question as text.
    ///
    /// # Errors
    /// [`Error::Invalid`] in upstream's words when it is neither text nor a message.
    pub fn text(&self) -> Result<String> {
        match &self.user_input {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            Value::Object(message) => match message.get("content") {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Array(parts)) => Ok(parts
                    .iter()
                    .filter_map(|part| part.get("text").and_then(Value::as_str))
                    .collect::<Vec<_>>()
                    .join("\n")),
                _ => Err(Error::invalid("body.user_input.content", "Field required")),
            },
            _ => Err(Error::Invalid {
                field: "body.user_input.str".to_owned(),
                reason: "Input should be a valid string;body.user_input.ChatCompletionUserMessageParam:Input \
                         should be a valid dictionary"
                    .to_owned(),
            }),
        }
    }
}

/// A frame that carries the whole text so far (`incremental: false`).
#[derive(Debug, Serialize)]
pub struct WholeFrame<'a> {
    /// One value per stream.
    pub id: &'a str,
    /// Model.
    pub model: &'a str,
    /// One choice.
    pub choices: [WholeChoice<'a>; 1],
    /// Always empty.
    pub usage: Empty,
}

/// `{}`.
#[derive(Debug, Serialize)]
pub struct Empty {}

/// The choice of a [`WholeFrame`].
#[derive(Debug, Serialize)]
pub struct WholeChoice<'a> {
    /// 0.
    pub index: u32,
    /// The text so far.
    pub message: WholeMessage<'a>,
}

/// The message of a [`WholeChoice`].
#[derive(Debug, Serialize)]
pub struct WholeMessage<'a> {
    /// `assistant`.
    pub role: &'a str,
    /// The text so far.
    pub content: &'a str,
    /// Always null: reasoning is embedded in the content.
    pub reasoning_content: Option<&'a str>,
}
