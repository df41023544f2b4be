//! What the driver reads: types, columns, the server's own words, the catalogue.

use tidegate_schema::{
    Error,
    model::{Cell, CellKind},
};
use tidegate_server::drivers::{Driver, Limits};

use super::{Database, TIMEOUT, connected, connection, one};

/// An expression, the kind of its column, its cell as text.
const TYPES: &[(&str, CellKind, &str)] = &[
    ("toInt8(-1)", CellKind::Int, "-1"),
    (
        "toInt64(-9223372036854775807)",
        CellKind::Int,
        "-9223372036854775807",
    ),
    (
        "toUInt64(18446744073709551615)",
        CellKind::Int,
        "18446744073709551615",
    ),
    (
        "toUInt64(9007199254740993)",
        CellKind::Int,
        "9007199254740993",
    ),
    ("toFloat32(0.1)", CellKind::Float, "0.1"),
    ("toFloat64(0.5)", CellKind::Float, "0.5"),
    ("nan", CellKind::Float, "NaN"),
    ("-inf", CellKind::Float, "-inf"),
    ("toDecimal64('12.5', 2)", CellKind::Decimal, "12.50"),
    (
        "toDecimal128('-12345678901234567890.5', 4)",
        CellKind::Decimal,
        "-12345678901234567890.5000",
    ),
    ("'Åse'", CellKind::Text, "Åse"),
    ("''", CellKind::Text, ""),
    (r"'a\tb\nc\\d\'e\\N'", CellKind::Text, "a\tb\nc\\d'e\\N"),
    ("unhex('FF00')", CellKind::Text, "0xff00"),
    ("toFixedString('ab', 4)", CellKind::Text, "ab"),
    ("toDate('2024-02-29')", CellKind::Date, "2024-02-29"),
    (
        "toDateTime('2024-02-29 12:00:00')",
        CellKind::Timestamp,
        "2024-02-29T12:00:00",
    ),
    (
        "toDateTime('2024-02-29 12:00:00', 'UTC')",
        CellKind::Timestamp,
        "2024-02-29T12:00:00+00:00",
    ),
    (
        "toUUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
        CellKind::Text,
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    (
        "CAST('ok' AS Enum8('sad' = 1, 'ok' = 2))",
        CellKind::Text,
        "ok",
    ),
    ("NULL", CellKind::Unknown, "NULL"),
    ("CAST(NULL AS Nullable(Int32))", CellKind::Int, "NULL"),
    ("CAST(7 AS Nullable(Int32))", CellKind::Int, "7"),
    ("[1, 2, NULL]", CellKind::Json, "[1,2,null]"),
    ("emptyArrayUInt8()", CellKind::Json, "[]"),
    ("[[1], [2, 3]]", CellKind::Json, "[[1],[2,3]]"),
    (
        r"['a', 'it\'s', 'b\tc\\d']",
        CellKind::Json,
        r#"["a","it's","b\tc\\d"]"#,
    ),
    (
        "[toUInt64(18446744073709551615), 1]",
        CellKind::Json,
        r#"["18446744073709551615",1]"#,
    ),
    ("[toDecimal64('1.5', 2)]", CellKind::Json, r#"["1.50"]"#),
    (
        "[toDate('2024-02-29')]",
        CellKind::Json,
        r#"["2024-02-29"]"#,
    ),
    ("(1, 'x', [2])", CellKind::Json, r#"[1,"x",[2]]"#),
];

#[tokio::test]
async fn cells_keep_their_types_and_digits() {
    let driver = connected(&connection()).await;
    for (expression, kind, text) in TYPES {
        let sql = format!("SELECT {expression} AS x");
        let set = driver.run(&sql, Limits::default()).await.expect(&sql);
        let column = &set.columns[0];
        assert_eq!(
            (column.name.as_str(), column.kind),
            ("x", *kind),
            "{sql}: {}",
            column.data_type
        );
        let cell = set.rows[0][0].to_text().unwrap_or_else(|| "NULL".into());
        assert_eq!(&cell, text, "{sql}: {}", column.data_type);
    }
    let all: Vec<String> = TYPES
        .iter()
        .enumerate()
        .map(|(nth, (expression, ..))| format!("{expression} AS c{nth}"))
        .collect();
    let sql = format!("SELECT {}", all.join(", "));
    let set = driver
        .run(&sql, Limits::default())
        .await
        .expect("all in one row");
    assert_eq!(set.rows[0].len(), TYPES.len());
}

#[tokio::test]
async fn stored_values_come_back_with_null_told_from_empty() {
    let database = Database::with(&[
        "CREATE TABLE kept (id UInt8, words Nullable(String), day Date DEFAULT toDate('2024-02-29'), \
         feels Nullable(Enum8('sad' = 1, 'ok' = 2)), pairs Nested(name String, n UInt8)) \
         ENGINE = MergeTree ORDER BY id",
        "INSERT INTO kept (id, words, feels, pairs.name, pairs.n) VALUES \
         (1, NULL, 'ok', ['a', 'b'], [1, 2]), (2, '', NULL, [], []), (3, '\\\\N', 'sad', ['NULL'], [3])",
    ])
    .await;
    let sql = "SELECT id, words, day, feels, pairs.name, pairs.n FROM kept ORDER BY id";
    let set = database
        .driver
        .run(sql, Limits::default())
        .await
        .expect("runs");
    let texts: Vec<Vec<String>> = set
        .rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| cell.to_text().unwrap_or("NULL".into()))
                .collect()
        })
        .collect();
    assert_eq!(
        texts[0],
        ["1", "NULL", "2024-02-29", "ok", r#"["a","b"]"#, "[1,2]"]
    );
    assert_eq!(texts[1], ["2", "", "2024-02-29", "NULL", "[]", "[]"]);
    assert_eq!(
        texts[2],
        ["3", r"\N", "2024-02-29", "sad", r#"["NULL"]"#, "[3]"]
    );
    assert_eq!(set.rows[0][1], Cell::Null);
    assert_eq!(set.rows[2][1], Cell::Text(r"\N".into()));
    database.remove().await;
}

#[tokio::test]
async fn columns_are_known_without_rows() {
    let driver = connected(&connection()).await;
    let sql = "SELECT dummy AS `a b`, toString(dummy) AS s FROM system.one WHERE dummy = 1";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let columns: Vec<_> = set
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.data_type.as_str()))
        .collect();
    assert_eq!(columns, [("a b", "UInt8"), ("s", "String")]);
    assert!(set.rows.is_empty());
    assert_eq!(set.cut_at, None);
}

