//! What the driver reads: types, columns, the server's own words, the catalogue.

use tidegate_schema::{
    Error,
    model::{Cell, CellKind},
};
use tidegate_server::drivers::{Driver, Limits, postgres::Postgres};

pub(super) async fn types(driver: &Postgres) {
    let set = driver
        .run("SELECT * FROM kinds ORDER BY id", Limits::default())
        .await
        .expect("runs");
    let row = |at: usize| -> Vec<String> {
        set.rows[at]
            .iter()
            .map(|cell| cell.to_text().unwrap_or_else(|| "NULL".into()))
            .collect()
    };
    assert_eq!(
        row(0),
        [
            "1",
            "9223372036854775807",
            "123456789012345678901234567890.123400",
            "0.1",
            "true",
            "Åse",
            "sad",
            "2024-02-29",
            "12:34:56.789",
            "2024-02-29T12:00:00",
            "2024-02-29T10:30:00+00:00",
            "P1Y2M3DT4H5M6S",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "0x00ff",
            "{\"a\":[1,2]}",
            "{1,2,NULL}",
            "[1,5)",
            "10.0.0.0/8",
            "(1,2)",
            "$1.50",
            "7",
            "(3,x)",
            "'fat' 'rat'"
        ]
    );
    assert!(row(1)[1..].iter().all(|cell| cell == "NULL"));
    assert_eq!(row(2)[2], "NaN");
    assert_eq!(set.rows[2][7], Cell::Text("infinity".into()));
    let kinds: Vec<CellKind> = set.columns.iter().map(|column| column.kind).collect();
    use CellKind::{Bool, Bytes, Date, Decimal, Float, Int, Json, Text, Time, Timestamp};
    assert_eq!(
        kinds,
        [
            Int, Int, Decimal, Float, Bool, Text, Text, Date, Time, Timestamp, Timestamp, Text,
            Text, Bytes, Json, Text, Text, Text, Text, Text, Int, Text, Text
        ]
    );
}

pub(super) async fn columns_without_rows(driver: &Postgres) {
    let set = driver
        .run(
            "SELECT id, num AS n, mood FROM kinds WHERE false",
            Limits::default(),
        )
        .await
        .expect("runs");
    let read: Vec<_> = set
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.data_type.as_str()))
        .collect();
    assert_eq!(read, [("id", "int4"), ("n", "numeric"), ("mood", "mood")]);
    assert!(set.rows.is_empty());
}

