//! Tools for models whose template knows of none: told in words, called in tags.

use serde_json::json;

use super::{CALL_CLOSES, CALL_OPENS};
use crate::workers::{PromptMessage, Speaker, Tool};

/// The conversation with tools, calls and their answers as text. The tools stand behind the instructions, where there
/// are some, and else are the instructions.
pub(in crate::workers::torch) fn plainly(
    messages: &[PromptMessage],
    tools: &[Tool],
) -> Vec<PromptMessage> {
    let mut plain: Vec<PromptMessage> = Vec::new();
    for message in messages {
        match message.speaker {
            Speaker::Tool => add_answer(&mut plain, &message.text),
            Speaker::Assistant if !message.tool_calls.is_empty() => {
                plain.push(PromptMessage::assistant(with_calls(message)));
            }
            Speaker::System | Speaker::User | Speaker::Assistant => plain.push(message.clone()),
        }
    }
    if !tools.is_empty() {
        let told = instructions(tools);
        match plain.first_mut() {
            Some(first) if first.speaker == Speaker::System => {
                first.text = format!("{}\n\n{told}", first.text);
            }
            _ => plain.insert(0, PromptMessage::system(told)),
        }
    }
    plain
}

/// What a tool answered, as the person would pass it on; several in a row are one message.
fn add_answer(plain: &mut Vec<PromptMessage>, text: &str) {
    let answer = format!("<tool_response>\n{text}\n</tool_response>");
    match plain.last_mut() {
        Some(last) if last.speaker == Speaker::User && last.text.ends_with("</tool_response>") => {
            last.text = format!("{}\n{answer}", last.text);
        }
        _ => plain.push(PromptMessage::user(answer)),
    }
}

fn with_calls(message: &PromptMessage) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !message.text.is_empty() {
        parts.push(message.text.clone());
    }
    for call in &message.tool_calls {
        parts.push(format!(
            "{CALL_OPENS}\n{{\"name\": {}, \"arguments\": {}}}\n{CALL_CLOSES}",
            json!(call.name),
            call.arguments
        ));
    }
    parts.join("\n")
}

fn instructions(tools: &[Tool]) -> String {
    let listed: Vec<String> = tools
        .iter()
        .map(|tool| tool.to_value().to_string())
        .collect();
    format!(
        "You may call these tools. Each is described by a line of JSON:\n\n{}\n\nTo call one, write\n{CALL_OPENS}\n\
         {{\"name\": \"the tool's name\", \"arguments\": {{its arguments as JSON}}}}\n{CALL_CLOSES}\nand nothing \
         behind it but further calls. What a tool answers comes between <tool_response> and </tool_response>.",
        listed.join("\n")
    )
}