#[tokio::test]
async fn totals_are_the_last_row() {
    let driver = connected(&connection()).await;
    let sql = "SELECT number % 2 AS k, count() AS n FROM (SELECT number FROM system.numbers LIMIT 10) \
               GROUP BY k WITH TOTALS ORDER BY k";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let counts: Vec<_> = set
        .rows
        .iter()
        .map(|row| row[1].to_text().unwrap_or_default())
        .collect();
    assert_eq!(counts, ["5", "5", "10"]);
}

#[tokio::test]
async fn comments_and_semicolons_are_no_trouble() {
    let driver = connected(&connection()).await;
    for sql in [
        "SELECT 'a;b' -- why; not",
        "SELECT 'a;b' AS x; -- the end",
        "/* first */ SELECT 'a;b';",
        "WITH 'a;b' AS x SELECT x",
    ] {
        driver.dry_run(sql).await.expect(sql);
    }
    for sql in [
        "SELECT 'a;b' -- why; not",
        "/* first */ SELECT 'a;b'",
        "WITH 'a;b' AS x SELECT x",
    ] {
        assert_eq!(one(&driver, sql).await, "a;b", "{sql}");
    }
    assert_eq!(driver.dry_run("SHOW TABLES").await.expect("no query"), "");
    driver
        .run("SHOW TABLES", Limits::default())
        .await
        .expect("shows");
}

