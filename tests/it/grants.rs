//! What a key without a grant on a datasource neither sees, continues nor removes.

use anyhow::{Context as _, Result};
use serde_json::json;
use tidegate_tests::{
    TestApp, User,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, TOWNS, towns};

/// An application with `towns` and `secret`, and who may ask everything.
async fn two_databases() -> Result<(TestApp, Upstream, User)> {
    let (app, upstream) = towns(Script::default()).await?;
    app.add_sqlite("secret", TOWNS).await?;
    let admin = app.keyed("admin", true, None).await?;
    for (conversation, datasource) in [("open", "towns"), ("mixed", "towns"), ("mixed", "secret")] {
        let body = json!({
            "conv_uid": conversation, "chat_mode": "chat_with_db_execute", "select_param": datasource,
            "model_name": "scripted", "user_input": QUESTION,
        });
        let reply = admin.post("/api/v1/chat/completions", &body).await?;
        assert!(reply.text.contains("chart-view"), "{}", reply.text);
    }
    Ok((app, upstream, admin))
}

async fn history(user: &User, conversation: &str) -> Result<usize> {
    let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
    let data = user.get(&path).await?.data();
    Ok(data.as_array().context("a list")?.len())
}

#[tokio::test]
async fn a_conversation_that_asked_beyond_a_grant_is_not_seen() -> Result<()> {
    let (app, _upstream, admin) = two_databases().await?;
    let granted = app.keyed("towns only", false, Some(&["towns"])).await?;
    for (user, expected) in [(&admin, vec!["mixed", "open"]), (&granted, vec!["open"])] {
        let list = user.get("/api/v1/chat/dialogue/list").await?.data();
        let mut found: Vec<&str> = list
            .as_array()
            .context("a list")?
            .iter()
            .filter_map(|row| row["conv_uid"].as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        let seen = expected.len() > 1;
        assert_eq!(history(user, "mixed").await?, if seen { 6 } else { 0 });
        assert_eq!(history(user, "open").await?, 3);
        let query = "{ conversation(id: \"mixed\") { messages { edges { node { content } } } }
            conversations { edges { node { id } } } }";
        let body = user
            .post("/graphql", &json!({"query": query}))
            .await?
            .json();
        assert_eq!(body["data"]["conversation"].is_object(), seen, "{body}");
        let edges = body["data"]["conversations"]["edges"].as_array();
        assert_eq!(edges.map(Vec::len), Some(expected.len()), "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_conversation_that_asked_beyond_a_grant_is_neither_continued_nor_removed() -> Result<()> {
    let (app, upstream, admin) = two_databases().await?;
    let granted = app.keyed("towns only", false, Some(&["towns"])).await?;
    let asked = upstream.seen().len();
    for body in [
        json!({"conv_uid": "mixed", "model_name": "scripted", "user_input": "hi"}),
        json!({"conv_uid": "mixed", "chat_mode": "chat_with_db_execute", "select_param": "towns",
            "model_name": "scripted", "user_input": QUESTION}),
        json!({"conv_uid": "new", "select_param": "secret", "model_name": "scripted", "user_input": "hi"}),
    ] {
        let reply = granted.post("/api/v1/chat/completions", &body).await?;
        assert_eq!(reply.status, 403, "{body}: {}", reply.text);
    }
    assert_eq!(
        upstream.seen().len(),
        asked,
        "nothing of it reached the model"
    );
    let remove = "/api/v1/chat/dialogue/delete?con_uid=mixed";
    granted.post(remove, &json!({})).await?.data();
    let mutation = json!({"query": "mutation { deleteConversation(id: \"mixed\") }"});
    let body = granted.post("/graphql", &mutation).await?.json();
    assert_eq!(body["data"]["deleteConversation"], false, "{body}");
    assert_eq!(history(&admin, "mixed").await?, 6);
    admin.post(remove, &json!({})).await?.data();
    assert_eq!(history(&admin, "mixed").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_datasource_without_a_grant_is_not_removed() -> Result<()> {
    let (app, _upstream, admin) = two_databases().await?;
    let granted = app.keyed("towns admin", true, Some(&["towns"])).await?;
    let remove = "/api/v1/chat/db/delete?db_name=secret";
    let refused = granted.post(remove, &json!({})).await?;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let list = admin.get("/api/v1/chat/db/list").await?.data();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "{list}");
    Ok(())
}
