//! Every kind of value from a database to every surface, as `docs/types.md` has it.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{TestApp, postgres::Database};

use crate::support::program;

const SELECT: &str = "SELECT * FROM kinds";

/// A column of each type with its value, and what comes out of it: as text, and as JSON where that is something else.
const KINDS: &[(&str, &str, Option<&str>, &str)] = &[
    ("integer", "NULL", None, "null"),
    ("boolean", "true", Some("true"), "true"),
    (
        "bigint",
        "9007199254740993",
        Some("9007199254740993"),
        "9007199254740993",
    ),
    (
        "bigint",
        "-9223372036854775808",
        Some("-9223372036854775808"),
        "-9223372036854775808",
    ),
    ("numeric(10, 2)", "12.5", Some("12.50"), "12.5"),
    (
        "numeric",
        "12345678901234567890.1230",
        Some("12345678901234567890.1230"),
        "\"12345678901234567890.1230\"",
    ),
    ("double precision", "0.1", Some("0.1"), "0.1"),
    ("real", "0.1", Some("0.1"), "0.1"),
    ("double precision", "'NaN'", Some("NaN"), "\"NaN\""),
    ("double precision", "'-Infinity'", Some("-inf"), "\"-inf\""),
    (
        "text",
        "'Åse 日本 😀'",
        Some("Åse 日本 😀"),
        "\"Åse 日本 😀\"",
    ),
    ("text", "''", Some(""), "\"\""),
    ("text", "'=1+1'", Some("=1+1"), "\"=1+1\""),
    ("bytea", "'\\x00ff10'", Some("0x00ff10"), "\"0x00ff10\""),
    ("date", "'2024-02-29'", Some("2024-02-29"), "\"2024-02-29\""),
    ("date", "'infinity'", Some("infinity"), "\"infinity\""),
    (
        "time",
        "'23:59:58.123456'",
        Some("23:59:58.123456"),
        "\"23:59:58.123456\"",
    ),
    (
        "timestamp",
        "'2024-02-29 23:59:58'",
        Some("2024-02-29T23:59:58"),
        "\"2024-02-29T23:59:58\"",
    ),
    (
        "timestamptz",
        "'2024-02-29 23:59:58+02'",
        Some("2024-02-29T21:59:58+00:00"),
        "\"2024-02-29T21:59:58+00:00\"",
    ),
    (
        "interval",
        "'1 day 02:03:04'",
        Some("P1DT2H3M4S"),
        "\"P1DT2H3M4S\"",
    ),
    (
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"",
    ),
    ("mood", "'it''s ok'", Some("it's ok"), "\"it's ok\""),
    (
        "integer[]",
        "'{1,2,NULL}'",
        Some("{1,2,NULL}"),
        "\"{1,2,NULL}\"",
    ),
    ("point", "'(1,2)'", Some("(1,2)"), "\"(1,2)\""),
    (
        "jsonb",
        "'{\"a\": [1, null, 9007199254740993]}'",
        Some("{\"a\":[1,null,9007199254740993]}"),
        "{\"a\":[1,null,9007199254740993]}",
    ),
];

/// The database of [`KINDS`]: one table with one row.
async fn kinds() -> Result<Database> {
    let numbered = KINDS.iter().enumerate();
    let columns: Vec<String> = numbered
        .map(|(nth, (kind, ..))| format!("c{nth} {kind}"))
        .collect();
    let values: Vec<&str> = KINDS.iter().map(|(_, value, ..)| *value).collect();
    Database::with(&format!(
        "CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE TABLE kinds ({}); INSERT INTO kinds VALUES ({})",
        columns.join(", "),
        values.join(", ")
    ))
    .await
}

fn as_texts() -> Value {
    KINDS.iter().map(|(_, _, text, _)| json!(text)).collect()
}

/// As text, as floats are not the same for having the same digits.
fn as_json() -> String {
    let values: Vec<&str> = KINDS.iter().map(|(.., value)| *value).collect();
    format!("[{}]", values.join(","))
}

#[tokio::test]
async fn each_kind_has_its_form_over_http() -> Result<()> {
    let database = kinds().await?;
    let app = TestApp::builder().start().await?;
    app.register("kinds", database.connection()?).await?;
    let user = app.anonymous();
    let run = json!({"db_name": "kinds", "sql": SELECT});
    let rest = user.post("/api/v1/editor/sql/run", &run).await?.data();
    assert_eq!(rest["values"][0], as_texts());

    let query = json!({
        "query": "mutation ($sql: String!) { runSql(datasource: \"kinds\", sql: $sql) { ... on RunSqlAnswer { result {
                  rows } } } }",
        "variables": {"sql": SELECT},
    });
    let answer = user.post("/graphql", &query).await?.json();
    let row = &answer["data"]["runSql"]["result"]["rows"][0];
    assert_eq!(row.to_string(), as_json(), "{answer}");

    let export = |format: &str| {
        let body = json!({"db_name": "kinds", "sql": SELECT, "format": format});
        let user = user.clone();
        async move { anyhow::Ok(user.post("/api/v1/editor/sql/export", &body).await?.text) }
    };
    let lines = export("jsonl").await?;
    let object: serde_json::Map<String, Value> = serde_json::from_str(lines.trim_end())?;
    let row: Vec<&Value> = object.values().collect();
    assert_eq!(json!(row).to_string(), as_json());
    let csv = export("csv").await?;
    let (_, record) = csv.split_once("\r\n").context("a header")?;
    let fields = KINDS.iter().map(|(_, _, text, _)| match text {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains([',', '"']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => (*text).to_owned(),
    });
    let fields: Vec<String> = fields.collect();
    assert_eq!(record, format!("{}\r\n", fields.join(",")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_has_its_form_in_the_terminal() -> Result<()> {
    let database = kinds().await?;
    let dir = TempDir::new()?;
    let program = program(dir.path(), "")?;
    let added = program.run(&["db", "add", "kinds", &database.url()])?;
    assert!(added.success, "{added:?}");
    let printed = program.run(&["db", "run", "kinds", SELECT, "--json"])?;
    let document: Value =
        serde_json::from_str(&printed.out).with_context(|| format!("{printed:?}"))?;
    assert_eq!(document["rows"][0].to_string(), as_json());
    // One column at a time, as a table of all is broken over lines; some of them, as each is a program's start.
    for (nth, (kind, _, text, _)) in KINDS.iter().enumerate().step_by(4) {
        let sql = format!("SELECT c{nth} FROM kinds");
        let shown = program.run(&["db", "run", "kinds", &sql])?;
        let text = text.unwrap_or("NULL");
        assert!(shown.out.contains(text), "{kind}: {shown:?}");
    }
    Ok(())
}
