//! Requests passed on to a server on this machine, and what comes of its answers.

mod relayed;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{Error, Result};
use tokio::net::TcpListener;

use super::*;
use crate::{
    config::Config,
    workers::{Chunk, GenerateRequest, PromptMessage, Relay, RelayRequest, RelayResponse},
};

/// The one model `m` of a configuration, with more keys in its table.
pub(super) fn configured(base_url: &str, more: &str) -> config::Model {
    let text = format!(
        "[[models]]\nname = 'm'\nprovider = 'proxy'\nmodel = 'theirs'\nbase_url = '{base_url}'\n{more}"
    );
    let config = Config::from_toml(&text).expect("a configuration");
    config.models.into_iter().next().expect("a model")
}

/// An answer of the server: status, headers, and pieces of a body, after which it may fall silent.
#[derive(Debug, Clone, Default)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<String>,
    is_endless: bool,
}

impl Reply {
    fn json(text: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json")],
            pieces: vec![text.to_owned()],
            is_endless: false,
        }
    }

    fn stream(pieces: &[&str]) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream")],
            pieces: pieces.iter().map(|&piece| piece.to_owned()).collect(),
            is_endless: false,
        }
    }

    fn refusal(status: u16, text: &str) -> Self {
        Self {
            status,
            ..Self::json(text)
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(had, _)| *had != name);
        self.headers.push((name, value));
        self
    }

    fn endless(mut self) -> Self {
        self.is_endless = true;
        self
    }
}

/// A request as the server got it.
#[derive(Debug, Clone)]
struct Seen {
    uri: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[derive(Clone, Default)]
struct Shared {
    replies: Arc<Mutex<Vec<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A server that gives its replies in turn, the last one again and again.
struct Fake {
    base_url: String,
    shared: Shared,
}

impl Fake {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    async fn start(mut replies: Vec<Reply>) -> Self {
        replies.reverse();
        let shared = Shared {
            replies: Arc::new(Mutex::new(replies)),
            ..Shared::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base_url: format!("http://{address}/v1"),
            shared,
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("whole").clone()
    }

    fn open(&self, more: &str) -> Model {
        open(&configured(&self.base_url, more)).expect("a model").1
    }

    fn relay(&self, more: &str) -> Arc<dyn Relay> {
        let relay = match self.open(more) {
            Model::Language(model) => model.relay(),
            Model::Embedder(model) => model.relay(),
            Model::Reranker(model) => model.relay(),
        };
        relay.expect("passes bytes on")
    }
}

async fn answer(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let uri = uri.to_string();
    let seen = Seen { uri, headers, body };
    shared.seen.lock().expect("whole").push(seen);
    let reply = {
        let mut replies = shared.replies.lock().expect("whole");
        if replies.len() > 1 {
            replies.pop()
        } else {
            replies.last().cloned()
        }
    };
    let reply = reply.expect("a reply");
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).expect("one"));
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let pieces = futures::stream::iter(reply.pieces.into_iter().map(Ok::<_, Infallible>));
    let body = if reply.is_endless {
        Body::from_stream(pieces.chain(futures::stream::pending()))
    } else {
        Body::from_stream(pieces)
    };
    response.body(body).expect("a response")
}

fn request(path: RelayPath, body: &str, stream: bool) -> RelayRequest {
    let at = body.find("\"m\"").expect("a model");
    RelayRequest {
        path,
        body: Bytes::from(body.to_owned()),
        model: at..at + 3,
        stream,
        request_id: Some("req-1".to_owned()),
    }
}

fn chat(stream: bool) -> RelayRequest {
    let body = r#"{"messages": [{"role": "user", "content": "hi"}], "model": "m", "x": 1}"#;
    request(RelayPath::ChatCompletions, body, stream)
}

async fn body_of(response: RelayResponse) -> Result<String> {
    let mut body = response.body;
    let mut text = String::new();
    while let Some(piece) = body.next().await {
        text.push_str(std::str::from_utf8(&piece?).expect("text"));
    }
    Ok(text)
}

async fn generated(model: &Model) -> Result<Vec<Chunk>> {
    let Model::Language(model) = model else {
        panic!("writes")
    };
    let request = GenerateRequest::of(vec![PromptMessage::user("hi")]);
    let mut chunks = model.generate(request).await?;
    let mut told = Vec::new();
    while let Some(chunk) = chunks.next().await {
        told.push(chunk?);
    }
    Ok(told)
}

#[tokio::test]
async fn an_answer_that_comes_whole_though_a_stream_was_asked_for_is_read() {
    let whole = r#"{"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi",
        "reasoning_content": "hm"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}"#;
    let fake = Fake::start(vec![Reply::json(whole)]).await;
    let told = generated(&fake.open("")).await.expect("an answer");
    assert_eq!(
        told[..2],
        [Chunk::Thinking("hm".into()), Chunk::text("hi"),]
    );
    assert!(matches!(told[2], Chunk::End { usage, .. } if usage.completion_tokens == 2));
    for broken in ["{}", "{\"choices\": [", "[]", ""] {
        let fake = Fake::start(vec![Reply::json(broken)]).await;
        let error = generated(&fake.open("")).await.expect_err("no answer");
        assert_eq!(error.kind(), "upstream", "{broken}: {error}");
    }
}

