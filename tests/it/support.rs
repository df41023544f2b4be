//! What several tests need.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tidegate_schema::model::AuditEntry;
use tidegate_tests::{
    TestApp, User,
    process::Program,
    upstream::{Script, Upstream},
};

/// The question most surfaces are asked, over [`TOWNS`], and what it comes to.
pub(crate) const QUESTION: &str = "how many people live in each town, largest first?";
pub(crate) const SQL: &str =
    "SELECT town, COUNT(*) AS people FROM people GROUP BY town ORDER BY people DESC";
pub(crate) const TOWNS: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT NOT NULL);
    INSERT INTO people (name, town) VALUES ('Ann', 'Oslo'), ('Bo', 'Oslo'), ('Cy', 'Bergen'), ('Di', 'Oslo'),
    ('Ed', 'Bergen'), ('Flo', 'Tromsø')";

/// The rows of [`SQL`].
pub(crate) fn rows() -> Value {
    json!([["Oslo", 3], ["Bergen", 2], ["Tromsø", 1]])
}

/// An application with the database `towns` and a scripted model `scripted` behind a proxy.
pub(crate) async fn towns(script: Script) -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(script.sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("scripted"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    Ok((app, upstream))
}

/// The data of a GraphQL answer without errors.
pub(crate) async fn graphql(user: &User, query: &str, variables: Value) -> Result<Value> {
    let body = json!({"query": query, "variables": variables});
    let body = user.post("/graphql", &body).await?.json();
    ensure!(body["errors"].is_null(), "{body}");
    Ok(body["data"].clone())
}

/// The latest entry of the audit log.
pub(crate) async fn latest(app: &TestApp) -> Result<AuditEntry> {
    app.app.store.list_audit(1).await?.pop().context("an entry")
}

/// Waits until `check` finds something.
pub(crate) async fn eventually<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = check().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{what} did not happen within 30 s");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The server as a program of its own, over a data directory below `dir`.
pub(crate) fn program(dir: &std::path::Path, sections: &str) -> Result<Program> {
    let config = format!(
        "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"warn\"\n{sections}",
        dir.join("data").display().to_string()
    );
    Program::new(env!("CARGO_BIN_EXE_tidegate-under-test"), dir, &config)
}
