//! The driver against recorded exchanges: what servers of other versions say, and servers that misbehave.

mod scripted;
mod ways;

use futures::StreamExt as _;

use super::*;
use crate::drivers::Batch;
use scripted::{Scripted, torn, whole};

const PASSWORD: &str = "s3cret-of-the-test";
const PATIENCE: Duration = Duration::from_secs(10);
/// What a server of 2025 says of itself.
const LEARNED: &str = "readonly\t0\t25.11.1.1\nextremes\t1\t25.11.1.1\n";

/// All rows as text, and how it ended.
async fn read(
    driver: &ClickHouse,
    sql: &str,
    limits: Limits,
) -> (Vec<String>, Result<Option<usize>>) {
    let mut stream = match driver.stream(sql, limits).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let (mut rows, mut cut) = (Vec::new(), None);
    while let Some(batch) = stream.batches.next().await {
        match batch {
            Ok(Batch::Rows(batch)) => rows.extend(batch.iter().map(|row| {
                let cells = row
                    .iter()
                    .map(|cell| cell.to_text().unwrap_or("NULL".into()));
                cells.collect::<Vec<_>>().join("|")
            })),
            Ok(Batch::Cut(rows)) => cut = Some(rows),
            Err(error) => return (rows, Err(error)),
        }
    }
    (rows, Ok(cut))
}

#[tokio::test]
async fn the_password_goes_by_a_header_and_queries_only_read() {
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("SELECT 1", whole("", "1\nUInt8\n1\n")),
    ]);
    let driver = server.driver().await;
    let (rows, end) = read(&driver, "SELECT 1", Limits::default()).await;
    assert_eq!(
        (rows, end.expect("a good end")),
        (vec!["1".to_owned()], None)
    );
    let request = server.asked("SELECT 1").await;
    let (address, headers) = request.split_once("\r\n").expect("lines");
    for part in [
        "readonly=1",
        "extremes=0",
        "max_execution_time=33",
        "database=web",
        "query_id=",
    ] {
        assert!(address.contains(part), "{address}");
    }
    assert!(!address.contains(PASSWORD), "{address}");
    assert!(
        headers.contains(&format!("x-clickhouse-key: {PASSWORD}")),
        "{headers}"
    );
    assert!(headers.contains("x-clickhouse-user: ann"), "{headers}");
}

#[tokio::test]
async fn a_marked_exception_is_an_error_behind_rows() {
    let body = "n\nUInt8\n1\n2\n\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 395. DB::Exception: boom. \
                (FUNCTION_THROW) (version 25.11.1.1)\n63 abcdefghijklmnop\r\n__exception__\r\n";
    let headers = "X-ClickHouse-Exception-Tag: abcdefghijklmnop\r\n";
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("torn", torn(headers, body)),
        ("whole", whole(headers, body)),
    ]);
    let driver = server.driver().await;
    for sql in ["SELECT 'torn'", "SELECT 'whole'"] {
        let (rows, end) = read(&driver, sql, Limits::default()).await;
        assert_eq!(rows, ["1", "2"], "{sql}");
        let error = end.expect_err("an error").to_string();
        assert_eq!(error, "logs: boom. (FUNCTION_THROW)", "{sql}");
    }
}

#[tokio::test]
async fn an_unmarked_exception_is_an_error_behind_rows() {
    let old =
        "Code: 153, e.displayText() = DB::Exception: Division by zero, e.what() = DB::Exception\n";
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("numbers", whole("", &format!("n\nUInt8\n1\n{old}"))),
        ("texts", whole("", &format!("s\nString\na\n{old}"))),
        (
            "in a row",
            whole("", &format!("n\ts\nUInt8\tString\n1\ta\n2{old}")),
        ),
        ("no exception", whole("", &format!("s\nString\n{old}b\n"))),
    ]);
    let driver = server.driver().await;
    for (sql, expected) in [
        ("SELECT 'numbers'", "1"),
        ("SELECT 'texts'", "a"),
        ("SELECT 'in a row'", "1|a"),
    ] {
        let (rows, end) = read(&driver, sql, Limits::default()).await;
        assert_eq!(rows, [expected], "{sql}");
        let error = end.expect_err("an error").to_string();
        assert_eq!(error, "logs: Division by zero", "{sql}");
    }
    let (rows, end) = read(&driver, "SELECT 'no exception'", Limits::default()).await;
    assert_eq!((rows.len(), end.expect("a good end")), (2, None));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_no_end() {
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("torn", torn("", "n\nUInt8\n1\n2\n3")),
        ("short", whole("", "n\nUInt8\n1\n2\n3")),
        ("odd", whole("", "n\nUInt8\n1\n2\n3\t4\n")),
    ]);
    let driver = server.driver().await;
    for sql in ["SELECT 'torn'", "SELECT 'short'", "SELECT 'odd'"] {
        let (rows, end) = read(&driver, sql, Limits::default()).await;
        assert_eq!(rows, ["1", "2"], "{sql}");
        let error = end.expect_err("an error");
        assert!(matches!(error, Error::Upstream { .. }), "{sql}: {error:?}");
    }
}

