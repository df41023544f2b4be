//! What Anthropic streams, and what is made of it.

use secrecy::SecretString;
use serde_json::json;

use super::*;

fn words() -> Words {
    Words::new("claude", SecretString::from(""))
}

fn read(pieces: &mut Pieces, events: &[Value]) -> Vec<Chunk> {
    events
        .iter()
        .filter_map(|event| pieces.read(&event.to_string(), &words()).expect("an event"))
        .collect()
}

fn call(index: u32, id: Option<&str>, arguments: &str) -> Chunk {
    Chunk::ToolCall {
        choice: 0,
        index,
        id: id.map(str::to_owned),
        name: id.map(|_| "f".to_owned()),
        arguments: arguments.to_owned(),
    }
}

#[test]
fn words_and_thoughts_come_with_the_tokens_they_took() {
    let mut pieces = Pieces::new(1, false);
    let told = read(
        &mut pieces,
        &[
            json!({"type": "message_start", "message": {"id": "m", "usage": {
                "input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1}}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens", "stop_sequence": null},
                "usage": {"output_tokens": 7}}),
        ],
    );
    let wanted = [
        Chunk::Thinking(Piece::of(1, "hm")),
        Chunk::Text(Piece::of(1, "hi")),
    ];
    assert_eq!(told, wanted);
    assert!(!pieces.is_over());
    read(&mut pieces, &[json!({"type": "message_stop"})]);
    assert!(pieces.is_over());
    let (finish, usage) = pieces.ended().expect("an end");
    assert_eq!(finish, FinishReason::Length);
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (105, 7));
}

#[test]
fn calls_are_counted_among_calls_and_none_is_without_arguments() {
    let mut pieces = Pieces::new(0, false);
    let told = read(
        &mut pieces,
        &[
            json!({"type": "content_block_start", "index": 1,
                "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"x\":1}"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "content_block_start", "index": 2,
                "content_block": {"type": "tool_use", "id": "b", "name": "f", "input": {}}}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": null}),
        ],
    );
    let wanted = [
        call(0, Some("a"), ""),
        call(0, None, "{\"x\":1}"),
        call(1, Some("b"), ""),
        call(1, None, "{}"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(
        pieces.ended().map(|(finish, _)| finish),
        Some(FinishReason::ToolCalls)
    );
}

#[test]
fn a_call_that_is_the_answer_is_told_as_its_text() {
    let mut pieces = Pieces::new(0, true);
    let told = read(
        &mut pieces,
        &[
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Here: "}}),
            json!({"type": "content_block_start", "index": 1,
                "content_block": {"type": "tool_use", "id": "a", "name": "answer", "input": {}}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        ],
    );
    assert_eq!(told, [Chunk::text("{}")]);
    assert_eq!(
        pieces.ended().map(|(finish, _)| finish),
        Some(FinishReason::Stop)
    );
}

#[test]
fn a_failure_in_the_middle_says_whether_waiting_helps() {
    let failed = |kind: &str| {
        let event = json!({"type": "error", "error": {"type": kind, "message": "no"}});
        Pieces::new(0, false)
            .read(&event.to_string(), &words())
            .expect_err("a failure")
    };
    assert!(matches!(
        failed("overloaded_error"),
        Error::Overloaded { .. }
    ));
    assert_eq!(failed("api_error").to_string(), "claude: no");
    let garbage = Pieces::new(0, false).read("<html>", &words());
    assert!(garbage.is_err());
}
