//! Statements that change rows: let through where the datasource and the grant say so, once they are confirmed, and
//! in the audit log whatever becomes of them.

mod moved;
mod postgres;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_schema::model::{Caller, Grant};
use tidegate_tests::{TestApp, User, databases, rows::Value as Cell};

use crate::{
    support::{TOWNS, eventually, latest, program},
    table_grants::{granted, on, with_payroll},
};

const MOVE: &str = "UPDATE people SET town = 'Bergen' WHERE name = 'Ann'";
/// A change that does not end by itself.
const ENDLESS: &str =
    "UPDATE people SET town = (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT MAX(i) FROM n) WHERE id = 1";

/// An application with `towns`, which lets changes through, and `other`, which does not.
async fn app(config: &str) -> Result<TestApp> {
    let app = TestApp::builder().config(config).start().await?;
    for name in ["towns", "other"] {
        app.add_sqlite(name, &with_payroll()).await?;
    }
    mark(&app, "towns").await?;
    Ok(app)
}

async fn mark(app: &TestApp, name: &str) -> Result<()> {
    let marked = app
        .app
        .datasources()
        .mark_writable(&Caller::local("001"), name, true)
        .await?;
    anyhow::ensure!(marked.writable);
    Ok(())
}

/// What the editor answers; `confirm` as it is sent, or not sent.
async fn editor(user: &User, datasource: &str, sql: &str, confirm: Option<bool>) -> Result<Value> {
    let mut body = json!({"db_name": datasource, "sql": sql});
    if let Some(confirm) = confirm {
        body["confirm"] = json!(confirm);
    }
    Ok(user.post("/api/v1/editor/sql/run", &body).await?.json())
}

fn refusal(answer: &Value) -> &str {
    assert_eq!(
        (&answer["success"], &answer["err_code"]),
        (&json!(false), &json!("E000X")),
        "{answer}"
    );
    answer["err_msg"].as_str().unwrap_or_default()
}

/// Where Ann lives, asked of the file itself.
fn ann(app: &TestApp, datasource: &str) -> Result<String> {
    let path = app.dir().join(format!("{datasource}.db"));
    let found = databases::query(&path, "SELECT town FROM people WHERE name = 'Ann'")?;
    match found.first().and_then(|row| row.first()) {
        Some(Cell::Text(town)) => Ok(town.clone()),
        other => anyhow::bail!("no town: {other:?}"),
    }
}

#[tokio::test]
async fn a_change_waits_to_be_confirmed_and_says_what_would_run() -> Result<()> {
    let app = app("").await?;
    let user = app.anonymous();
    for unconfirmed in [None, Some(false)] {
        let answer = editor(&user, "towns", MOVE, unconfirmed).await?;
        let message = refusal(&answer);
        for part in ["nothing was changed", "UPDATE", "people", "`confirm`"] {
            assert!(message.contains(part), "{part} is missing in {message}");
        }
        assert_eq!(ann(&app, "towns")?, "Oslo");
        let entry = latest(&app).await?;
        assert_eq!(
            (
                entry.sql.as_str(),
                entry.allowed,
                entry.writes,
                entry.confirmed,
                entry.rows
            ),
            (MOVE, true, true, false, 0)
        );
        assert!(
            entry.ended && entry.reason.contains("nothing was changed"),
            "{entry:?}"
        );
    }
    let answer = editor(&user, "towns", MOVE, Some(true)).await?;
    assert_eq!(answer["data"]["changed"], 1, "{answer}");
    assert_eq!(answer["data"]["result_info"], "", "{answer}");
    assert_eq!(ann(&app, "towns")?, "Bergen");
    let entry = latest(&app).await?;
    assert_eq!(
        (
            entry.allowed,
            entry.writes,
            entry.confirmed,
            entry.ended,
            entry.rows
        ),
        (true, true, true, true, 1)
    );
    assert_eq!(entry.reason, "");
    let log = app.app.store.list_audit(10).await?;
    assert_eq!(log.len(), 3, "one entry per statement: {log:?}");
    Ok(())
}

