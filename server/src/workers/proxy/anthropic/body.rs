//! A request in Anthropic's words.
//!
//! What those have no word for and what only leans on the choice of tokens (seeds, penalties, biases) is left out, as
//! Anthropic's own reading of OpenAI's dialect leaves it out; what would change the shape of an answer is refused.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use tidegate_schema::{Error, Result};

use crate::workers::{GenerateRequest, Prompt, PromptMessage, ResponseFormat, Speaker, ToolChoice};

/// Most new tokens where the caller does not say: the API wants a number, and every model can write so many.
const MOST_TOKENS: u32 = 4096;
/// The tool that an answer in a form is made a call of.
const FORM: &str = "answer";

/// A request to be sent.
pub(super) struct Asked {
    pub(super) body: Value,
    /// Whether the answer is the arguments of a call, which was asked for to get its form.
    pub(super) form_is_a_tool: bool,
}

/// The request in Anthropic's words. `theirs` is the model's name there, `ours` here.
pub(super) fn body(request: &GenerateRequest, theirs: &str, ours: &str) -> Result<Asked> {
    refuse(request, ours)?;
    let (system, messages) = conversation(request.messages())?;
    if messages.is_empty() {
        return Err(Error::invalid(
            "messages",
            format!("'{ours}' answers a user's message; add one that is not empty"),
        ));
    }
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    set("model", theirs.into());
    set(
        "max_tokens",
        request.max_tokens.unwrap_or(MOST_TOKENS).into(),
    );
    set("stream", true.into());
    if !system.is_empty() {
        set("system", system.into());
    }
    set("messages", messages.into());
    if let Some(temperature) = request.temperature {
        // 2 is OpenAI's highest, 1 is theirs.
        set("temperature", temperature.min(1.0).into());
    }
    if let Some(top_p) = request.top_p {
        set("top_p", top_p.into());
    }
    if let Some(top_k) = request.top_k.filter(|count| i32::try_from(*count).is_ok()) {
        set("top_k", top_k.into());
    }
    if !request.stop.is_empty() {
        set("stop_sequences", json!(request.stop));
    }
    let form = form(request, ours)?;
    let form_is_a_tool = form.is_some();
    if let Some(schema) = form {
        let tool = json!({
            "name": FORM, "description": "Gives the answer in the form it is to have.", "input_schema": schema,
        });
        set("tools", json!([tool]));
        set("tool_choice", json!({"type": "tool", "name": FORM}));
    } else if !request.tools.is_empty() {
        set("tools", tools(request));
        set("tool_choice", choice(request));
    }
    Ok(Asked {
        body: Value::Object(body),
        form_is_a_tool,
    })
}

/// Refuses what would give an answer another shape than was asked for.
fn refuse(request: &GenerateRequest, ours: &str) -> Result<()> {
    let unsupported = |what: &str, instead: &str| {
        Err(Error::Unsupported {
            what: format!("'{ours}' speaks Anthropic's messages, which {what}; {instead}"),
        })
    };
    if !matches!(request.prompt, Prompt::Messages(_)) {
        return unsupported(
            "go on from no plain text",
            "send the text as a user's message to chat/completions",
        );
    }
    if request.logprobs.is_some() {
        return unsupported("tell no logprobs", "leave logprobs out");
    }
    if request.best_of.is_some_and(|made| made > request.choices()) {
        return unsupported(
            "cannot choose among answers",
            "leave best_of out, or ask for as many answers with n",
        );
    }
    Ok(())
}

/// The schema that the answer is held to, as an input of a tool; nothing for free text.
fn form(request: &GenerateRequest, ours: &str) -> Result<Option<Value>> {
    let is_object = |schema: &Value| schema["type"] == "object";
    match &request.response_format {
        // A wish is none where tools are to be called: one call would stand for the other.
        Some(ResponseFormat::Wished(schema)) => {
            Ok(Some(schema.clone()).filter(|schema| request.tools.is_empty() && is_object(schema)))
        }
        Some(ResponseFormat::Demanded(format)) => {
            let schema = &format["json_schema"]["schema"];
            if format["type"] == "json_schema" && is_object(schema) && request.tools.is_empty() {
                return Ok(Some(schema.clone()));
            }
            Err(Error::Unsupported {
                what: format!(
                    "'{ours}' speaks Anthropic's messages, which hold an answer to no form but a json_schema whose type \
                     is 'object', and not beside tools; change response_format, or leave it out"
                ),
            })
        }
        None => Ok(None),
    }
}

fn tools(request: &GenerateRequest) -> Value {
    let tools = request.tools.iter().map(|tool| {
        let schema = if tool.parameters.is_object() {
            tool.parameters.clone()
        } else {
            json!({"type": "object", "properties": {}})
        };
        let mut told = json!({"name": tool.name, "input_schema": schema});
        if let Some(description) = &tool.description {
            told["description"] = description.as_str().into();
        }
        told
    });
    Value::Array(tools.collect())
}

fn choice(request: &GenerateRequest) -> Value {
    let mut choice = match &request.tool_choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => return json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Function(name) => json!({"type": "tool", "name": name}),
    };
    if request.parallel_tool_calls == Some(false) {
        choice["disable_parallel_tool_use"] = true.into();
    }
    choice
}

/// Instructions, which stand apart there, and the turns of a conversation.
fn conversation(messages: &[PromptMessage]) -> Result<(String, Vec<Value>)> {
    let mut system = String::new();
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message.speaker {
            Speaker::System => {
                if !system.is_empty() && !message.text.is_empty() {
                    system.push_str("\n\n");
                }
                system.push_str(&message.text);
                continue;
            }
            Speaker::User => ("user", text(&message.text)),
            Speaker::Assistant => ("assistant", said(message)?),
            Speaker::Tool => ("user", vec![result(message)]),
        };
        // Empty texts are refused there, and the answers to several calls must stand in one turn.
        if blocks.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some((last, held)) if *last == role => held.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let turns = turns
        .into_iter()
        .map(|(role, blocks)| json!({"role": role, "content": blocks}));
    Ok((system, turns.collect()))
}

fn text(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    vec![json!({"type": "text", "text": text})]
}

fn said(message: &PromptMessage) -> Result<Vec<Value>> {
    // White space at the end of what the model said is refused there.
    let mut blocks = text(message.text.trim_end());
    for call in &message.tool_calls {
        let given = match call.arguments.trim() {
            "" => "{}",
            given => given,
        };
        let input: Map<String, Value> = serde_json::from_str(given).map_err(|_| {
            Error::invalid(
                "messages",
                format!(
                    "the arguments of the call '{}' are no JSON object; send them as the model wrote them",
                    call.id
                ),
            )
        })?;
        blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    Ok(blocks)
}

fn result(message: &PromptMessage) -> Value {
    let id = message.tool_call_id.as_deref().unwrap_or_default();
    json!({"type": "tool_result", "tool_use_id": id, "content": message.text})
}
