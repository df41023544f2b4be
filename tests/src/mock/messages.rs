//! Anthropic's messages.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::{
    body::{Built, named},
    said::Said,
    script::Act,
    seen::Seen,
    words,
};

pub(super) fn build(seen: &Seen, act: &Act) -> Built {
    let said = Said::of(seen, act, 0);
    if seen.streams() {
        Built::Frames(Box::new(events(seen, &said).into_iter()))
    } else {
        Built::Whole(message(
            seen,
            &content(&said),
            Some(reason(&said)),
            said.tokens(),
        ))
    }
}

fn reason(said: &Said) -> &'static str {
    match said.finish {
        "tool_calls" => "tool_use",
        "length" => "max_tokens",
        _ => "end_turn",
    }
}

fn message(seen: &Seen, content: &[Value], reason: Option<&str>, written: usize) -> Value {
    json!({
        "id": "msg_mock", "type": "message", "role": "assistant", "model": seen.model(), "content": content,
        "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": seen.prompt_tokens(), "output_tokens": written},
    })
}

fn content(said: &Said) -> Vec<Value> {
    let thoughts = said
        .thoughts
        .iter()
        .map(|text| json!({"type": "thinking", "thinking": text, "signature": "mock"}));
    let text = said.text();
    let text = (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
    let calls = said.calls.iter().map(
        |call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}),
    );
    thoughts.chain(text).chain(calls).collect()
}

fn events(seen: &Seen, said: &Said) -> Vec<Bytes> {
    let mut frames = vec![
        named(&json!({"type": "message_start", "message": message(seen, &[], None, 1)})),
        named(&json!({"type": "ping"})),
    ];
    // Each block of the content: how it begins, and the pieces that follow.
    let mut blocks: Vec<(Value, Vec<Value>)> = Vec::new();
    if let Some(thoughts) = &said.thoughts {
        let pieces = words::in_words(thoughts)
            .into_iter()
            .map(|text| json!({"type": "thinking_delta", "thinking": text}));
        blocks.push((
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            pieces.collect(),
        ));
    }
    if !said.pieces.is_empty() {
        let pieces = said
            .pieces
            .iter()
            .map(|text| json!({"type": "text_delta", "text": text}));
        blocks.push((json!({"type": "text", "text": ""}), pieces.collect()));
    }
    for call in &said.calls {
        let pieces = words::in_letters(&call.arguments.to_string())
            .into_iter()
            .map(|text| json!({"type": "input_json_delta", "partial_json": text}));
        blocks.push((
            json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}),
            pieces.collect(),
        ));
    }
    for (index, (begun, pieces)) in blocks.into_iter().enumerate() {
        frames.push(named(
            &json!({"type": "content_block_start", "index": index, "content_block": begun}),
        ));
        frames.extend(pieces.into_iter().map(|delta| {
            named(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
        }));
        frames.push(named(
            &json!({"type": "content_block_stop", "index": index}),
        ));
    }
    frames.push(named(&json!({
        "type": "message_delta", "delta": {"stop_reason": reason(said), "stop_sequence": null},
        "usage": {"output_tokens": said.tokens()},
    })));
    frames.push(named(&json!({"type": "message_stop"})));
    frames
}
