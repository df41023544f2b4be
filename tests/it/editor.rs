//! The SQL editor over HTTP: rounds and their queries, SQL to run, the table tree. Edited queries are in `edits`, the
//! datasources behind them in `databases`.

mod databases;
mod edits;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp, User,
    upstream::{Script, Upstream},
};

use crate::{
    support::{QUESTION, SQL, TOWNS},
    table_grants::with_payroll,
};

const IN_OSLO: &str = "how many people live in Oslo?";
const COUNT_IN_OSLO: &str = "SELECT COUNT(*) AS people FROM people WHERE town = 'Oslo'";
const RICHEST: &str = "who earns most?";
const MOST_PAID: &str = "SELECT MAX(salary) FROM payroll";

/// An application with the databases `towns` and `other`, payroll and all, and a scripted model.
async fn start() -> Result<(TestApp, Upstream)> {
    let script = Script::default()
        .sql(QUESTION, SQL)
        .sql(IN_OSLO, COUNT_IN_OSLO)
        .sql(RICHEST, MOST_PAID)
        .answer("hi", &["hello [1]"]);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    app.add_sqlite("other", TOWNS).await?;
    Ok((app, upstream))
}

async fn ask(user: &User, conversation: &str, question: &str) -> Result<String> {
    let body = json!({
        "conv_uid": conversation, "chat_mode": "chat_with_db_execute", "select_param": "towns",
        "model_name": "scripted", "user_input": question,
    });
    let text = user.post("/api/v1/chat/completions", &body).await?.text;
    anyhow::ensure!(text.contains("chart-view"), "{text}");
    Ok(text)
}

async fn history(user: &User, conversation: &str) -> Result<Value> {
    let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
    Ok(user.get(&path).await?.data())
}

async fn round_sql(user: &User, conversation: &str, round: &str) -> Result<Reply> {
    let path = format!("/api/v1/editor/sql?con_uid={conversation}&round={round}");
    user.get(&path).await
}

/// The message of a handled failure.
fn handled(reply: &Reply) -> Result<String> {
    let body = reply.json();
    anyhow::ensure!(
        reply.status == 200 && body["success"] == false && body["err_code"] == "E000X",
        "{} {body}",
        reply.status
    );
    Ok(body["err_msg"].as_str().context("a message")?.to_owned())
}

