//! Golden pairs: what 3.1 says, and how 3.0 says it.

use serde_json::{Value, json};

use super::{lower, schema};

fn lowered(mut value: Value) -> Value {
    schema(&mut value).unwrap_or_else(|error| panic!("{error:#}"));
    value
}

fn refused(mut value: Value) -> String {
    format!("{:#}", schema(&mut value).expect_err("refused"))
}

#[test]
fn writes_null_unions_as_nullable() {
    for (before, after) in [
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "string", "nullable": true}),
        ),
        (json!({"type": ["integer"]}), json!({"type": "integer"})),
        (
            json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/A"}], "description": "d"}),
            json!({"allOf": [{"$ref": "#/components/schemas/A"}], "description": "d", "nullable": true}),
        ),
        (
            json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
            json!({"type": "array", "items": {"type": "string"}, "nullable": true}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}),
            json!({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": true}),
        ),
    ] {
        assert_eq!(lowered(before), after);
    }
}

#[test]
fn writes_constants_limits_tuples_bytes_and_examples() {
    for (before, after) in [
        (
            json!({"const": "chat"}),
            json!({"type": "string", "enum": ["chat"]}),
        ),
        (json!({"const": 3}), json!({"type": "integer", "enum": [3]})),
        (
            json!({"type": "number", "exclusiveMinimum": 0}),
            json!({"type": "number", "minimum": 0, "exclusiveMinimum": true}),
        ),
        (
            json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": false}),
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
        ),
        (
            json!({"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}]}),
            json!({"type": "array", "items": {}, "minItems": 2, "maxItems": 2}),
        ),
        (
            json!({"type": "string", "contentEncoding": "base64"}),
            json!({"type": "string", "format": "byte"}),
        ),
        (
            json!({"type": "string", "examples": ["a", "b"]}),
            json!({"type": "string", "example": "a"}),
        ),
        (
            json!({"type": "object", "additionalProperties": true, "propertyNames": {"type": "string"}}),
            json!({"type": "object", "additionalProperties": true}),
        ),
    ] {
        assert_eq!(lowered(before), after);
    }
}

#[test]
fn takes_properties_for_names_and_not_for_keywords() {
    let before = json!({"type": "object", "properties": {
        "const": {"type": ["string", "null"]}, "examples": {"const": true}, "type": {"type": "string"},
    }});
    let after = json!({"type": "object", "properties": {
        "const": {"type": "string", "nullable": true}, "examples": {"type": "boolean", "enum": [true]},
        "type": {"type": "string"},
    }});
    assert_eq!(lowered(before), after);
}

#[test]
fn keeps_what_stands_beside_a_reference() {
    let before = json!({"$ref": "#/components/schemas/A", "description": "said here"});
    let after = json!({"allOf": [{"$ref": "#/components/schemas/A"}], "description": "said here"});
    assert_eq!(lowered(before), after);
    assert_eq!(lowered(json!({"$ref": "#/x"})), json!({"$ref": "#/x"}));
}

#[test]
fn refuses_what_it_does_not_know_and_names_the_place() {
    let fault = refused(
        json!({"type": "object", "properties": {"a": {"items": {"unevaluatedItems": false}}}}),
    );
    assert!(
        fault.contains("property a") && fault.contains("unevaluatedItems"),
        "{fault}"
    );
    assert!(refused(json!({"type": ["string", "integer"]})).contains("of the types"));
    assert!(refused(json!({"type": "null"})).contains("only ever null"));
    assert!(refused(json!({"type": "string", "contentEncoding": "base32"})).contains("base32"));
    assert!(refused(json!(false)).contains("admits nothing"));
}

fn document(body: Value) -> Value {
    json!({
        "openapi": "3.1.0", "info": {"title": "T", "version": "1", "license": {"name": "L", "identifier": "L"}},
        "jsonSchemaDialect": "x",
        "paths": {
            "/a": {"post": {"operationId": "make_a", "requestBody": body,
                "responses": {"200": {"description": "d", "content": {"application/json": {"schema": {"type": ["string", "null"]}}}}}}},
            "/b": {"get": {"operationId": "get_b", "parameters": [{"name": "q", "in": "query", "schema": {"const": "x"}}],
                "responses": {"200": {"description": "d"}}}},
        },
    })
}

#[test]
fn lowers_a_whole_document() {
    let body = json!({"content": {"application/json": {"schema": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}}}});
    let after = lower(document(body)).expect("lowered");
    assert_eq!(after["openapi"], "3.0.3");
    assert_eq!(after["info"]["license"], json!({"name": "L"}));
    assert!(after.get("jsonSchemaDialect").is_none());
    assert_eq!(
        after.pointer("/paths/~1a/post/requestBody/content/application~1json/schema/properties/n"),
        Some(&json!({"type": "integer", "nullable": true}))
    );
    assert_eq!(
        after.pointer("/paths/~1a/post/responses/200/content/application~1json/schema"),
        Some(&json!({"type": "string", "nullable": true}))
    );
    assert_eq!(
        after["paths"]["/b"]["get"]["parameters"][0]["schema"],
        json!({"type": "string", "enum": ["x"]})
    );
    serde_json::from_value::<openapiv3::OpenAPI>(after).expect("the generator's reader takes it");
}

#[test]
fn leaves_out_multipart_operations_and_the_paths_they_empty() {
    let body = json!({"content": {"multipart/form-data": {"schema": {"type": "object"}}}});
    let after = lower(document(body)).expect("lowered");
    assert!(after["paths"].get("/a").is_none());
    assert!(after["paths"].get("/b").is_some());
}

#[test]
fn refuses_cookies_and_other_versions() {
    let mut cookie = document(json!({"content": {}}));
    cookie["paths"]["/b"]["get"]["parameters"][0]["in"] = json!("cookie");
    let fault = format!("{:#}", lower(cookie).expect_err("cookie"));
    assert!(
        fault.contains("/b") && fault.contains("parameter q is neither"),
        "{fault}"
    );
    let mut old = document(json!({"content": {}}));
    old["openapi"] = json!("3.0.3");
    assert!(lower(old).is_err());
}
