//! Calls of tools, told from text as it comes.

use serde_json::json;

use super::*;
use crate::workers::{PromptMessage, Speaker, Tool};

/// What is read of an answer that comes in pieces of so many characters: texts put together, calls without their ids.
fn read(format: CallFormat, answer: &str, length: usize) -> Vec<String> {
    let mut reader = Reader::new(format);
    let signs: Vec<char> = answer.chars().collect();
    let mut told: Vec<Read> = Vec::new();
    for piece in signs.chunks(length) {
        told.extend(reader.push(&piece.iter().collect::<String>()));
    }
    told.extend(reader.finish());
    let mut read: Vec<String> = Vec::new();
    let mut is_text = false;
    for one in told {
        match one {
            Read::Text(text) if is_text => {
                if let Some(last) = read.last_mut() {
                    last.push_str(&text);
                }
            }
            Read::Text(text) => {
                read.push(text);
                is_text = true;
            }
            Read::Call(call) => {
                assert!(
                    call.id.starts_with("call_") && call.id.len() == 29,
                    "{}",
                    call.id
                );
                read.push(format!("{}({})", call.name, call.arguments));
                is_text = false;
            }
        }
    }
    read
}

fn reads(format: CallFormat, answer: &str, wanted: &[&str]) {
    for length in [1, 2, 3, 7, 1000] {
        assert_eq!(
            read(format, answer, length),
            wanted,
            "{answer} by {length} characters"
        );
    }
}

#[test]
fn tagged_calls_are_read_out_of_text_however_it_is_cut() {
    let f = r#"<tool_call>
{"name": "f", "arguments": {"a": "</tool", "b": [1]}}
</tool_call>"#;
    let told = r#"f({"a": "</tool", "b": [1]})"#;
    reads(CallFormat::Tagged, f, &[told]);
    reads(
        CallFormat::Tagged,
        &format!("Let me see.\n{f}\n{f}"),
        &["Let me see.", told, told],
    );
    reads(
        CallFormat::Tagged,
        &format!("{f}\n\nDone <b>"),
        &[told, "\n\nDone <b>"],
    );
    reads(CallFormat::Tagged, "No call <tool", &["No call <tool"]);
    reads(
        CallFormat::Tagged,
        "Just 日本 text. ",
        &["Just 日本 text. "],
    );
    reads(
        CallFormat::Tagged,
        "<tool_call>{\"name\": \"g\"}</tool_call>",
        &["g({})"],
    );
}

#[test]
fn what_is_no_call_is_text() {
    for broken in [
        "a <tool_call>{\"name\": 3}</tool_call> b",
        "<tool_call>not JSON</tool_call>",
        "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
        "<tool_call>{\"name\": \"f\", \"argum",
    ] {
        reads(CallFormat::Tagged, broken, &[broken]);
    }
    reads(
        CallFormat::Listed,
        "[TOOL_CALLS] none",
        &["[TOOL_CALLS] none"],
    );
    reads(
        CallFormat::Listed,
        "[1, 2] and [TOOL",
        &["[1, 2] and [TOOL"],
    );
    for plain in [
        "{\"answer\": 1}",
        "{\"name\": \"Ada\"}",
        "{\"name\": \"f\", \"parameters\": {\"a\"",
        "text {\"name\": \"f\", \"parameters\": {}}",
        "{",
    ] {
        reads(CallFormat::Bare, plain, &[plain]);
    }
}

#[test]
fn a_tagged_call_that_lost_its_end_is_a_call_where_it_is_whole() {
    reads(
        CallFormat::Tagged,
        "<tool_call>{\"name\": \"f\", \"arguments\": {}}",
        &["f({})"],
    );
}

#[test]
fn listed_and_bare_calls_are_read() {
    reads(
        CallFormat::Listed,
        r#"[TOOL_CALLS] [{"name": "f", "arguments": {"a": "]"}}, {"name": "g", "arguments": {}}]"#,
        &[r#"f({"a": "]"})"#, "g({})"],
    );
    reads(
        CallFormat::Bare,
        r#" {"name": "f", "parameters": {"a": "}"}}; {"name": "g", "arguments": {}}"#,
        &[r#"f({"a": "}"})"#, "g({})"],
    );
    reads(
        CallFormat::Bare,
        r#"<|python_tag|>{"name": "f", "parameters": {}}"#,
        &["f({})"],
    );
    reads(
        CallFormat::Bare,
        r#"{"name": "f", "parameters": {}} and more"#,
        &["f({})", " and more"],
    );
}

#[test]
fn what_is_held_is_bounded() {
    let mut reader = Reader::new(CallFormat::Tagged);
    let mut told = 0;
    let long = "x".repeat(1 << 16);
    for piece in ["<tool_call>"]
        .into_iter()
        .chain(std::iter::repeat_n(long.as_str(), 20))
    {
        for read in reader.push(piece) {
            let Read::Text(text) = read else {
                panic!("{read:?}")
            };
            told += text.len();
        }
    }
    assert_eq!(told, CALL_OPENS.len() + 20 * long.len());
}

#[test]
fn a_template_tells_how_it_writes_calls() {
    for (template, format) in [
        (
            "{% if tools %}<tool_call>{% endif %}",
            Some(CallFormat::Tagged),
        ),
        (
            "{% if tools %}[TOOL_CALLS]{% endif %}",
            Some(CallFormat::Listed),
        ),
        ("{% if tools %}[TOOL_CALLS]x[ARGS]{% endif %}", None),
        ("{% if tools %}<tool_call><function=x>{% endif %}", None),
        (
            "<|start_header_id|>{{ tools }}\"parameters\": ",
            Some(CallFormat::Bare),
        ),
        ("{{ tools }}", None),
        ("<tool_call>", None),
    ] {
        assert_eq!(written_by(template), format, "{template}");
    }
}

#[test]
fn tools_are_told_in_words_where_the_template_knows_of_none() {
    let tool = Tool {
        name: "f".to_owned(),
        description: Some("does".to_owned()),
        parameters: json!({"type": "object"}),
        strict: None,
    };
    let call = ToolCall {
        id: "1".to_owned(),
        name: "f".to_owned(),
        arguments: "{\"a\": 1}".to_owned(),
    };
    let answer = |text: &str| PromptMessage::new(Speaker::Tool, text);
    let messages = [
        PromptMessage::system("Be brief."),
        PromptMessage::user("go"),
        PromptMessage {
            tool_calls: vec![call],
            ..PromptMessage::assistant("I look.")
        },
        answer("one"),
        answer("two"),
    ];
    let plain = plainly(&messages, std::slice::from_ref(&tool));
    assert_eq!(plain.len(), 4);
    assert!(plain[0].text.starts_with("Be brief.\n\nYou may call"));
    assert!(plain[0].text.contains("\"name\":\"f\""));
    assert_eq!(
        plain[2].text,
        "I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"
    );
    assert_eq!(
        plain[3].text,
        "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>"
    );
    assert_eq!(
        plainly(&messages[1..2], &[tool])[0].speaker,
        Speaker::System
    );
    assert_eq!(plainly(&messages[1..2], &[]), messages[1..2]);
}
