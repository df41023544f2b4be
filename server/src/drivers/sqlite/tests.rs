//! The SQLite driver against real files.

use futures::StreamExt;
use secrecy::SecretString;
use tidegate_schema::model::{Cell, CellKind};

use super::*;
use crate::drivers::Batch;

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

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        bytes: 1 << 20,
        time: Duration::from_millis(time_ms),
    }
}

/// Counts for minutes unless it is stopped.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

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
async fn caps_cut_and_say_so() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n";
    let set = driver.run(many, within(300, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(many, within(1_000, 5_000)).await.expect("runs");
    assert_eq!(
        (set.rows.len(), set.cut_at),
        (1_000, None),
        "exactly as many as allowed is not cut"
    );
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)
                SELECT printf('%.10000c', 'x') FROM n";
    let set = driver.run(long, within(1_000, 5_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "a megabyte is about a hundred rows, not {}",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
}

#[tokio::test]
async fn a_row_is_weighed_before_it_is_copied() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let wide = vec!["s"; 200].join(", ");
    let sql = format!(
        "WITH x AS MATERIALIZED (SELECT printf('%.1000000c', 'a') AS s) SELECT {wide} FROM x"
    );
    let set = driver.run(&sql, within(10, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)));
    let pair = "WITH x AS MATERIALIZED (SELECT printf('%.100000c', 'a') AS s) SELECT s, s FROM x";
    let set = driver.run(pair, within(10, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1, None));
}

#[tokio::test]
async fn what_one_function_can_do_is_bounded() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for (sql, part) in [
        ("SELECT length(printf('%.60000000c', 'a'))", "too big"),
        (
            "SELECT 'a' LIKE '%' || printf('%.200c', 'a') || 'b'",
            "pattern too complex",
        ),
    ] {
        let error = driver.run(sql, within(10, 5_000)).await.expect_err(sql);
        assert!(error.to_string().contains(part), "{error}");
    }
    let sql = "SELECT instr(printf('%.4000000c', 'a'), printf('%.2000000c', 'a') || 'b'),
        replace(1.50, '.', ',')";
    let set = driver.run(sql, within(10, 10_000)).await.expect("runs");
    assert_eq!(set.rows[0], [Cell::Int(0), Cell::Text("1,5".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out_and_the_connection_lives_on() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for _ in 0..2 * CONNECTIONS {
        let started = Instant::now();
        let error = driver
            .run(ENDLESS, within(10, 50))
            .await
            .expect_err("stopped");
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_stops_the_query() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let endless = ENDLESS.replace("count(*)", "i");
    for _ in 0..CONNECTIONS {
        let mut stream = driver
            .stream(&endless, within(usize::MAX, 60_000))
            .await
            .expect("begins");
        assert!(
            matches!(stream.batches.next().await, Some(Ok(Batch::Rows(rows))) if rows.len() == 1)
        );
    }
    for _ in 0..CONNECTIONS {
        drop(
            driver
                .stream(ENDLESS, within(10, 60_000))
                .await
                .expect("begins"),
        );
    }
    // Every connection was in use for a minute's work; all come back at once.
    let again = driver
        .run("SELECT 1", within(10, 5_000))
        .await
        .expect("a connection is free");
    assert_eq!(again.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_is_cut_off_and_told() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let endless = ENDLESS.replace("count(*)", "i");
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_millis(300),
    };
    let mut stream = driver.stream(&endless, limits).await.expect("begins");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut last = None;
    while let Some(batch) = stream.batches.next().await {
        last = Some(batch);
    }
    assert!(matches!(last, Some(Err(Error::Timeout { .. }))), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writers_lock_is_waited_for_and_not_for_ever() {
    let (_folder, path, driver) = opened(PEOPLE).await;
    let writer = rusqlite::Connection::open(&path).expect("opens");
    writer.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let error = driver
        .run("SELECT * FROM people", within(10, 300))
        .await
        .expect_err("locked");
    assert!(
        matches!(error, Error::Upstream { .. } | Error::Timeout { .. }),
        "{error:?}"
    );
    writer.execute_batch("COMMIT").expect("unlocks");
    driver
        .run("SELECT * FROM people", within(10, 2_000))
        .await
        .expect("unlocked");
}

#[tokio::test]
async fn the_catalogue_has_keys_views_and_values() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let tables = driver.introspect().await.expect("reads").tables;
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
