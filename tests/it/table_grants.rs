//! What a key with a grant on some tables of a datasource reads, and what it is not even shown.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_schema::model::{Caller, Grant};
use tidegate_tests::{
    TestApp, User, databases,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, graphql, program, rows};

const RICHEST: &str = "who earns most?";
const MOST_PAID: &str = "SELECT MAX(salary) FROM payroll";

/// [`TOWNS`] and a table that not everybody is to read, which points at theirs.
pub(crate) fn with_payroll() -> String {
    format!(
        "{TOWNS};
        CREATE TABLE payroll (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people (id),
            salary INTEGER NOT NULL);
        INSERT INTO payroll (person, salary) VALUES (1, 500), (2, 700)"
    )
}

/// A grant on some tables.
pub(crate) fn on(datasource: &str, tables: &[&str], write: bool) -> Grant {
    Grant {
        tables: Some(tables.iter().map(|&table| table.to_owned()).collect()),
        write,
        ..Grant::reading(datasource)
    }
}

/// Someone with a new key of these grants.
pub(crate) async fn granted(app: &TestApp, name: &str, grants: Vec<Grant>) -> Result<User> {
    let (key, _) = app
        .app
        .keys()
        .create(&Caller::local("001"), name, false, Some(grants))
        .await?;
    Ok(app.anonymous().with_key(&key))
}

/// An application, somebody who reads all of `towns`, and somebody who reads its table `people` alone.
async fn two_readers() -> Result<(TestApp, Upstream, User, User)> {
    let script = Script::default().sql(QUESTION, SQL).sql(RICHEST, MOST_PAID);
    let upstream = Upstream::start(script).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    let all = app.keyed("all", false, None).await?;
    let some = granted(&app, "some", vec![on("towns", &["people"], false)]).await?;
    Ok((app, upstream, all, some))
}

async fn editor(user: &User, sql: &str) -> Result<Value> {
    let body = json!({"db_name": "towns", "sql": sql});
    Ok(user.post("/api/v1/editor/sql/run", &body).await?.json())
}

async fn openai(user: &User, question: &str) -> Result<Value> {
    let body = json!({
        "model": "scripted", "datasource": "towns", "messages": [{"role": "user", "content": question}],
    });
    let reply = user.openai_post("/v1/chat/completions", &body).await?;
    anyhow::ensure!(reply.status == 200, "{}", reply.text);
    Ok(reply.json())
}

const RUN: &str = "mutation ($sql: String!) { runSql(datasource: \"towns\", sql: $sql) { __typename
    ... on RunSqlAnswer { result { rows } } ... on Problem { code message } } }";
const ASK: &str =
    "mutation ($question: String!) { ask(input: {question: $question, datasource: \"towns\",
    model: \"scripted\"}) { ... on Answer { result { rows } problem { code message } } } }";

#[tokio::test]
async fn a_granted_table_is_read_on_every_surface() -> Result<()> {
    let (_app, _upstream, _all, some) = two_readers().await?;
    let read = editor(&some, "SELECT COUNT(*) FROM people").await?;
    assert_eq!(read["data"]["values"], json!([["6"]]), "{read}");
    let read = graphql(&some, RUN, json!({"sql": "SELECT COUNT(*) FROM people"})).await?;
    assert_eq!(read["runSql"]["result"]["rows"], json!([[6]]), "{read}");
    let asked = graphql(&some, ASK, json!({"question": QUESTION})).await?;
    assert_eq!(asked["ask"]["result"]["rows"], rows(), "{asked}");
    let asked = openai(&some, QUESTION).await?;
    assert!(asked.to_string().contains("Tromsø"), "{asked}");
    Ok(())
}

#[tokio::test]
async fn another_table_is_refused_by_name_on_every_surface() -> Result<()> {
    let (_app, _upstream, all, some) = two_readers().await?;
    for sql in [
        MOST_PAID,
        "SELECT p.name FROM people p JOIN payroll y ON y.person = p.id",
        "SELECT name FROM people WHERE id IN (SELECT person FROM payroll)",
        "SELECT sql FROM sqlite_schema",
    ] {
        let named = if sql.contains("payroll") {
            "payroll"
        } else {
            "sqlite_schema"
        };
        let refused = editor(&some, sql).await?;
        let message = refused["err_msg"].as_str().unwrap_or_default();
        assert!(
            refused["success"] == false && message.contains(named),
            "{sql}: {refused}"
        );
        let refused = graphql(&some, RUN, json!({"sql": sql})).await?;
        assert_eq!(refused["runSql"]["code"], "forbidden", "{sql}: {refused}");
        let message = refused["runSql"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(named), "{sql}: {refused}");
    }
    let asked = graphql(&some, ASK, json!({"question": RICHEST})).await?;
    assert_eq!(asked["ask"]["problem"]["code"], "forbidden", "{asked}");
    assert_eq!(asked["ask"]["result"], Value::Null, "{asked}");
    let asked = openai(&some, RICHEST).await?;
    let words = asked["choices"][0]["message"]["content"].to_string();
    assert!(
        words.contains("payroll is not among the tables") && !words.contains("700"),
        "{asked}"
    );
    let read = editor(&all, MOST_PAID).await?;
    assert_eq!(read["data"]["values"], json!([["700"]]), "{read}");
    Ok(())
}

