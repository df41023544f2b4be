//! Edited queries: what they change, what is refused, whom they teach.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    upstream::{Script, Upstream},
};

use super::{COUNT_IN_OSLO, MOST_PAID, RICHEST, ask, handled, history, round_sql, start, titles};
use crate::{
    support::{QUESTION, SQL, TOWNS},
    table_grants::{granted, on},
};

const COUNT_IN_BERGEN: &str = "SELECT COUNT(*) AS people FROM people WHERE town = 'Bergen'";

/// What is kept for `towns`, newest first.
async fn examples(user: &User) -> Result<Vec<(String, String, String)>> {
    let path = "/api/v1/editor/examples/list?db_name=towns";
    let listed = user.get(path).await?.data();
    let text = |example: &Value, name: &str| example[name].as_str().unwrap_or_default().to_owned();
    let listed = listed.as_array().context("a list")?.iter();
    Ok(listed
        .map(|it| (text(it, "question"), text(it, "sql"), text(it, "source")))
        .collect())
}

/// An edit of the first round of `c`.
fn edit(sql: &str) -> Value {
    json!({
        "conv_uid": "c", "conv_round": 1, "db_name": "towns", "old_sql": SQL, "old_speak": "Here it is.",
        "new_sql": sql, "new_speak": "Only Oslo.", "gmt_create": 0,
    })
}

/// The same with some fields changed.
fn edit_with(changes: &Value) -> Value {
    let mut body = edit(COUNT_IN_OSLO);
    for (name, value) in changes.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

async fn submit(user: &User, body: &Value) -> Result<Reply> {
    user.post("/api/v1/sql/editor/submit", body).await
}

#[tokio::test]
async fn an_edited_query_is_the_rounds_answer_from_then_on() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let before = history(&user, "c").await?;
    assert!(before[2]["context"].to_string().contains("Bergen"));

    let stored = submit(&user, &edit(&format!("\n{COUNT_IN_OSLO} "))).await?;
    assert_eq!(stored.data(), Value::Null);

    let query = round_sql(&user, "c", "1").await?.data();
    assert_eq!(
        query,
        json!({
            "thoughts": "Only Oslo.", "direct_response": "", "sql": COUNT_IN_OSLO, "display_type": "response_table",
        })
    );
    let after = history(&user, "c").await?;
    assert_eq!(
        (after[0].clone(), after.as_array().map(Vec::len)),
        (before[0].clone(), Some(3))
    );
    let spoken: Value = serde_json::from_str(after[1]["context"].as_str().context("text")?)?;
    assert_eq!(
        (&spoken["sql"], &spoken["thoughts"]),
        (&json!(COUNT_IN_OSLO), &json!("Only Oslo."))
    );
    let shown = after[2]["context"].as_str().context("text")?;
    assert!(
        shown.starts_with("Only Oslo.\n<chart-view ")
            && shown.contains("[{&quot;people&quot;:3}]")
            && shown.contains("&quot;edited_by&quot;:&quot;001&quot;")
            && !shown.contains("Bergen"),
        "{shown}"
    );
    let kept = [(QUESTION, COUNT_IN_OSLO, "edited")]
        .map(|(question, sql, source)| (question.to_owned(), sql.to_owned(), source.to_owned()));
    assert_eq!(examples(&user).await?, kept);
    // Asked anew, the question is answered as it was edited.
    let again = ask(&user, "c-2", QUESTION).await?;
    assert!(
        again.contains(r"&quot;people&quot;:3}") && !again.contains("Bergen"),
        "{again}"
    );
    Ok(())
}

#[tokio::test]
async fn words_that_are_not_sent_stay_and_words_that_are_empty_go() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let bare =
        json!({"con_uid": "c", "conv_round": "1", "db_name": "towns", "new_sql": COUNT_IN_BERGEN});
    submit(&user, &bare).await?.data();
    let query = round_sql(&user, "c", "1").await?.data();
    assert_eq!(
        (&query["thoughts"], &query["sql"]),
        (&json!("Here it is."), &json!(COUNT_IN_BERGEN))
    );
    submit(&user, &edit_with(&json!({"new_speak": ""})))
        .await?
        .data();
    let query = round_sql(&user, "c", "1").await?.data();
    assert_eq!(query["thoughts"], "");
    let shown = history(&user, "c").await?[2]["context"].to_string();
    assert!(
        shown.contains("people: 3"),
        "the rows speak for themselves: {shown}"
    );
    Ok(())
}

