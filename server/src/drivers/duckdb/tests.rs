//! The DuckDB driver against real files.

mod change;
mod limits;
mod readonly;

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tidegate_schema::model::{Cell, CellKind};

use super::*;

const PEOPLE: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
    CREATE TABLE places (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL);
    INSERT INTO places VALUES (1, 'Oslo'), (2, 'Bergen');
    CREATE TABLE people (
        id BIGINT PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'nobody', born DATE, height DOUBLE, pay DECIMAL(10, 2),
        feels mood, place_id INTEGER REFERENCES places (id));
    INSERT INTO people VALUES
        (9007199254740993, 'Åse', '1990-02-28', 1.75, 1234.5, 'sad', 1), (2, 'Bo', NULL, NULL, 10, NULL, NULL);
    COMMENT ON TABLE people IS 'who lives here';
    COMMENT ON COLUMN people.pay IS 'in kroner';
    CREATE VIEW elders AS SELECT name FROM people WHERE born < '2000-01-01';
    CREATE SCHEMA shop;
    CREATE TABLE shop.\"order\" (\"from\" VARCHAR, n INTEGER);";

fn at(path: &Path) -> Connection {
    Connection {
        engine: Engine::DuckDb,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}

/// Makes or changes a file, as another program would.
fn made(path: &Path, sql: &str) {
    crate::drivers::duckdb_library::load()
        .expect("DuckDB's library loads; `cargo xtask test` provisions it");
    duckdb::Connection::open(path)
        .and_then(|file| file.execute_batch(sql))
        .expect("made");
}

async fn opened(sql: &str) -> (tempfile::TempDir, PathBuf, DuckDb) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test file.duckdb");
    made(&path, sql);
    let driver = DuckDb::open("people", &at(&path)).await.expect("opens");
    (folder, path, driver)
}

fn texts(row: &[Cell]) -> Vec<String> {
    row.iter()
        .map(|cell| cell.to_text().unwrap_or_else(|| "NULL".into()))
        .collect()
}

#[tokio::test]
async fn cells_keep_their_types_and_digits() {
    use CellKind::{Bool, Bytes, Date, Decimal, Float, Int, Json, Text, Time, Timestamp};
    let (_folder, _, driver) = opened(PEOPLE).await;
    let cases = [
        ("9007199254740993::BIGINT", Int, "9007199254740993"),
        (
            "'170141183460469231731687303715884105727'::HUGEINT",
            Int,
            "170141183460469231731687303715884105727",
        ),
        ("(-5)::HUGEINT", Int, "-5"),
        (
            "'340282366920938463463374607431768211455'::UHUGEINT",
            Int,
            "340282366920938463463374607431768211455",
        ),
        (
            "'18446744073709551615'::UBIGINT",
            Int,
            "18446744073709551615",
        ),
        ("sum(7)", Int, "7"),
        ("12.5::DECIMAL(10, 2)", Decimal, "12.50"),
        ("'-0.05'::DECIMAL(38, 2)", Decimal, "-0.05"),
        ("'7'::DECIMAL(38, 0)", Decimal, "7"),
        ("0.1::FLOAT", Float, "0.1"),
        ("'nan'::DOUBLE", Float, "NaN"),
        ("'-infinity'::DOUBLE", Float, "-inf"),
        ("true", Bool, "true"),
        ("DATE '1990-02-28'", Date, "1990-02-28"),
        ("'infinity'::DATE", Date, "infinity"),
        ("TIME '03:04:05.5'", Time, "03:04:05.500"),
        (
            "TIMESTAMP '2024-01-02 03:04:05.123456'",
            Timestamp,
            "2024-01-02T03:04:05.123456",
        ),
        (
            "'2024-01-02 03:04:05'::TIMESTAMP_S",
            Timestamp,
            "2024-01-02T03:04:05",
        ),
        (
            "'2024-01-02 03:04:05.123'::TIMESTAMP_MS",
            Timestamp,
            "2024-01-02T03:04:05.123",
        ),
        (
            "'2024-01-02 03:04:05.123456789'::TIMESTAMP_NS",
            Timestamp,
            "2024-01-02T03:04:05.123456789",
        ),
        ("'-infinity'::TIMESTAMP", Timestamp, "-infinity"),
        (
            "'2024-01-02 03:04:05+02'::TIMESTAMPTZ",
            Timestamp,
            "2024-01-02T01:04:05+00:00",
        ),
        ("'03:04:05+02'::TIMETZ", Text, "03:04:05+02"),
        ("INTERVAL '1 year 2 days'", Text, "1 year 2 days"),
        (
            "'00112233-4455-6677-8899-aabbccddeeff'::UUID",
            Text,
            "00112233-4455-6677-8899-aabbccddeeff",
        ),
        ("'\\x00\\xFF'::BLOB", Bytes, "0x00ff"),
        ("'0101'::BIT", Text, "0101"),
        ("'it''s ok'::mood", Text, "it's ok"),
        ("''", Text, ""),
        ("[1, NULL, 3]", Json, "[1,null,3]"),
        ("[1, 2]::INTEGER[2]", Json, "[1,2]"),
        ("{'a': 1, 'b': ['x']}", Json, "{\"a\":1,\"b\":[\"x\"]}"),
        ("MAP {'k': 1.5::DECIMAL(4, 2)}", Json, "{\"k\":\"1.50\"}"),
        ("union_value(num := 2)", Json, "2"),
        ("[INTERVAL '1 day']", Text, "[1 day]"),
        ("'{\"a\": [1]}'::JSON", Json, "{\"a\":[1]}"),
        ("['{\"a\": 1}'::JSON]", Json, "[{\"a\":1}]"),
        ("NULL::VARCHAR", Text, "NULL"),
    ];
    let list: Vec<&str> = cases.iter().map(|(sql, _, _)| *sql).collect();
    let sql = format!("SELECT {}", list.join(", "));
    let set = driver.run(&sql, Limits::default()).await.expect("runs");
    let read = texts(&set.rows[0]);
    for (nth, (sql, kind, text)) in cases.into_iter().enumerate() {
        assert_eq!(
            (set.columns[nth].kind, read[nth].as_str()),
            (kind, text),
            "{sql}"
        );
    }
    assert_eq!(set.cut_at, None);
}

