//! The dialogue object of `/api/v1/chat/completions` and its stream frames.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{Error, Result, ids::ConversationId, wire::lenient};

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
    #[schema(value_type = Value)]
    pub user_input: Value,
    /// Mode; `chat_normal` when empty.
    pub chat_mode: Option<String>,
    /// What is asked: a datasource's name for database modes; other JSON is taken as its text.
    #[serde(deserialize_with = "lenient::text_of")]
    #[schema(value_type = Value)]
    pub select_param: Option<String>,
    /// Model; the default one when empty.
    pub model_name: Option<String>,
    /// OpenAI's delta framing with `[DONE]`; else whole-text frames.
    pub incremental: bool,
    /// Display name, for old clients.
    pub user_name: Option<String>,
    /// System code.
    pub sys_code: Option<String>,
    /// A stored prompt, carried.
    pub prompt_code: Option<String>,
    /// App.
    pub app_code: Option<String>,
    /// Sampling, 0 to 2.
    pub temperature: Option<f32>,
    /// Most new tokens, at least 1.
    pub max_new_tokens: Option<u32>,
    /// Further wishes, carried. Ours: `{"resume": true}` with an empty `user_input` asks the conversation's last
    /// question again, if its answer was cut.
    #[schema(value_type = Option<Object>)]
    pub ext_info: Option<Value>,
}

impl DialogueIn {
    /// Checks what a model would be asked with.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn check(&self) -> Result<()> {
        if self.max_new_tokens == Some(0) {
            return Err(Error::invalid(
                "body.max_new_tokens",
                "Input should be greater than or equal to 1",
            ));
        }
        // A number too large for the type is infinite by now.
        if self
            .temperature
            .is_some_and(|heat| !(0.0..=2.0).contains(&heat))
        {
            return Err(Error::invalid(
                "body.temperature",
                "Input should be between 0 and 2",
            ));
        }
        if self.ext_info.as_ref().is_some_and(|info| !info.is_object()) {
            return Err(Error::invalid(
                "body.ext_info",
                "Input should be a valid dictionary",
            ));
        }
        Ok(())
    }

    /// The question as text.
    ///
    /// # Errors
    /// [`Error::Invalid`] in upstream's words when it is neither text nor a message, and in ours for a part that
    /// is no text: an answer that ignores a picture would look as if it were about it.
    pub fn text(&self) -> Result<String> {
        match &self.user_input {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            Value::Object(message) => match message.get("content") {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Array(parts)) => {
                    let texts: Result<Vec<&str>> =
                        parts.iter().enumerate().map(text_of_part).collect();
                    Ok(texts?.join("\n"))
                }
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

fn text_of_part((i, part): (usize, &Value)) -> Result<&str> {
    let kind = part.get("type").map_or(Some("text"), Value::as_str);
    match (kind, part.get("text").and_then(Value::as_str)) {
        (Some("text"), Some(text)) => Ok(text),
        (Some(other), _) if other != "text" => Err(Error::invalid(
            format!("body.user_input.content[{i}]"),
            format!(
                "a part of type '{other}' is not understood; send parts of type 'text', and files by \
                 /api/v1/resource/file/upload"
            ),
        )),
        _ => Err(Error::invalid(
            format!("body.user_input.content[{i}]"),
            "must be a part of type 'text' with its text",
        )),
    }
}

/// Which turn to stop; the conversation is needed under one of its spellings.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct StopQuery {
    /// The conversation.
    pub conv_id: Option<String>,
    /// The same.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Carried: a conversation has one turn at a time, and that one is stopped.
    pub round_index: Option<String>,
}

impl StopQuery {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two that differ.
    pub fn id(&self) -> Result<ConversationId> {
        let spelled = lenient::either(
            "query",
            ("conv_id", self.conv_id.as_deref()),
            ("conv_uid", self.conv_uid.as_deref()),
        )?;
        lenient::either(
            "query",
            ("conv_id", spelled),
            ("con_uid", self.con_uid.as_deref()),
        )?
        .filter(|id| !id.is_empty())
        .map(ConversationId::from)
        .ok_or_else(|| Error::invalid("query.conv_id", "Field required"))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(body: Value) -> DialogueIn {
        serde_json::from_value(body).expect("a turn")
    }

    #[test]
    fn joins_text_parts_and_refuses_others_by_their_place() {
        let parts = |parts: Value| {
            asked(json!({"user_input": {"role": "user", "content": parts}}))
                .text()
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            parts(json!([{"type": "text", "text": "a"}, {"text": "b"}])),
            Ok("a\nb".to_owned())
        );
        let picture = json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        assert_eq!(
            parts(picture),
            Err(
                "body.user_input.content[1]: a part of type 'image_url' is not understood; send parts of type 'text', \
                 and files by /api/v1/resource/file/upload"
                    .to_owned()
            )
        );
        for broken in [
            json!(["a"]),
            json!([{"type": "text"}]),
            json!([{"type": 1, "text": "a"}]),
        ] {
            let message = parts(broken).expect_err("refused");
            assert!(
                message.starts_with("body.user_input.content[0]: must"),
                "{message}"
            );
        }
    }

    #[test]
    fn refuses_sampling_out_of_range_by_field() {
        let message = |body: Value| {
            asked(body)
                .check()
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(
            message(json!({"temperature": 2.0, "max_new_tokens": 1})),
            ""
        );
        assert_eq!(
            message(json!({"max_new_tokens": 0})),
            "body.max_new_tokens: Input should be greater than or equal to 1"
        );
        assert_eq!(message(json!({"ext_info": null})), "");
        assert_eq!(message(json!({"ext_info": {"a": [1]}})), "");
        assert_eq!(
            message(json!({"ext_info": "resume"})),
            "body.ext_info: Input should be a valid dictionary"
        );
        for heat in [json!(-0.1), json!(2.1), json!(1e300)] {
            assert_eq!(
                message(json!({"temperature": heat})),
                "body.temperature: Input should be between 0 and 2"
            );
        }
    }

    #[test]
    fn a_turn_is_stopped_under_any_spelling_of_its_conversation() {
        let id = |query: StopQuery| query.id().map_err(|error| error.to_string());
        let said = |text: &str| Some(text.to_owned());
        for query in [
            StopQuery {
                conv_id: said("a"),
                round_index: said("0"),
                ..StopQuery::default()
            },
            StopQuery {
                conv_uid: said("a"),
                conv_id: said(""),
                ..StopQuery::default()
            },
            StopQuery {
                con_uid: said("a"),
                conv_uid: said("a"),
                ..StopQuery::default()
            },
        ] {
            assert_eq!(id(query), Ok(ConversationId::from("a")));
        }
        assert_eq!(
            id(StopQuery::default()),
            Err("query.conv_id: Field required".to_owned())
        );
        let two = StopQuery {
            conv_id: said("a"),
            con_uid: said("b"),
            ..StopQuery::default()
        };
        assert!(id(two).is_err_and(|text| text.contains("con_uid")));
    }
}
