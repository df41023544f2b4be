//! Examples: who keeps which, and what is no example. Which of them are recalled is in `recall`.

mod recall;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{
    TestApp, User, databases,
    upstream::{Script, Upstream},
};

use crate::{
    support::{QUESTION, SQL, TOWNS, graphql, program},
    table_grants::with_payroll,
};

const IN_OSLO: &str = "how many people live in Oslo?";
const COUNT_IN_OSLO: &str = "SELECT COUNT(*) FROM people WHERE town = 'Oslo'";
const RICHEST: &str = "who earns most?";
const MOST_PAID: &str = "SELECT MAX(salary) FROM payroll";

/// An application with the database `towns`, payroll and all, and a scripted model.
async fn start() -> Result<(TestApp, Upstream)> {
    let script = Script::default()
        .sql(QUESTION, SQL)
        .sql(IN_OSLO, COUNT_IN_OSLO)
        .sql(RICHEST, MOST_PAID);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    Ok((app, upstream))
}

const KEPT: &str = "__typename ... on Example { id question sql tables source used }
    ... on Problem { code message field }";

async fn accept(user: &User, conversation: &str, round: i32, sql: Option<&str>) -> Result<Value> {
    let query = format!(
        "mutation ($conversation: ID!, $round: Int!, $sql: String) {{
            acceptAnswer(conversation: $conversation, round: $round, sql: $sql) {{ {KEPT} }} }}"
    );
    let variables = json!({"conversation": conversation, "round": round, "sql": sql});
    Ok(graphql(user, &query, variables).await?["acceptAnswer"].clone())
}

async fn add(user: &User, question: &str, sql: &str) -> Result<Value> {
    let query = format!(
        "mutation ($question: String!, $sql: String!) {{
            addExample(datasource: \"towns\", question: $question, sql: $sql) {{ {KEPT} }} }}"
    );
    let variables = json!({"question": question, "sql": sql});
    Ok(graphql(user, &query, variables).await?["addExample"].clone())
}

async fn ask(user: &User, conversation: Option<&str>, question: &str) -> Result<Value> {
    let query = "mutation ($input: AskInput!) { ask(input: $input) { __typename
        ... on Answer { conversation round sql result { rows } problem { code } evidence { verdict { allowed } } }
        ... on Problem { code message } } }";
    let input = json!({
        "question": question, "datasource": "towns", "model": "scripted", "conversation": conversation,
    });
    Ok(graphql(user, query, json!({"input": input})).await?["ask"].clone())
}

/// Questions of the examples that a user sees.
async fn listed(user: &User) -> Result<Vec<String>> {
    let query = "{ examples(datasource: \"towns\", first: 50) { edges { node { question } } } }";
    let found = graphql(user, query, Value::Null).await?;
    let edges = found["examples"]["edges"].as_array().context("edges")?;
    Ok(edges
        .iter()
        .filter_map(|edge| Some(edge["node"]["question"].as_str()?.to_owned()))
        .collect())
}

#[tokio::test]
async fn an_edited_query_takes_the_place_of_the_answers_own() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    ask(&user, Some("c"), QUESTION).await?;
    accept(&user, "c", 1, None).await?;
    let edited = format!("{SQL} LIMIT 1");
    let kept = accept(&user, "c", 1, Some(&format!(" {edited};\n"))).await?;
    assert_eq!(
        (&kept["sql"], &kept["source"]),
        (&json!(edited), &json!("EDITED")),
        "{kept}"
    );
    assert_eq!(
        listed(&user).await?,
        [QUESTION],
        "one question is kept once"
    );
    Ok(())
}

#[tokio::test]
async fn what_does_not_run_is_no_example() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    for (sql, code) in [
        ("SELECT * FROM peple", "upstream"),
        ("DELETE FROM people WHERE id = 1", "forbidden"),
        ("SELECT 1; SELECT 2", "forbidden"),
        ("EXPLAIN SELECT 1", "invalid"),
        (" ; ", "invalid"),
    ] {
        let refused = add(&user, "how many?", sql).await?;
        assert_eq!(refused["code"], code, "{sql}: {refused}");
    }
    let long = format!("SELECT '{}'", "x".repeat(20_000));
    assert_eq!(add(&user, "how many?", &long).await?["field"], "sql");
    for question in [" ?! ", "x".repeat(2_001).as_str()] {
        let refused = add(&user, question, "SELECT 1").await?;
        assert_eq!(refused["field"], "question", "{refused}");
    }
    ask(&user, Some("chat"), RICHEST).await?;
    for (conversation, round, code) in [("chat", 2, "not_found"), ("never", 1, "not_found")] {
        let refused = accept(&user, conversation, round, None).await?;
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert!(listed(&user).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_answer_that_failed_is_accepted_with_a_query_that_works_alone() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, "SELECT x FROM people")).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    ask(&user, Some("c"), QUESTION).await?;
    assert_eq!(accept(&user, "c", 1, None).await?["code"], "conflict");
    let kept = accept(&user, "c", 1, Some(SQL)).await?;
    assert_eq!(kept["source"], "EDITED", "{kept}");
    Ok(())
}

