//! Conversations over HTTP: pages and filters, titles, clearing.

mod found;
mod opinions;
mod retention;
mod transfer;

use anyhow::Result;
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, graphql, towns};

const DIALOGUE: &str = "/api/v1/chat/dialogue";

/// Asks one question and waits for its answer.
async fn ask(user: &User, conversation: &str, mode: &str, question: &str) -> Result<()> {
    let asked_of = if mode == "chat_normal" { "" } else { "towns" };
    let body = json!({
        "conv_uid": conversation, "chat_mode": mode, "select_param": asked_of, "model_name": "scripted",
        "user_input": question,
    });
    let reply = user.post("/api/v1/chat/completions", &body).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.text);
    Ok(())
}

/// Four conversations of two modes, the oldest first.
async fn four() -> Result<(TestApp, Upstream, User)> {
    let script = Script::default().answer("hi", &["Hello from Ålesund."]);
    let (app, upstream) = towns(script).await?;
    let user = app.anonymous();
    for (conversation, mode, question) in [
        ("c-1", "chat_normal", "hi"),
        ("c-2", "chat_with_db_execute", QUESTION),
        ("c-3", "chat_normal", "hi"),
        ("c-4", "chat_normal", "tell me of harbours"),
    ] {
        ask(&user, conversation, mode, question).await?;
    }
    Ok((app, upstream, user))
}

/// A field of every object of a list.
fn column<'a>(rows: &'a Value, field: &str) -> Vec<&'a str> {
    let rows = rows.as_array().map_or(&[] as &[Value], Vec::as_slice);
    rows.iter().filter_map(|row| row[field].as_str()).collect()
}

async fn list(user: &User) -> Result<Value> {
    Ok(user.get(&format!("{DIALOGUE}/list")).await?.data())
}

async fn history(user: &User, conversation: &str) -> Result<Value> {
    let path = format!("{DIALOGUE}/messages/history?con_uid={conversation}");
    Ok(user.get(&path).await?.data())
}

fn failure(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(body["success"], false, "{body}");
    (reply.status, text("err_code"), text("err_msg"))
}

#[tokio::test]
async fn a_page_tells_how_many_there_are_and_filters_exactly() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let page = async |query: &str, body: Value| {
        let path = format!("{DIALOGUE}/query_page?{query}");
        user.post(&path, &body).await
    };
    let first = page("page=1&page_size=3", json!({})).await?.data();
    assert_eq!(column(&first["items"], "conv_uid"), ["c-4", "c-3", "c-2"]);
    let mut rest = first.clone();
    rest["items"] = json!([]);
    let expected =
        json!({"items": [], "total_count": 4, "total_pages": 2, "page": 1, "page_size": 3});
    assert_eq!(rest, expected);
    let last = page("page=2&page_size=3", json!({})).await?.data();
    assert_eq!(column(&last["items"], "conv_uid"), ["c-1"]);
    let beyond = page("page=4000000000&page_size=1000", json!({}))
        .await?
        .data();
    assert_eq!(
        (&beyond["items"], &beyond["total_count"]),
        (&json!([]), &json!(4))
    );
    for (filter, expected) in [
        (json!({"chat_mode": "chat_with_db_execute"}), vec!["c-2"]),
        (json!({"chat_mode": "chat_with_db"}), vec![]),
        (json!({"conv_uid": "c-3"}), vec!["c-3"]),
        (
            json!({"conv_uid": null, "user_name": "001", "sys_code": null}),
            vec!["c-4", "c-3", "c-2", "c-1"],
        ),
        (json!({"user_name": "nobody"}), vec![]),
        (json!({"sys_code": "x"}), vec![]),
    ] {
        let found = page("", filter.clone()).await?.data();
        assert_eq!(column(&found["items"], "conv_uid"), expected, "{filter}");
        assert_eq!(found["total_count"], expected.len(), "{filter}");
        assert_eq!(found["page_size"], 20);
    }
    for (query, body, place) in [
        ("page=0", json!({}), "page"),
        ("page_size=0", json!({}), "page"),
        ("page_size=1001", json!({}), "page"),
        ("page=-1", json!({}), "query.page"),
        ("", json!({"chat_mode": null}), "body.chat_mode"),
        ("", json!({"conv_uid": 7}), "body.conv_uid"),
        ("", json!([]), "body"),
    ] {
        let (status, code, message) = failure(&page(query, body.clone()).await?);
        assert_eq!((status, code.as_str()), (400, "E0001"), "{query} {body}");
        assert!(message.starts_with(place), "{query} {body}: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn one_conversation_is_queried_and_several_are_a_failure() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let path = format!("{DIALOGUE}/query");
    let one = user.post(&path, &json!({"conv_uid": "c-2"})).await?.data();
    assert_eq!(
        (&one["conv_uid"], &one["user_input"]),
        (&json!("c-2"), &json!(QUESTION))
    );
    let none = user.post(&path, &json!({"conv_uid": "nope"})).await?;
    assert_eq!(none.data(), Value::Null);
    let several = failure(&user.post(&path, &json!({})).await?);
    assert_eq!((several.0, several.1.as_str()), (400, "E0003"));
    assert!(several.2.contains("several conversations"), "{several:?}");
    Ok(())
}

#[tokio::test]
async fn a_new_id_is_minted_for_the_mode_of_the_query_first() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let new = async |query: &str, body: Value| {
        let path = format!("{DIALOGUE}/new?{query}");
        anyhow::Ok(user.post(&path, &body).await?.data())
    };
    let body = json!({"chat_mode": "chat_dashboard", "model": "m"});
    let told = new(
        "chat_mode=chat_excel&user_name=anna&app_code=a",
        body.clone(),
    )
    .await?;
    assert_eq!(told["chat_mode"], "chat_excel");
    assert_eq!(
        (&told["user_name"], &told["app_code"]),
        (&json!("anna"), &json!("a"))
    );
    assert_eq!(new("", body.clone()).await?["chat_mode"], "chat_dashboard");
    assert_eq!(
        new("chat_mode=", body).await?["chat_mode"],
        "chat_dashboard"
    );
    assert_eq!(new("", json!([])).await?["chat_mode"], "chat_normal");
    assert_eq!(
        column(&list(&user).await?, "conv_uid").len(),
        4,
        "nothing is stored"
    );
    Ok(())
}

