//! Completions of plain texts.

use std::convert::Infallible;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::{Shared, default_answer, pieces};

/// Goes on with a text by the same words, however few were asked for, as the recorded stand-in did.
pub(super) async fn complete(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    shared
        .seen
        .lock()
        .expect("no handler panics")
        .push(body.clone());
    if let Some(response) = shared.script.fault(&body).await {
        return response;
    }
    let prompt = match &body["prompt"] {
        Value::String(text) => text.split_whitespace().count(),
        Value::Array(tokens) => tokens.len(),
        _ => 0,
    };
    let answer = default_answer();
    let pieces = pieces(&answer);
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": pieces.len(), "total_tokens": prompt + pieces.len(),
    });
    if body["stream"] != true {
        return Json(json!({
            "id": "cmpl-mock", "object": "text_completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "text": answer, "logprobs": null, "finish_reason": "stop"}],
            "usage": usage,
        }))
        .into_response();
    }
    let frame = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "cmpl-mock", "object": "text_completion", "created": 1, "model": body["model"],
            "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let choice = |text: &str, finish: Value| json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]);
    let mut frames: Vec<String> = pieces
        .iter()
        .map(|piece| frame(choice(piece, Value::Null), Value::Null))
        .collect();
    frames.push(frame(choice("", json!("stop")), Value::Null));
    frames.push(frame(json!([]), usage));
    frames.push("data: [DONE]\n\n".to_owned());
    let stream = futures::stream::iter(frames.into_iter().map(Ok::<_, Infallible>));
    (
        [(CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(stream),
    )
        .into_response()
}