#[tokio::test]
async fn rounds_of_a_database_are_listed_with_their_queries() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    ask(&user, "c", IN_OSLO).await?;
    let talk = json!({"conv_uid": "talk", "model_name": "scripted", "user_input": "hi"});
    user.post("/api/v1/chat/completions", &talk).await?;
    let expected = json!([
        {"round": 1, "db_name": "towns", "round_name": QUESTION},
        {"round": 2, "db_name": "towns", "round_name": IN_OSLO},
    ]);
    for (query, expected) in [
        ("con_uid=c", &expected),
        ("conv_uid=c", &expected),
        ("con_uid=talk", &json!([])),
        ("con_uid=never", &json!([])),
    ] {
        let path = format!("/api/v1/editor/sql/rounds?{query}");
        assert_eq!(user.get(&path).await?.data(), *expected, "{query}");
    }
    let missing = user.get("/api/v1/editor/sql/rounds").await?.json();
    assert_eq!(missing["err_msg"], "query.con_uid:Field required;");

    let second = round_sql(&user, "c", "2").await?.data();
    assert_eq!(
        second,
        json!({
            "thoughts": "Here it is.", "direct_response": "", "sql": COUNT_IN_OSLO,
            "display_type": "response_table",
        })
    );
    let other = user.get("/api/v1/editor/sql?conv_uid=c&round=2").await?;
    assert_eq!(other.data(), second);
    for body in [
        json!({"con_uid": "c", "round": 2}),
        json!({"conv_uid": "c", "round": "2"}),
    ] {
        assert_eq!(
            user.post("/api/v1/editor/sql", &body).await?.data(),
            second,
            "{body}"
        );
    }
    for (conversation, round) in [("c", "3"), ("c", "-1"), ("never", "1"), ("talk", "1")] {
        let reply = round_sql(&user, conversation, round).await?;
        assert_eq!(handled(&reply)?, "not have sql!", "{conversation} {round}");
    }
    for (query, message) in [
        ("con_uid=c", "query.round:Field required;"),
        ("round=1", "query.con_uid:Field required;"),
        (
            "con_uid=c&round=x",
            "query.round:Input should be a valid integer, unable to parse string as an integer;",
        ),
    ] {
        let refused = user.get(&format!("/api/v1/editor/sql?{query}")).await?;
        assert_eq!(
            (refused.status, &refused.json()["err_msg"]),
            (400, &json!(message)),
            "{query}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sql_without_a_database_is_run_on_the_conversations() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let run = |body: Value| {
        let user = user.clone();
        async move { user.post("/api/v1/editor/sql/run", &body).await }
    };
    for (name, id) in [
        (json!(""), "conv_uid"),
        (json!(null), "con_uid"),
        (json!(" "), "con_uid"),
    ] {
        let mut body = json!({"db_name": name, "sql": "SELECT COUNT(*) AS n FROM people"});
        body[id] = json!("c");
        let ran = run(body).await?.data();
        assert_eq!(
            (&ran["colunms"], &ran["values"], &ran["result_info"]),
            (&json!(["n"]), &json!([["6"]]), &json!(""))
        );
    }
    for body in [
        json!({"db_name": null, "sql": "SELECT 1"}),
        json!({"db_name": "towns", "sql": null}),
        json!({"con_uid": "never", "sql": "SELECT 1"}),
    ] {
        let message = handled(&run(body).await?)?;
        assert_eq!(message, "SQL run param error: db_name and sql are required");
    }
    let failed = run(json!({"db_name": "towns", "sql": "SELECT nme FROM people"})).await?;
    let failed = failed.data();
    let said = failed["result_info"].as_str().unwrap_or_default();
    assert!(said.starts_with("towns: no such column: nme"), "{failed}");
    assert_eq!(
        (&failed["run_cost"], &failed["colunms"], &failed["values"]),
        (&json!(0.0), &json!([]), &json!([]))
    );
    Ok(())
}

/// The titles of the tables that a query of the tree shows.
async fn titles(user: &User, query: &str) -> Result<Vec<String>> {
    let path = format!("/api/v1/editor/db/tables?db_name=towns&{query}");
    let tree = user.get(&path).await?.data();
    assert_eq!(
        (&tree["title"], &tree["type"]),
        (&json!("towns"), &json!("db"))
    );
    let children = tree["children"].as_array().context("children")?;
    Ok(children
        .iter()
        .filter_map(|node| Some(node["title"].as_str()?.to_owned()))
        .collect())
}

#[tokio::test]
async fn an_absurd_page_of_tables_is_an_empty_one() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    for (query, expected) in [
        ("page_index=1&page_size=200", &["payroll", "people"][..]),
        ("page_index=2&page_size=1", &["people"]),
        ("page_index=1&page_size=200&search_str=SALARY", &["payroll"]),
        ("page_index=1&page_size=200&search_str=none", &[]),
        (
            "page_index=1&page_size=99999999999999999999",
            &["payroll", "people"],
        ),
        ("page_index=99999999999999999999&page_size=200", &[]),
        ("page_index=3&page_size=1", &[]),
        ("page_index=0&page_size=200", &[]),
        ("page_index=-1&page_size=200", &[]),
        ("page_index=1&page_size=0", &[]),
        ("page_index=1&page_size=-200", &[]),
    ] {
        assert_eq!(titles(&user, query).await?, expected, "{query}");
    }
    let path = "/api/v1/editor/db/tables?db_name=towns&page_size=20&page_index=";
    for page in ["a", "", "1.5"] {
        let refused = user.get(&format!("{path}{page}")).await?;
        let found = refused.json();
        let message = found["err_msg"].as_str().unwrap_or_default();
        assert!(
            refused.status == 400
                && message.starts_with("query.page_index:Input should be a valid integer"),
            "{page}: {found}"
        );
    }
    Ok(())
}
