//! Results as files over HTTP: streamed to whoever reads, broken off where they are not whole, and written down.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tidegate_tests::{TestApp, User};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    support::{TOWNS, eventually, latest},
    table_grants::{granted, on, with_payroll},
};

const EXPORT: &str = "/api/v1/editor/sql/export";
const PEOPLE: &str = "SELECT id, name, town FROM people ORDER BY id";
/// An error of the database in the row 40,000: the only number without an absolute value.
const FAILS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
    SELECT i, abs(i - 9223372036854775807 - 40001) AS x FROM n";

async fn towns(config: &str) -> Result<TestApp> {
    let app = TestApp::builder().config(config).start().await?;
    app.add_sqlite("towns", TOWNS).await?;
    Ok(app)
}

fn body(sql: &str, format: &str) -> Value {
    json!({"db_name": "towns", "sql": sql, "format": format})
}

/// Numbers from 1 on, each beside a thousand letters: far more than any buffer takes.
fn endless() -> String {
    format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, '{}' AS x FROM n",
        "x".repeat(1_000)
    )
}

/// An export that is answered, whatever becomes of its body.
async fn started(user: &User, body: &Value) -> Result<reqwest::Response> {
    let request = user.request(Method::POST, EXPORT).json(body);
    Ok(request.send().await?)
}