pub(super) async fn words_of_the_server(driver: &Postgres) {
    for (sql, part) in [
        (
            "SELECT nme FROM people",
            "column \"nme\" does not exist (at character 8)",
        ),
        (
            "SELECT * FROM persons",
            "relation \"persons\" does not exist",
        ),
        (
            "SELEC 1",
            "syntax error at or near \"SELEC\" (at character 1)",
        ),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1/0", "division by zero"),
    ] {
        let error = driver.run(sql, Limits::default()).await.expect_err(sql);
        assert!(
            matches!(&error, Error::Upstream { provider, .. } if provider == "shop"),
            "{error:?}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
    let plan = driver
        .dry_run("SELECT * FROM people WHERE id = 1 -- why")
        .await
        .expect("plans");
    assert!(plan.contains("cost="), "{plan}");
    assert_eq!(
        driver
            .dry_run("SHOW server_version")
            .await
            .expect("needs no plan"),
        ""
    );
    driver
        .dry_run("SELECT nme FROM people")
        .await
        .expect_err("fails as running would");
}

pub(super) async fn wrapped_queries_answer_as_they_are(driver: &Postgres) {
    let sql = "SELECT 'a '::char(4), ROW(NULL, NULL), NULL::text, ''::text, '<?xml version=\"1.0\"?><a/>'::xml,
            ARRAY['a', NULL, 'b c'], B'101', '(1,2),(0,0)'::box, 1.50::numeric, '{\"a\":  1}'::json, 7 AS \"select\"
        -- the last line";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let read: Vec<Option<String>> = set.rows[0].iter().map(Cell::to_text).collect();
    let read: Vec<&str> = read
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("NULL"))
        .collect();
    assert_eq!(
        read,
        [
            "a   ",
            "(,)",
            "NULL",
            "",
            "<a/>",
            "{a,NULL,\"b c\"}",
            "101",
            "(1,2),(0,0)",
            "1.50",
            "{\"a\":1}",
            "7"
        ]
    );
    assert_eq!(set.columns[10].name, "select");
    let sql = "SELECT name, born FROM people ORDER BY name COLLATE \"C\" DESC NULLS LAST LIMIT 3";
    let set = driver.run(sql, Limits::default()).await.expect("runs");
    let names: Vec<String> = set.rows.iter().filter_map(|row| row[0].to_text()).collect();
    assert_eq!(names, ["Åse", "Cy", "Bo"]);
    for sql in [
        "TABLE people",
        "VALUES (1, 'a'), (2, 'b')",
        "((SELECT 'a'))",
        "WITH x AS (SELECT 'a' AS a) SELECT a, a FROM x",
        "SELECT unnest(ARRAY['a', 'b']), random()",
        "SELECT p FROM people p",
    ] {
        let set = driver.run(sql, Limits::default()).await.expect(sql);
        assert!(!set.rows.is_empty(), "{sql}");
    }
}

pub(super) async fn comments_and_semicolons(driver: &Postgres) {
    for sql in [
        "/* which? */ SHOW server_version;",
        "-- how?\nEXPLAIN SELECT 1 -- so",
        "SELECT name FROM people; -- all",
        " ;; SELECT ';' FROM people ;",
    ] {
        driver.dry_run(sql).await.expect(sql);
        let set = driver.run(sql, Limits::default()).await.expect(sql);
        assert!(!set.rows.is_empty(), "{sql}");
    }
}

pub(super) async fn catalogue(driver: &Postgres) {
    let tables = driver.introspect().await.expect("reads").tables;
    let tables = driver.sample(tables).await.expect("looks");
    let names: Vec<String> = tables
        .iter()
        .map(|table| {
            table
                .schema
                .iter()
                .chain([&table.name])
                .cloned()
                .collect::<Vec<_>>()
                .join(".")
        })
        .collect();
    assert_eq!(
        names,
        [
            "elders",
            "kinds",
            "moods",
            "parts",
            "people",
            "sales.invoices"
        ]
    );
    let table = |name: &str| tables.iter().find(|table| table.name == name).expect(name);
    let people = table("people");
    assert_eq!(people.comment.as_deref(), Some("Everybody we know"));
    assert_eq!(people.primary_key, ["id"]);
    assert_eq!(people.row_estimate, Some(3));
    let column = |name: &str| {
        people
            .columns
            .iter()
            .find(|column| column.name == name)
            .expect(name)
    };
    assert_eq!(
        column("name").comment.as_deref(),
        Some("As they like to be called")
    );
    assert_eq!(column("name").data_type, "character varying(40)");
    assert!(!column("name").nullable);
    assert_eq!(
        column("name").default.as_deref(),
        Some("'nobody'::character varying")
    );
    assert_eq!(column("name").values, ["Bo", "Cy", "Åse"]);
    assert!(column("name").values_complete);
    assert!(
        !column("story").values_complete && column("story").values.is_empty(),
        "prose is not kept"
    );
    assert_eq!(column("feels").values, ["sad", "ok", "happy"]);
    assert!(column("feels").values_complete);
    let invoices = table("invoices");
    let key = &invoices.foreign_keys[0];
    assert_eq!(
        (
            key.references_schema.as_deref(),
            key.references_table.as_str()
        ),
        (None, "people")
    );
    assert_eq!(
        (key.columns.as_slice(), key.references_columns.as_slice()),
        (
            ["person".to_owned()].as_slice(),
            ["id".to_owned()].as_slice()
        )
    );
    assert!(table("elders").is_view && table("moods").is_view);
    assert_eq!(
        table("parts").columns.len(),
        2,
        "a partitioned table stands for its parts"
    );
}
