//! Words that are found in conversations, and by whom.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    TestApp,
    upstream::{Script, Upstream},
};

use super::{DIALOGUE, ask, column, failure, four, history};
use crate::{
    support::{QUESTION, SQL, graphql},
    table_grants::{granted, on, with_payroll},
};

const RICHEST: &str = "who earns most?";

#[tokio::test]
async fn words_are_found_and_shown_where_they_stand() -> Result<()> {
    let (_app, _upstream, user) = four().await?;
    let rename = json!({"conv_uid": "c-4", "title": "Ports of the north"});
    user.post(&format!("{DIALOGUE}/rename"), &rename)
        .await?
        .data();
    let search = async |words: &str, page: &str| {
        let path = format!("{DIALOGUE}/search?{page}");
        let request = user.request(reqwest::Method::GET, &path);
        anyhow::Ok(user.send(request.query(&[("q", words)])).await?.data())
    };
    let found = search("ålesund HELLO", "").await?;
    let first = &found["items"][0];
    assert_eq!(
        (&found["total_count"], &first["conversation"]["conv_uid"]),
        (&json!(2), &json!("c-3"))
    );
    assert_eq!(
        (&first["round"], &first["role"]),
        (&json!(1), &json!("view"))
    );
    assert_eq!(first["snippet"], "Hello from Ålesund.");
    let second = search("ålesund", "page=2&page_size=1").await?;
    assert_eq!(second["items"][0]["conversation"]["conv_uid"], "c-1");
    assert_eq!(
        (&second["total_pages"], &second["page"]),
        (&json!(2), &json!(2))
    );
    let titled = search("ports", "").await?;
    let first = &titled["items"][0];
    assert_eq!(
        (&first["round"], &first["snippet"]),
        (&Value::Null, &json!("Ports of the north"))
    );
    assert_eq!(search("largest", "").await?["items"][0]["role"], "human");
    assert_eq!(search("ports largest", "").await?["items"], json!([]));
    assert_eq!(search("100%", "").await?["items"], json!([]));
    assert_eq!(
        search("hello", "user_name=nobody").await?["items"],
        json!([])
    );
    let path = format!("{DIALOGUE}/search");
    let posted = user
        .post(&path, &json!({"q": "hello", "page_size": 1}))
        .await?
        .data();
    assert_eq!(
        (&posted["total_count"], &posted["page_size"]),
        (&json!(2), &json!(1))
    );
    for reply in [
        user.get(&path).await?,
        user.get(&format!("{path}?q=%20")).await?,
        user.post(&path, &json!({"q": "a b c d e f g h i"})).await?,
    ] {
        let refused = failure(&reply);
        assert!(
            refused.0 == 400 && refused.2.starts_with("q:must"),
            "{refused:?}"
        );
    }
    let query = "{ searchConversations(text: \"hello\", first: 1) {
        nodes { conversation { id } round role snippet } pageInfo { hasNextPage endCursor } } }";
    let page = graphql(&user, query, Value::Null).await?;
    let page = &page["searchConversations"];
    assert_eq!(
        page["nodes"],
        json!([{"conversation": {"id": "c-3"}, "round": 1, "role": "VIEW", "snippet": "Hello from Ålesund."}])
    );
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let query = "query ($after: String) { searchConversations(text: \"hello\", after: $after) {
        nodes { conversation { id } } pageInfo { hasNextPage } } }";
    let rest = graphql(
        &user,
        query,
        json!({"after": page["pageInfo"]["endCursor"]}),
    )
    .await?;
    let rest = &rest["searchConversations"];
    assert_eq!(rest["nodes"], json!([{"conversation": {"id": "c-1"}}]));
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
    Ok(())
}

#[tokio::test]
async fn nothing_is_found_that_a_key_may_not_see() -> Result<()> {
    let script = Script::default()
        .sql(QUESTION, SQL)
        .sql(RICHEST, "SELECT MAX(salary) FROM payroll");
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    let all = app.keyed("all", true, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    let other = app.keyed("other", false, Some(&[])).await?;
    ask(&all, "theirs", "chat_with_db_execute", RICHEST).await?;
    ask(&some, "own", "chat_with_db_execute", QUESTION).await?;
    for (user, expected) in [
        (&all, vec!["own", "theirs"]),
        (&some, vec!["own"]),
        (&other, vec![]),
    ] {
        let found = user.get(&format!("{DIALOGUE}/search?q=here")).await?.data();
        let mut ids: Vec<&str> = found["items"]
            .as_array()
            .context("items")?
            .iter()
            .filter_map(|one| one["conversation"]["conv_uid"].as_str())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
        assert_eq!(found["total_count"], expected.len());
        let page = user
            .post(&format!("{DIALOGUE}/query_page"), &json!({}))
            .await?
            .data();
        assert_eq!(page["total_count"], expected.len());
    }
    // What may not be seen is neither named, judged, cleared nor carried away.
    let body =
        json!({"conv_uid": "theirs", "title": "x", "message_id": "1", "feedback_type": "like"});
    for path in [
        format!("{DIALOGUE}/rename"),
        "/api/v1/conv/feedback/add".to_owned(),
    ] {
        let refused = failure(&some.post(&path, &body).await?);
        assert!(
            refused.2.contains("no conversation named 'theirs'"),
            "{refused:?}"
        );
    }
    let path = format!("{DIALOGUE}/export?con_uid=theirs");
    assert!(
        failure(&some.get(&path).await?)
            .2
            .contains("no conversation named 'theirs'")
    );
    some.post(&format!("{DIALOGUE}/clear?con_uid=theirs"), &json!({}))
        .await?
        .data();
    assert_eq!(column(&history(&all, "theirs").await?, "role").len(), 3);
    let exported = some
        .get(&format!("{DIALOGUE}/export_messages?format=json"))
        .await?
        .json();
    assert_eq!(column(&exported["conversations"], "conv_uid"), ["own"]);
    Ok(())
}
