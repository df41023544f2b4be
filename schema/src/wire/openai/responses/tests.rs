//! What a request may say, and how a response is told.

use super::*;
use crate::wire::openai::{ToolChoiceIn, UsageOut};

fn request(extra: &Value) -> ResponseIn {
    let mut body = json!({"model": "m", "input": "hi"});
    body.as_object_mut()
        .expect("object")
        .extend(extra.as_object().expect("object").clone());
    serde_json::from_value(body).expect("a request")
}

#[test]
fn a_conversation_is_read_with_calls_and_what_they_answered() {
    let read = request(&json!({"input": [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "sun"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "rain"}]},
    ]}));
    let turns = read.turns().expect("turns");
    let roles: Vec<&str> = turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool"]);
    assert_eq!(
        (turns[2].text.as_str(), turns[2].calls.len()),
        ("I look.", 2)
    );
    assert_eq!(turns[4].call_id.as_deref(), Some("b"));
    assert_eq!(turns[4].text, "rain");
    assert_eq!(request(&json!({})).turns().expect("one")[0].text, "hi");
}

#[test]
fn what_is_no_item_is_named_by_its_place() {
    for (input, place) in [
        (json!(7), "body.input: "),
        (json!([]), "body.input: "),
        (json!([{"type": "reasoning"}]), "body.input: "),
        (json!([{}]), "body.input[0].type: "),
        (
            json!([{"type": "item_reference", "id": "x"}]),
            "body.input[0].type: ",
        ),
        (
            json!([{"role": "wizard", "content": ""}]),
            "body.input[0].role: ",
        ),
        (json!([{"role": "user"}]), "body.input[0].content: "),
        (
            json!([{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]),
            "body.input[0].content[0].type: ",
        ),
        (
            json!([{"type": "function_call", "name": "f", "arguments": ""}]),
            "body.input[0].call_id: ",
        ),
    ] {
        let said = request(&json!({"input": input})).turns();
        let said = said.expect_err("refused").to_string();
        assert!(said.starts_with(place), "{said}");
    }
}

#[test]
fn choosing_is_said_in_the_words_of_a_chat() {
    let tool =
        json!({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true});
    let chat = request(&json!({
        "tools": [tool], "tool_choice": {"type": "function", "name": "f"}, "max_output_tokens": 9,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "top_logprobs": 2,
    }))
    .choosing()
    .expect("valid");
    assert_eq!(
        chat.tool_choice().expect("a choice"),
        ToolChoiceIn::Function("f".to_owned())
    );
    assert_eq!(chat.most_tokens(), Some(9));
    assert_eq!(chat.top_likelihoods().expect("a number"), Some(2));
    assert_eq!(
        chat.response_format,
        Some(json!({
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true},
        }))
    );
    let silent = request(&json!({"tools": [], "text": {"format": {"type": "text"}}}));
    let silent = silent.choosing().expect("valid");
    assert!(silent.tools.is_none() && silent.response_format.is_none());
    assert_eq!(silent.top_likelihoods().expect("none"), None);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let function = json!({"type": "function", "name": "f"});
    for (extra, start) in [
        (json!({"background": true}), "'background' is not done here"),
        (
            json!({"conversation": "conv_1"}),
            "'conversation' is not done here",
        ),
        (
            json!({"prompt": {"id": "pmpt_1"}}),
            "'prompt' is not done here",
        ),
        (
            json!({"tools": [{"type": "web_search"}]}),
            "body.tools[0].type: ",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "body.tools[0].name: ",
        ),
        (
            json!({"tools": [function], "tool_choice": {"type": "mcp"}}),
            "tool_choice: ",
        ),
        (
            json!({"text": {"format": {"type": "yaml"}}}),
            "text.format: ",
        ),
        (json!({"max_output_tokens": 0}), "max_output_tokens: "),
        (json!({"temperature": 3.0}), "temperature: "),
    ] {
        let said = request(&extra).choosing().expect_err("refused").to_string();
        assert!(said.starts_with(start), "{said}");
    }
}

/// The events of a stream, with the numbers in their order checked.
fn events(frames: &str) -> Vec<Value> {
    let events: Vec<Value> = frames
        .split_terminator("\n\n")
        .map(|frame| {
            let (name, data) = frame.split_once('\n').expect("two lines");
            let event: Value =
                serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
            assert_eq!(
                name,
                format!("event: {}", event["type"].as_str().expect("a type"))
            );
            event
        })
        .collect();
    for (nth, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], nth);
    }
    events
}

#[test]
fn a_response_is_told_piece_by_piece_and_is_the_same_in_the_end() {
    let begun = ResponseOut::begun(&request(&json!({})), "resp_1".to_owned(), 1);
    let mut writer = ResponseWriter::new(begun);
    let mut frames = writer.begin();
    frames += &writer.thinking("hm");
    frames += &writer.text("It is ", Vec::new());
    frames += &writer.text("fine.", Vec::new());
    frames += &writer.call(0, Some("c0".to_owned()), Some("f".to_owned()), "{\"a\"");
    frames += &writer.call(0, None, None, ":1}");
    frames += &writer.call(1, Some("c1".to_owned()), Some("g".to_owned()), "");
    let usage = UsageOut {
        prompt_tokens: 3,
        completion_tokens: 4,
        total_tokens: 7,
    };
    frames += &writer.finish("tool_calls", usage);
    frames += &writer.end();
    let events = events(&frames);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.reasoning_text.delta",
            "response.reasoning_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.output_item.added",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(events[12]["text"], "It is fine.");
    assert_eq!(events[19]["arguments"], "{\"a\":1}");
    assert_eq!(events[19]["output_index"], 2);
    let last = &events[events.len() - 1]["response"];
    assert_eq!(
        *last,
        serde_json::to_value(writer.response()).expect("JSON")
    );
    assert_eq!(last["usage"]["input_tokens"], 3);
    assert_eq!(last["output"][1]["id"], "msg_1_1");
    assert_eq!(last["output"][3]["call_id"], "c1");
    let turn = writer.said();
    assert_eq!((turn.text.as_str(), turn.calls.len()), ("It is fine.", 2));
}

#[test]
fn a_response_cut_short_is_incomplete_and_one_that_broke_off_says_why() {
    let begun = ResponseOut::begun(&request(&json!({})), "resp_1".to_owned(), 1);
    let mut cut = ResponseWriter::new(begun.clone());
    cut.text("It", Vec::new());
    cut.finish("length", UsageOut::default());
    assert!(cut.end().starts_with("event: response.incomplete\n"));
    let details = cut.response().incomplete_details.clone();
    assert_eq!(details.expect("why").reason, "max_output_tokens");
    let mut broken = ResponseWriter::new(begun);
    let event = broken.fail("server_error", "broke off");
    assert!(event.starts_with("event: response.failed\n"));
    assert_eq!(broken.response().status, "failed");
}
