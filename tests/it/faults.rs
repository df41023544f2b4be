//! What is left when the server is killed, or the listener leaves, in the middle of things.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_schema::model::Role;
use tidegate_tests::{TestApp, User, databases, process::Program};

use crate::support::{TOWNS, eventually, program};

const SLOW: &str = "[[models]]\nname = \"dummy/slow\"\nprovider = \"dummy\"\n\
                    [[models]]\nname = \"dummy/echo\"\nprovider = \"dummy\"\n";

fn words(n: usize) -> String {
    (0..n)
        .map(|i| format!("word{i}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn turn(conversation: &str, model: &str, text: &str) -> Value {
    json!({"conv_uid": conversation, "model_name": model, "user_input": text})
}

async fn history(user: &User, conversation: &str) -> Result<Vec<(String, String)>> {
    let data = user
        .get(&format!(
            "/api/v1/chat/dialogue/messages/history?con_uid={conversation}"
        ))
        .await?
        .data();
    let part = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
    Ok(data
        .as_array()
        .context("list")?
        .iter()
        .map(|m| (part(m, "role"), part(m, "context")))
        .collect())
}

/// Reads a stream until it has brought `frames` frames.
async fn read_some(
    user: &User,
    body: &Value,
    frames: usize,
) -> Result<impl futures::Stream + Unpin + use<>> {
    let response = user
        .request(Method::POST, "/api/v1/chat/completions")
        .json(body)
        .send()
        .await?;
    let mut stream = response.bytes_stream();
    let mut seen = 0;
    while seen < frames {
        let bytes = stream.next().await.context("the stream ended early")??;
        seen += bytes.windows(2).filter(|pair| pair == b"\n\n").count();
    }
    Ok(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_streaming_everything_acknowledged_is_there() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), SLOW)?;
    let server = program.serve(&[])?;
    let user = server.anonymous();
    user.post(
        "/api/v1/chat/completions",
        &turn("whole", "dummy/echo", "one two three"),
    )
    .await?;
    let text = words(400);
    let stream = read_some(&user, &turn("torn", "dummy/slow", &text), 5).await?;
    server.kill()?;
    drop(stream);

    let server = program.serve(&[])?;
    let user = server.anonymous();
    let said = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    assert_eq!(
        history(&user, "whole").await?,
        [
            said("human", "one two three"),
            said("ai", "one two three"),
            said("view", "one two three")
        ]
    );
    assert_eq!(
        history(&user, "torn").await?,
        [said("human", &text)],
        "the question alone, and once"
    );

    // The torn conversation goes on as if nothing had been answered.
    user.post(
        "/api/v1/chat/completions",
        &turn("torn", "dummy/echo", "again"),
    )
    .await?;
    let roles: Vec<String> = history(&user, "torn")
        .await?
        .into_iter()
        .map(|(role, _)| role)
        .collect();
    assert_eq!(roles, ["human", "human", "ai", "view"]);
    Ok(())
}

/// Adds datasources one after the other until the server is gone; the names that were acknowledged.
async fn add_until_killed(
    user: User,
    files: Vec<std::path::PathBuf>,
    progress: tokio::sync::watch::Sender<usize>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for (i, path) in files.into_iter().enumerate() {
        let name = format!("db{i}");
        let body = json!({"db_type": "sqlite", "db_name": name, "file_path": path, "comment": format!("number {i}")});
        match user.post("/api/v1/chat/db/add", &body).await {
            Ok(reply) if reply.status == 200 && reply.json()["success"] == true => {
                acknowledged.push(name);
            }
            _ => break,
        }
        progress.send_replace(acknowledged.len());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn killed_while_writing_nothing_is_half_written() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    for round in 0..3 {
        let _ = std::fs::remove_dir_all(dir.path().join("data"));
        let server = program.serve(&[])?;
        let (progress, mut seen) = tokio::sync::watch::channel(0);
        let adding = tokio::spawn(add_until_killed(
            server.anonymous(),
            vec![file.clone(); 10_000],
            progress,
        ));
        seen.wait_for(|count| *count >= 5 + round * 7).await?;
        server.kill()?;
        let acknowledged = adding.await?;
        check_datasources(&program, &acknowledged).await?;
    }
    Ok(())
}

async fn check_datasources(program: &Program, acknowledged: &[String]) -> Result<()> {
    let server = program.serve(&[])?;
    let user = server.anonymous();
    let listed = user.get("/api/v1/chat/db/list").await?.data();
    let listed = listed.as_array().context("list")?;
    let names: Vec<&str> = listed
        .iter()
        .rev()
        .filter_map(|row| row["db_name"].as_str())
        .collect();
    // The write that was under way may be there or not; never more than that one.
    assert!(
        names.len() == acknowledged.len() || names.len() == acknowledged.len() + 1,
        "{names:?} {acknowledged:?}"
    );
    assert_eq!(&names[..acknowledged.len()], acknowledged);
    for (i, row) in listed.iter().rev().enumerate() {
        assert_eq!(row["comment"], json!(format!("number {i}")), "{row}");
        assert_eq!(row["db_type"], "sqlite", "{row}");
    }
    let last = names.last().context("something was added")?;
    let run = json!({"db_name": last, "sql": "SELECT COUNT(*) FROM people"});
    assert_eq!(
        user.post("/api/v1/editor/sql/run", &run).await?.data()["values"],
        json!([["6"]])
    );
    let check = program.run(&["db", "list"])?;
    assert!(check.success, "{check:?}");
    Ok(())
}

#[tokio::test]
async fn a_listener_that_leaves_cuts_the_turn() -> Result<()> {
    let app = TestApp::builder().dummy("dummy/slow").start().await?;
    let text = words(400);
    let stream = read_some(&app.anonymous(), &turn("left", "dummy/slow", &text), 3).await?;
    drop(stream);
    let messages = eventually("the cut turn", || async {
        let messages = app.app.store.list_messages(&"left".into()).await?;
        Ok((messages.len() == 3).then_some(messages))
    })
    .await?;
    let roles: Vec<Role> = messages.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::Human, Role::Ai, Role::View]);
    assert!(messages[1].detail.cut && messages[2].detail.cut);
    assert!(
        text.starts_with(messages[1].content.trim_end()) && messages[1].content.len() < text.len()
    );
    Ok(())
}

