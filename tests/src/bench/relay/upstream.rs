//! The upstream of `bench relay`: a server in OpenAI's dialect that answers at once, and token by token where a stream
//! is asked for. It reads its requests as JSON and writes every frame anew, as a server of models does, and no more.

use std::{convert::Infallible, io::Write as _, time::Duration};

use anyhow::Result;
use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
    routing::post,
    serve::ListenerExt as _,
};
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::helper::Helper;
use crate::bench::http::load::Process;

/// Tokens of an answer.
pub(super) const TOKENS: usize = 64;
/// One of them.
pub(super) const TOKEN: &str = "alpha ";
/// What is asked for an answer of few tokens, far apart.
pub(super) const SLOWLY: &str = "slowly";
/// Tokens of such an answer.
pub(super) const SLOW_TOKENS: usize = 7;
/// Between two of them.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
/// Answers carry one time: what they are worth is not in it.
const CREATED: u64 = 1_700_000_000;
const ID: &str = "chatcmpl-upstream";

#[derive(Deserialize)]
struct Asked {
    model: String,
    messages: Vec<Said>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct Said {
    content: Value,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Serialize)]
struct Frame<'a> {
    id: &'static str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice; 1],
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
}

/// Serves until it is killed; the first line on standard output says where.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    // Each token goes out when it is written, not when the one before has been acknowledged.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = Router::new().route("/v1/chat/completions", post(chat));
    axum::serve(listener, router).await?;
    Ok(())
}

async fn chat(Json(asked): Json<Asked>) -> Response {
    if asked.stream {
        return (
            [(CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(frames(asked)),
        )
            .into_response();
    }
    Json(json!({
        "id": ID, "object": "chat.completion", "created": CREATED, "model": asked.model,
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": TOKEN.repeat(TOKENS)}, "finish_reason": "stop",
        }],
        "usage": usage(TOKENS),
    }))
    .into_response()
}

fn usage(tokens: usize) -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens})
}

fn frames(asked: Asked) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let slowly = asked
        .messages
        .last()
        .is_some_and(|last| last.content == SLOWLY);
    let tokens = if slowly { SLOW_TOKENS } else { TOKENS };
    async_stream::stream! {
        for nth in 0..tokens {
            let role = (nth == 0).then_some("assistant");
            yield Ok(frame(&asked.model, Delta { role, content: Some(TOKEN) }, None));
            if slowly {
                tokio::time::sleep(PAUSE).await;
            } else {
                // The connection sends what it has before it asks for more, as it does for a model that takes its time.
                tokio::task::yield_now().await;
            }
        }
        yield Ok(frame(&asked.model, Delta { role: None, content: None }, Some("stop")));
        if asked.stream_options.is_some_and(|options| options.include_usage) {
            let last = json!({
                "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": asked.model, "choices": [],
                "usage": usage(tokens),
            });
            yield Ok(Bytes::from(format!("data: {last}\n\n")));
        }
        yield Ok(Bytes::from_static(b"data: [DONE]\n\n"));
    }
}

fn frame(model: &str, delta: Delta, finish_reason: Option<&'static str>) -> Bytes {
    let frame = Frame {
        id: ID,
        object: "chat.completion.chunk",
        created: CREATED,
        model,
        choices: [Choice {
            index: 0,
            delta,
            finish_reason,
        }],
    };
    let mut bytes = b"data: ".to_vec();
    // Nothing in it can fail to be written.
    let _ = serde_json::to_writer(&mut bytes, &frame);
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}

/// Starts such a server as a process of its own.
pub(super) fn start() -> Result<Helper> {
    Helper::start(&["upstream"])
}

/// The base URL that a gateway is given for it.
pub(super) fn base_url(upstream: Process) -> String {
    format!("http://{}/v1", upstream.address)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;
    use crate::sse;

    fn asked(text: &str, include_usage: bool) -> Asked {
        Asked {
            model: "m".to_owned(),
            messages: vec![Said {
                content: text.into(),
            }],
            stream: true,
            stream_options: Some(StreamOptions { include_usage }),
        }
    }

    async fn told(asked: Asked) -> Vec<sse::Frame> {
        let pieces: Vec<Result<Bytes, Infallible>> = Box::pin(frames(asked)).collect().await;
        let bytes: Vec<u8> = pieces
            .into_iter()
            .flat_map(|piece| piece.expect("infallible").to_vec())
            .collect();
        sse::frames(&String::from_utf8(bytes).expect("text"))
    }

    #[tokio::test]
    async fn a_stream_has_a_frame_for_each_token_and_its_end() {
        let frames = told(asked("hi", false)).await;
        assert_eq!(frames.len(), TOKENS + 2);
        assert_eq!(sse::joined_deltas(&frames), TOKEN.repeat(TOKENS));
        assert_eq!(frames.last(), Some(&sse::Frame::Done));
    }

    #[tokio::test]
    async fn usage_is_told_where_it_is_asked_for() {
        let frames = told(asked("hi", true)).await;
        assert_eq!(frames.len(), TOKENS + 3);
        let usage = frames[TOKENS + 1].json().expect("a frame")["usage"].clone();
        assert_eq!(usage["completion_tokens"], TOKENS);
    }

    #[tokio::test]
    async fn what_is_asked_slowly_begins_at_once() {
        let mut frames = Box::pin(frames(asked(SLOWLY, false)));
        let first = frames.next().await.expect("a frame").expect("infallible");
        assert!(first.starts_with(b"data: {"));
    }
}
