//! Forms as programs: what they let through and what they stop.

use serde_json::json;

use super::*;
use crate::workers::grammar::text::MOST_TEXT;

fn grammar(schema: &Value) -> Grammar {
    Grammar::of_schema(schema).expect("a fixed shape")
}

/// How many bytes of a text fit, and whether it is whole by them.
fn fits(grammar: &Grammar, text: &str) -> (usize, bool) {
    let mut state = Grammar::begin();
    for (at, byte) in text.bytes().enumerate() {
        match grammar.step(state, byte) {
            Some(next) => state = next,
            None => return (at, false),
        }
    }
    (text.len(), grammar.is_done(state))
}

#[test]
fn the_form_that_models_are_asked_for_is_held_to() {
    let text = json!({"type": "string"});
    let form = grammar(&json!({"type": "object", "properties": {
        "thoughts": text, "direct_response": text, "sql": text,
        "display_type": {"type": "string", "enum": ["response_table", "response_line_chart"]},
    }}));
    let whole = json!({
        "thoughts": "It's \"so\"\n—", "direct_response": "", "sql": "SELECT 1 \\ é 😀", "display_type": "response_table",
    });
    let text = serde_json::to_string(&whole)
        .expect("JSON")
        .replace("\":\"", "\": \"")
        .replace("\",\"", "\", \"");
    assert_eq!(fits(&form, &text), (text.len(), true), "{text}");
    for (wrong, upto) in [
        ("Sure", 0),
        ("{\"sql\"", 2),
        ("{\"thoughts\": \"a\nb", 15),
        ("{\"thoughts\": \"\\x", 15),
        ("{\"thoughts\": 3", 13),
    ] {
        assert_eq!(fits(&form, wrong), (upto, false), "{wrong}");
    }
    let more = format!("{text} ");
    assert_eq!(fits(&form, &more), (text.len(), false), "nothing follows");
}

#[test]
fn lists_numbers_and_choices_are_held_to() {
    let form = grammar(
        &json!({"type": "array", "items": {"type": "object", "properties": {
            "n": {"type": "integer"}, "x": {"type": "number"}, "ok": {"type": "boolean"},
            "kinds": {"type": "array", "items": {"type": "string", "enum": ["bar", "bars"]}},
        }}}),
    );
    for whole in [
        "[]",
        r#"[{"n": 0, "x": -1.50, "ok": true, "kinds": []}]"#,
        r#"[{"n": -12, "x": 7, "ok": false, "kinds": ["bars", "bar"]}, {"n": 1, "x": 0.1, "ok": true, "kinds": ["bar"]}]"#,
    ] {
        assert_eq!(fits(&form, whole), (whole.len(), true), "{whole}");
    }
    for (wrong, upto) in [
        (r#"[{"n": 01"#, 8),
        (r#"[{"n": 1.5"#, 8),
        (r#"[{"n": -,"#, 8),
        (r#"[{"n": 1, "x": 1.,"#, 17),
        (r#"[{"n": 1, "x": 1, "ok": maybe"#, 24),
        ("[,", 1),
    ] {
        assert_eq!(fits(&form, wrong), (upto, false), "{wrong}");
    }
}

#[test]
fn bytes_that_are_no_text_are_kept_out() {
    let form = grammar(&json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    let inside = "{\"a\": \""
        .bytes()
        .try_fold(Grammar::begin(), |state, byte| form.step(state, byte))
        .expect("the beginning");
    let after = |bytes: &[u8]| {
        bytes
            .iter()
            .try_fold(inside, |state, &byte| form.step(state, byte))
    };
    for bad in [
        [0xFF].as_slice(),
        &[0xC0],
        &[0x80],
        &[0x1F],
        &[0xED, 0xA0],
        &[0xE2, 0x22],
        &[0xF4, 0x90],
        b"\\ud8",
        b"\\u00g",
    ] {
        assert!(after(bad).is_none(), "{bad:?}");
    }
    for good in [
        "é".as_bytes(),
        "😀".as_bytes(),
        b"\\u00e9",
        b"\\ud700",
        b"\\n",
        &[0x7F],
    ] {
        assert!(after(good).is_some(), "{good:?}");
    }
}

#[test]
fn a_text_that_goes_on_is_made_to_end() {
    let form = grammar(&json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    let endless = format!("{{\"a\": \"{}", "x".repeat(MOST_TEXT as usize + 10));
    let (upto, _) = fits(&form, &endless);
    assert_eq!(upto, 7 + MOST_TEXT as usize);
    let closed = format!("{}\"}}", &endless[..upto]);
    assert_eq!(fits(&form, &closed), (closed.len(), true));
}

#[test]
fn a_schema_of_no_fixed_shape_is_none() {
    for schema in [
        json!({}),
        json!({"type": "string"}),
        json!({"type": "object"}),
        json!({"type": "array"}),
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}}),
        json!({"type": "object", "properties": {"a": {"anyOf": []}}}),
        json!({"type": "object", "properties": {"a": {"type": "string", "enum": [1]}}}),
        json!({"type": "object", "properties": {"a": {"type": "string", "enum": []}}}),
    ] {
        assert_eq!(Grammar::of_schema(&schema), None, "{schema}");
    }
    let mut deep = json!({"type": "string"});
    for _ in 0..=DEEPEST {
        deep = json!({"type": "array", "items": deep});
    }
    assert_eq!(Grammar::of_schema(&deep), None);
}
