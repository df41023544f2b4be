//! Turns that end early, that several ask at once, and what is stored and told of them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_schema::{
    Error,
    model::{Caller, ChatEvent, ChatMode, Message, MessageDetail, NewMessage, Role, TurnHead},
};
use tidegate_server::services::chat::TurnRequest;
use tidegate_tests::{
    TestApp, databases,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, eventually, rows, towns};

const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";

fn local() -> Caller {
    Caller::local("001")
}

fn words(n: usize) -> String {
    vec!["word"; n].join(" ")
}

fn request(conversation: &str, model: &str, text: &str) -> TurnRequest {
    TurnRequest {
        conversation: Some(conversation.into()),
        text: text.to_owned(),
        model: Some(model.to_owned()),
        ..TurnRequest::default()
    }
}

fn data_request(text: &str) -> TurnRequest {
    TurnRequest {
        text: text.to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some("towns".to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    }
}

fn shape(messages: &[Message]) -> Vec<(i32, Role, &str, bool)> {
    messages
        .iter()
        .map(|m| (m.round, m.role, m.content.as_str(), m.detail.cut))
        .collect()
}

#[tokio::test]
async fn a_statement_that_is_cut_off_is_in_the_audit_log() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql("q", ENDLESS)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .config("[limits]\nturn_seconds = 1")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let refused = app.app.chat().ask(&local(), data_request("q")).await;
    assert!(
        matches!(&refused, Err(Error::Timeout { what, .. }) if what == "the turn"),
        "{refused:?}"
    );
    let log = app.app.store.list_audit(10).await?;
    let entry = log.first().context("an entry")?;
    assert_eq!(
        (entry.sql.as_str(), entry.datasource.as_str(), entry.allowed),
        (ENDLESS, "towns", true)
    );
    assert_eq!(entry.reason, "the turn ended before the query did");
    assert!(entry.elapsed_ms > 0);
    Ok(())
}

#[tokio::test]
async fn a_statement_whose_caller_leaves_is_in_the_audit_log() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let caller = local();
    let sql = app.app.sql();
    let running = sql.run(&caller, "towns", ENDLESS);
    let left = tokio::time::timeout(Duration::from_millis(500), running).await;
    assert!(left.is_err());
    let entry = eventually("the entry", || async {
        Ok(app.app.store.list_audit(10).await?.pop())
    })
    .await?;
    assert_eq!((entry.sql.as_str(), entry.allowed), (ENDLESS, true));
    assert_eq!(entry.reason, "the caller left before the query ended");
    Ok(())
}

