//! Databases that cannot be added, each in its way: a clear error in bounded time that tells no secret, and nothing is
//! kept of it.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::{Value, json};
use tidegate_schema::model::Connection;
use tidegate_tests::{TestApp, mariadb, postgres};

use crate::support::{TOWNS, eventually};

const ADD: &str = "/api/v1/chat/db/add";
const TEST: &str = "/api/v1/chat/db/test/connect";
const SECRET: &str = "s3cret-of-the-test";
/// A second for connecting, on a machine that is busy with other tests.
const BOUND: Duration = Duration::from_secs(30);
const LONGEST_MESSAGE: usize = 2_000;

async fn hasty() -> Result<TestApp> {
    TestApp::builder()
        .config("[limits]\nconnect_seconds = 1")
        .start()
        .await
}

/// Is refused whether it is to be added or to be tested, in words that have this part.
async fn refused(app: &TestApp, body: &Value, part: &str) -> Result<()> {
    for path in [ADD, TEST] {
        let started = Instant::now();
        let reply = app.anonymous().post(path, body).await?;
        let took = started.elapsed();
        assert!(took < BOUND, "{body}: {took:?}");
        let answer = reply.json();
        assert_eq!(answer["success"], false, "{path} {body}: {answer}");
        let message = answer["err_msg"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{path} {body}: {message}");
        assert!(
            message.len() < LONGEST_MESSAGE && !reply.text.contains(SECRET),
            "{path} {body}: {message}"
        );
        nothing_is_kept(app).await?;
    }
    Ok(())
}

async fn nothing_is_kept(app: &TestApp) -> Result<()> {
    let listed = app.anonymous().get("/api/v1/chat/db/list").await?.data();
    assert_eq!(listed, json!([]));
    assert_eq!(made_of_files(app)?, Vec::<String>::new());
    Ok(())
}

/// The databases that data files were read into, finished or not.
fn made_of_files(app: &TestApp) -> Result<Vec<String>> {
    let folder = app.dir().join("files");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder)?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn on_server(kind: &str, connection: &Connection) -> Value {
    json!({
        "db_type": kind, "db_name": connection.database, "db_host": connection.host, "db_port": connection.port,
        "db_user": connection.user, "db_pwd": SECRET,
    })
}

fn at_port(kind: &str, port: u16) -> Value {
    json!({
        "db_type": kind, "db_name": "sales", "db_host": "127.0.0.1", "db_port": port, "db_user": "reader",
        "db_pwd": SECRET,
    })
}

fn in_file(kind: &str, path: &Path) -> Value {
    json!({"db_type": kind, "db_name": "data", "file_path": path})
}

#[tokio::test]
async fn servers_that_do_not_answer_are_named_and_not_kept() -> Result<()> {
    let app = hasty().await?;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    for kind in ["postgresql", "mariadb", "clickhouse", "mssql"] {
        refused(&app, &at_port(kind, closed), "refused").await?;
        let silent = at_port(kind, silent.local_addr()?.port());
        refused(&app, &silent, "longer than 1 s").await?;
    }
    Ok(())
}

#[tokio::test]
async fn wrong_passwords_are_named_and_not_kept() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let postgres = postgres::Database::with("").await?;
    let body = on_server("postgresql", &postgres.connection()?);
    refused(&app, &body, "password authentication failed").await?;
    let mariadb = mariadb::Database::with("").await?;
    let body = on_server("mariadb", &mariadb.connection());
    refused(&app, &body, "check user and password").await
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named_and_not_kept() -> Result<()> {
    let app = hasty().await?;
    let wide: Vec<String> = (0..10_000).map(|n| format!("c{n}")).collect();
    let wide = wide.join(",");
    let letter = &b"this is a letter and no database, as anyone can see"[..];
    let mut cases: Vec<(&str, &str, Option<&[u8]>, &str)> = vec![
        ("file", "none.csv", None, "there is no such file"),
        (
            "file",
            "picture.csv",
            Some(&b"\x89PNG\r\n\x1a\n\0\0\0"[..]),
            "a PNG image",
        ),
        (
            "file",
            "binary.csv",
            Some(&b"a,b\n\0\0\x01\x02,3\n"[..]),
            "zero bytes",
        ),
        (
            "file",
            "ragged.csv",
            Some(&b"a,b\n1,2\n1\n"[..]),
            "'ragged.csv': row 3 (line 3) has 1 fields where the first row has 2",
        ),
        (
            "file",
            "wide.csv",
            Some(wide.as_bytes()),
            "has 10000 columns",
        ),
        (
            "file",
            "torn.json",
            Some(&b"[{\"a\": 1},\n {\"a\": "[..]),
            "line 2, column 2 is never closed",
        ),
        (
            "file",
            "torn.xlsx",
            Some(&b"PK\x03\x04 and no more"[..]),
            "cannot be unpacked",
        ),
        (
            "file",
            "torn.parquet",
            Some(&b"PAR1 and no more"[..]),
            "cannot be read as Parquet",
        ),
        ("sqlite", "none.db", None, "there is no file"),
        ("sqlite", "letter.db", Some(letter), "not a SQLite database"),
    ];
    if cfg!(feature = "duckdb") {
        cases.push((
            "duckdb",
            "letter.duckdb",
            Some(letter),
            "not a DuckDB database",
        ));
    }
    for (kind, name, bytes, part) in cases {
        let path = app.dir().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes)?;
        }
        refused(&app, &in_file(kind, &path), part).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_read_of_data_files_goes_when_nobody_has_them_any_more() -> Result<()> {
    let app = TestApp::builder().start().await?;
    let user = app.anonymous();
    let (first, second) = (app.dir().join("first.csv"), app.dir().join("second.csv"));
    std::fs::write(&first, "n\n1\n")?;
    std::fs::write(&second, "n\n2\n")?;
    let first = in_file("file", &first);

    user.post(TEST, &first).await?.data();
    nothing_is_kept(&app).await?;

    user.post(ADD, &first).await?.data();
    let made = made_of_files(&app)?;
    assert_eq!(made.len(), 1, "{made:?}");
    user.post(TEST, &first).await?.data();
    assert_eq!(made_of_files(&app)?, made, "it is in use");

    let run = json!({"db_name": "data", "sql": "SELECT n FROM first"});
    let run = user.post("/api/v1/editor/sql/run", &run).await?.data();
    assert_eq!(run["values"], json!([["1"]]));
    let second = in_file("file", &second);
    user.post("/api/v1/chat/db/edit", &second).await?.data();
    eventually("the other file's database alone", || async {
        let now = made_of_files(&app)?;
        Ok((now.len() == 1 && now != made).then_some(()))
    })
    .await?;
    user.post("/api/v1/chat/db/delete?db_name=data", &json!({}))
        .await?
        .data();
    eventually("nothing", || async {
        Ok(made_of_files(&app)?.is_empty().then_some(()))
    })
    .await
}

#[tokio::test]
async fn fifty_megabytes_of_sql_are_refused_and_not_kept() -> Result<()> {
    let app = TestApp::builder()
        .config("[server]\nmax_body_bytes = 67108864")
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let user = app.anonymous();
    let sql = format!("SELECT '{}' AS x", "x".repeat(50_000_000));
    for (path, body) in [
        (
            "/api/v1/editor/sql/run",
            json!({"db_name": "towns", "sql": sql}),
        ),
        (
            "/api/v1/editor/sql/export",
            json!({"db_name": "towns", "sql": sql, "format": "csv"}),
        ),
    ] {
        let reply = user.post(path, &body).await?;
        let answer = reply.json();
        assert_eq!(answer["success"], false, "{path}");
        let message = answer["err_msg"].as_str().unwrap_or_default();
        assert!(message.contains("50000014 bytes"), "{path}: {message}");
        assert!(reply.text.len() < 10_000, "{path}: {}", reply.text.len());
    }
    for entry in app.app.store.list_audit(10).await? {
        assert!(entry.sql.len() < 200_000, "{} bytes", entry.sql.len());
    }
    let run = json!({"db_name": "towns", "sql": "SELECT COUNT(*) FROM people"});
    let run = user.post("/api/v1/editor/sql/run", &run).await?.data();
    assert_eq!(run["values"], json!([["6"]]));
    Ok(())
}