#[tokio::test]
async fn a_query_that_fails_is_refused_and_nothing_changes() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let before = (
        history(&user, "c").await?,
        round_sql(&user, "c", "1").await?.data(),
    );
    for (body, part) in [
        (edit("SELECT * FROM nowhere"), "no such table: nowhere"),
        (
            edit("DELETE FROM people WHERE id = 1"),
            "only reading is allowed",
        ),
        (edit("SELECT 1; SELECT 2"), "2 statements"),
        (edit("SELEC 1"), "cannot be read"),
        (edit_with(&json!({"conv_round": 7})), "no round named '7'"),
        (
            edit_with(&json!({"conv_round": "99999999999999999999"})),
            "no round named",
        ),
        (
            edit_with(&json!({"conv_uid": "never"})),
            "no conversation named 'never'",
        ),
        (
            edit_with(&json!({"db_name": "other"})),
            "round 1 was asked of 'towns'",
        ),
    ] {
        let message = handled(&submit(&user, &body).await?)?;
        assert!(
            message.starts_with("Edit sql exception!") && message.contains(part),
            "{body}: {message}"
        );
    }
    for (body, code, part) in [
        (
            edit_with(&json!({"db_name": "town"})),
            "E0003",
            "Database config not found for: town; did you mean 'towns'?",
        ),
        (edit(" \n"), "E0001", "new_sql:must not be empty"),
        (
            json!({"conv_uid": "c"}),
            "E0001",
            "body.db_name:Field required;",
        ),
        (
            json!({"conv_round": 1, "db_name": "towns", "new_sql": "SELECT 1"}),
            "E0001",
            "body.conv_uid:Field required;",
        ),
        (
            edit_with(&json!({"con_uid": "d"})),
            "E0001",
            "body.conv_uid:differs from con_uid",
        ),
        (
            edit_with(&json!({"conv_round": 1.5})),
            "E0001",
            "body.conv_round:Input should be a valid integer",
        ),
    ] {
        let reply = submit(&user, &body).await?;
        let found = reply.json();
        let message = found["err_msg"].as_str().unwrap_or_default();
        assert!(
            reply.status == 400 && found["err_code"] == code && message.starts_with(part),
            "{body}: {} {found}",
            reply.status
        );
    }
    let after = (
        history(&user, "c").await?,
        round_sql(&user, "c", "1").await?.data(),
    );
    assert_eq!(after, before);
    assert!(examples(&user).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_failed_rounds_query_can_be_put_right() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, "SELECT x FROM people")).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let failed = history(&user, "c").await?[2]["context"].to_string();
    assert!(failed.contains("ERROR!"), "{failed}");
    assert_eq!(
        round_sql(&user, "c", "1").await?.data()["sql"],
        "SELECT x FROM people"
    );
    submit(&user, &edit(COUNT_IN_OSLO)).await?.data();
    let shown = history(&user, "c").await?[2]["context"].to_string();
    assert!(
        shown.contains("people&quot;:3") && !shown.contains("ERROR!"),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn a_limited_key_edits_within_its_tables_and_teaches_nobody() -> Result<()> {
    let (app, _upstream) = start().await?;
    let admin = app.keyed("admin", true, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    ask(&admin, "rich", RICHEST).await?;
    ask(&some, "c", QUESTION).await?;

    let listed = "page_index=1&page_size=200";
    assert_eq!(titles(&some, listed).await?, ["people"]);
    assert!(
        titles(&some, &format!("{listed}&search_str=salary"))
            .await?
            .is_empty()
    );
    let params = "/api/v1/chat/mode/params/list?chat_mode=chat_with_db_qa";
    assert_eq!(
        some.post(params, &json!({})).await?.data(),
        json!([{"param": "towns", "type": "sqlite"}])
    );
    let rounds = "/api/v1/editor/sql/rounds?con_uid=rich";
    assert_eq!(some.get(rounds).await?.data(), json!([]));
    let hidden = round_sql(&some, "rich", "1").await?;
    assert_eq!(handled(&hidden)?, "not have sql!");
    let theirs = edit_with(&json!({"conv_uid": "rich"}));
    let refused = handled(&submit(&some, &theirs).await?)?;
    assert!(
        refused.contains("no conversation named 'rich'"),
        "{refused}"
    );
    let refused = handled(&submit(&some, &edit(MOST_PAID)).await?)?;
    assert!(
        refused.contains("payroll is not among") && !refused.contains("700"),
        "{refused}"
    );
    let other = edit_with(&json!({"db_name": "other"}));
    assert_eq!(submit(&some, &other).await?.status, 403);

    submit(&some, &edit(COUNT_IN_OSLO)).await?.data();
    let query = round_sql(&some, "c", "1").await?.data();
    assert_eq!(query["sql"], COUNT_IN_OSLO);
    // An edit is no model's answer: whoever may not teach may not have it kept by accepting it either.
    assert!(examples(&admin).await?.is_empty());
    let accept = "/api/v1/editor/examples/accept";
    let round = json!({"conv_uid": "c", "conv_round": 1});
    let refused = some.post(accept, &round).await?;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(examples(&admin).await?.is_empty());
    let kept = admin.post(accept, &round).await?.data();
    assert_eq!(
        (&kept["sql"], &kept["source"]),
        (&json!(COUNT_IN_OSLO), &json!("edited"))
    );
    Ok(())
}
