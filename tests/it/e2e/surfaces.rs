//! The same question gives the same SQL and rows wherever it is asked.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    json::chart,
    sse::{Frame, joined_deltas},
    upstream::Script,
};

use crate::support::{QUESTION, SQL, rows, towns};

/// SQL and rows of a `chart-view` in a v1 answer.
fn of_view(text: &str) -> Result<(String, Value)> {
    let (words, document) = chart(text).with_context(|| format!("no chart-view in {text:?}"))?;
    assert_eq!(words, "Here it is.\n");
    let rows = document["data"]
        .as_array()
        .context("data")?
        .iter()
        .map(|row| {
            row.as_object()
                .map(|row| row.values().cloned().collect::<Vec<_>>())
        })
        .collect::<Option<Vec<_>>>()
        .context("rows are objects")?;
    Ok((
        document["sql"].as_str().context("sql")?.to_owned(),
        json!(rows),
    ))
}

fn dialogue(incremental: bool) -> Value {
    json!({
        "conv_uid": "c-1", "chat_mode": "chat_with_db_execute", "select_param": "towns", "model_name": "scripted",
        "user_input": QUESTION, "incremental": incremental,
    })
}

#[tokio::test]
async fn rest_answers_with_whole_texts() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let reply = app
        .anonymous()
        .post("/api/v1/chat/completions", &dialogue(false))
        .await?;
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let frames = reply.frames();
    assert!(
        !frames.contains(&Frame::Done),
        "whole texts end without a marker"
    );
    let last = frames.last().and_then(Frame::json).context("a frame")?;
    let text = last
        .pointer("/choices/0/message/content")
        .and_then(Value::as_str)
        .context("content")?;
    assert_eq!(of_view(text)?, (SQL.to_owned(), rows()));
    Ok(())
}

#[tokio::test]
async fn rest_answers_with_deltas() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let reply = app
        .anonymous()
        .post("/api/v1/chat/completions", &dialogue(true))
        .await?;
    let frames = reply.frames();
    assert_eq!(frames.last(), Some(&Frame::Done));
    assert_eq!(of_view(&joined_deltas(&frames))?, (SQL.to_owned(), rows()));
    let finish = frames
        .iter()
        .filter_map(Frame::json)
        .filter(|frame| frame["choices"][0]["finish_reason"] == "stop");
    assert_eq!(finish.count(), 1);
    Ok(())
}

#[tokio::test]
async fn rest_keeps_the_turn_with_its_chart() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    user.post("/api/v1/chat/completions", &dialogue(false))
        .await?;
    let history = user
        .get("/api/v1/chat/dialogue/messages/history?con_uid=c-1")
        .await?
        .data();
    let roles: Vec<&str> = history
        .as_array()
        .context("list")?
        .iter()
        .filter_map(|m| m["role"].as_str())
        .collect();
    assert_eq!(roles, ["human", "ai", "view"]);
    assert_eq!(
        of_view(history[2]["context"].as_str().context("context")?)?,
        (SQL.to_owned(), rows())
    );
    Ok(())
}

fn openai_body(stream: bool) -> Value {
    json!({
        "model": "scripted", "datasource": "towns", "stream": stream,
        "messages": [{"role": "user", "content": QUESTION}],
    })
}

/// SQL and rows of the field that goes beyond OpenAI's.
fn of_document(document: &Value) -> (Value, Value) {
    (document["sql"].clone(), document["rows"].clone())
}

#[tokio::test]
async fn openai_answers_whole_on_both_ports_and_all_paths() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    for url in [
        format!("{}/v1/chat/completions", user.openai()),
        format!("{}/api/v1/chat/completions", user.openai()),
        format!("{}/v1/chat/completions", user.web()),
        format!("{}/api/v1/chat/completions", user.web()),
    ] {
        let reply = user.post(&url, &openai_body(false)).await?;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{url}: {body}");
        assert_eq!(
            of_document(&body["tidegate"]),
            (json!(SQL), rows()),
            "{url}"
        );
        let text = body["choices"][0]["message"]["content"]
            .as_str()
            .context("content")?;
        assert!(
            text.contains(SQL) && text.contains("| Oslo | 3 |"),
            "{text}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn openai_answers_in_chunks() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let whole = user
        .openai_post("/v1/chat/completions", &openai_body(false))
        .await?
        .json();
    let frames = user
        .openai_post("/v1/chat/completions", &openai_body(true))
        .await?
        .frames();
    assert_eq!(frames.last(), Some(&Frame::Done));
    assert_eq!(
        json!(joined_deltas(&frames)),
        whole["choices"][0]["message"]["content"]
    );
    let documents: Vec<&Value> = frames
        .iter()
        .filter_map(|frame| frame.json()?.get("tidegate"))
        .collect();
    assert_eq!(documents.len(), 1);
    assert_eq!(of_document(documents[0]), (json!(SQL), rows()));
    Ok(())
}

#[tokio::test]
async fn a_datasource_can_stand_behind_the_models_name() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let body =
        json!({"model": "scripted:towns", "messages": [{"role": "user", "content": QUESTION}]});
    let answer = app
        .anonymous()
        .openai_post("/v1/chat/completions", &body)
        .await?
        .json();
    assert_eq!(of_document(&answer["tidegate"]), (json!(SQL), rows()));
    Ok(())
}

#[tokio::test]
async fn the_editor_runs_the_same_sql_to_the_same_rows() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let body = json!({"db_name": "towns", "sql": SQL});
    let data = app
        .anonymous()
        .post("/api/v1/editor/sql/run", &body)
        .await?
        .data();
    assert_eq!(data["colunms"], json!(["town", "people"]));
    assert_eq!(
        data["values"],
        json!([["Oslo", "3"], ["Bergen", "2"], ["Tromsø", "1"]])
    );
    Ok(())
}

#[tokio::test]
async fn a_conversation_remembers_its_datasource_for_the_editor() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    user.post("/api/v1/chat/completions", &dialogue(false))
        .await?;
    let body = json!({"conv_uid": "c-1", "sql": "SELECT COUNT(*) FROM people"});
    assert_eq!(
        user.post("/api/v1/editor/sql/run", &body).await?.data()["values"],
        json!([["6"]])
    );
    Ok(())
}
