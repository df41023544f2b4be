//! JSON and JSON lines.

use std::fmt::Write as _;

use super::{Place, rows, types};
use crate::drivers::Driver as _;

#[tokio::test]
async fn an_array_of_objects_is_a_table_of_its_keys() {
    let place = Place::with(
        "t.json",
        r#"[
            {"id": 1, "name": "Åse \u00e9", "pay": 1.5, "ok": true, "day": "2024-01-02", "tags": ["a", {"b": 1}],
             "mixed": 1, "long": 0.123456789012345678901, "code": "007"},
            {"id": 9007199254740993, "pay": 2, "ok": null, "tags": null, "mixed": "x", "long": 1, "extra": {"k": []},
             "code": "8"}
        ]"#,
    );
    let files = place.opened("t.json").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        [
            "id INTEGER",
            "name TEXT",
            "pay REAL",
            "ok BOOLEAN",
            "day DATE",
            "tags JSON",
            "mixed TEXT",
            "long TEXT",
            "code TEXT",
            "extra JSON"
        ]
    );
    assert_eq!(
        rows(&files, "SELECT * FROM t ORDER BY id").await,
        [
            "1|Åse é|1.5|true|2024-01-02|[\"a\",{\"b\":1}]|1|0.123456789012345678901|007|-",
            "9007199254740993|-|2|-|-|-|x|1|8|{\"k\":[]}"
        ]
    );
}

#[tokio::test]
async fn arrays_of_objects_in_an_object_are_tables_and_the_rest_is_a_row() {
    let place = Place::with(
        "shop.json",
        r#"{"total": 2, "users": [{"id": 1}, {"id": 2}], "empty": [], "orders": [{"user": 1, "sum": 5}],
            "page": {"next": null}}"#,
    );
    let files = place.opened("shop.json").await;
    let tables = files.introspect().await.expect("reads").tables;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["orders", "shop", "users"]);
    let joined = "SELECT id, sum FROM users LEFT JOIN orders ON user = id ORDER BY id";
    assert_eq!(rows(&files, joined).await, ["1|5", "2|-"]);
    assert_eq!(
        rows(&files, "SELECT total, empty, page FROM shop").await,
        ["2|[]|{\"next\":null}"]
    );
}

#[tokio::test]
async fn lines_are_rows_whatever_the_file_is_called() {
    let mut text = String::new();
    for n in 0..5_000 {
        let _ = writeln!(text, "{{\"id\": {n}, \"word\": \"w{n}\"}}");
    }
    for name in ["t.jsonl", "t.ndjson", "t.json"] {
        let place = Place::with(name, &text);
        let files = place.opened(name).await;
        assert_eq!(
            rows(&files, "SELECT count(*), sum(id), max(word) FROM t").await,
            ["5000|12497500|w999"]
        );
    }
    let place = Place::with("t.json", "[1, \"two\", null, {\"value\": 3}]");
    let files = place.opened("t.json").await;
    assert_eq!(
        rows(&files, "SELECT value FROM t").await,
        ["1", "two", "-", "3"]
    );
}

#[tokio::test]
async fn faults_name_line_and_column() {
    let keys = (0..3_000)
        .map(|n| format!("\"k{n}\": {n}"))
        .collect::<Vec<_>>()
        .join(", ");
    let arrays = (0..1_001)
        .map(|n| format!("\"k{n}\": [{{\"a\": {n}}}]"))
        .collect::<Vec<_>>()
        .join(",\n");
    for (name, text, part) in [
        (
            "t.json",
            format!("{{{arrays}}}"),
            "line 1001: the object holds more than 1000 arrays",
        ),
        (
            "t.json",
            "[{\"a\": 1},\n {\"a\": tru}]".to_owned(),
            "line 2, column",
        ),
        (
            "t.json",
            "[{\"a\": 1}\n {\"a\": 2}]".to_owned(),
            "line 2, column 2: '{' where a comma",
        ),
        (
            "t.json",
            "[{\"a\": 1},]".to_owned(),
            "where a value should be",
        ),
        (
            "t.json",
            "[{\"a\": [1, 2".to_owned(),
            "line 1, column 2 is never closed",
        ),
        (
            "t.json",
            "[{\"a\": 1}]\nmore".to_owned(),
            "where the end of the file should be",
        ),
        (
            "t.json",
            "hello".to_owned(),
            "'h' where an array or an object should be",
        ),
        ("t.json", "[]".to_owned(), "holds no values"),
        ("t.json", "   ".to_owned(), "holds no values"),
        (
            "t.jsonl",
            "{\"a\": 1}\n{\"a\": 1,}\n".to_owned(),
            "line 2, column",
        ),
        (
            "t.jsonl",
            format!("{{{keys}}}"),
            "more than 2000 different keys",
        ),
    ] {
        let place = Place::with(name, &text);
        let error = place.refused(name).await;
        assert!(error.contains(part), "{part}: {error}");
    }
}
