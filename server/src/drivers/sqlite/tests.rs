//! The SQLite driver against real files.

mod limits;

use std::{path::Path, time::Instant};

use secrecy::SecretString;
use tidegate_schema::model::{Cell, CellKind};

use super::*;

const PEOPLE: &str = "
    CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO places VALUES (1, 'Oslo'), (2, 'Bergen');
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT 'nobody', born DATE, seen DATETIME, height REAL,
        pay DECIMAL(10, 2), active BOOLEAN, photo BLOB, extra JSON, place_id INTEGER REFERENCES places);
    INSERT INTO people VALUES
        (9007199254740993, 'Åse', '1990-02-28', '2024-01-02 03:04:05', 1.75, 1234.5, 1, x'00ff', '{\"a\": 1}', 1),
        (2, 'Bo', 'long ago', '2024-01-02T03:04:05+02:00', NULL, 10, 0, NULL, 'no json', NULL);
    CREATE VIEW elders AS SELECT name FROM people WHERE born < '2000-01-01';
    CREATE VIEW broken AS SELECT * FROM nowhere;";

fn at(path: &Path) -> Connection {
    Connection {
        engine: Engine::Sqlite,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}

async fn opened(sql: &str) -> (tempfile::TempDir, PathBuf, Sqlite) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test file.db");
    rusqlite::Connection::open(&path)
        .and_then(|file| file.execute_batch(sql))
        .expect("made");
    let driver = Sqlite::open("people", &at(&path)).await.expect("opens");
    (folder, path, driver)
}

#[tokio::test]
async fn cells_keep_their_types_and_digits() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let set = driver
        .run("SELECT * FROM people ORDER BY name DESC", Limits::default())
        .await
        .expect("runs");
    let kinds: Vec<CellKind> = set.columns.iter().map(|column| column.kind).collect();
    use CellKind::{Bool, Bytes, Date, Decimal, Float, Int, Json, Text, Timestamp};
    assert_eq!(
        kinds,
        [
            Int, Text, Date, Timestamp, Float, Decimal, Bool, Bytes, Json, Int
        ]
    );
    let texts = |row: &[Cell]| row.iter().map(Cell::to_text).collect::<Vec<_>>();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts(&set.rows[0]),
        [
            some("9007199254740993"),
            some("Åse"),
            some("1990-02-28"),
            some("2024-01-02T03:04:05"),
            some("1.75"),
            some("1234.5"),
            some("true"),
            some("0x00ff"),
            some("{\"a\":1}"),
            some("1")
        ]
    );
    assert_eq!(set.rows[1][2], Cell::Text("long ago".into()));
    assert!(matches!(set.rows[1][3], Cell::TimestampTz(_)));
    assert_eq!(set.rows[1][8], Cell::Text("no json".into()));
    assert_eq!(set.cut_at, None);
}

#[tokio::test]
async fn columns_are_known_without_rows() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let set = driver
        .run(
            "SELECT name, born, 1 + 1 AS two FROM people WHERE 0",
            Limits::default(),
        )
        .await;
    let columns = set.expect("runs").columns;
    let read: Vec<_> = columns
        .iter()
        .map(|c| (c.name.as_str(), c.kind, c.data_type.as_str()))
        .collect();
    assert_eq!(
        read,
        [
            ("name", CellKind::Text, "VARCHAR(40)"),
            ("born", CellKind::Date, "DATE"),
            ("two", CellKind::Unknown, "")
        ]
    );
}

#[tokio::test]
async fn a_missing_file_is_named_and_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.db");
    for wrong in [
        path.clone(),
        folder.path().to_owned(),
        PathBuf::from(":memory:"),
        PathBuf::new(),
    ] {
        let error = Sqlite::open("x", &at(&wrong)).await.err().expect("refused");
        assert!(
            matches!(&error, Error::Invalid { field, .. } if field == "path"),
            "{error}"
        );
    }
    assert!(!path.exists());
    std::fs::write(&path, "this is a letter and no database, as anyone can see").expect("written");
    let error = Sqlite::open("x", &at(&path)).await.err().expect("refused");
    assert!(
        error.to_string().contains("not a SQLite database"),
        "{error}"
    );
}

