//! How far the tables of a large database are known, told wherever it was added.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{TestApp, User, databases};

use crate::support::{eventually, program};

/// More than are read whole at once.
const TABLES: usize = 60;

fn many_tables() -> String {
    let made: Vec<String> = (0..TABLES)
        .map(|n| {
            format!(
                "CREATE TABLE thing_{n} (id INTEGER PRIMARY KEY, kind TEXT);
                 INSERT INTO thing_{n} VALUES (1, 'red')"
            )
        })
        .collect();
    made.join(";")
}

async fn indexing(user: &User) -> Result<Value> {
    let query = "{ datasource(name: \"things\") { indexing { tables tablesSampled tablesEmbedded done } } }";
    let body = user.post("/graphql", &json!({"query": query})).await?;
    let body = body.json();
    anyhow::ensure!(body["errors"].is_null(), "{body}");
    Ok(body["data"]["datasource"]["indexing"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_added_is_looked_into_before_anybody_asks() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let path = app.dir().join("things.db");
    databases::make(&path, &many_tables())?;
    let body = json!({"db_type": "sqlite", "db_name": "things", "file_path": path});
    user.post("/api/v1/chat/db/add", &body).await?.data();
    let done = eventually("the index", || async {
        let path = "/api/v1/editor/db/progress?db_name=things";
        let now = user.get(path).await?.data();
        Ok((now["done"] == true).then_some(now))
    })
    .await?;
    let expected =
        json!({"tables": TABLES, "tables_sampled": TABLES, "tables_embedded": 0, "done": true});
    assert_eq!(done, expected, "there is no encoder here");
    let shown = indexing(&user).await?;
    assert_eq!(
        (&shown["tables"], &shown["tablesSampled"], &shown["done"]),
        (&json!(TABLES), &json!(TABLES), &json!(true)),
        "{shown}"
    );

    // The next process says what was written down, though it has not been asked yet.
    let dir = app.keep_dir();
    app.app.stop().await;
    drop(app);
    let app = TestApp::builder().start_in(dir).await?;
    let shown = indexing(&app.anonymous()).await?;
    assert_eq!(
        (&shown["tables"], &shown["tablesSampled"], &shown["done"]),
        (&json!(TABLES), &json!(TABLES), &json!(false)),
        "{shown}"
    );
    Ok(())
}

#[test]
fn the_command_line_waits_for_the_tables_where_it_is_told_to() -> Result<()> {
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let file = dir.path().join("things.db");
    databases::make(&file, &many_tables())?;
    let file = file.display().to_string();
    let added = program.run(&["db", "add", "things", &file, "--wait"])?;
    assert!(added.success, "{added:?}");
    let last = added.err.lines().last().context("a word")?;
    assert_eq!(
        last,
        format!("{TABLES} tables, {TABLES} looked into, 0 embedded")
    );
    let second = program.run(&["db", "add", "second", &file])?;
    assert!(
        second.success && !second.err.contains("looked into"),
        "{second:?}"
    );
    Ok(())
}
