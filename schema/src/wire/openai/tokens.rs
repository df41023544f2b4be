//! Texts to tokens and back, in vLLM's shape.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{ChatIn, ToolIn, TurnIn};
use crate::{Error, Result};

/// What to turn into tokens: a text, or a conversation.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "local", "prompt": "SELECT 1"}))]
pub struct TokeniseIn {
    /// Model.
    pub model: String,
    /// A text.
    #[serde(default)]
    pub prompt: Option<String>,
    /// A conversation, written out by the model's chat template first.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub messages: Option<Value>,
    /// Whether the model's marks stand around a text; true where unsaid. A chat template brings its own.
    #[serde(default)]
    pub add_special_tokens: Option<bool>,
    /// Tools that the template writes out.
    #[serde(default)]
    pub tools: Option<Vec<ToolIn>>,
    /// Values for the chat template beside the conversation.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub chat_template_kwargs: Option<Map<String, Value>>,
}

/// What is to become tokens, read.
#[derive(Debug, Clone, PartialEq)]
pub enum TokeniseWhat {
    /// A text.
    Text(String),
    /// A conversation.
    Turns(Vec<TurnIn>),
}

impl TokeniseIn {
    /// What is to become tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is neither, or both.
    pub fn what(&self) -> Result<TokeniseWhat> {
        let messages = self
            .messages
            .as_ref()
            .filter(|messages| !messages.is_null());
        match (&self.prompt, messages) {
            (Some(text), None) => Ok(TokeniseWhat::Text(text.clone())),
            (None, Some(messages)) => ChatIn {
                messages: messages.clone(),
                ..ChatIn::default()
            }
            .turns()
            .map(TokeniseWhat::Turns),
            (Some(_), Some(_)) => Err(Error::invalid(
                "body.prompt",
                "came together with messages; send one of the two",
            )),
            (None, None) => Err(Error::invalid(
                "body.prompt",
                "Field required: a text, or a conversation in messages",
            )),
        }
    }
}

/// The tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokeniseOut {
    /// How many.
    pub count: usize,
    /// Tokens the model takes for prompt and answer together, if known.
    pub max_model_len: Option<u32>,
    /// The tokens, in the model's own numbers.
    pub tokens: Vec<u32>,
}

/// What to turn into text.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "local", "tokens": [3, 14, 15]}))]
pub struct DetokeniseIn {
    /// Model.
    pub model: String,
    /// Tokens, in the model's own numbers.
    pub tokens: Vec<u32>,
}

/// The text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DetokeniseOut {
    /// The text, marks left out.
    pub prompt: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn what(body: Value) -> Result<TokeniseWhat> {
        serde_json::from_value::<TokeniseIn>(body)
            .expect("a request")
            .what()
    }

    #[test]
    fn a_text_or_a_conversation_and_not_both() {
        let text = what(json!({"model": "m", "prompt": "", "messages": null}));
        assert_eq!(text.expect("a text"), TokeniseWhat::Text(String::new()));
        let messages = json!([{"role": "user", "content": "hi"}]);
        let turns = what(json!({"model": "m", "messages": messages}));
        assert!(matches!(turns, Ok(TokeniseWhat::Turns(turns)) if turns[0].text == "hi"));
        for bad in [
            json!({"model": "m"}),
            json!({"model": "m", "prompt": "a", "messages": messages}),
        ] {
            let said = what(bad).expect_err("refused").to_string();
            assert!(said.starts_with("body.prompt: "), "{said}");
        }
    }
}