#[tokio::test]
async fn the_session_alone_changes_nothing() {
    let (folder, path, driver) = opened(PEOPLE).await;
    let before = std::fs::read(&path).expect("readable");
    for sql in [
        "DELETE FROM people",
        "DELETE FROM people RETURNING id",
        "INSERT INTO places VALUES (3, 'Bodø') RETURNING id",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "DROP VIEW elders",
        "PRAGMA query_only = 0",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode = WAL",
        "SELECT * FROM pragma_journal_mode('WAL')",
        "ATTACH 'evil.db' AS evil",
        "VACUUM INTO 'copy.db'",
        "BEGIN IMMEDIATE",
        "REINDEX",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM people",
    ] {
        let error = driver.run(sql, Limits::default()).await.expect_err(sql);
        assert!(!error.to_string().is_empty(), "{sql}");
    }
    assert!(
        std::fs::read(&path).expect("readable") == before,
        "the file changed"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        1,
        "another file appeared"
    );
}

#[tokio::test]
async fn errors_are_the_databases_own_words() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for (sql, part) in [
        ("SELECT nme FROM people", "no such column: nme"),
        ("SELECT \"nme\" FROM people", "no such column: \"nme\""),
        ("SELECT * FROM persons", "no such table: persons"),
        ("SELEC 1", "near \"SELEC\": syntax error (at byte 0)"),
    ] {
        for error in [
            driver.run(sql, Limits::default()).await.err(),
            driver.dry_run(sql).await.err(),
        ] {
            let error = error.expect("refused");
            assert!(
                matches!(&error, Error::Upstream { provider, .. } if provider == "people"),
                "{error:?}"
            );
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

#[tokio::test]
async fn the_catalogue_has_keys_views_and_values() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let tables = driver.introspect().await.expect("reads").tables;
    let tables = driver.sample(tables).await.expect("looks");
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        names,
        ["elders", "people", "places"],
        "the broken view is left out"
    );
    let people = &tables[1];
    assert_eq!(people.primary_key, ["id"]);
    assert_eq!(people.row_estimate, Some(2));
    let key = &people.foreign_keys[0];
    assert_eq!(
        (
            &key.columns[0],
            &key.references_table,
            &key.references_columns[0]
        ),
        (&"place_id".into(), &"places".into(), &"id".into())
    );
    let name = &people.columns[1];
    assert_eq!(
        (
            name.data_type.as_str(),
            name.nullable,
            name.default.as_deref()
        ),
        ("VARCHAR(40)", false, Some("'nobody'"))
    );
    assert_eq!(
        (name.values.as_slice(), name.values_complete),
        (["Bo".to_owned(), "Åse".to_owned()].as_slice(), true)
    );
    assert!(people.columns[0].values.is_empty());
    assert!(tables[0].is_view);
}

#[tokio::test]
async fn many_tables_take_few_queries() {
    let mut sql = String::from("BEGIN;");
    for n in 0..2_500 {
        sql.extend([format!(
            "CREATE TABLE t{n} (id INTEGER PRIMARY KEY, a TEXT, b TEXT REFERENCES t0);"
        )]);
    }
    sql.push_str("COMMIT;");
    let (_folder, _, driver) = opened(&sql).await;
    let started = Instant::now();
    let tables = driver.introspect().await.expect("reads").tables;
    assert_eq!(tables.len(), 2_500);
    assert_eq!(tables[7].foreign_keys.len(), 1);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_plan_is_a_tree_and_runs_nothing() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let sql = "SELECT * FROM people JOIN places ON places.id = place_id -- with a comment";
    let plan = driver.dry_run(sql).await.expect("plans");
    assert!(
        plan.contains("SCAN people") && plan.lines().count() == 2,
        "{plan}"
    );
    let error = driver
        .dry_run("DELETE FROM people")
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn numbers_can_be_calculated_with() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let sql = "SELECT ceil(1.2), floor(-1.2), ceil(7), sqrt(9), sqrt(-1), power(2, 10), log(100), log(2, 8), mod(7, 4),
        round(pi(), 3), ln('x'), exp(0), trunc(-1.7)";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let read: Vec<String> = set.rows[0]
        .iter()
        .map(|cell| cell.to_text().unwrap_or_default())
        .collect();
    assert_eq!(
        read,
        [
            "2", "-2", "7", "3", "", "1024", "2", "3", "3", "3.142", "", "1", "-1"
        ]
    );
}