#[tokio::test]
async fn each_format_comes_with_its_type_and_a_name_for_the_file() -> Result<()> {
    let app = towns("").await?;
    let user = app.anonymous();
    for (format, kind, begins, ends) in [
        (
            "csv",
            "text/csv",
            &b"id,name,town\r\n1,Ann,Oslo\r\n"[..],
            &b"Troms\xc3\xb8\r\n"[..],
        ),
        (
            "json",
            "application/json",
            b"[\n{\"id\":1,\"name\":\"Ann\"",
            b"}\n]\n",
        ),
        ("jsonl", "application/x-ndjson", b"{\"id\":1,", b"}\n"),
        (
            "arrow",
            "application/vnd.apache.arrow.stream",
            b"\xff\xff\xff\xff",
            b"\0\0\0\0",
        ),
        (
            "parquet",
            "application/vnd.apache.parquet",
            b"PAR1",
            b"PAR1",
        ),
        ("xlsx", "application/vnd.openxmlformats", b"PK", b""),
    ] {
        let response = started(&user, &body(PEOPLE, format)).await?;
        assert_eq!(response.status(), 200, "{format}");
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        assert!(header("content-type").starts_with(kind), "{format}");
        let disposition = header("content-disposition");
        assert!(
            disposition.starts_with("attachment; filename=\"towns-")
                && disposition.ends_with(&format!(".{format}\"")),
            "{disposition}"
        );
        let bytes = response.bytes().await?;
        assert!(
            bytes.starts_with(begins) && bytes.ends_with(ends),
            "{format}: {bytes:?}"
        );
        let entry = latest(&app).await?;
        assert_eq!(
            (
                entry.sql.as_str(),
                entry.allowed,
                entry.rows,
                entry.reason.as_str()
            ),
            (PEOPLE, true, 6, ""),
            "{format}: the audit row stands before the file has ended"
        );
    }
    let response = started(&user, &json!({"db_name": "towns", "sql": PEOPLE})).await?;
    assert!(
        response.text().await?.starts_with("id,name,town\r\n"),
        "CSV by default"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_before_the_first_row_is_an_envelope() -> Result<()> {
    let app = towns("").await?;
    let user = app.anonymous();
    for (body, status, code, words) in [
        (
            json!({"sql": "SELECT 1"}),
            400,
            "E0001",
            "body.db_name:Field required;",
        ),
        (
            body(PEOPLE, "xml"),
            400,
            "E0001",
            "csv, json, jsonl, arrow, parquet, xlsx",
        ),
        (body(" ", "csv"), 400, "E0001", "sql:must not be empty;"),
        (body("DELETE FROM people", "csv"), 403, "403", ""),
        (body("SELECT 1; SELECT 2", "csv"), 403, "403", ""),
        (body("SELECT nope FROM people", "csv"), 400, "E0003", "nope"),
        (
            json!({"db_name": "twons", "sql": "SELECT 1"}),
            400,
            "E0003",
            "Database config not found for: twons; did you mean 'towns'?",
        ),
    ] {
        let reply = user.post(EXPORT, &body).await?;
        let found = reply.json();
        assert_eq!(
            (reply.status, &found["success"], &found["err_code"]),
            (status, &json!(false), &json!(code)),
            "{body}: {found}"
        );
        let said = found["err_msg"].as_str().unwrap_or_default();
        assert!(said.contains(words), "{body}: {said}");
    }
    // The first row is looked at before anything is answered.
    let first = "SELECT abs(-9223372036854775807 - id) FROM people WHERE id = 1";
    let reply = user.post(EXPORT, &body(first, "csv")).await?;
    assert_eq!(
        (reply.status, &reply.json()["err_code"]),
        (400, &json!("E0003"))
    );
    let entry = latest(&app).await?;
    assert!(
        entry.allowed && entry.reason.contains("overflow"),
        "{entry:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_error_in_the_middle_breaks_the_transfer_off() -> Result<()> {
    let app = towns("").await?;
    let user = app.anonymous();
    for format in ["csv", "json", "jsonl", "arrow", "parquet", "xlsx"] {
        let response = started(&user, &body(FAILS, format)).await?;
        assert_eq!(
            response.status(),
            200,
            "{format}: there was something to send"
        );
        assert!(response.bytes().await.is_err(), "{format} looks whole");
        let entry = latest(&app).await?;
        assert!(
            entry.allowed && entry.reason.contains("overflow") && entry.rows > 0,
            "{format}: {entry:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_rows_arrive_one_after_the_other() -> Result<()> {
    let app = towns("").await?;
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        SELECT i, 'word ' || i AS word FROM n";
    let response = started(&app.anonymous(), &body(sql, "csv")).await?;
    let mut pieces = response.bytes_stream();
    let (mut lines, mut last) = (0, Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        lines += String::from_utf8_lossy(&piece).matches('\n').count();
        last.extend_from_slice(&piece);
        let keep = last.len().saturating_sub(100);
        last.drain(..keep);
    }
    assert_eq!(lines, 100_001);
    assert!(last.ends_with(b"\r\n100000,word 100000\r\n"));
    assert_eq!(latest(&app).await?.rows, 100_000);
    Ok(())
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_query_and_frees_the_place() -> Result<()> {
    let app = towns("[limits]\nexports = 1").await?;
    let user = app.anonymous();
    let sql = endless();
    let mut pieces = started(&user, &body(&sql, "csv")).await?.bytes_stream();
    pieces.next().await.context("a piece")??;
    let reply = user.post(EXPORT, &body(PEOPLE, "csv")).await?;
    assert_eq!(
        (reply.status, &reply.json()["err_code"]),
        (429, &json!("429"))
    );
    assert!(!reply.header("retry-after").is_empty());
    drop(pieces);
    let entry = eventually("the end of the export", || async {
        Ok(app.app.store.list_audit(1).await?.pop())
    })
    .await?;
    assert_eq!(entry.sql, sql);
    assert!(
        entry.allowed && entry.reason.contains("the caller left"),
        "{entry:?}"
    );
    let text = eventually("a free place", || async {
        let reply = user.post(EXPORT, &body(PEOPLE, "csv")).await?;
        Ok((reply.status == 200).then_some(reply.text))
    })
    .await?;
    assert_eq!(text.lines().count(), 7);
    Ok(())
}

/// The whole answer to a client that reads trailers.
async fn with_trailers(web: SocketAddr, body: &Value) -> Result<String> {
    let body = body.to_string();
    let request = format!(
        "POST {EXPORT} HTTP/1.1\r\nhost: {web}\r\nte: trailers\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(web).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_cut_is_told_behind_the_file_and_breaks_one_that_was_to_be_whole() -> Result<()> {
    let app = towns("[limits]\nexport_rows = 2").await?;
    let answer = with_trailers(app.web, &body(PEOPLE, "csv")).await?;
    assert!(
        answer.contains("1,Ann,Oslo") && answer.contains("2,Bo,Oslo"),
        "{answer}"
    );
    assert!(!answer.contains("3,Cy"), "{answer}");
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("\r\nx-tidegate-cut: 2\r\n"), "{answer}");
    assert!(lower.contains("\r\nx-tidegate-rows: 2\r\n"), "{answer}");
    let entry = latest(&app).await?;
    assert_eq!((entry.rows, entry.reason.as_str()), (2, "cut after 2 rows"));

    let mut whole = body(PEOPLE, "csv");
    whole["whole"] = json!(true);
    let response = started(&app.anonymous(), &whole).await?;
    assert!(response.bytes().await.is_err(), "it looks whole");
    let entry = latest(&app).await?;
    assert!(entry.reason.contains("limits.export_rows"), "{entry:?}");
    Ok(())
}

#[tokio::test]
async fn a_cut_that_neither_the_file_nor_a_trailer_can_tell_is_no_whole_file() -> Result<()> {
    let app = towns("[limits]\nexport_rows = 2").await?;
    let user = app.anonymous();
    for format in ["csv", "json", "jsonl", "arrow"] {
        // Broken off in the middle, or before a word of it.
        let whole = match started(&user, &body(PEOPLE, format)).await {
            Ok(response) => response.bytes().await.is_ok(),
            Err(_) => false,
        };
        assert!(!whole, "{format} looks whole");
        let entry = latest(&app).await?;
        assert!(entry.reason.contains("limits.export_rows"), "{entry:?}");
    }
    // These say it themselves.
    for format in ["parquet", "xlsx"] {
        let response = started(&user, &body(PEOPLE, format)).await?;
        assert!(!response.bytes().await?.is_empty(), "{format}");
        assert_eq!(latest(&app).await?.reason, "cut after 2 rows", "{format}");
    }
    // And who does not mind says that.
    let mut cut = body(PEOPLE, "csv");
    cut["whole"] = json!(false);
    let text = started(&user, &cut).await?.text().await?;
    assert_eq!(text.lines().count(), 3, "{text}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_was_not_cut_says_how_many_rows_it_has_and_nothing_of_a_cut() -> Result<()> {
    let app = towns("").await?;
    let answer = with_trailers(app.web, &body(PEOPLE, "jsonl")).await?;
    let lower = answer.to_ascii_lowercase();
    assert!(lower.contains("\r\nx-tidegate-rows: 6\r\n"), "{answer}");
    assert!(!lower.contains("x-tidegate-cut: "), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_key_exports_what_it_may_read_and_no_more() -> Result<()> {
    let app = TestApp::builder().start().await?;
    app.add_sqlite("towns", &with_payroll()).await?;
    let grants = vec![on("towns", &["people"], true)];
    let some = granted(&app, "some", grants).await?;
    let reply = some.post(EXPORT, &body(PEOPLE, "csv")).await?;
    assert_eq!((reply.status, reply.text.lines().count()), (200, 7));
    let reply = some
        .post(EXPORT, &body("SELECT * FROM payroll", "csv"))
        .await?;
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert!(!latest(&app).await?.allowed);
    let reply = app.anonymous().post(EXPORT, &body(PEOPLE, "csv")).await?;
    assert_eq!(reply.status, 401, "{}", reply.text);
    Ok(())
}

#[tokio::test]
async fn a_result_without_rows_still_has_its_columns() -> Result<()> {
    let app = towns("").await?;
    let none = "SELECT id, name FROM people WHERE id < 0";
    let user = app.anonymous();
    let text = user.post(EXPORT, &body(none, "csv")).await?.text;
    assert_eq!(text, "id,name\r\n");
    let mut marked = body(none, "csv");
    marked["bom"] = json!(true);
    let bytes = started(&user, &marked).await?.bytes().await?;
    assert_eq!(bytes, "\u{feff}id,name\r\n".as_bytes());
    assert_eq!(
        user.post(EXPORT, &body(none, "json")).await?.json(),
        json!([])
    );
    Ok(())
}