#[tokio::test]
async fn tables_that_are_not_granted_are_not_shown_to_people_or_models() -> Result<()> {
    let (app, upstream, all, some) = two_readers().await?;
    let payroll = granted(&app, "payroll", vec![on("towns", &["payroll"], false)]).await?;
    let path = "/api/v1/editor/db/tables?db_name=towns&page_index=1&page_size=10";
    let query =
        "{ datasource(name: \"towns\") { tables { totalCount edges { node { name foreignKeys {
        referencesTable } } } } } }";
    for (user, tables, keys) in [
        (&all, &["payroll", "people"][..], 1),
        (&some, &["people"][..], 0),
        (&payroll, &["payroll"][..], 0),
    ] {
        let tree = user.get(path).await?.data();
        let found: Vec<&str> = tree["children"]
            .as_array()
            .context("tables")?
            .iter()
            .filter_map(|table| table["title"].as_str())
            .collect();
        assert_eq!(found, tables);
        let shown = graphql(user, query, Value::Null).await?;
        let shown = &shown["datasource"]["tables"];
        assert_eq!(shown["totalCount"], tables.len(), "{shown}");
        let edges = shown["edges"].as_array().context("edges")?;
        let named: usize = edges
            .iter()
            .filter_map(|edge| edge["node"]["foreignKeys"].as_array())
            .map(Vec::len)
            .sum();
        assert_eq!(named, keys, "{shown}");
    }
    graphql(&some, ASK, json!({"question": QUESTION})).await?;
    let prompt = upstream.seen().pop().context("a prompt")?["messages"].to_string();
    assert!(
        prompt.contains("people") && !prompt.contains("payroll") && !prompt.contains("salary"),
        "{prompt}"
    );
    Ok(())
}

#[tokio::test]
async fn answers_from_tables_beyond_a_grant_are_not_seen() -> Result<()> {
    let (_app, _upstream, all, some) = two_readers().await?;
    let ask = async |user: &User, conversation: &str, question: &str| {
        let body = json!({
            "conv_uid": conversation, "chat_mode": "chat_with_db_execute", "select_param": "towns",
            "model_name": "scripted", "user_input": question,
        });
        user.post("/api/v1/chat/completions", &body).await
    };
    let told = async |user: &User, conversation: &str| {
        let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
        let told = user.get(&path).await?.data();
        anyhow::Ok(told.as_array().context("a list")?.len())
    };
    ask(&all, "theirs", RICHEST).await?;
    ask(&some, "own", QUESTION).await?;
    // A question beyond the grant is refused; it is asked and told in one's own conversation all the same.
    ask(&some, "own", RICHEST).await?;
    assert_eq!(told(&all, "theirs").await?, 3);
    assert_eq!(told(&some, "theirs").await?, 0);
    assert_eq!(told(&some, "own").await?, 6);
    let query = "{ conversation(id: \"theirs\") { id } }";
    let shown = graphql(&some, query, Value::Null).await?;
    assert_eq!(shown["conversation"], Value::Null);
    let refused = ask(&some, "theirs", QUESTION).await?;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let deleted = "mutation { deleteConversation(id: \"theirs\") }";
    let deleted = graphql(&some, deleted, Value::Null).await?;
    assert_eq!(deleted["deleteConversation"], false);
    assert_eq!(told(&all, "theirs").await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_key_cannot_be_made_on_what_is_not_there() -> Result<()> {
    let (app, _upstream, _all, _some) = two_readers().await?;
    for (grant, expected) in [
        (on("towns", &["peple"], false), "did you mean 'people'?"),
        (Grant::reading("twons"), "did you mean 'towns'?"),
    ] {
        let made = granted(&app, "wrong", vec![grant]).await;
        let message = made.err().context("a refusal")?.to_string();
        assert!(message.contains(expected), "{message}");
    }
    let twice = vec![Grant::reading("towns"), on("towns", &["people"], false)];
    assert!(granted(&app, "twice", twice).await.is_err());
    Ok(())
}

#[test]
fn the_command_line_grants_tables_and_names_the_nearest_where_there_is_none() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, &with_payroll())?;
    let file = file.display().to_string();
    for name in ["towns", "towns.old"] {
        assert!(program.run(&["db", "add", name, &file])?.success);
    }
    let create = |arguments: &[&str]| program.run(&[&["key", "create"][..], arguments].concat());
    for (arguments, expected) in [
        (["--table", "towns.peple"], "did you mean 'towns.people'?"),
        (["--table", "twons.people"], "did you mean 'towns'?"),
        (["--table", "people"], "write datasource.table"),
        (["--datasource", "twons"], "did you mean 'towns'?"),
        (["--write", "twons"], "did you mean 'towns'?"),
    ] {
        let refused = create(&arguments)?;
        assert!(
            !refused.success && refused.err.contains(expected),
            "{arguments:?}: {refused:?}"
        );
    }
    let made = create(&[
        "--name",
        "clerk",
        "--datasource",
        "towns",
        "--table",
        "towns.PEOPLE",
        "--table",
        "towns.old.payroll",
        "--write",
        "towns",
    ])?;
    assert!(
        made.success && made.err.contains("tidegate db writable towns"),
        "{made:?}"
    );
    let listed = program.run(&["key", "list", "--json"])?;
    let keys: Value = serde_json::from_str(&listed.out)?;
    assert_eq!(
        keys[0]["grants"],
        json!([
            {"datasource": "towns", "tables": ["people"], "write": true},
            {"datasource": "towns.old", "tables": ["payroll"], "write": false},
        ]),
        "{listed:?}"
    );
    assert_eq!(keys[0]["datasources"], json!(["towns", "towns.old"]));
    let shown = program.run(&["key", "list"])?;
    for part in ["towns, may change rows: people", "towns.old: payroll"] {
        assert!(shown.out.contains(part), "{part} is missing in {shown:?}");
    }
    Ok(())
}
