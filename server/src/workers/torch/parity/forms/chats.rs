//! Conversations with tools, written out by our Jinja and by transformers.

use serde_json::{Map, Value, json};

use super::{
    super::{checkpoints, python, run, script},
    TEMPLATES, with_template,
};
use crate::workers::{PromptMessage, Speaker, Tool, ToolCall, torch::template::ChatTemplate};

fn tools() -> Vec<Tool> {
    let tool = |name: &str, description: &str, parameters: Value| Tool {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        parameters,
        strict: None,
    };
    vec![
        tool(
            "get_weather",
            "The weather of a city <now>, \"as it is\" — 日本も",
            json!({"type": "object", "properties": {
                "city": {"type": "string", "description": "Its name"},
                "unit": {"type": "string", "enum": ["°C", "°F"]},
            }, "required": ["city"]}),
        ),
        tool("stop", "Ends", json!({"type": "object", "properties": {}})),
    ]
}

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: "get_weather".to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn answered(id: &str, text: &str) -> PromptMessage {
    PromptMessage {
        tool_call_id: Some(id.to_owned()),
        name: Some("get_weather".to_owned()),
        ..PromptMessage::new(Speaker::Tool, text)
    }
}

fn called(text: &str, calls: Vec<ToolCall>) -> PromptMessage {
    PromptMessage {
        tool_calls: calls,
        ..PromptMessage::assistant(text)
    }
}

fn conversations() -> Vec<Vec<PromptMessage>> {
    let rome = r#"{"city": "Rome", "unit": "°C", "deep": {"a": [1, 2.5, null, true]}}"#;
    vec![
        vec![PromptMessage::user("How is it in Rome? <b>&'\"</b>")],
        vec![
            PromptMessage::system("  Be brief.\n"),
            PromptMessage::user("How is it in Rome?"),
            called("", vec![call("abcdefgh1", rome)]),
            answered("abcdefgh1", "{\"t\": 21}"),
            PromptMessage::assistant(" Warm. "),
            PromptMessage::user("And in Oslo?"),
        ],
        vec![
            PromptMessage::user("Both?"),
            called(
                "I look.",
                vec![
                    call("abcdefgh1", rome),
                    call("abcdefgh2", "{\"city\": \"Oslo\"}"),
                ],
            ),
            answered("abcdefgh1", "21"),
            answered("abcdefgh2", "3"),
        ],
    ]
}

/// A message as a caller of transformers has it.
fn told(message: &PromptMessage) -> Value {
    let mut told = json!({"role": message.speaker.role(), "content": message.text});
    if let Some(id) = &message.tool_call_id {
        told["tool_call_id"] = json!(id);
    }
    if let Some(name) = &message.name {
        told["name"] = json!(name);
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).expect("JSON");
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        });
        told["tool_calls"] = calls.collect();
    }
    told
}

#[test]
fn chats_with_tools_are_written_out_as_transformers_does() {
    let (Some(made), Some(python)) = (checkpoints(), python()) else {
        return;
    };
    let (all, none) = (tools(), Vec::new());
    let thoughtless = json!({"enable_thinking": false, "date_string": "2 May 2026"});
    let mut cases = Vec::new();
    for (name, template) in TEMPLATES {
        for messages in conversations() {
            for (tools, values) in [
                (&all, json!({})),
                (&none, json!({})),
                (&all, thoughtless.clone()),
            ] {
                cases.push((name, template, messages.clone(), tools, values));
            }
        }
    }
    let asked: Vec<Value> = cases
        .iter()
        .map(|(_, template, messages, tools, values)| {
            let offered: Vec<Value> = tools.iter().map(Tool::to_value).collect();
            let tools = if offered.is_empty() {
                Value::Null
            } else {
                offered.into()
            };
            let messages: Vec<Value> = messages.iter().map(told).collect();
            json!({"template": template, "messages": messages, "tools": tools, "values": values})
        })
        .collect();
    let scratch = tempfile::tempdir().expect("the temporary directory is writable");
    let (question, answer) = (
        scratch.path().join("cases.json"),
        scratch.path().join("out.json"),
    );
    std::fs::write(&question, serde_json::to_vec(&asked).expect("JSON")).expect("writable");
    run(
        &python,
        &script("render_chats.py"),
        &[&made.join("qwen2"), &question, &answer],
    );
    let text = std::fs::read(&answer).expect("made by the script");
    let rendered: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(rendered.len(), cases.len());
    let mut refused = 0;
    for ((name, template, messages, tools, values), wanted) in cases.iter().zip(&rendered) {
        let directory = with_template(&made, template);
        let template = ChatTemplate::load(directory.path()).expect("a template");
        let values: &Map<String, Value> = values.as_object().expect("values");
        let written = template.write(messages, tools, values);
        match (written, wanted["refused"].as_str()) {
            (Ok(written), None) => {
                assert_eq!(written, wanted["text"].as_str().expect("text"), "{name}");
            }
            (Err(error), Some(reason)) => {
                refused += 1;
                assert!(
                    error.to_string().contains(reason),
                    "{name}: {error}: {reason}"
                );
            }
            (written, reason) => panic!("{name}: {written:?}, transformers: {reason:?}"),
        }
    }
    assert_eq!(refused, 3, "one template takes one call at a time");
}
