//! Questions with their queries, kept through REST and the command line, and recalled for the next question.

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{
    TestApp, User, databases,
    upstream::{Script, Upstream},
};

use crate::{
    support::{QUESTION, SQL, TOWNS, program, rows},
    table_grants::{granted, on, with_payroll},
};

const RICHEST: &str = "who earns most?";
const MOST_PAID: &str = "SELECT MAX(salary) FROM payroll";

async fn start() -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    Ok((app, upstream))
}

async fn ask(user: &User, conversation: &str, question: &str) -> Result<()> {
    let body = json!({
        "conv_uid": conversation, "chat_mode": "chat_with_db_execute", "select_param": "towns",
        "model_name": "scripted", "user_input": question,
    });
    let reply = user.post("/api/v1/chat/completions", &body).await?;
    anyhow::ensure!(reply.text.contains("chart-view"), "{}", reply.text);
    Ok(())
}

async fn post(user: &User, act: &str, body: Value) -> Result<(u16, Value)> {
    let path = format!("/api/v1/editor/examples/{act}");
    let reply = user.post(&path, &body).await?;
    Ok((reply.status, reply.json()))
}

/// Questions of the examples that a user sees.
async fn listed(user: &User, query: &str) -> Result<Vec<String>> {
    let path = format!("/api/v1/editor/examples/list?db_name=towns{query}");
    let found = user.get(&path).await?.data();
    let found = found.as_array().cloned().unwrap_or_default();
    Ok(found
        .iter()
        .filter_map(|one| Some(one["question"].as_str()?.to_owned()))
        .collect())
}

#[tokio::test]
async fn an_answer_is_accepted_edited_and_recalled_through_rest() -> Result<()> {
    let (app, upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let accept = |sql: Value| json!({"conv_uid": "c", "conv_round": 1, "sql": sql});
    let (status, kept) = post(&user, "accept", accept(Value::Null)).await?;
    let kept = &kept["data"];
    assert_eq!(
        (status, &kept["question"], &kept["sql"], &kept["source"]),
        (200, &json!(QUESTION), &json!(SQL), &json!("accepted")),
        "{kept}"
    );
    assert_eq!(kept["tables"], json!(["people"]), "{kept}");
    let edited = format!("{SQL} LIMIT 1");
    let (_, replaced) = post(&user, "accept", accept(json!(edited))).await?;
    assert_eq!(
        (
            &replaced["data"]["id"],
            &replaced["data"]["sql"],
            &replaced["data"]["source"]
        ),
        (&kept["id"], &json!(edited), &json!("edited")),
        "{replaced}"
    );
    assert_eq!(listed(&user, "").await?, [QUESTION]);

    // The same question is answered by it, and the model is not asked.
    let asked = upstream.seen().len();
    ask(&user, "d", QUESTION).await?;
    assert_eq!(upstream.seen().len(), asked);
    let delete = format!("delete?id={}", kept["id"]);
    let (_, removed) = post(&user, &delete, json!({})).await?;
    assert_eq!(removed["data"], true, "{removed}");
    assert!(listed(&user, "").await?.is_empty());
    ask(&user, "e", QUESTION).await?;
    assert_eq!(upstream.seen().len(), asked + 1);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_the_reason() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, "c", QUESTION).await?;
    let example = |sql: &str| json!({"db_name": "towns", "question": "how many?", "sql": sql});
    for (act, body, status, words) in [
        (
            "add",
            example("SELECT x FROM people"),
            400,
            "no such column",
        ),
        ("add", example("DROP TABLE people"), 403, "DROP"),
        (
            "add",
            json!({"db_name": "towns"}),
            400,
            "body.question:Field required;",
        ),
        (
            "accept",
            json!({"conv_uid": "c"}),
            400,
            "body.conv_round:Field required;",
        ),
        (
            "accept",
            json!({"conv_round": 1}),
            400,
            "body.conv_uid:Field required;",
        ),
        (
            "accept",
            json!({"conv_uid": "c", "conv_round": 2}),
            400,
            "2",
        ),
        (
            "accept",
            json!({"conv_uid": "never", "conv_round": 1}),
            400,
            "never",
        ),
    ] {
        let (found, told) = post(&user, act, body).await?;
        assert_eq!(found, status, "{act}: {told}");
        let message = told["err_msg"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{act}: {told}");
    }
    assert!(listed(&user, "").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn lists_are_paged_and_end_at_the_tables_of_the_grant() -> Result<()> {
    let (app, _upstream) = start().await?;
    let admin = app.keyed("admin", true, None).await?;
    let clerk = granted(&app, "clerk", vec![on("towns", &["people"], false)]).await?;
    let mut ids = Vec::new();
    for (question, sql) in [("one", SQL), (RICHEST, MOST_PAID), ("two", SQL)] {
        let body = json!({"db_name": "towns", "question": question, "sql": sql});
        assert_eq!(post(&clerk, "add", body.clone()).await?.0, 403);
        let (_, kept) = post(&admin, "add", body).await?;
        ids.push(kept["data"]["id"].to_string());
    }
    assert_eq!(listed(&admin, "").await?, ["two", RICHEST, "one"]);
    assert_eq!(listed(&admin, "&page_size=1").await?, ["two"]);
    let behind = format!("&after={}", ids[2]);
    assert_eq!(listed(&admin, &behind).await?, [RICHEST, "one"]);
    assert_eq!(listed(&clerk, "").await?, ["two", "one"]);
    let delete = format!("delete?id={}", ids[1]);
    assert_eq!(post(&clerk, &delete, json!({})).await?.0, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_accepted_and_edited_on_the_command_line() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let dir = TempDir::new()?;
    let program = program(dir.path(), &upstream.model("scripted"))?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    let file = file.display().to_string();
    assert!(program.run(&["db", "add", "towns", &file])?.success);
    let asked = program.run(&["ask", "towns", QUESTION, "--json"])?;
    let answer: Value = serde_json::from_str(&asked.out)?;
    assert_eq!(answer["rows"], rows(), "{asked:?}");
    let conversation = answer["conversation"].as_str().unwrap_or_default();
    let accept = ["db", "example", "accept", conversation];
    let kept = program.run(&accept)?;
    assert!(kept.success && kept.out.contains(QUESTION), "{kept:?}");
    let edited = format!("{SQL} LIMIT 1");
    let kept = program.run(&[&accept[..], &["1", "--sql", edited.as_str()][..]].concat())?;
    assert!(kept.success, "{kept:?}");
    let listed = program.run(&["db", "example", "list", "towns", "--json"])?;
    let list: Value = serde_json::from_str(&listed.out)?;
    assert_eq!(
        (
            list.as_array().map(Vec::len),
            &list[0]["sql"],
            &list[0]["source"]
        ),
        (Some(1), &json!(edited), &json!("edited")),
        "{listed:?}"
    );
    let missing = program.run(&["db", "example", "accept", conversation, "9"])?;
    assert!(
        missing.code == Some(1) && missing.err.contains("no round named '9'"),
        "{missing:?}"
    );
    Ok(())
}
