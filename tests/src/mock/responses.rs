//! OpenAI's responses.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::{
    body::{Built, named},
    said::{Call, Said},
    script::Act,
    seen::Seen,
    words,
};

const MESSAGE: &str = "msg_mock";

pub(super) fn build(seen: &Seen, act: &Act) -> Built {
    let said = Said::of(seen, act, 0);
    if seen.streams() {
        Built::Frames(Box::new(events(seen, &said).into_iter()))
    } else {
        Built::Whole(response(seen, &said, state(&said), &output(&said)))
    }
}

fn state(said: &Said) -> &'static str {
    if said.finish == "length" {
        "incomplete"
    } else {
        "completed"
    }
}

fn response(seen: &Seen, said: &Said, state: &str, output: &[Value]) -> Value {
    let (prompt, written) = (seen.prompt_tokens(), said.tokens());
    let usage = (state != "in_progress").then(|| {
        json!({
            "input_tokens": prompt, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": prompt + written,
        })
    });
    let incomplete = (state == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    json!({
        "id": "resp_mock", "object": "response", "created_at": 1, "status": state, "error": null,
        "incomplete_details": incomplete, "instructions": seen.body["instructions"], "metadata": {},
        "model": seen.model(), "output": output, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": "auto", "tools": [], "usage": usage,
    })
}

fn output(said: &Said) -> Vec<Value> {
    if said.calls.is_empty() {
        return vec![message(&said.text(), "completed")];
    }
    said.calls
        .iter()
        .map(|call| called(call, &call.arguments.to_string(), "completed"))
        .collect()
}

fn message(text: &str, state: &str) -> Value {
    let content = if text.is_empty() && state == "in_progress" {
        json!([])
    } else {
        json!([part(text)])
    };
    json!({"id": MESSAGE, "type": "message", "role": "assistant", "status": state, "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn called(call: &Call, arguments: &str, state: &str) -> Value {
    json!({
        "id": format!("fc_{}", call.id), "type": "function_call", "call_id": call.id, "name": call.name,
        "arguments": arguments, "status": state,
    })
}

fn events(seen: &Seen, said: &Said) -> Vec<Bytes> {
    let mut told = 0_u64;
    let mut frames = Vec::new();
    let mut tell = |mut event: Value| {
        event["sequence_number"] = told.into();
        told += 1;
        frames.push(named(&event));
    };
    let begun = response(seen, said, "in_progress", &[]);
    tell(json!({"type": "response.created", "response": begun}));
    tell(json!({"type": "response.in_progress", "response": begun}));
    if said.calls.is_empty() {
        let place = json!({"item_id": MESSAGE, "output_index": 0, "content_index": 0});
        let within = |kind: &str, more: Value| {
            let mut event = place.clone();
            event["type"] = kind.into();
            for (name, value) in more.as_object().into_iter().flatten() {
                event[name] = value.clone();
            }
            event
        };
        tell(json!({
            "type": "response.output_item.added", "output_index": 0, "item": message("", "in_progress"),
        }));
        tell(within(
            "response.content_part.added",
            json!({"part": part("")}),
        ));
        for text in &said.pieces {
            tell(within(
                "response.output_text.delta",
                json!({"delta": text, "logprobs": []}),
            ));
        }
        let text = said.text();
        tell(within(
            "response.output_text.done",
            json!({"text": text, "logprobs": []}),
        ));
        tell(within(
            "response.content_part.done",
            json!({"part": part(&text)}),
        ));
        tell(json!({
            "type": "response.output_item.done", "output_index": 0, "item": message(&text, "completed"),
        }));
    }
    for (index, call) in said.calls.iter().enumerate() {
        let id = format!("fc_{}", call.id);
        let arguments = call.arguments.to_string();
        tell(json!({
            "type": "response.output_item.added", "output_index": index, "item": called(call, "", "in_progress"),
        }));
        for text in words::in_letters(&arguments) {
            tell(json!({
                "type": "response.function_call_arguments.delta", "item_id": id, "output_index": index, "delta": text,
            }));
        }
        tell(json!({
            "type": "response.function_call_arguments.done", "item_id": id, "output_index": index,
            "name": call.name, "arguments": arguments,
        }));
        tell(json!({
            "type": "response.output_item.done", "output_index": index,
            "item": called(call, &arguments, "completed"),
        }));
    }
    let state = state(said);
    let ended = response(seen, said, state, &output(said));
    tell(json!({"type": format!("response.{state}"), "response": ended}));
    frames
}
