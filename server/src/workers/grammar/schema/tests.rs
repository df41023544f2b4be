//! Schemas that can be held to, and those that cannot.

use super::*;

fn refused(schema: &Value) -> String {
    read(schema, "s").expect_err("is refused").to_string()
}

#[test]
fn what_cannot_be_held_to_is_named_with_its_place() {
    for (schema, said) in [
        (json!({"not": {}}), "s.not: cannot be held to"),
        (
            json!({"items": {"anyOf": [{}, {"uniqueItems": true}]}}),
            "s.items.anyOf.1.uniqueItems: cannot be held to",
        ),
        (json!({"x-guidance": {"lenient": true}}), "s.x-guidance: "),
        (json!({"type": "text"}), "s.type: is \"text\""),
        (
            json!({"properties": {"a": 3}}),
            "s.properties.a: must be a schema",
        ),
        (json!({"enum": []}), "s.enum: must be a list"),
        (
            json!({"const": 9_007_199_254_740_993_u64}),
            "s.const: has the number",
        ),
        (
            json!({"minLength": -1}),
            "s.minLength: must be a whole number",
        ),
        (
            json!({"pattern": "["}),
            "s.pattern: is no regular expression",
        ),
        (
            json!({"pattern": "(?P<stop>a)"}),
            "s.pattern: names a group",
        ),
        (json!({"required": "a"}), "s.required: must be a list"),
        (json!(false), "s: is false"),
        (json!("string"), "s: must be a schema"),
    ] {
        let told = refused(&schema);
        assert!(told.starts_with(said), "{schema}: {told}");
    }
}

#[test]
fn words_are_told_from_names_of_members() {
    let schema = json!({"type": "object", "properties": {"not": {"type": "string"}, "if": {"uniqueItems": false}}});
    let read = read(&schema, "s").expect("reads");
    assert_eq!(read["properties"]["if"], json!({}));
    assert_eq!(read["properties"]["not"], json!({"type": "string"}));
    assert_eq!(super::read(&json!(true), "s").expect("reads"), json!({}));
}

#[test]
fn size_and_depth_are_bounded() {
    let mut deep = json!({"type": "string"});
    for _ in 0..DEEPEST {
        deep = json!({"items": deep});
    }
    assert!(refused(&deep).contains("schemas deep"));
    let wide: Vec<Value> = (0..=MOST_REFERENCES)
        .map(|nth| json!({"$ref": format!("#/$defs/a{nth}")}))
        .collect();
    assert!(refused(&json!({"anyOf": wide})).contains("references"));
    let long = json!({"const": "x".repeat(MOST_BYTES)});
    assert!(refused(&long).contains("bytes"));
    let many: Vec<Value> = (0..MOST_SCHEMAS).map(|_| json!(true)).collect();
    assert!(refused(&json!({"anyOf": many})).contains("schemas within one"));
}

#[test]
fn formats_of_time_become_exact_patterns() {
    let read = |schema: Value| read(&schema, "s").expect("reads");
    let date = read(json!({"type": "string", "format": "date"}));
    assert!(date["pattern"].is_string() && date.get("format").is_none());
    let both = read(json!({"type": "string", "format": "time", "pattern": "^1"}));
    assert_eq!(both["pattern"], "^1");
    assert!(both["allOf"][0]["pattern"].is_string());
    let kept = read(json!({"type": "string", "format": "uuid"}));
    assert_eq!(kept["format"], "uuid");
}