#[tokio::test]
async fn errors_are_the_servers_own_words() {
    let driver = connected(&connection()).await;
    for (sql, part) in [
        ("SELECT * FROM persons", "persons"),
        ("SELECT nme FROM system.one", "nme"),
        ("SELECT * FROM nowhere.people", "nowhere"),
        ("SELECT 1 +", "yntax error"),
        ("SELECT no_such_function(1)", "no_such_function"),
    ] {
        for error in [
            driver.run(sql, Limits::default()).await.err(),
            driver.dry_run(sql).await.err(),
        ] {
            let error = error.expect(sql);
            assert!(
                matches!(&error, Error::Upstream { provider, .. } if provider == "shop"),
                "{error:?}"
            );
            let text = error.to_string();
            assert!(text.contains(part), "{sql}: {text}");
            assert!(
                !text.contains("e.what()") && !text.contains("(version"),
                "{text}"
            );
        }
    }
    let error = driver.run("SELECT 1 FORMAT JSON", Limits::default()).await;
    let error = error.expect_err("another format");
    assert!(
        matches!(&error, Error::Invalid { field, .. } if field == "sql"),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_catalogue_has_keys_views_comments_and_values() {
    let database = Database::with(&[
        "CREATE TABLE people (id UInt64, name String DEFAULT 'nobody', born Nullable(Date), \
         feels Enum8('sad' = 1, 'ok' = 2), story String) ENGINE = MergeTree ORDER BY (name, id)",
        "INSERT INTO people (id, name, feels, story) SELECT number, if(number % 2 = 0, 'Bo', 'Cy'), 'ok', \
         arrayStringConcat(arrayMap(x -> 'Once upon a time.', range(20))) FROM system.numbers LIMIT 10",
        "CREATE TABLE `odd \\`name` (`a b` String) ENGINE = Memory",
        "CREATE VIEW elders AS SELECT name FROM people WHERE born < toDate('2000-01-01')",
    ])
    .await;
    let driver = &database.driver;
    let before = driver.fingerprint().await.expect("reads");
    assert!(before.is_some());
    assert_eq!(driver.fingerprint().await.expect("reads"), before);
    let tables = driver.introspect().await.expect("reads").tables;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["elders", "odd `name", "people"]);
    assert!(tables[0].is_view && !tables[2].is_view);
    let people = &tables[2];
    assert_eq!(people.primary_key, ["name", "id"]);
    assert_eq!(people.row_estimate, Some(10));
    let columns: Vec<_> = people
        .columns
        .iter()
        .map(|column| {
            (
                column.name.as_str(),
                column.data_type.as_str(),
                column.nullable,
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "UInt64", false),
            ("name", "String", false),
            ("born", "Nullable(Date)", true),
            ("feels", "Enum8('sad' = 1, 'ok' = 2)", false),
            ("story", "String", false),
        ]
    );
    assert!(
        people.columns[1]
            .default
            .as_deref()
            .is_some_and(|text| text.contains("nobody"))
    );
    assert_eq!(people.columns[3].values, ["sad", "ok"]);
    assert!(
        people.columns[1].values.is_empty(),
        "values are sampled apart"
    );

    let sampled = driver.sample(tables.clone()).await.expect("looks");
    let name = &sampled[2].columns[1];
    assert_eq!(
        (name.values.as_slice(), name.values_complete),
        (["Bo".to_owned(), "Cy".to_owned()].as_slice(), true)
    );
    assert!(sampled[2].columns[4].values.is_empty(), "prose is not kept");
    assert!(
        sampled[0].columns[0].values.is_empty(),
        "a view is not looked at"
    );

    let sql = "ALTER TABLE people ADD COLUMN extra String";
    driver.write(sql, TIMEOUT).await.expect("altered");
    assert_ne!(driver.fingerprint().await.expect("reads"), before);
    database.remove().await;
}

#[tokio::test]
async fn what_is_written_is_there() {
    let database = Database::with(&["CREATE TABLE t (a UInt8) ENGINE = Memory"]).await;
    let driver = &database.driver;
    driver
        .write("INSERT INTO t VALUES (1), (2)", TIMEOUT)
        .await
        .expect("writes");
    assert_eq!(one(driver, "SELECT count() FROM t").await, "2");
    let error = driver.write("INSERT INTO t VALUES ('many')", TIMEOUT).await;
    assert!(matches!(error, Err(Error::Upstream { .. })), "{error:?}");
    assert_eq!(one(driver, "SELECT count() FROM t").await, "2");
    database.remove().await;
}