#[tokio::test]
async fn turns_beyond_the_limit_are_refused_and_not_queued() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/slow")
        .config("[limits]\nturns = 1")
        .start()
        .await?;
    let user = app.anonymous();
    let stream = read_some(&user, &turn("first", "dummy/slow", &words(400)), 1).await?;
    let refused = user
        .post(
            "/api/v1/chat/completions",
            &turn("second", "dummy/slow", "hi"),
        )
        .await?;
    assert_eq!(
        (refused.status, &refused.json()["err_code"]),
        (429, &json!("429")),
        "{}",
        refused.text
    );
    assert_eq!(refused.header("retry-after"), "1");
    drop(stream);
    eventually("a free place", || async {
        let reply = user
            .post(
                "/api/v1/chat/completions",
                &turn("third", "dummy/slow", "hi"),
            )
            .await?;
        Ok((reply.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn stopping_waits_for_a_turn_to_be_stored() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/slow")
        .config("[server]\nshutdown_seconds = 20")
        .start()
        .await?;
    let user = app.anonymous();
    let text = words(20);
    let body = turn("last", "dummy/slow", &text);
    let answering = tokio::spawn(async move { user.post("/api/v1/chat/completions", &body).await });
    eventually("the question", || async {
        Ok((!app
            .app
            .store
            .list_messages(&"last".into())
            .await?
            .is_empty())
        .then_some(()))
    })
    .await?;
    app.app.stop().await;
    let messages = app.app.store.list_messages(&"last".into()).await?;
    assert_eq!(messages.len(), 3);
    assert!(!messages[1].detail.cut);
    answering.await??;
    let refused = app
        .anonymous()
        .post(
            "/api/v1/chat/completions",
            &turn("late", "dummy/slow", "hi"),
        )
        .await?;
    assert_eq!(refused.status, 429, "{}", refused.text);
    Ok(())
}

#[tokio::test]
async fn a_long_query_is_cut_off_by_its_limit() -> Result<()> {
    let app = TestApp::builder()
        .config("[limits]\nquery_seconds = 1\nrows = 10")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let endless =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    let body = json!({"db_name": "towns", "sql": endless});
    let started = std::time::Instant::now();
    let data = app
        .anonymous()
        .post("/api/v1/editor/sql/run", &body)
        .await?
        .data();
    assert!(
        data["result_info"]
            .as_str()
            .is_some_and(|text| text.contains("1 s")),
        "{data}"
    );
    assert!(started.elapsed() < Duration::from_secs(20));
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let data = app
        .anonymous()
        .post(
            "/api/v1/editor/sql/run",
            &json!({"db_name": "towns", "sql": many}),
        )
        .await?
        .data();
    assert_eq!(
        (data["values"].as_array().map(Vec::len), &data["cut_at"]),
        (Some(10), &json!(10))
    );
    Ok(())
}

#[tokio::test]
async fn two_applications_over_one_store_agree() -> Result<()> {
    let first = TestApp::builder().dummy("dummy/echo").start().await?;
    let dir: Arc<TempDir> = first.keep_dir();
    first.add_sqlite("towns", TOWNS).await?;
    let second = TestApp::builder().dummy("dummy/echo").start_in(dir).await?;
    let list = second.anonymous().get("/api/v1/chat/db/list").await?.data();
    assert_eq!(list[0]["db_name"], "towns");
    Ok(())
}
