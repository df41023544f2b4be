//! Changes of rows on a PostgreSQL server.

use anyhow::{Context as _, Result};
use tidegate_schema::model::{self, Caller};
use tidegate_server::services::sql::Executed;
use tidegate_tests::{TestApp, postgres::Database};

use super::mark;

#[tokio::test]
async fn postgres_keeps_a_change_or_none_of_it() -> Result<()> {
    let database = Database::with(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL,
            boss INTEGER REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO people VALUES (1, 'Ann', NULL), (2, 'Bo', 1)",
    )
    .await?;
    let app = TestApp::builder().start().await?;
    app.register("staff", database.connection()?).await?;
    mark(&app, "staff").await?;
    let caller = Caller::local("001");
    let run = async |sql: &str| app.app.sql().execute(&caller, "staff", sql, true).await;

    let outcome = run("UPDATE people SET name = 'Anna' WHERE id = 1").await?;
    let Executed::Changed { verdict, rows, .. } = outcome else {
        anyhow::bail!("not a change: {outcome:?}");
    };
    assert_eq!(rows, 1);
    let plan = verdict.plan.unwrap_or_default();
    assert!(plan.contains("Update on people"), "{plan}");
    for (broken, said) in [
        ("UPDATE people SET name = NULL WHERE id > 0", "not-null"),
        // The server notices only when the change is to be kept.
        ("UPDATE people SET boss = 9 WHERE id = 2", "foreign key"),
        ("UPDATE people SET nam = 'x' WHERE id = 1", "nam"),
        (
            "UPDATE people SET name = people.pg_notify WHERE id = 1",
            "pg_notify",
        ),
    ] {
        let refused = run(broken).await.err().context("a refusal")?.to_string();
        assert!(refused.contains(said), "{broken}: {refused}");
    }
    let Executed::Read { rows, .. } = run("SELECT name, boss FROM people ORDER BY id").await?
    else {
        anyhow::bail!("not a query");
    };
    let kept: Vec<Vec<Option<String>>> = rows
        .rows
        .iter()
        .map(|row| row.iter().map(model::Cell::to_text).collect())
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(kept, [[text("Anna"), None], [text("Bo"), text("1")]]);
    Ok(())
}
