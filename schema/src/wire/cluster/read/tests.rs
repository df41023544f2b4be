//! Fields, and DB-GPT's words for what is wrong with them.

use super::*;

fn read(text: &str) -> Map<String, Value> {
    body(text.as_bytes()).expect("an object")
}

#[test]
fn every_field_that_is_missing_is_named_at_once() {
    let object = read(r#"{"model_name": "x@llm"}"#);
    let mut reader = Reader::of_body(&object);
    assert_eq!(reader.text("model_name"), "x@llm");
    reader.text("host");
    reader.port("port");
    let problems = reader.end().expect_err("two are missing");
    assert_eq!(
        serde_json::to_value(&problems).expect("JSON"),
        json!([
            {"type": "missing", "loc": ["body", "host"], "msg": "Field required",
                "input": {"model_name": "x@llm"}},
            {"type": "missing", "loc": ["body", "port"], "msg": "Field required",
                "input": {"model_name": "x@llm"}},
        ])
    );
}

#[test]
fn what_is_no_object_is_told_with_its_place() {
    let refused = |text: &str| body(text.as_bytes()).expect_err("refused").remove(0);
    let broken = refused("{");
    assert_eq!(broken.kind, "json_invalid");
    assert_eq!(broken.loc, [json!("body"), json!(1)]);
    assert_eq!(refused("[]").kind, "model_attributes_type");
    assert_eq!(refused(" ").kind, "missing");
}

#[test]
fn numbers_and_flags_are_read_in_every_spelling_and_null_is_left_out() {
    let object = read(
        r#"{"a": "8001", "b": 8001.0, "c": "yes", "d": 0, "e": null, "f": "1.5", "g": "x", "h": -1, "i": 70000}"#,
    );
    let mut reader = Reader::of_body(&object);
    assert_eq!((reader.port("a"), reader.port("b")), (8001, 8001));
    assert!(reader.flag("c", false) && !reader.flag("d", true) && reader.flag("e", true));
    assert_eq!(reader.number_or_none("f"), Some(1.5));
    assert_eq!(reader.text_or_none("e"), None);
    assert_eq!(reader.whole_or_none("g"), None);
    assert_eq!(reader.count_or_none("h"), None);
    assert_eq!(reader.port("i"), 0);
    let kinds: Vec<String> = reader
        .end()
        .expect_err("three are wrong")
        .into_iter()
        .map(|problem| problem.kind)
        .collect();
    assert_eq!(kinds, ["int_parsing", "greater_than_equal", "int_range"]);
}

#[test]
fn nested_values_are_not_shown_back() {
    let object = read(r#"{"params": {"api_key": "sk-secret"}, "model": 7}"#);
    let mut reader = Reader::of_body(&object);
    reader.text("model");
    reader.text("host");
    reader.text("params");
    let text = serde_json::to_string(&reader.end().expect_err("refused")).expect("JSON");
    assert!(!text.contains("sk-secret"), "{text}");
}