#[tokio::test]
async fn a_listener_that_stays_but_does_not_read_gives_its_place_back() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/echo")
        .config("[limits]\nturn_seconds = 1\nturns = 1")
        .start()
        .await?;
    let unread = app
        .app
        .chat()
        .begin(&local(), request("stalled", "dummy/echo", &words(1000)))
        .await?;
    eventually("a free place", || async {
        let answer = app
            .app
            .chat()
            .ask(&local(), request("next", "dummy/echo", "hi"))
            .await;
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Overloaded { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await?;
    let messages = app.app.store.list_messages(&"stalled".into()).await?;
    assert_eq!(messages.len(), 3);
    assert!(messages[2].detail.cut);
    drop(unread);
    Ok(())
}

#[tokio::test]
async fn deleting_a_conversation_ends_its_turn_and_the_id_begins_anew() -> Result<()> {
    let app = TestApp::builder()
        .dummy("dummy/slow")
        .dummy("dummy/echo")
        .start()
        .await?;
    let mut old = app
        .app
        .chat()
        .begin(&local(), request("again", "dummy/slow", &words(2000)))
        .await?;
    while let Some(event) = old.next().await {
        if matches!(event, ChatEvent::Text(_)) {
            break;
        }
    }
    assert!(
        app.app
            .conversations()
            .delete(&local(), &"again".into())
            .await?
    );
    let answer = app
        .app
        .chat()
        .ask(&local(), request("again", "dummy/echo", "new question"))
        .await?;
    assert_eq!(answer.round, 1);
    let events: Vec<ChatEvent> = old.collect().await;
    assert!(
        matches!(events.last(), Some(ChatEvent::Error(Error::Conflict { reason }))
            if reason.contains("was deleted")),
        "{:?}",
        events.last()
    );
    let messages = app.app.store.list_messages(&"again".into()).await?;
    assert_eq!(
        shape(&messages),
        [
            (1, Role::Human, "new question", false),
            (1, Role::Ai, "new question", false),
            (1, Role::View, "new question", false)
        ]
    );
    Ok(())
}

#[tokio::test]
async fn ids_and_names_are_bounded_and_the_field_is_named() -> Result<()> {
    let app = TestApp::builder().dummy("dummy/echo").start().await?;
    let user = app.anonymous();
    for field in [
        "conv_uid",
        "sys_code",
        "app_code",
        "model_name",
        "select_param",
    ] {
        for bad in ["x".repeat(256), "a\0b".to_owned()] {
            let mut body = json!({"conv_uid": "c", "model_name": "dummy/echo", "user_input": "hi"});
            body[field] = Value::String(bad);
            let reply = user.post("/api/v1/chat/completions", &body).await?;
            let expected = format!("{field}: must have at most 255 characters");
            assert!(reply.text.contains(&expected), "{field}: {}", reply.text);
        }
    }
    let request = user
        .request(reqwest::Method::GET, "/api/v1/chat/db/list")
        .header("user-id", "x".repeat(256));
    let reply = user.send(request).await?;
    assert!(
        (400..500).contains(&reply.status) && reply.text.contains("user-id"),
        "{} {}",
        reply.status,
        reply.text
    );
    let list = user.get("/api/v1/chat/dialogue/list").await?.data();
    assert_eq!(list, json!([]), "nothing was begun");
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_missed_has_the_structure_read_again() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let user = app.anonymous();
    let tables = || async {
        let path = "/api/v1/editor/db/tables?db_name=towns&page_index=1&page_size=10";
        Ok::<_, anyhow::Error>(user.get(path).await?.data().to_string())
    };
    assert!(tables().await?.contains("people"));
    databases::make(
        &app.dir().join("towns.db"),
        "CREATE TABLE boats (name TEXT)",
    )?;
    assert!(!tables().await?.contains("boats"), "not within the minute");
    let body = json!({"db_name": "towns", "sql": "SELECT * FROM ships"});
    let missed = user.post("/api/v1/editor/sql/run", &body).await?.data();
    assert!(missed.to_string().contains("no such table"), "{missed}");
    assert!(tables().await?.contains("boats"));
    Ok(())
}

#[tokio::test]
async fn bare_sql_over_several_lines_is_run() -> Result<()> {
    let bare = format!("-- the towns\n{}", SQL.replacen(' ', "\n  ", 1));
    let (app, _upstream) = towns(Script::default().answer("q", &[&bare])).await?;
    let answer = app.app.chat().ask(&local(), data_request("q")).await?;
    assert_eq!(answer.document()["rows"], rows());
    Ok(())
}

#[tokio::test]
async fn the_words_say_that_rows_were_cut() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .config("[limits]\nrows = 2")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let answer = app.app.chat().ask(&local(), data_request(QUESTION)).await?;
    assert_eq!(
        answer.text,
        "Here it is.\nCut after 2 rows; there are more."
    );
    Ok(())
}

#[tokio::test]
async fn messages_page_in_order_of_rounds() -> Result<()> {
    let (app, _upstream) = towns(Script::default()).await?;
    let message = |role, text: &str| NewMessage {
        role,
        content: text.to_owned(),
        detail: MessageDetail::default(),
    };
    let now = app.app.clock.now();
    let mut begun = Vec::new();
    for question in ["one?", "two?"] {
        let head = TurnHead {
            conversation: "c".into(),
            mode: ChatMode::Normal.name().to_owned(),
            user: None,
            sys_code: None,
            app_code: None,
            model: None,
            select_param: None,
        };
        let question = message(Role::Human, question);
        begun.push(app.app.store.begin_turn(head, question, now).await?);
    }
    // The second question is answered first.
    for (turn, answer) in [(&begun[1], "two!"), (&begun[0], "one!")] {
        let answer = vec![message(Role::Ai, answer), message(Role::View, answer)];
        app.app
            .store
            .finish_turn(&"c".into(), turn, answer, now)
            .await?;
    }
    let page =
        "query ($after: String) { conversation(id: \"c\") { messages(first: 2, after: $after) {
        edges { cursor node { content } } pageInfo { hasNextPage } } } }";
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let body = json!({"query": page, "variables": {"after": after}});
        let body = app.anonymous().post("/graphql", &body).await?.json();
        let messages = &body["data"]["conversation"]["messages"];
        let edges = messages["edges"].as_array().context("edges")?;
        found.extend(edges.iter().map(|edge| edge["node"]["content"].clone()));
        after = edges.last().context("an edge")?["cursor"].clone();
        if messages["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(
        Value::Array(found),
        json!(["one?", "one!", "one!", "two?", "two!", "two!"])
    );
    Ok(())
}