#[tokio::test]
async fn a_query_is_read_with_a_confirmation_and_without_it() -> Result<()> {
    let app = app("").await?;
    for confirm in [None, Some(true)] {
        let sql = "SELECT COUNT(*) FROM people";
        let answer = editor(&app.anonymous(), "towns", sql, confirm).await?;
        assert_eq!(answer["data"]["values"], json!([["6"]]), "{answer}");
        assert_eq!(answer["data"].get("changed"), None, "{answer}");
        let entry = latest(&app).await?;
        assert!(
            !entry.writes && !entry.confirmed && entry.rows == 1,
            "{entry:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_datasource_that_is_not_writable_is_not_changed_however_it_is_confirmed() -> Result<()> {
    let app = app("").await?;
    let answer = editor(&app.anonymous(), "other", MOVE, Some(true)).await?;
    let message = refusal(&answer);
    assert!(message.contains("tidegate db writable other"), "{message}");
    assert_eq!(ann(&app, "other")?, "Oslo");
    let entry = latest(&app).await?;
    assert!(!entry.allowed && entry.writes, "{entry:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_more_than_one_change_of_rows_is_refused_where_changes_are_let_through()
-> Result<()> {
    let app = app("").await?;
    for sql in [
        "DROP TABLE people",
        "DELETE FROM people",
        "UPDATE people SET town = 'x'",
        "DELETE FROM people WHERE id = 1; DELETE FROM people WHERE id = 2",
        "CREATE TABLE t (x)",
        "PRAGMA writable_schema = 1",
        "ATTACH 'x.db' AS x",
    ] {
        let answer = editor(&app.anonymous(), "towns", sql, Some(true)).await?;
        assert!(!refusal(&answer).is_empty(), "{sql}");
        assert!(!latest(&app).await?.allowed, "{sql}");
    }
    let count = "SELECT COUNT(*) FROM people";
    let found = databases::query(&app.dir().join("towns.db"), count)?;
    assert_eq!(found, [[Cell::Number(6.0)]]);
    Ok(())
}

#[tokio::test]
async fn a_key_changes_rows_of_the_tables_it_was_granted_to_write() -> Result<()> {
    let app = app("").await?;
    let reads = app.keyed("reads", true, None).await?;
    let reads_one = granted(&app, "reads one", vec![Grant::reading("towns")]).await?;
    for user in [&reads, &reads_one] {
        let answer = editor(user, "towns", MOVE, Some(true)).await?;
        let message = refusal(&answer);
        assert!(message.contains("--write towns"), "{message}");
        assert_eq!(ann(&app, "towns")?, "Oslo");
    }
    let grants = vec![
        on("towns", &["people"], true),
        on("other", &["people"], true),
    ];
    let writes = granted(&app, "writes", grants).await?;
    for sql in [
        "UPDATE payroll SET salary = 0 WHERE id = 1",
        "UPDATE people SET name = (SELECT MAX(salary) FROM payroll) WHERE id = 1",
    ] {
        let answer = editor(&writes, "towns", sql, Some(true)).await?;
        let message = refusal(&answer);
        assert!(message.contains("payroll"), "{message}");
    }
    let answer = editor(&writes, "other", MOVE, Some(true)).await?;
    assert!(refusal(&answer).contains("read only"), "{answer}");
    let answer = editor(&writes, "towns", MOVE, Some(true)).await?;
    assert_eq!(answer["data"]["changed"], 1, "{answer}");
    assert_eq!(ann(&app, "towns")?, "Bergen");
    Ok(())
}

#[tokio::test]
async fn a_change_that_fails_keeps_nothing_and_is_told_and_written_down() -> Result<()> {
    let app = app("").await?;
    let sql = "UPDATE people SET town = CASE WHEN name = 'Di' THEN NULL ELSE 'Bergen' END WHERE town = 'Oslo'";
    let answer = editor(&app.anonymous(), "towns", sql, Some(true)).await?;
    let told = answer["data"]["result_info"].as_str().unwrap_or_default();
    assert!(told.contains("NOT NULL"), "{answer}");
    assert_eq!(ann(&app, "towns")?, "Oslo");
    let entry = latest(&app).await?;
    assert!(
        entry.allowed && entry.ended && entry.rows == 0 && entry.reason.contains("NOT NULL"),
        "{entry:?}"
    );
    Ok(())
}

const EXECUTE: &str = "mutation ($datasource: String!, $sql: String!, $confirm: Boolean!) {
    executeSql(datasource: $datasource, sql: $sql, confirm: $confirm) { __typename
        ... on RunSqlAnswer { result { rows cutAt } }
        ... on ChangedRows { rowsChanged verdict { allowed tables } }
        ... on UnconfirmedChange { message verdict { allowed tables } }
        ... on Problem { code message } } }";

async fn execute(user: &User, datasource: &str, sql: &str, confirm: bool) -> Result<Value> {
    let variables = json!({"datasource": datasource, "sql": sql, "confirm": confirm});
    let body = json!({"query": EXECUTE, "variables": variables});
    let body = user.post("/graphql", &body).await?.json();
    anyhow::ensure!(body["errors"].is_null(), "{body}");
    Ok(body["data"]["executeSql"].clone())
}

#[tokio::test]
async fn graphql_answers_each_outcome_as_data() -> Result<()> {
    let app = app("[limits]\nrows = 2").await?;
    let user = app.anonymous();
    let waits = execute(&user, "towns", MOVE, false).await?;
    assert_eq!(waits["__typename"], "UnconfirmedChange", "{waits}");
    assert_eq!(
        waits["verdict"],
        json!({"allowed": true, "tables": ["people"]}),
        "{waits}"
    );
    let refused = execute(&user, "other", MOVE, true).await?;
    assert_eq!(
        (&refused["__typename"], &refused["code"]),
        (&json!("Problem"), &json!("forbidden")),
        "{refused}"
    );
    let changed = execute(&user, "towns", MOVE, true).await?;
    assert_eq!(
        (&changed["__typename"], &changed["rowsChanged"]),
        (&json!("ChangedRows"), &json!(1)),
        "{changed}"
    );
    let read = execute(&user, "towns", "SELECT id FROM people ORDER BY id", true).await?;
    assert_eq!(
        read["result"],
        json!({"rows": [[1], [2]], "cutAt": 2}),
        "{read}"
    );
    let run = json!({"query": "mutation ($sql: String!) { runSql(datasource: \"towns\", sql: $sql) {
        ... on Problem { code } } }", "variables": {"sql": MOVE}});
    let run = user.post("/graphql", &run).await?.json();
    assert_eq!(
        run["data"]["runSql"]["code"], "forbidden",
        "it only reads: {run}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_manages_datasources_lets_changes_through_and_takes_it_back() -> Result<()> {
    let app = app("").await?;
    let (admin, reader) = (
        app.keyed("admin", true, None).await?,
        app.keyed("reader", false, None).await?,
    );
    let set = async |user: &User, writable: bool| {
        let query =
            "mutation ($on: Boolean!) { setDatasourceWritable(name: \"towns\", writable: $on) {
            ... on Datasource { name writable } ... on Problem { code } } }";
        let body = json!({"query": query, "variables": {"on": writable}});
        let body = user.post("/graphql", &body).await?.json();
        anyhow::Ok(body["data"]["setDatasourceWritable"].clone())
    };
    assert_eq!(set(&reader, false).await?["code"], "forbidden");
    assert_eq!(set(&admin, false).await?["writable"], false);
    let writer = granted(&app, "writer", vec![on("towns", &["people"], true)]).await?;
    let answer = editor(&writer, "towns", MOVE, Some(true)).await?;
    assert!(refusal(&answer).contains("read only"), "{answer}");
    assert_eq!(set(&admin, true).await?["writable"], true);
    let answer = editor(&writer, "towns", MOVE, Some(true)).await?;
    assert_eq!(answer["data"]["changed"], 1, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_change_is_written_down_before_it_runs_and_ends_though_its_caller_left() -> Result<()> {
    let app = app("[limits]\nquery_seconds = 3").await?;
    let caller = Caller::local("001");
    let sql = app.app.sql();
    let begun = {
        let running = sql.execute(&caller, "towns", ENDLESS, true);
        tokio::pin!(running);
        let begun = eventually("the entry", || async {
            Ok(app.app.store.list_audit(1).await?.pop())
        });
        tokio::select! {
            outcome = &mut running => anyhow::bail!("it ended: {outcome:?}"),
            begun = begun => begun?,
        }
    };
    assert!(
        begun.allowed && begun.writes && begun.confirmed && !begun.ended && begun.reason.is_empty(),
        "{begun:?}"
    );
    let ended = eventually("the end", || async {
        Ok(app.app.store.list_audit(1).await?.pop().filter(|e| e.ended))
    })
    .await?;
    assert!(ended.reason.contains("longer than 3 s"), "{ended:?}");
    assert_eq!((ended.sql.as_str(), ended.rows), (ENDLESS, 0));
    assert_eq!(ann(&app, "towns")?, "Oslo");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_changes_rows_leaves_a_trace() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("towns.db");
    databases::make(&file, TOWNS)?;
    program.run(&["db", "add", "towns", &file.display().to_string()])?;
    let marked = program.run(&["db", "writable", "towns"])?;
    assert!(marked.success, "{marked:?}");
    let server = program.serve(&[])?;
    let user = server.anonymous();
    let store = dir.path().join("data/tidegate.db");
    let log = "SELECT ended, confirmed, rows_read FROM audit_entries WHERE writes";
    let begun = {
        let answer = editor(&user, "towns", ENDLESS, Some(true));
        tokio::pin!(answer);
        let begun = eventually("the entry", || async {
            Ok(databases::query(&store, log)?.pop())
        });
        tokio::select! {
            answer = &mut answer => anyhow::bail!("it ended: {:?}", answer?),
            begun = begun => begun?,
        }
    };
    let trace = [0.0, 1.0, 0.0].map(Cell::Number);
    assert_eq!(begun, trace);
    server.kill()?;
    // Whoever opens it next finds the same, and the rows as they were.
    assert!(program.run(&["db", "list"])?.success);
    assert_eq!(databases::query(&store, log)?, [trace]);
    let kept = databases::query(&file, "SELECT town FROM people WHERE id = 1")?;
    assert_eq!(kept, [[Cell::Text("Oslo".to_owned())]]);
    Ok(())
}
