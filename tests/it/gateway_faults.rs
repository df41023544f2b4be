//! Upstreams that are slow, busy, broken or gone, behind the gateway: what callers see of it, and that nothing is
//! asked more often than it may be, nothing hangs, and nothing piles up.

mod broken;
mod routing;
mod storms;
mod streams;

use anyhow::{Context as _, Result};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tidegate_tests::{Reply, TestApp, User, mock::Mock, sse::Frame};

pub(crate) const CHAT: &str = "/v1/chat/completions";
/// Retries that do not keep the tests waiting.
const QUICK: &str = "[gateway]\nretry_first_ms = 20\n";
/// Keys of a model that is tried once.
const ONCE: &str = "retries = 0\n";

/// An application over these `[[models]]` tables, with further sections.
async fn over(models: &[String], sections: &str) -> Result<TestApp> {
    // A section stands once.
    let quick = if sections.contains("[gateway]") {
        ""
    } else {
        QUICK
    };
    let mut builder = TestApp::builder().config(quick).config(sections);
    for model in models {
        builder = builder.model(model);
    }
    builder.start().await
}

/// The route `fast`: this model, and where it does not answer `calm`.
fn falling_back(model: &str) -> String {
    format!(
        "[[routes]]\nname = \"fast\"\ntargets = [{{ model = \"{model}\" }}]\nfallbacks = [\"calm\"]\n"
    )
}

/// A table with further keys.
fn with(table: &str, keys: &str) -> String {
    format!("{table}{keys}")
}

fn asked(model: &str, text: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

async fn say(user: &User, model: &str, text: &str, stream: bool) -> Result<Reply> {
    user.openai_post(CHAT, &asked(model, text, stream)).await
}

/// A stream that has begun.
pub(crate) async fn begin(user: &User, body: &Value) -> Result<Response> {
    let url = format!("{}{CHAT}", user.openai());
    let response = user.request(Method::POST, &url).json(body).send().await?;
    anyhow::ensure!(
        response.status() == 200,
        "{}: {}",
        response.status(),
        response.text().await?
    );
    Ok(response)
}

/// The text of an answer, whole or in frames.
fn text_of(reply: &Reply, stream: bool) -> Result<String> {
    anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text);
    if stream {
        let frames = reply.frames();
        anyhow::ensure!(frames.last() == Some(&Frame::Done), "{}", reply.text);
        return Ok(tidegate_tests::sse::joined_deltas(&frames));
    }
    let body = reply.json();
    let text = body.pointer("/choices/0/message/content");
    let text = text.and_then(Value::as_str);
    Ok(text.with_context(|| reply.text.clone())?.to_owned())
}

/// The error of a stream that broke off: its last frame but the end, in OpenAI's shape.
pub(crate) fn broken_off(frames: &[Frame]) -> Result<Value> {
    let [.., error, Frame::Done] = frames else {
        anyhow::bail!("no frame before the end: {frames:?}")
    };
    let error = error.json().context("an error in JSON")?["error"].clone();
    anyhow::ensure!(
        error["message"].is_string() && error["type"].is_string(),
        "{error}"
    );
    Ok(error)
}

/// How many of the requests asked for this model.
fn asked_for(mock: &Mock, model: &str) -> usize {
    mock.seen()
        .iter()
        .filter(|seen| seen.model() == model)
        .count()
}
