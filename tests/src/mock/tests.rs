//! The stand-in does what its script says, and counts what was left.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{Act, Counts, Mock, Script, any, says};
use crate::{client::http, sse};

async fn post(mock: &Mock, path: &str, body: &Value) -> Result<(u16, String)> {
    let response = http()
        .post(format!("{}{path}", mock.base_url()))
        .json(body)
        .send()
        .await?;
    let status = response.status().as_u16();
    Ok((status, response.text().await?))
}

fn chat(text: &str, more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_chat_is_answered_whole_or_in_pieces_that_come_to_the_same() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let (_, whole) = post(&mock, "/chat/completions", &chat("hi", &json!({"seed": 3}))).await?;
    let whole: Value = serde_json::from_str(&whole)?;
    let asked = json!({"seed": 3, "stream": true, "stream_options": {"include_usage": true}});
    let (_, stream) = post(&mock, "/chat/completions", &chat("hi", &asked)).await?;
    let frames = sse::frames(&stream);
    let text: String = frames
        .iter()
        .filter_map(|frame| frame.json()?["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    let usage = frames[frames.len() - 2].json().context("a chunk")?;
    assert_eq!(usage["usage"], whole["usage"]);
    assert_eq!(frames.last(), Some(&sse::Frame::Done));
    assert_eq!(
        mock.counts(),
        Counts {
            requests: 2,
            running: 0,
            aborted: 0
        }
    );
    Ok(())
}

#[tokio::test]
async fn tools_schemas_stops_and_limits_shape_the_answer() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let schema = json!({
        "type": "object", "properties": {"town": {"enum": ["Oslo", "Bergen"]}, "many": {"type": "integer"}},
    });
    let tool = json!({"type": "function", "function": {"name": "look_up", "parameters": schema}});
    let ask = async |text: &str, more: Value| -> Result<Value> {
        let (_, text) = post(&mock, "/chat/completions", &chat(text, &more)).await?;
        Ok(serde_json::from_str::<Value>(&text)?["choices"][0].take())
    };
    let called = ask("weather in both", json!({"tools": [tool]})).await?;
    assert_eq!(called["finish_reason"], "tool_calls");
    let calls = called["message"]["tool_calls"]
        .as_array()
        .context("calls")?;
    assert_eq!(calls.len(), 2);
    let arguments = r#"{"town":"Oslo","many":7}"#;
    assert_eq!(calls[0]["function"]["arguments"], arguments);
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let formed = ask("hi", json!({"response_format": format})).await?;
    assert_eq!(formed["message"]["content"], arguments);
    let cut = ask("hi", json!({"max_tokens": 3})).await?;
    assert_eq!(cut["finish_reason"], "length");
    let mock = Mock::start(Script::default().always(Act::says("one two three"))).await?;
    let (_, text) = post(
        &mock,
        "/chat/completions",
        &chat("hi", &json!({"stop": " three"})),
    )
    .await?;
    assert!(text.contains("\"one two\""), "{text}");
    Ok(())
}

#[tokio::test]
async fn the_first_requests_are_refused_and_the_next_are_not() -> Result<()> {
    let script = Script::default()
        .first(2, any, Act::overloaded(7))
        .when(says("page"), Act::html());
    let mock = Mock::start(script).await?;
    for wanted in [429, 429, 200] {
        let (status, _) = post(&mock, "/chat/completions", &chat("hi", &json!({}))).await?;
        assert_eq!(status, wanted);
    }
    let (status, text) = post(&mock, "/chat/completions", &chat("page", &json!({}))).await?;
    assert_eq!(status, 200);
    assert!(text.starts_with("<!doctype html>"), "{text}");
    let (status, text) = post(
        &mock,
        "/chat/completions",
        &chat("hi", &json!({"temperature": 9})),
    )
    .await?;
    assert_eq!(status, 400, "{text}");
    Ok(())
}

#[tokio::test]
async fn a_cut_answer_breaks_off_and_a_hung_up_one_never_begins() -> Result<()> {
    let script = Script::default()
        .when(says("cut"), Act::cut_after(2))
        .when(says("gone"), Act::hang_up());
    let mock = Mock::start(script).await?;
    let cut = post(
        &mock,
        "/chat/completions",
        &chat("cut", &json!({"stream": true})),
    )
    .await;
    assert!(cut.is_err(), "{cut:?}");
    let gone = post(&mock, "/chat/completions", &chat("gone", &json!({}))).await;
    assert!(gone.is_err(), "{gone:?}");
    assert_eq!(mock.counts().aborted, 0, "it was the server that left");
    Ok(())
}

#[tokio::test]
async fn a_caller_who_leaves_is_counted() -> Result<()> {
    let script = Script::default().always(Act::words(1000).pause(Duration::from_millis(20)));
    let mock = Mock::start(script).await?;
    let response = http()
        .post(format!("{}/chat/completions", mock.base_url()))
        .json(&chat("hi", &json!({"stream": true})))
        .send()
        .await?;
    let mut pieces = response.bytes_stream();
    pieces.next().await.context("a piece")??;
    assert_eq!(mock.counts().running, 1);
    drop(pieces);
    for _ in 0..500 {
        if mock.counts().aborted == 1 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("the caller's leaving was not seen: {:?}", mock.counts())
}

#[tokio::test]
async fn each_dialect_has_its_own_shape() -> Result<()> {
    let mock = Mock::start(Script::default()).await?;
    let tell = async |path: &str, body: Value| -> Result<Value> {
        let (status, text) = post(&mock, path, &body).await?;
        assert_eq!(status, 200, "{path}: {text}");
        Ok(serde_json::from_str(&text)?)
    };
    let embedded = tell("/embeddings", json!({"input": ["a", "b"], "dimensions": 5})).await?;
    assert_eq!(
        embedded["data"][1]["embedding"].as_array().map(Vec::len),
        Some(5)
    );
    let packed = tell(
        "/embeddings",
        json!({"input": "a", "encoding_format": "base64"}),
    )
    .await?;
    assert!(packed["data"][0]["embedding"].is_string(), "{packed}");
    let ranked = tell(
        "/rerank",
        json!({"query": "red boat", "documents": ["a car", "a red boat"]}),
    )
    .await?;
    assert_eq!(ranked["results"][0]["index"], 1);
    let completed = tell("/completions", json!({"prompt": ["a", "b"], "n": 2})).await?;
    assert_eq!(completed["choices"].as_array().map(Vec::len), Some(4));
    let responded = tell("/responses", json!({"input": "hi"})).await?;
    assert_eq!(responded["status"], "completed");
    let told = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50});
    let message = tell("/messages", told).await?;
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(message["content"][0]["type"], "text");
    Ok(())
}
