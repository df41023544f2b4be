//! Chat completions: the request.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Error, Result};

/// A request.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
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
    /// 0 to 2; 0 is greedy.
    #[serde(default)]
    pub temperature: Option<f32>,
    /// 0 to 1.
    #[serde(default)]
    pub top_p: Option<f32>,
    /// -1 or at least 1.
    #[serde(default)]
    pub top_k: Option<i64>,
    /// Answers wanted, 1 to 8.
    #[serde(default)]
    pub n: Option<i64>,
    /// Most new tokens.
    #[serde(default)]
    pub max_tokens: Option<i64>,
    /// The newer name of `max_tokens`.
    #[serde(default)]
    pub max_completion_tokens: Option<i64>,
    /// Up to four texts that end the answer.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    pub stop: Option<Value>,
    /// Server-sent events.
    #[serde(default)]
    pub stream: Option<bool>,
    /// What a stream carries beside the text.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
    /// Repeatable sampling.
    #[serde(default)]
    pub seed: Option<i64>,
    /// `text`, `json_object` or `json_schema`. Proxy models' servers get it as it stands, other models refuse it.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub response_format: Option<Value>,
    /// `auto` or `none`: no tool is ever called, so what forces a call is refused.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub tool_choice: Option<Value>,
    /// Caller's own name for its user.
    #[serde(default)]
    pub user: Option<String>,
}

/// A message of a request.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct ChatMessage {
    /// `system`, `developer`, `user` or `assistant`.
    pub role: String,
    /// Text, or parts of type `text`.
    #[schema(value_type = Value)]
    pub content: Value,
}

/// What a stream carries beside the text.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
pub struct StreamOptions {
    /// A last chunk with the usage and no choice.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnIn {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// Text.
    pub text: String,
}

impl ChatIn {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter, in upstream's words where it has some.
    pub fn check(&self) -> Result<()> {
        range("temperature", self.temperature, 0.0, 2.0)?;
        range("top_p", self.top_p, 0.0, 1.0)?;
        for (name, value) in [
            ("max_tokens", self.max_tokens),
            ("n", self.n),
            ("max_completion_tokens", self.max_completion_tokens),
        ] {
            if let Some(value) = value
                && value <= 0
            {
                return Err(Error::invalid(
                    name,
                    format!("{value} is less than the minimum of 1 - '{name}'"),
                ));
            }
        }
        if self.n.is_some_and(|n| n > 8) {
            return Err(Error::invalid("n", "at most 8 answers - 'n'"));
        }
        if self.top_k.is_some_and(|k| k == 0 || k < -1) {
            let k = self.top_k.unwrap_or_default();
            return Err(Error::invalid(
                "top_k",
                format!("{k} is out of Range. Either set top_k to -1 or >=1."),
            ));
        }
        self.check_tool_choice()?;
        self.demanded_format()?;
        self.stops().map(|_| ())
    }

    /// Tools themselves are ignored, as DB-GPT does; a caller who counts on a call is not left waiting for it.
    fn check_tool_choice(&self) -> Result<()> {
        match &self.tool_choice {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(choice)) if choice == "auto" || choice == "none" => Ok(()),
            Some(Value::String(choice)) if choice != "required" => Err(Error::invalid(
                "tool_choice",
                format!("must be 'auto' or 'none', not '{choice}'"),
            )),
            // DB-GPT ignores it and answers in words.
            Some(_) => Err(Error::Unsupported {
                what: format!(
                    "'{}' calls no tools, so tool_choice cannot force a call; leave tool_choice out, or set it to \
                     'auto' or 'none'",
                    self.model
                ),
            }),
        }
    }

    /// Texts that end the answer.
    pub fn stops(&self) -> Result<Vec<String>> {
        let bad = || Error::invalid("body.stop", "must be a text or up to four texts");
        match &self.stop {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) if items.len() <= 4 => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(bad))
                .collect(),
            Some(Value::Array(items)) => Err(Error::invalid(
                "stop",
                format!(
                    "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array \
                     with length {} instead.",
                    items.len()
                ),
            )),
            Some(_) => Err(bad()),
        }
    }

    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the message at fault.
    pub fn turns(&self) -> Result<Vec<TurnIn>> {
        let messages = match &self.messages {
            Value::String(text) => {
                return Ok(vec![TurnIn {
                    role: "user",
                    text: text.clone(),
                }]);
            }
            Value::Array(messages) => messages,
            _ => {
                return Err(Error::invalid(
                    "body.messages",
                    "must be a text or a list of messages",
                ));
            }
        };
        if messages.is_empty() {
            return Err(Error::invalid(
                "body.messages",
                "must hold at least one message",
            ));
        }
        messages
            .iter()
            .enumerate()
            .map(|(i, message)| {
                let place = |field: &str| format!("body.messages[{i}].{field}");
                let role = match message.get("role").and_then(Value::as_str) {
                    Some("system" | "developer") => "system",
                    Some("user" | "human") => "user",
                    Some("assistant" | "ai") => "assistant",
                    Some(other) => {
                        return Err(Error::invalid(
                            place("role"),
                            format!("must be system, user or assistant, not '{other}'"),
                        ));
                    }
                    None => return Err(Error::invalid(place("role"), "Field required")),
                };
                let text = match message.get("content") {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None if role == "assistant" => String::new(),
                    Some(Value::Array(parts)) => parts
                        .iter()
                        .map(|part| {
                            part.get("text")
                                .or_else(|| part.get("refusal"))
                                .and_then(Value::as_str)
                                .ok_or_else(|| {
                                    Error::invalid(
                                        place("content"),
                                        "only parts of type 'text' are understood",
                                    )
                                })
                        })
                        .collect::<Result<Vec<_>>>()?
                        .join("\n"),
                    _ => {
                        return Err(Error::invalid(
                            place("content"),
                            "must be a text or a list of text parts",
                        ));
                    }
                };
                Ok(TurnIn { role, text })
            })
            .collect()
    }

    /// The `response_format` the answer is to be held to, whole; none for free text.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one of another type than OpenAI's.
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
            Some("json_object" | "json_schema") => Ok(Some(wanted.clone())),
            _ => Err(Error::invalid(
                "response_format",
                "must be an object whose type is 'text', 'json_object' or 'json_schema'",
            )),
        }
    }

    /// Most new tokens.
    pub fn most_tokens(&self) -> Option<u32> {
        self.max_completion_tokens
            .or(self.max_tokens)
            .and_then(|n| u32::try_from(n).ok())
    }
}