#[tokio::test]
async fn columns_are_known_without_rows() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let sql = "SELECT name, feels, 1 + 1 AS two, [born] AS days, 1 AS two FROM people WHERE false";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let read: Vec<_> = set
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.kind, c.data_type.as_str()))
        .collect();
    assert_eq!(
        read,
        [
            ("name", CellKind::Text, "VARCHAR"),
            ("feels", CellKind::Text, "ENUM"),
            ("two", CellKind::Int, "INTEGER"),
            ("days", CellKind::Json, "DATE[]"),
            ("two", CellKind::Int, "INTEGER")
        ]
    );
    assert!(set.rows.is_empty());
    for sql in [
        "SHOW TABLES",
        "DESCRIBE people",
        "SUMMARIZE people",
        "EXPLAIN SELECT 1",
    ] {
        let set = driver.run(sql, Limits::default()).await.expect(sql);
        assert!(
            !set.rows.is_empty() && set.rows[0].len() == set.columns.len(),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_missing_file_is_named_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.duckdb");
    for wrong in [
        path.clone(),
        folder.path().to_owned(),
        PathBuf::from(":memory:"),
        PathBuf::new(),
    ] {
        let error = DuckDb::open("x", &at(&wrong)).await.err().expect("refused");
        assert!(
            matches!(&error, Error::Invalid { field, .. } if field == "path"),
            "{error}"
        );
    }
    assert!(!path.exists());
    for other in [
        "this is a letter and no database, as anyone can see",
        "SQLite format 3\0",
        "",
    ] {
        std::fs::write(&path, other).expect("written");
        let error = DuckDb::open("x", &at(&path)).await.err().expect("refused");
        assert!(
            error.to_string().contains("not a DuckDB database"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn errors_are_the_databases_own_words() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for (sql, part) in [
        ("SELECT nme FROM people", "LINE 1: SELECT nme"),
        ("SELECT * FROM persons", "persons"),
        ("SELECT 1 1", "syntax error"),
        ("SELECT 'x'::INTEGER + id FROM people", "Conversion Error"),
    ] {
        let error = driver.run(sql, Limits::default()).await.expect_err(sql);
        assert!(
            matches!(&error, Error::Upstream { provider, .. } if provider == "people"),
            "{error:?}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn the_catalogue_has_keys_views_comments_and_values() {
    let (_folder, path, driver) = opened(PEOPLE).await;
    let tables = driver.introspect().await.expect("reads").tables;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["elders", "order", "people", "places"]);
    assert_eq!(tables[1].schema.as_deref(), Some("shop"));
    assert!(tables[0].is_view && !tables[2].is_view);
    let people = &tables[2];
    assert_eq!(
        (people.schema.as_deref(), people.row_estimate),
        (None, Some(2))
    );
    assert_eq!(people.comment.as_deref(), Some("who lives here"));
    assert_eq!(people.primary_key, ["id"]);
    let key = &people.foreign_keys[0];
    assert_eq!(
        (
            key.columns[0].as_str(),
            key.references_table.as_str(),
            key.references_columns[0].as_str()
        ),
        ("place_id", "places", "id")
    );
    let name = &people.columns[1];
    assert_eq!(
        (
            name.data_type.as_str(),
            name.nullable,
            name.default.as_deref()
        ),
        ("VARCHAR", false, Some("'nobody'"))
    );
    assert!(!people.columns[0].nullable && people.columns[2].nullable);
    assert_eq!(people.columns[4].comment.as_deref(), Some("in kroner"));
    let feels = &people.columns[5];
    assert_eq!(
        (feels.data_type.as_str(), feels.values_complete),
        ("ENUM", true)
    );
    assert_eq!(feels.values, ["sad", "it's ok"]);

    let sampled = driver.sample(tables.clone()).await.expect("looks");
    let name = &sampled[2].columns[1];
    assert_eq!(
        (name.values.as_slice(), name.values_complete),
        (["Bo".to_owned(), "Åse".to_owned()].as_slice(), true)
    );
    assert!(sampled[1].columns[0].values.is_empty() && sampled[1].columns[0].values_complete);

    let print = driver.fingerprint().await.expect("reads").expect("has one");
    assert_eq!(
        driver.fingerprint().await.expect("reads").as_deref(),
        Some(print.as_str())
    );
    drop(driver);
    made(&path, "ALTER TABLE shop.\"order\" ADD COLUMN nick VARCHAR");
    let driver = DuckDb::open("people", &at(&path)).await.expect("opens");
    assert_ne!(driver.fingerprint().await.expect("reads"), Some(print));
}

#[tokio::test]
async fn a_plan_is_text_and_runs_nothing() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let sql = "SELECT * FROM people JOIN places ON places.id = place_id -- with a comment";
    let plan = driver.dry_run(sql).await.expect("plans");
    assert!(
        plan.contains("people") && plan.lines().count() > 1,
        "{plan}"
    );
    assert_eq!(driver.dry_run("SHOW TABLES").await.expect("known"), "");
    assert!(driver.dry_run("SELECT nme FROM people").await.is_err());
    let error = driver
        .dry_run("DELETE FROM people")
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
}
