//! The conversation of a request.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Call, CallIn, ChatIn,
    legacy::{older_call, older_call_id},
};
use crate::{Error, Result};

/// A message of a request.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`; `function` in the older form.
    pub role: String,
    /// Text, or parts of type `text`; null beside calls.
    #[schema(value_type = Value)]
    pub content: Value,
    /// Of the assistant: the tools it called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<CallIn>>,
    /// Of a tool: the call it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// The speaker's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One message, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TurnIn {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: &'static str,
    /// Text.
    pub text: String,
    /// The tools an assistant's message called.
    pub calls: Vec<Call>,
    /// The call a tool's message answers.
    pub call_id: Option<String>,
    /// The speaker's own name.
    pub name: Option<String>,
}

impl ChatIn {
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
                    ..TurnIn::default()
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
            .map(|(at, message)| turn(message, &format!("body.messages[{at}]")))
            .collect()
    }
}

fn turn(message: &Value, place: &str) -> Result<TurnIn> {
    let role = match message.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => "system",
        Some("user" | "human") => "user",
        Some("assistant" | "ai") => "assistant",
        Some("tool" | "function") => "tool",
        Some(other) => {
            return Err(Error::invalid(
                format!("{place}.role"),
                format!("must be system, user, assistant or tool, not '{other}'"),
            ));
        }
        None => return Err(Error::invalid(format!("{place}.role"), "Field required")),
    };
    let text_of = |field: &str| {
        message
            .get(field)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let is_older = message.get("role").and_then(Value::as_str) == Some("function");
    let call_id = if is_older {
        let name = text_of("name").ok_or_else(|| {
            Error::invalid(
                format!("{place}.name"),
                "Field required: the function whose answer it is",
            )
        })?;
        Some(older_call_id(&name))
    } else {
        text_of("tool_call_id").filter(|_| role == "tool")
    };
    if role == "tool" && call_id.is_none() {
        return Err(Error::invalid(
            format!("{place}.tool_call_id"),
            "Field required: the id of the call that the tool answers",
        ));
    }
    Ok(TurnIn {
        role,
        text: text(message, role, place)?,
        calls: if role == "assistant" {
            calls(message, place)?
        } else {
            Vec::new()
        },
        call_id,
        name: text_of("name"),
    })
}

fn text(message: &Value, role: &str, place: &str) -> Result<String> {
    let place = format!("{place}.content");
    match message.get("content") {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Null) | None if role == "assistant" => Ok(String::new()),
        Some(Value::Array(parts)) => text_of_parts(parts, &place),
        _ => Err(Error::invalid(
            place,
            "must be a text or a list of text parts",
        )),
    }
}

/// The texts of a message's parts, each on a line of its own.
///
/// # Errors
/// [`Error::Invalid`] naming the part that is no text.
pub(in crate::wire::openai) fn text_of_parts(parts: &[Value], place: &str) -> Result<String> {
    let texts: Vec<&str> = parts
        .iter()
        .enumerate()
        .map(|(nth, part)| {
            let text = part.get("text").or_else(|| part.get("refusal"));
            text.and_then(Value::as_str).ok_or_else(|| {
                let kind = part.get("type").and_then(Value::as_str);
                kind.filter(|kind| !kind.ends_with("text")).map_or_else(
                    || Error::invalid(format!("{place}[{nth}].text"), "must be a text"),
                    |kind| {
                        Error::invalid(
                            format!("{place}[{nth}].type"),
                            format!(
                                "must be 'text', not '{kind}': text alone is read; leave the part out, or say in \
                                 words what it holds"
                            ),
                        )
                    },
                )
            })
        })
        .collect::<Result<_>>()?;
    Ok(texts.join("\n"))
}

fn calls(message: &Value, place: &str) -> Result<Vec<Call>> {
    let calls = match message.get("tool_calls") {
        None | Some(Value::Null) => return older_call(message, place),
        Some(Value::Array(calls)) => calls,
        Some(_) => {
            return Err(Error::invalid(
                format!("{place}.tool_calls"),
                "must be a list of calls",
            ));
        }
    };
    calls
        .iter()
        .enumerate()
        .map(|(at, call)| {
            let part = |path: &str| {
                call.pointer(path)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .ok_or_else(|| {
                        let field = path[1..].replace('/', ".");
                        Error::invalid(
                            format!("{place}.tool_calls[{at}].{field}"),
                            "must be a text",
                        )
                    })
            };
            Ok(Call {
                id: part("/id")?,
                name: part("/function/name")?,
                arguments: part("/function/arguments")?,
            })
        })
        .collect()
}
