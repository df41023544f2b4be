//! What is said in a request: a text, or items.

use serde_json::Value;

use super::ResponseIn;
use crate::{
    Error, Result,
    wire::openai::{
        TurnIn,
        chat::{Call, text_of_parts},
    },
};

impl ResponseIn {
    /// What is said in this request, without what it goes on from.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the item at fault.
    pub fn turns(&self) -> Result<Vec<TurnIn>> {
        let items = match &self.input {
            Value::String(text) => {
                return Ok(vec![TurnIn {
                    role: "user",
                    text: text.clone(),
                    ..TurnIn::default()
                }]);
            }
            Value::Array(items) => items,
            _ => {
                return Err(Error::invalid(
                    "body.input",
                    "must be a text or a list of items",
                ));
            }
        };
        let mut turns: Vec<TurnIn> = Vec::new();
        for (nth, item) in items.iter().enumerate() {
            read(item, &format!("body.input[{nth}]"), &mut turns)?;
        }
        if turns.is_empty() {
            return Err(Error::invalid(
                "body.input",
                "must hold at least one message",
            ));
        }
        Ok(turns)
    }
}

fn read(item: &Value, place: &str, turns: &mut Vec<TurnIn>) -> Result<()> {
    // A message may do without its type.
    let kind = match item.get("type") {
        None if item.get("role").is_some() => "message",
        kind => kind.and_then(Value::as_str).unwrap_or_default(),
    };
    match kind {
        "message" => turns.push(message(item, place)?),
        "function_call" => {
            let call = call(item, place)?;
            // Calls are part of what the model said, and several of them are one message.
            match turns.last_mut().filter(|turn| turn.role == "assistant") {
                Some(turn) => turn.calls.push(call),
                None => turns.push(TurnIn {
                    role: "assistant",
                    calls: vec![call],
                    ..TurnIn::default()
                }),
            }
        }
        "function_call_output" => turns.push(TurnIn {
            role: "tool",
            text: text(item.get("output"), &format!("{place}.output"))?,
            call_id: Some(part(item, "call_id", place)?),
            ..TurnIn::default()
        }),
        // What a model thought is not shown to it again, as its chat template has it.
        "reasoning" => {}
        "" => return Err(Error::invalid(format!("{place}.type"), "Field required")),
        other => {
            return Err(Error::invalid(
                format!("{place}.type"),
                format!(
                    "must be 'message', 'function_call', 'function_call_output' or 'reasoning', not '{other}'"
                ),
            ));
        }
    }
    Ok(())
}

fn message(item: &Value, place: &str) -> Result<TurnIn> {
    let role = match item.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => "system",
        Some("user") => "user",
        Some("assistant") => "assistant",
        Some(other) => {
            return Err(Error::invalid(
                format!("{place}.role"),
                format!("must be system, developer, user or assistant, not '{other}'"),
            ));
        }
        None => return Err(Error::invalid(format!("{place}.role"), "Field required")),
    };
    Ok(TurnIn {
        role,
        text: text(item.get("content"), &format!("{place}.content"))?,
        ..TurnIn::default()
    })
}

fn text(content: Option<&Value>, place: &str) -> Result<String> {
    match content {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => text_of_parts(parts, place),
        _ => Err(Error::invalid(
            place,
            "must be a text or a list of text parts",
        )),
    }
}

fn call(item: &Value, place: &str) -> Result<Call> {
    Ok(Call {
        id: part(item, "call_id", place)?,
        name: part(item, "name", place)?,
        arguments: part(item, "arguments", place)?,
    })
}

fn part(item: &Value, field: &str, place: &str) -> Result<String> {
    item.get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Error::invalid(format!("{place}.{field}"), "must be a text"))
}