#[tokio::test]
async fn whoever_only_asks_accepts_what_nothing_steered_and_teaches_nothing() -> Result<()> {
    let (app, _upstream) = start().await?;
    let admin = app.keyed("admin", true, None).await?;
    let clerk = app.keyed("clerk", false, None).await?;
    assert_eq!(
        add(&clerk, IN_OSLO, COUNT_IN_OSLO).await?["code"],
        "forbidden"
    );
    ask(&clerk, Some("c"), QUESTION).await?;
    ask(&clerk, Some("c"), IN_OSLO).await?;
    let first = accept(&clerk, "c", 1, None).await?;
    assert_eq!(first["source"], "ACCEPTED", "{first}");
    let second = accept(&clerk, "c", 2, None).await?;
    assert_eq!(second["code"], "forbidden", "{second}");
    let edited = accept(&clerk, "c", 1, Some("SELECT 1")).await?;
    assert_eq!(edited["code"], "forbidden", "{edited}");
    let taught = add(&admin, QUESTION, "SELECT COUNT(*) FROM people").await?;
    assert_eq!(taught["id"], first["id"], "{taught}");
    let replaced = accept(&clerk, "c", 1, None).await?;
    assert_eq!(replaced["code"], "forbidden", "{replaced}");
    assert_eq!(accept(&admin, "c", 2, None).await?["source"], "ACCEPTED");
    let remove = json!({"id": first["id"]});
    let query = "mutation ($id: ID!) { removeExample(id: $id) }";
    assert!(graphql(&clerk, query, remove.clone()).await.is_err());
    for there in [true, false] {
        let removed = graphql(&admin, query, remove.clone()).await?;
        assert_eq!(removed["removeExample"], there);
    }
    let removed = graphql(&admin, query, json!({"id": "no number"})).await?;
    assert_eq!(removed["removeExample"], false);
    assert_eq!(listed(&admin).await?, [IN_OSLO]);
    Ok(())
}

#[tokio::test]
async fn a_list_is_paged_from_the_newest_on() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    for n in 1..=5 {
        add(&user, &format!("question {n}"), &format!("SELECT {n}")).await?;
    }
    let query =
        "query ($after: String) { examples(datasource: \"towns\", first: 2, after: $after) {
        edges { cursor node { question } } pageInfo { hasNextPage hasPreviousPage } } }";
    let mut after = Value::Null;
    for (questions, next) in [
        (&["question 5", "question 4"][..], true),
        (&["question 3", "question 2"][..], true),
        (&["question 1"][..], false),
    ] {
        let page = graphql(&user, query, json!({"after": after})).await?;
        let page = &page["examples"];
        let edges = page["edges"].as_array().context("edges")?;
        let found: Vec<&str> = edges
            .iter()
            .filter_map(|edge| edge["node"]["question"].as_str())
            .collect();
        assert_eq!(found, questions);
        assert_eq!(page["pageInfo"]["hasNextPage"], next, "{page}");
        assert_eq!(
            page["pageInfo"]["hasPreviousPage"],
            !after.is_null(),
            "{page}"
        );
        after = edges.last().context("an edge")?["cursor"].clone();
    }
    Ok(())
}

#[test]
fn the_command_line_keeps_lists_and_removes_examples() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    let file = file.display().to_string();
    assert!(program.run(&["db", "add", "towns", &file])?.success);
    let example = |arguments: &[&str]| program.run(&[&["db", "example"][..], arguments].concat());
    let refused = example(&["add", "towns", QUESTION, "SELECT x FROM people"])?;
    assert!(
        !refused.success && refused.err.contains("no such column"),
        "{refused:?}"
    );
    let added = example(&["add", "towns", QUESTION, SQL])?;
    assert!(added.success, "{added:?}");
    let list = example(&["list", "towns", "--json"])?;
    let list: Value = serde_json::from_str(&list.out)?;
    assert_eq!(
        (
            &list[0]["question"],
            &list[0]["sql"],
            &list[0]["source"],
            &list[0]["tables"]
        ),
        (
            &json!(QUESTION),
            &json!(SQL),
            &json!("given"),
            &json!(["people"])
        ),
        "{list}"
    );
    let id = list[0]["id"].to_string();
    let shown = example(&["list", "towns"])?;
    assert!(shown.out.contains("given"), "{shown:?}");
    assert!(example(&["remove", &id])?.success);
    let gone = example(&["remove", &id])?;
    assert!(!gone.success && gone.err.contains("no example"), "{gone:?}");
    Ok(())
}
