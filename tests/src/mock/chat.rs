//! Chat completions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    body::{Built, done, event},
    said::Said,
    script::Act,
    seen::Seen,
    words,
};

/// Most answers to one request.
const MOST: u64 = 128;

pub(super) fn build(seen: &Seen, act: &Act) -> Built {
    let choices = seen.number("n").unwrap_or(1).clamp(1, MOST);
    let said: Vec<Said> = (0..choices)
        .map(|choice| Said::of(seen, act, choice))
        .collect();
    let usage = usage(seen, &said);
    let likely = (seen.body["logprobs"] == true).then(|| seen.number("top_logprobs").unwrap_or(0));
    if !seen.streams() {
        let choices: Vec<Value> = said
            .iter()
            .enumerate()
            .map(|(index, said)| {
                json!({
                    "index": index, "message": message(said), "finish_reason": said.finish,
                    "logprobs": likely.map(|top| json!({"content": likelihoods(&said.pieces, top), "refusal": null})),
                })
            })
            .collect();
        return Built::Whole(json!({
            "id": "chatcmpl-mock", "object": "chat.completion", "created": 1, "model": seen.model(),
            "system_fingerprint": "fp_mock", "choices": choices, "usage": usage,
        }));
    }
    let counted = (seen.body["stream_options"]["include_usage"] == true).then_some(usage);
    let model = seen.model().to_owned();
    let deltas: Arc<Vec<Vec<Value>>> =
        Arc::new(said.iter().map(|said| deltas(said, likely)).collect());
    let longest = deltas.iter().map(Vec::len).max().unwrap_or(0);
    let chunk = move |choices: Value, usage: Value| {
        event(&json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1, "model": model,
            "system_fingerprint": "fp_mock", "choices": choices, "usage": usage,
        }))
    };
    // The answers side by side, a piece of each in turn.
    let order = (0..longest).flat_map(move |at| {
        let deltas = Arc::clone(&deltas);
        (0..deltas.len()).filter_map(move |index| {
            let mut choice = deltas[index].get(at)?.clone();
            choice["index"] = index.into();
            Some(choice)
        })
    });
    let last = counted.map(|usage| (json!([]), usage));
    let chunks = order
        .map(|choice| (json!([choice]), Value::Null))
        .chain(last)
        .map(move |(choices, usage)| chunk(choices, usage))
        .chain(std::iter::once_with(done));
    Built::Frames(Box::new(chunks))
}

fn message(said: &Said) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text(), "refusal": null});
    if let Some(thoughts) = &said.thoughts {
        message["reasoning_content"] = thoughts.as_str().into();
    }
    if !said.calls.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = said
            .calls
            .iter()
            .map(|call| {
                json!({
                    "id": call.id, "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments.to_string()},
                })
            })
            .collect();
    }
    message
}

/// The pieces of one answer, its number left out.
fn deltas(said: &Said, likely: Option<u64>) -> Vec<Value> {
    let piece = |delta: Value| json!({"index": 0, "delta": delta, "finish_reason": null});
    let mut all = vec![piece(json!({"role": "assistant", "content": ""}))];
    if let Some(thoughts) = &said.thoughts {
        all.extend(
            words::in_words(thoughts)
                .into_iter()
                .map(|text| piece(json!({"reasoning_content": text}))),
        );
    }
    for text in &said.pieces {
        let mut one = piece(json!({"content": text}));
        if let Some(top) = likely {
            let told = likelihoods(std::slice::from_ref(text), top);
            one["logprobs"] = json!({"content": told, "refusal": null});
        }
        all.push(one);
    }
    for (index, call) in said.calls.iter().enumerate() {
        all.push(piece(json!({"tool_calls": [{
            "index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""},
        }]})));
        for text in words::in_letters(&call.arguments.to_string()) {
            all.push(piece(
                json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]}),
            ));
        }
    }
    all.push(json!({"index": 0, "delta": {}, "finish_reason": said.finish}));
    all
}

fn likelihoods(pieces: &[String], top: u64) -> Vec<Value> {
    let one = |token: &str, logprob: f64| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()});
    pieces
        .iter()
        .map(|piece| {
            let mut told = one(piece, -0.125);
            let others: Vec<Value> = (0..top)
                .map(|place| {
                    if place == 0 {
                        one(piece, -0.125)
                    } else {
                        one(&format!(" other{place}"), -2.0 - place as f64)
                    }
                })
                .collect();
            told["top_logprobs"] = others.into();
            told
        })
        .collect()
}

pub(super) fn usage(seen: &Seen, said: &[Said]) -> Value {
    let prompt = seen.prompt_tokens();
    let written: usize = said.iter().map(Said::tokens).sum();
    json!({
        "prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
    })
}
