//! What the session refuses, whatever the guard let through.

use std::path::Path;

use super::{File, PEOPLE, Source, made, opened, texts};
use crate::drivers::{
    Driver as _, Limits,
    duckdb::{
        file::CONNECTIONS,
        session::{self, Mode},
    },
};

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[tokio::test]
async fn only_queries_are_run() {
    let (folder, path, driver) = opened(PEOPLE).await;
    let before = std::fs::read(&path).expect("readable");
    for sql in [
        "DELETE FROM people",
        "INSERT INTO places VALUES (3, 'Bodø') RETURNING id",
        "WITH a AS (SELECT 3 AS id) INSERT INTO places SELECT id, 'Bodø' FROM a",
        "CREATE TABLE t (a INTEGER)",
        "CREATE TEMP TABLE people (a INTEGER)",
        "EXPLAIN ANALYZE DELETE FROM people",
        "COPY people TO 'copy.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SET threads = 8",
        "PRAGMA memory_limit = '8GB'",
        "INSTALL httpfs",
        "ATTACH 'evil.duckdb' AS evil",
        "BEGIN TRANSACTION",
        "CHECKPOINT",
        "SELECT 1; DELETE FROM people",
        "SELECT ?",
        "",
    ] {
        let error = driver.run(sql, Limits::default()).await.expect_err(sql);
        assert!(!error.to_string().is_empty(), "{sql}");
    }
    drop(driver);
    assert!(
        std::fs::read(&path).expect("readable") == before,
        "the file changed"
    );
    assert_eq!(files_in(folder.path()), 1, "another file appeared");
}

#[tokio::test]
async fn the_session_alone_changes_and_reaches_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.duckdb");
    made(&path, PEOPLE);
    let source = Source {
        name: "people".into(),
        file: File::of(&path),
    };
    let inside = folder.path().display();
    let outside: Vec<String> = [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY people TO '{}/copy.csv'",
        "EXPORT DATABASE '{}/out'",
        "ATTACH '{}/evil.duckdb' AS evil",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '8GB'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
    ]
    .iter()
    .map(|sql| sql.replace("{}", &inside.to_string()))
    .collect();

    let session = session::open(&source, Mode::Read).expect("opens");
    session
        .execute_batch("SELECT * FROM people")
        .expect("reads");
    for sql in [
        "INSERT INTO places VALUES (3, 'Bodø')",
        "CREATE TABLE t (a INTEGER)",
        "DROP VIEW elders",
    ] {
        assert!(session.execute_batch(sql).is_err(), "{sql}");
    }
    for sql in &outside {
        assert!(session.execute_batch(sql).is_err(), "{sql}");
    }
    drop(session);

    let session = session::open(&source, Mode::Write).expect("opens");
    session
        .execute_batch("INSERT INTO places VALUES (3, 'Bodø')")
        .expect("writes");
    for sql in &outside {
        assert!(session.execute_batch(sql).is_err(), "{sql}");
    }
    drop(session);
    assert_eq!(files_in(folder.path()), 1, "another file appeared");
}

#[tokio::test]
async fn a_pivot_leaves_nothing_behind_for_the_next_query() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let pivot = "SELECT * FROM (PIVOT people ON place_id USING count(*))";
    // Answered or not: it makes a type of its values before it is told what it is.
    let _ = driver.dry_run(pivot).await;
    let _ = driver.run(pivot, Limits::default()).await;
    for _ in 0..CONNECTIONS {
        let kept =
            "SELECT count(*) FROM duckdb_types() WHERE NOT internal AND type_name LIKE '%pivot%'";
        let kept = driver.run(kept, Limits::default()).await.expect("runs");
        assert_eq!(texts(&kept.rows[0]), ["0"]);
    }
}
