//! What a key with a grant on some tables is not told of the others: not by titles of conversations, plans, definitions
//! or counts.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_schema::{
    ids::ConversationId,
    model::{Caller, ChatMode, ConversationFilter, Page},
};
use tidegate_server::services::chat::TurnRequest;
use tidegate_tests::{
    TestApp, User,
    upstream::{Script, Upstream},
};

use crate::{
    support::{QUESTION, SQL, graphql},
    table_grants::{granted, on, with_payroll},
};

const RICHEST: &str = "who earns most?";
const MOST_PAID: &str = "SELECT MAX(salary) FROM payroll";
const NEVER_ANSWERED: &str = "what does Ann earn?";

/// `towns` with a view over the table that not everybody is to read, and a model that never answers one question.
async fn start() -> Result<(TestApp, Upstream)> {
    let script = Script::default()
        .sql(QUESTION, SQL)
        .sql(RICHEST, MOST_PAID)
        .stall(|body| body.to_string().contains(NEVER_ANSWERED), None);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    let sql = format!(
        "{}; CREATE VIEW earners AS SELECT people.name FROM people JOIN payroll ON payroll.person = people.id",
        with_payroll()
    );
    app.add_sqlite("towns", &sql).await?;
    Ok((app, upstream))
}

fn request(conversation: &str, question: &str) -> TurnRequest {
    TurnRequest {
        conversation: Some(conversation.into()),
        text: question.to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some("towns".to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    }
}

/// Somebody with a grant on some tables of `towns`, as the services know him.
fn limited(tables: &[&str]) -> Caller {
    Caller {
        key: Some("k".into()),
        grants: Some(vec![on("towns", tables, false)]),
        ..Caller::open("001")
    }
}

async fn titles(user: &User, query: &str) -> Result<Vec<String>> {
    let path = format!("/api/v1/chat/dialogue/list?{query}");
    let list = user.get(&path).await?.data();
    let list = list.as_array().context("a list")?;
    Ok(list
        .iter()
        .filter_map(|row| Some(row["user_input"].as_str()?.to_owned()))
        .collect())
}

#[tokio::test]
async fn conversations_about_other_tables_are_not_listed_and_pages_are_full_all_the_same()
-> Result<()> {
    let (app, _upstream) = start().await?;
    let all = app.keyed("all", false, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    let (everything, people) = (Caller::open("001"), limited(&["people"]));
    for n in 1..=3 {
        // Of each pair the second is beyond the grant.
        app.app
            .chat()
            .ask(&people, request(&format!("own-{n}"), QUESTION))
            .await?;
        app.app
            .chat()
            .ask(&everything, request(&format!("theirs-{n}"), RICHEST))
            .await?;
    }
    assert_eq!(titles(&all, "page=1&page_size=20").await?.len(), 6);
    assert_eq!(titles(&some, "page=1&page_size=20").await?, [QUESTION; 3]);
    for (query, count) in [
        ("page=1&page_size=2", 2),
        ("page=2&page_size=2", 1),
        ("page=3&page_size=2", 0),
    ] {
        assert_eq!(titles(&some, query).await?.len(), count, "{query}");
    }
    let conversations = app.app.conversations();
    let filter = ConversationFilter::default();
    let page = Page { number: 2, size: 2 };
    assert_eq!(conversations.list(&people, &filter, page).await?.total, 3);
    assert_eq!(conversations.count(&people, &filter).await?, 3);
    assert_eq!(conversations.count(&everything, &filter).await?, 6);

    let ids = |page: &Value| -> Vec<String> {
        let edges = page["conversations"]["edges"].as_array().cloned();
        edges
            .unwrap_or_default()
            .iter()
            .filter_map(|edge| Some(edge["node"]["id"].as_str()?.to_owned()))
            .collect()
    };
    let rest = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage }";
    let page = graphql(
        &some,
        &format!("{{ conversations(first: 2) {{ {rest} }} }}"),
        Value::Null,
    )
    .await?;
    assert_eq!(ids(&page), ["own-3", "own-2"], "{page}");
    assert_eq!(page["conversations"]["pageInfo"]["hasNextPage"], true);
    let cursor = &page["conversations"]["edges"][1]["cursor"];
    let query = format!("{{ conversations(first: 2, after: {cursor}) {{ {rest} }} }}");
    let page = graphql(&some, &query, Value::Null).await?;
    assert_eq!(ids(&page), ["own-1"], "{page}");
    assert_eq!(page["conversations"]["pageInfo"]["hasNextPage"], false);
    let cursor = &page["conversations"]["edges"][0]["cursor"];
    let query = format!("{{ conversations(last: 1, before: {cursor}) {{ {rest} }} }}");
    let page = graphql(&some, &query, Value::Null).await?;
    assert_eq!(ids(&page), ["own-2"], "{page}");
    assert_eq!(page["conversations"]["pageInfo"]["hasPreviousPage"], true);
    Ok(())
}

#[tokio::test]
async fn a_question_that_was_never_answered_is_seen_by_whoever_asks_within_as_many_tables()
-> Result<()> {
    let (app, _upstream) = start().await?;
    let (everything, people) = (Caller::open("001"), limited(&["people"]));
    for (caller, conversation) in [(&everything, "theirs"), (&people, "own")] {
        // Whoever asks leaves at once, and the question stands alone.
        let asked = request(conversation, NEVER_ANSWERED);
        drop(app.app.chat().begin(caller, asked).await?);
        let stored = app.app.store.list_messages(&conversation.into()).await?;
        assert_eq!(stored.len(), 1, "{stored:?}");
    }
    let conversations = app.app.conversations();
    let seen = async |caller: &Caller| {
        let found = conversations
            .scan(caller, &ConversationFilter::default(), None, None, 9, false)
            .await?;
        let ids = found.into_iter().map(|one| one.id.0);
        anyhow::Ok(ids.collect::<Vec<String>>())
    };
    assert_eq!(seen(&everything).await?, ["own", "theirs"]);
    assert_eq!(seen(&people).await?, ["own"]);
    assert_eq!(seen(&limited(&["people", "payroll"])).await?, ["own"]);
    assert!(seen(&limited(&["payroll"])).await?.is_empty());
    let told = |caller: Caller, conversation: &'static str| {
        let app = app.app.clone();
        async move {
            let id = ConversationId::from(conversation);
            anyhow::Ok(app.conversations().messages(&caller, &id).await?.len())
        }
    };
    assert_eq!(told(people.clone(), "own").await?, 1);
    assert_eq!(told(people.clone(), "theirs").await?, 0);
    // One goes on with one's own, and not with the others'.
    let go_on = async |conversation: &str| {
        let asked = request(conversation, QUESTION);
        app.app.chat().ask(&people, asked).await
    };
    assert!(go_on("own").await.is_ok());
    assert!(go_on("theirs").await.is_err());
    // The question's note is no answer.
    let query = "{ conversation(id: \"own\") { messages { edges { node { role answer } } } } }";
    let shown = graphql(&app.anonymous(), query, Value::Null).await?;
    let first = &shown["conversation"]["messages"]["edges"][0]["node"];
    assert_eq!(first, &json!({"role": "HUMAN", "answer": null}), "{shown}");
    Ok(())
}