#[tokio::test]
async fn totals_are_rows_and_empty_texts_too() {
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("TOTALS", whole("", "k\tn\nString\tUInt8\na\t1\n\n\t1\n")),
        ("empty", whole("", "s\nString\n\na\n\n")),
        ("nothing", whole("", "a\tb\nString\tNullable(UInt8)\n")),
    ]);
    let driver = server.driver().await;
    let (rows, _) = read(&driver, "SELECT k WITH TOTALS", Limits::default()).await;
    assert_eq!(rows, ["a|1", "|1"]);
    let (rows, _) = read(&driver, "SELECT empty", Limits::default()).await;
    assert_eq!(rows, ["", "a", ""]);
    let none = driver
        .run("SELECT nothing", Limits::default())
        .await
        .expect("runs");
    let columns: Vec<&str> = none
        .columns
        .iter()
        .map(|column| column.data_type.as_str())
        .collect();
    assert_eq!(columns, ["String", "Nullable(UInt8)"]);
    assert!(none.rows.is_empty());
}

#[tokio::test]
async fn another_format_is_refused() {
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("named", whole("X-ClickHouse-Format: JSON\r\n", "{\n}\n")),
        ("FORMAT", whole("", "{\n\t\"meta\":\n")),
        ("USE", whole("", "")),
    ]);
    let driver = server.driver().await;
    for sql in ["SELECT 'named'", "SELECT 1 FORMAT JSON", "USE x"] {
        let (_, end) = read(&driver, sql, Limits::default()).await;
        let error = end.expect_err(sql);
        assert!(
            matches!(&error, Error::Invalid { field, .. } if field == "sql"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn caps_cut_and_say_so() {
    let long = format!("s\nString\na\n{}\nb\n", "x".repeat(1_000_000));
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        (
            "many",
            whole("", &format!("n\nUInt8\n{}", "7\n".repeat(1_000))),
        ),
        ("long", whole("", &long)),
    ]);
    let driver = server.driver().await;
    let limits = |rows: usize| Limits {
        rows,
        bytes: 100_000,
        time: PATIENCE,
    };
    let (rows, end) = read(&driver, "SELECT many", limits(300)).await;
    assert_eq!((rows.len(), end.expect("a good end")), (300, Some(300)));
    let (rows, end) = read(&driver, "SELECT many", limits(1_000)).await;
    assert_eq!((rows.len(), end.expect("a good end")), (1_000, None));
    let (rows, end) = read(&driver, "SELECT long", limits(1_000)).await;
    assert_eq!((rows.len(), end.expect("a good end")), (1, Some(1)));
}

#[tokio::test]
async fn a_dropped_query_is_stopped_by_its_name() {
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("endless", torn("", "n\nUInt8\n1\n")),
        ("KILL", whole("", "waiting\tid\tann\tSELECT\n")),
    ]);
    let driver = server.driver().await;
    drop(
        driver
            .stream("SELECT endless", Limits::default())
            .await
            .expect("begins"),
    );
    let query = server.asked("SELECT endless").await;
    let id = query
        .split_once("query_id=")
        .and_then(|(_, rest)| rest.split_once('&'))
        .map(|(id, _)| id.to_owned())
        .expect("a name");
    let stop = server.asked("KILL QUERY").await;
    assert!(stop.contains(&format!("query_id = '{id}'")), "{stop}");
}

#[tokio::test]
async fn rows_written_are_counted_by_the_server() {
    let headers = "X-ClickHouse-Summary: {\"written_rows\":\"3\"}\r\n";
    let server = Scripted::start(vec![
        ("system.settings", whole("", LEARNED)),
        ("INSERT", whole(headers, "")),
    ]);
    let driver = server.driver().await;
    let written = driver.write("INSERT INTO t VALUES (1)", PATIENCE).await;
    assert_eq!(written.expect("writes"), 3);
    let request = server.asked("INSERT").await;
    assert!(
        !request.contains("readonly") && request.contains("wait_end_of_query=1"),
        "{request}"
    );
    let reader = Scripted::start(vec![("system.settings", whole("", "readonly\t2\t24.1\n"))]);
    let error = reader
        .driver()
        .await
        .write("INSERT INTO t VALUES (1)", PATIENCE)
        .await;
    assert!(matches!(error, Err(Error::Forbidden { .. })), "{error:?}");
}
