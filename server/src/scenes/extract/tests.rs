//! What is read out of answers that are almost in form.

use serde_json::json;

use super::*;

#[test]
fn reads_a_clean_object() {
    let read = read(
        r#"{"thoughts": "t", "direct_response": "", "sql": "SELECT 1", "display_type": "response_table"}"#,
    );
    assert_eq!(
        (read.sql.as_str(), read.thoughts.as_str()),
        ("SELECT 1", "t")
    );
    assert_eq!(
        (read.display.as_str(), read.unreadable),
        ("response_table", false)
    );
}

#[test]
fn every_form_that_models_were_seen_to_answer_in_gives_the_query() {
    for text in [
        // Prose around it, fences, raw line breaks, commas too many.
        "Sure!\n```json\n{\"thoughts\": \"a\", \"sql\": \"SELECT 1\nFROM t\",}\n```\nHope it helps {x}",
        // Python's way of writing a dictionary.
        "{'thoughts': 'it\\'s a', 'direct_response': None, 'sql': 'SELECT 1\\nFROM t', 'ok': True}",
        // Quotes that were not escaped.
        "{\"sql\": \"SELECT 1\nFROM t\", \"thoughts\": \"the \"t\" table\"}",
        // Cut.
        "{\"thoughts\": \"a\", \"sql\": \"SELECT 1\nFROM t",
        // A line break that was escaped twice.
        r#"{"sql": "SELECT 1\\nFROM t"}"#,
        // Several objects, the form itself first.
        "{\"thoughts\": \"one sentence\", \"sql\": \"SELECT ...\"}\n{\"sql\": \"SELECT 1\\nFROM t\"}",
        // Within a list, within a call, within a text.
        "[{\"sql\": \"SELECT 1\\nFROM t\"}]",
        r#"{"name": "answer", "arguments": {"sql": "SELECT 1\nFROM t"}}"#,
        r#"{"name": "answer", "arguments": "{\"sql\": \"SELECT 1\\nFROM t\"}"}"#,
        // Other names for the members.
        r#"{"SQL": "SELECT 1\nFROM t"}"#,
        r#"{"sql_query": "```sql\nSELECT 1\nFROM t\n```"}"#,
        // Reasoning ahead of it, with another query in it.
        "<think>{\"sql\": \"SELECT 2\"}?</think>\n{\"sql\": \"SELECT 1\\nFROM t\"}",
        // No JSON at all.
        "Here:\n```sql\nSELECT 1\nFROM t\n```",
        "```mysql\nSELECT 1\nFROM t\n```\nThis reads t.",
        "SELECT 1\nFROM t",
        "SQLQuery: SELECT 1\nFROM t",
    ] {
        let read = read(text);
        assert_eq!(read.sql, "SELECT 1\nFROM t", "{text}");
        assert!(!read.unreadable, "{text}");
    }
}

#[test]
fn a_name_in_back_ticks_at_the_end_of_a_query_keeps_both() {
    let sql = "SELECT `town` FROM `people`";
    let whole = json!({ "sql": sql }).to_string();
    assert_eq!(read(&whole).sql, sql);
    for quoted in [
        format!("`{sql}`"),
        format!("``{sql}``"),
        format!("`` {sql}``"),
    ] {
        let whole = json!({ "sql": quoted }).to_string();
        assert_eq!(read(&whole).sql, sql, "{quoted}");
    }
}

#[test]
fn a_question_said_back_is_not_taken_for_its_query() {
    let text =
        r#"{"query": "how many?", "sql": "SELECT 1", "answer": "a", "direct_response": "d"}"#;
    let both = read(text);
    assert_eq!((both.sql.as_str(), both.direct.as_str()), ("SELECT 1", "d"));
    let alone = read(r#"{"query": "SELECT 1", "sql": ""}"#);
    assert_eq!(alone.sql, "SELECT 1");
}

#[test]
fn words_of_none_are_no_query() {
    for none in ["", "None", "null", "N/A", "SELECT ..."] {
        let text = json!({"thoughts": "t", "direct_response": "d", "sql": none}).to_string();
        let read = read(&text);
        assert_eq!(
            (read.sql.as_str(), read.direct.as_str()),
            ("", "d"),
            "{none}"
        );
    }
    let without = read(r#"{"thoughts": "t", "direct_response": "d", "sql": null}"#);
    assert_eq!(without.direct, "d");
}

#[test]
fn anything_else_is_a_plain_answer_never_an_empty_one() {
    let plain = read("I do not know.");
    assert_eq!(
        (plain.direct.as_str(), plain.unreadable),
        ("I do not know.", false)
    );
    let broken = read("{{{ \"sql\" ");
    assert_eq!(
        (broken.direct.as_str(), broken.unreadable),
        ("{{{ \"sql\"", true)
    );
    for nothing in ["", " \n", "{\"thoughts\": \"\", \"sql\": \"\"}"] {
        assert!(read(nothing).unreadable, "{nothing:?}");
    }
    let bracketed = read("See [1] and {the list}.");
    assert_eq!(bracketed.direct, "See [1] and {the list}.");
}

#[test]
fn reads_lists_of_objects_for_whoever_wants_several() {
    let text =
        "Four charts [as asked]:\n[{\"sql\": \"SELECT 1\"}, {'sql': 'SELECT 2',}]\nThat is all.";
    assert_eq!(
        values(text),
        [json!([{"sql": "SELECT 1"}, {"sql": "SELECT 2"}])]
    );
    let apart = "{\"a\": 1} and {\"a\": 2}";
    assert_eq!(values(apart), [json!({"a": 1}), json!({"a": 2})]);
}

#[test]
fn a_text_full_of_braces_is_read_in_no_time() {
    let braces = "{ [ ".repeat(200_000);
    assert!(values(&braces).is_empty());
    let quotes = format!("{{\"sql\": \"{}", "\" ".repeat(200_000));
    assert_eq!(values(&quotes).len(), 1);
}