#[tokio::test]
async fn clearing_takes_the_messages_and_deleting_all_of_it() -> Result<()> {
    let (app, _upstream, user) = four().await?;
    for act in ["clear", "delete"] {
        for conversation in ["c-1", "nope", "c-1"] {
            let path = format!("{DIALOGUE}/{act}?con_uid={conversation}");
            assert_eq!(user.post(&path, &json!({})).await?.data(), Value::Null);
        }
        assert_eq!(history(&user, "c-1").await?, json!([]));
        assert_eq!(
            column(&list(&user).await?, "conv_uid"),
            ["c-4", "c-3", "c-2"]
        );
        let kept = app.app.store.find_conversation(&"c-1".into()).await?;
        assert_eq!(kept.is_some(), act == "clear", "{act}");
        // It goes on with the next question.
        ask(&user, "c-1", "chat_normal", "hi").await?;
        assert_eq!(column(&list(&user).await?, "conv_uid").len(), 4);
        let roles = history(&user, "c-1").await?;
        assert_eq!(column(&roles, "role"), ["human", "ai", "view"]);
    }
    for act in ["clear", "delete"] {
        let missing = failure(&user.post(&format!("{DIALOGUE}/{act}"), &json!({})).await?);
        assert_eq!(
            missing,
            (
                400,
                "E0001".to_owned(),
                "query.con_uid:Field required;".to_owned()
            )
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_given_title_outlives_the_next_round() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let path = format!("{DIALOGUE}/rename");
    let renamed = user
        .post(&path, &json!({"conv_uid": "c-1", "title": " Greetings "}))
        .await?
        .data();
    assert_eq!(renamed["user_input"], "Greetings");
    ask(&user, "c-1", "chat_normal", "what else?").await?;
    let titles = list(&user).await?;
    assert_eq!(column(&titles, "user_input").last(), Some(&"Greetings"));
    let query = "mutation ($id: ID!, $title: String!) {
        renameConversation(id: $id, title: $title) { title named } }";
    let renamed = graphql(&user, query, json!({"id": "c-1", "title": "Again"})).await?;
    assert_eq!(
        renamed["renameConversation"],
        json!({"title": "Again", "named": true})
    );
    let none = graphql(&user, query, json!({"id": "nope", "title": "x"})).await?;
    assert_eq!(none["renameConversation"], Value::Null);
    for (body, code, place) in [
        (
            json!({"conv_uid": "nope", "title": "x"}),
            "E0003",
            "no conversation named 'nope'",
        ),
        (json!({"conv_uid": "c-1", "title": " "}), "E0001", "title:"),
        (
            json!({"conv_uid": "c-1", "title": "x".repeat(251)}),
            "E0001",
            "title:",
        ),
        (
            json!({"conv_uid": "c-1"}),
            "E0001",
            "body.title:Field required",
        ),
        (
            json!({"title": "x"}),
            "E0001",
            "body.conv_uid:Field required",
        ),
        (
            json!({"conv_uid": "a", "con_uid": "b", "title": "x"}),
            "E0001",
            "body.conv_uid:differs",
        ),
    ] {
        let refused = failure(&user.post(&path, &body).await?);
        assert_eq!((refused.0, refused.1.as_str()), (400, code), "{body}");
        assert!(refused.2.starts_with(place), "{body}: {refused:?}");
    }
    Ok(())
}