#[tokio::test]
async fn a_web_page_and_a_packed_answer_are_told_for_what_they_are() {
    let page = Reply::json("<html></html>").with("content-type", "text/html; charset=utf-8");
    let packed = Reply::json("{}").with("content-encoding", "gzip");
    for (reply, told) in [(page, "base_url"), (packed, "'gzip'")] {
        let fake = Fake::start(vec![reply]).await;
        let seam = generated(&fake.open("")).await.expect_err("no answer");
        let relay = fake.relay("").relay(&chat(false)).await.err();
        for error in [Some(seam), relay] {
            let error = error.expect("no answer").to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}

#[tokio::test]
async fn anthropic_is_asked_and_understood_in_its_own_words() {
    let events = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":4,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#,
    ]
    .map(|data| format!("event: x\ndata: {data}\n\n"));
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let fake = Fake::start(vec![Reply::stream(&events)]).await;
    let model = fake.open("wire = 'anthropic'\napi_key = 'sk-very-secret'\n");
    let told = generated(&model).await.expect("an answer");
    assert_eq!(told[0], Chunk::text("hi"));
    assert!(matches!(told[1], Chunk::End { usage, .. } if usage.prompt_tokens == 4));
    let [seen] = &fake.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(seen.uri, "/v1/messages");
    assert_eq!(seen.headers["x-api-key"], "sk-very-secret");
    assert_eq!(seen.headers["anthropic-version"], "2023-06-01");
    assert_eq!(seen.json()["model"], "theirs");
    let Model::Language(model) = model else {
        panic!("writes")
    };
    assert!(model.relay().is_none(), "bytes say nothing to it");

    let busy =
        r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#;
    let fake = Fake::start(vec![Reply::refusal(529, busy)]).await;
    let error = generated(&fake.open("wire = 'anthropic'\n")).await;
    assert!(matches!(error, Err(Error::Overloaded { .. })));
}

#[tokio::test]
async fn vectors_come_with_the_tokens_they_took() {
    let answer = r#"{"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5}}"#;
    let fake = Fake::start(vec![
        Reply::json(answer),
        Reply::json(r#"{"error": "busy"}"#),
    ])
    .await;
    let Model::Embedder(model) = fake.open("kind = 'embedding'\n") else {
        panic!("embeds")
    };
    let texts = || vec!["a".to_owned(), "b".to_owned()];
    let embedded = model.embed_counted(texts(), None).await.expect("vectors");
    assert_eq!(embedded.vectors, [[1.0], [2.0]]);
    assert_eq!(embedded.prompt_tokens, Some(5));
    let error = model.embed(texts(), None).await.expect_err("none");
    assert_eq!(error.to_string(), "m: busy");
}

#[tokio::test]
async fn documents_are_called_texts_where_that_is_their_name_and_bytes_pass_where_it_is_not() {
    let missing = "Failed to deserialize the JSON body into the target type: missing field `texts`";
    let fake = Fake::start(vec![
        Reply::refusal(422, missing),
        Reply::json(r#"[{"index": 0, "score": 0.5}]"#),
    ])
    .await;
    let Model::Reranker(model) = fake.open("kind = 'reranker'\n") else {
        panic!("judges")
    };
    for _ in 0..2 {
        let scores = model.rerank("q".to_owned(), vec!["d".to_owned()]).await;
        assert_eq!(scores.expect("scores"), [0.5]);
    }
    let texts: Vec<bool> = fake
        .seen()
        .iter()
        .map(|seen| seen.json().get("texts").is_some())
        .collect();
    assert_eq!(texts, [false, true, true], "once is enough to learn it");
    assert!(model.relay().is_none());

    let known = r#"{"results": [{"index": 0, "relevance_score": 0.5}]}"#;
    let fake = Fake::start(vec![Reply::json(known)]).await;
    let Model::Reranker(model) = fake.open("kind = 'reranker'\n") else {
        panic!("judges")
    };
    let scores = model.rerank("q".to_owned(), vec!["d".to_owned()]).await;
    assert_eq!(scores.expect("scores"), [0.5]);
    assert!(model.relay().is_some());
}

#[test]
fn a_model_that_cannot_be_is_refused_with_what_would_do() {
    let refused = |more: &str| {
        let error = open(&configured("http://localhost/v1", more)).err();
        error.expect("cannot be").to_string()
    };
    assert!(refused("wire = 'anthropic'\nkind = 'embedding'\n").contains("leave kind out"));
    assert!(refused("api_key = \"a\\nb\"\n").contains("api_key of 'm'"));
}