#[tokio::test]
async fn plans_and_definitions_do_not_name_the_tables_beneath_a_granted_view() -> Result<()> {
    let (app, _upstream) = start().await?;
    let all = app.keyed("all", false, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["earners"], false)]).await?;
    let query = "mutation { runSql(datasource: \"towns\", sql: \"SELECT name FROM earners\") {
        ... on RunSqlAnswer { result { rowCount } verdict { plan } } ... on Problem { message } } }";
    for (user, planned) in [(&all, true), (&some, false)] {
        let ran = graphql(user, query, Value::Null).await?;
        let ran = &ran["runSql"];
        assert_eq!(ran["result"]["rowCount"], 2, "{ran}");
        let plan = ran["verdict"]["plan"].as_str().unwrap_or_default();
        assert_eq!(plan.contains("payroll"), planned, "{ran}");
    }
    let explain = "EXPLAIN QUERY PLAN SELECT name FROM earners";
    let body = json!({"db_name": "towns", "sql": explain, "verdict": true});
    let explained = all.post("/api/v1/editor/sql/run", &body).await?;
    assert!(explained.text.contains("payroll"), "{}", explained.text);
    for path in ["/api/v1/editor/sql/run", "/api/v1/editor/sql/export"] {
        let refused = some.post(path, &body).await?;
        assert!(
            !refused.text.contains("payroll"),
            "{path}: {}",
            refused.text
        );
        assert_eq!(refused.json()["success"], false, "{path}: {}", refused.text);
        let entry = app.app.store.list_audit(1).await?.pop();
        let entry = entry.context("an entry")?;
        assert!(!entry.allowed && entry.sql == explain, "{path}: {entry:?}");
    }
    Ok(())
}

#[tokio::test]
async fn how_many_tables_there_are_is_not_told_to_whoever_may_use_some() -> Result<()> {
    let (app, _upstream) = start().await?;
    let all = app.keyed("all", false, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    let path = "/api/v1/editor/db/progress?db_name=towns";
    let query = "{ datasource(name: \"towns\") { indexing { tables } } }";
    assert_eq!(some.get(path).await?.data(), Value::Null);
    let shown = graphql(&some, query, Value::Null).await?;
    assert_eq!(shown["datasource"]["indexing"], Value::Null, "{shown}");
    assert!(all.get(path).await?.data().is_object());
    let shown = graphql(&all, query, Value::Null).await?;
    assert!(shown["datasource"]["indexing"].is_object(), "{shown}");
    Ok(())
}
