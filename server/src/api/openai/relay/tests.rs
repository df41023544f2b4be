//! Requests on their way through an application to a server on this machine, and back.

use std::{convert::Infallible, time::Duration};

use axum::{Router, http::header};
use tidegate_schema::model::{CallStatus, UsageEntry, UsageFilter};
use tokio::net::TcpListener;

use super::*;
use crate::{clock::Clock, config::Config};

const WORD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USED: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
const END: &str = "data: [DONE]\n\n";
const CHAT: &str =
    r#"{"model": "gpt", "messages": [{"role": "user", "content": "hi"}], "stream": true}"#;

/// A server that answers whatever it is asked with these pieces, and then ends or falls silent.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn server(kind: &'static str, pieces: Vec<&'static str>, is_endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = move || {
        let pieces = futures::stream::iter(pieces.clone().into_iter().map(Ok::<_, Infallible>));
        async move {
            let body = if is_endless {
                Body::from_stream(pieces.chain(futures::stream::pending()))
            } else {
                Body::from_stream(pieces)
            };
            ([(header::CONTENT_TYPE, kind)], body)
        }
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

/// An application with the model `gpt` behind a server.
async fn app(folder: &tempfile::TempDir, base_url: &str) -> App {
    let text = format!(
        "[data]\ndir = '{}'\nsample = false\n[builtin]\nenabled = false\n[[models]]\nname = 'gpt'\nprovider = 'proxy'\n\
         base_url = '{base_url}'\nretries = 0\n",
        folder.path().display()
    );
    let config = Config::from_toml(&text).expect("a configuration");
    App::start(config, Clock::system())
        .await
        .expect("an application")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn relayed(app: &App, body: &str) -> Result<Option<Response>> {
    let body = Bytes::from(body.to_owned());
    try_relay(
        app,
        &Caller::local("001"),
        RelayPath::ChatCompletions,
        &body,
    )
    .await
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .expect("a whole body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

async fn only_entry(app: &App) -> UsageEntry {
    let all = UsageFilter::default();
    let found = app
        .metering()
        .list(&Caller::local("001"), all, None, 10)
        .await
        .expect("read");
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().expect("one").1
}

#[tokio::test]
async fn a_stream_comes_through_as_it_was_and_is_counted() {
    let folder = folder();
    let pieces = vec![WORD, LAST, USED, END];
    let app = app(&folder, &server("text/event-stream", pieces, false).await).await;
    let response = relayed(&app, CHAT).await.expect("begins").expect("relayed");
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    assert_eq!(text(response).await, format!("{WORD}{LAST}{USED}{END}"));
    let entry = only_entry(&app).await;
    assert_eq!(entry.status, CallStatus::Done);
    assert_eq!((entry.prompt_tokens, entry.completion_tokens), (3, 2));
    assert_eq!(
        (entry.model.as_str(), entry.served_by.as_str()),
        ("gpt", "gpt")
    );
    assert!(entry.first_token_ms.is_some() && entry.streamed);
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_no_half_of_a_chunk() {
    let folder = folder();
    let pieces = vec![WORD, "data: {\"choi"];
    let app = app(&folder, &server("text/event-stream", pieces, false).await).await;
    let response = relayed(&app, CHAT).await.expect("begins").expect("relayed");
    let text = text(response).await;
    let error = text
        .strip_prefix(WORD)
        .and_then(|rest| rest.trim_start().strip_prefix("data: "))
        .and_then(|rest| rest.strip_suffix(&format!("\n\n{END}")))
        .unwrap_or_else(|| panic!("{text}"));
    let error: serde_json::Value = serde_json::from_str(error).expect("JSON");
    assert_eq!(error["error"]["type"], "api_error");
    let entry = only_entry(&app).await;
    assert_eq!(
        (entry.status, entry.error.as_str()),
        (CallStatus::Failed, "upstream")
    );
}

#[tokio::test]
async fn whoever_leaves_ends_the_answer_and_is_counted_as_gone() {
    let folder = folder();
    let app = app(
        &folder,
        &server("text/event-stream", vec![WORD], true).await,
    )
    .await;
    let response = relayed(&app, CHAT).await.expect("begins").expect("relayed");
    let mut body = response.into_body().into_data_stream();
    let first = tokio::time::timeout(Duration::from_mins(1), body.next()).await;
    assert_eq!(
        first.expect("in time").expect("a piece").expect("whole"),
        WORD
    );
    drop(body);
    let entry = only_entry(&app).await;
    assert_eq!(entry.status, CallStatus::Cancelled);
}

#[tokio::test]
async fn a_whole_answer_has_its_length_and_its_usage_is_told() {
    let folder = folder();
    let whole = r#"{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}"#;
    let app = app(
        &folder,
        &server("application/json", vec![whole], false).await,
    )
    .await;
    let asked = CHAT.replace("true", "false");
    let response = relayed(&app, &asked)
        .await
        .expect("begins")
        .expect("relayed");
    let length = axum::body::HttpBody::size_hint(response.body()).exact();
    assert_eq!(length, Some(whole.len() as u64));
    assert_eq!(text(response).await, whole);
    let entry = only_entry(&app).await;
    assert_eq!((entry.prompt_tokens, entry.completion_tokens), (3, 2));
    assert!(!entry.streamed);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_with_its_status_still_to_be_had() {
    let folder = folder();
    let app = app(
        &folder,
        &server("text/html", vec!["<html></html>"], false).await,
    )
    .await;
    let error = relayed(&app, CHAT).await.expect_err("a web page");
    assert_eq!(error.kind(), "upstream");
    assert_eq!(only_entry(&app).await.status, CallStatus::Failed);
}

#[tokio::test]
async fn an_unknown_model_is_left_to_whoever_reads_the_request() {
    let folder = folder();
    let app = app(&folder, "http://127.0.0.1:9/v1").await;
    let asked = CHAT.replace("gpt", "gpt:shop");
    assert!(relayed(&app, &asked).await.expect("no failure").is_none());
}
