//! Answers that are only almost JSON.

use serde_json::json;

use super::*;

fn read(text: &str) -> Value {
    parse(text).expect("an object").0
}

#[test]
fn quotes_of_any_kind_and_unescaped_ones_within_are_read() {
    for text in [
        r#"{"a": "x", "sql": "SELECT "town", "name" FROM t"}"#,
        r#"{'a': 'x', 'sql': 'SELECT "town", "name" FROM t'}"#,
        r#"{“a”: “x”, “sql”: “SELECT "town", "name" FROM t”}"#,
        r#"{a: "x", sql: 'SELECT "town", "name" FROM t',}"#,
        r#"{"a": "x" "sql": """SELECT "town", "name" FROM t"""}"#,
    ] {
        let expected = json!({"a": "x", "sql": "SELECT \"town\", \"name\" FROM t"});
        assert_eq!(read(text), expected, "{text}");
    }
    let apostrophes = r"{'sql': 'SELECT a FROM t WHERE town IN ('Oslo', 'Bergen') AND x = 'y''}";
    assert_eq!(
        read(apostrophes),
        json!({"sql": "SELECT a FROM t WHERE town IN ('Oslo', 'Bergen') AND x = 'y'"})
    );
    let cast = r#"{"sql": "SELECT "a", "b"::text FROM t", "n": 1}"#;
    assert_eq!(
        read(cast),
        json!({"sql": "SELECT \"a\", \"b\"::text FROM t", "n": 1})
    );
}

#[test]
fn pythons_words_and_bare_texts_are_values() {
    assert_eq!(
        read("{'a': None, 'b': True, 'c': False, 'd': 1.5, 'e': -3, 'f': nan}"),
        json!({"a": null, "b": true, "c": false, "d": 1.5, "e": -3, "f": null})
    );
    assert_eq!(
        read("{sql: SELECT a, b FROM t, display_type: response_table}"),
        json!({"sql": "SELECT a, b FROM t", "display_type": "response_table"})
    );
}

#[test]
fn what_was_cut_is_read_as_far_as_it_came() {
    for (text, expected) in [
        ("{\"sql\": \"SELECT a FROM", json!({"sql": "SELECT a FROM"})),
        ("{\"sql\": \"SELECT 1\\", json!({"sql": "SELECT 1"})),
        ("{\"sql\": \"SELECT 1\", \"disp", json!({"sql": "SELECT 1"})),
        ("{\"sql\":", json!({"sql": null})),
        ("[{\"a\": 1}, {\"a\": 2", json!([{"a": 1}, {"a": 2}])),
        ("{\"sql\": \"SELECT 1\"\n```", json!({"sql": "SELECT 1"})),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn escapes_are_json_s_and_others_are_left_to_the_database() {
    assert_eq!(
        read(r#"{'a': "order\_items \n \u00e9 \ud83d\ude00 \d+ it\'s"}"#),
        json!({"a": "order_items \n é 😀 \\d+ it's"})
    );
}

#[test]
fn braces_that_hold_no_members_are_none_and_depth_is_bounded() {
    for text in ["{x}", "{ }{", "{1+2}", "{'a'}"] {
        let found = parse(text).map(|(value, _)| value);
        assert!(
            found.is_none() || found == Some(json!({})),
            "{text}: {found:?}"
        );
    }
    assert!(parse(&"{a:".repeat(10_000)).is_none());
    assert!(parse(&"[".repeat(10_000)).is_none());
}

#[test]
fn the_end_is_told_in_bytes() {
    let text = "{'a': 'é'} and more";
    assert_eq!(parse(text).map(|(_, end)| end), Some("{'a': 'é'}".len()));
}