fn range(name: &str, value: Option<f32>, low: f32, high: f32) -> Result<()> {
    match value {
        Some(value) if value < low => Err(Error::invalid(
            name,
            format!("{value:?} is less than the minimum of {low} - '{name}'"),
        )),
        Some(value) if value > high || value.is_nan() => Err(Error::invalid(
            name,
            format!("{value:?} is greater than the maximum of {high} - '{name}'"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(extra: &Value) -> ChatIn {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut()
            .expect("object")
            .extend(extra.as_object().expect("object").clone());
        serde_json::from_value(body).expect("a request")
    }

    #[test]
    fn refuses_parameters_out_of_range_by_name() {
        let message = |extra: Value| request(&extra).check().expect_err("refused").to_string();
        assert_eq!(
            message(json!({"temperature": 3.0})),
            "temperature: 3.0 is greater than the maximum of 2 - 'temperature'"
        );
        assert_eq!(
            message(json!({"n": 0})),
            "n: 0 is less than the minimum of 1 - 'n'"
        );
        assert!(message(json!({"stop": ["a", "b", "c", "d", "e"]})).contains("array too long"));
    }

    #[test]
    fn a_response_format_is_kept_whole_and_must_be_of_a_known_type() {
        let format =
            |format: &Value| request(&json!({"response_format": format})).demanded_format();
        let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "strict": false, "schema": {}}});
        assert_eq!(format(&schema).expect("known"), Some(schema));
        let object = json!({"type": "json_object"});
        assert_eq!(format(&object).expect("known"), Some(object));
        for free in [json!({"type": "text"}), json!(null)] {
            assert_eq!(format(&free).expect("known"), None);
        }
        for unknown in [json!({"type": "yaml"}), json!({}), json!("json_object")] {
            let refused = format(&unknown).expect_err("unknown").to_string();
            assert!(refused.starts_with("response_format: must be"), "{refused}");
        }
    }

    #[test]
    fn a_forced_tool_call_is_refused_and_a_free_one_is_not() {
        let check = |choice: Value| request(&json!({"tool_choice": choice})).check();
        for free in [json!("auto"), json!("none"), json!(null)] {
            check(free).expect("forces nothing");
        }
        for forced in [
            json!("required"),
            json!({"type": "function", "function": {"name": "f"}}),
        ] {
            let refused = check(forced).expect_err("forces a call");
            assert_eq!(refused.kind(), "unsupported", "{refused}");
            assert!(refused.to_string().starts_with("'m' calls no tools"));
        }
        assert_eq!(
            check(json!("maybe")).expect_err("unknown").to_string(),
            "tool_choice: must be 'auto' or 'none', not 'maybe'"
        );
    }

    #[test]
    fn reads_text_parts_and_plain_text() {
        let parts = request(
            &json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}),
        );
        assert_eq!(parts.turns().expect("turns")[0].text, "a\nb");
        let plain = request(&json!({"messages": "hello"}));
        assert_eq!(plain.turns().expect("turns")[0].role, "user");
    }
}
