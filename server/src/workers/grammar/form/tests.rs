//! Forms out of requests.

use super::*;

fn demanded(format: Value) -> Result<Option<Form>> {
    let request = GenerateRequest {
        response_format: Some(ResponseFormat::Demanded(format)),
        ..GenerateRequest::default()
    };
    Form::of(&request, CallFormat::Tagged)
}

fn refused(format: Value) -> String {
    demanded(format).expect_err("is refused").to_string()
}

fn tool(name: &str, parameters: Value, strict: Option<bool>) -> Tool {
    Tool {
        name: name.to_owned(),
        description: None,
        parameters,
        strict,
    }
}

fn calls(tools: Vec<Tool>, tool_choice: ToolChoice) -> Result<Option<Form>> {
    let request = GenerateRequest {
        tools,
        tool_choice,
        ..GenerateRequest::default()
    };
    Form::of(&request, CallFormat::Tagged)
}

#[test]
fn the_formats_are_read_in_openais_shape_and_two_more() {
    assert_eq!(demanded(json!({"type": "text"})).expect("free"), None);
    assert_eq!(
        demanded(json!({"type": "json_object"})).expect("reads"),
        Some(Form::JsonObject)
    );
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let wrapped = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": true}});
    assert_eq!(
        demanded(wrapped).expect("reads"),
        Some(Form::JsonSchema(schema))
    );
    assert_eq!(
        demanded(json!({"type": "regex", "pattern": "a+"})).expect("reads"),
        Some(Form::Regex("a+".to_owned()))
    );
    let lark = json!({"type": "grammar", "syntax": "lark", "grammar": "start: \"a\""});
    assert_eq!(
        demanded(lark).expect("reads"),
        Some(Form::Lark("start: \"a\"".to_owned()))
    );
}

#[test]
fn wrong_formats_are_refused_with_their_place() {
    for (format, place) in [
        (json!({"type": "xml"}), "response_format.type: is 'xml'"),
        (json!({}), "response_format.type: is missing"),
        (
            json!({"type": "json_schema", "json_schema": {}}),
            "response_format.json_schema.schema: is missing",
        ),
        (
            json!({"type": "json_schema", "json_schema": {"schema": {"properties": {"a": {"not": {}}}}}}),
            "response_format.json_schema.schema.properties.a.not: ",
        ),
        (
            json!({"type": "regex"}),
            "response_format.pattern: is missing",
        ),
        (
            json!({"type": "regex", "pattern": "(a"}),
            "response_format.pattern: ",
        ),
        (
            json!({"type": "regex", "pattern": "a(?=b)"}),
            "response_format.pattern: ",
        ),
        (
            json!({"type": "grammar", "syntax": "gbnf", "grammar": "x"}),
            "response_format.syntax: is 'gbnf'",
        ),
        (
            json!({"type": "grammar", "syntax": "lark", "grammar": "(".repeat(300)}),
            "response_format.grammar: opens more",
        ),
    ] {
        let said = refused(format.clone());
        assert!(said.starts_with(place), "{format}: {said}");
    }
}

#[test]
fn a_wish_of_ours_is_closed() {
    let request = GenerateRequest {
        response_format: Some(ResponseFormat::Wished(
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        )),
        ..GenerateRequest::default()
    };
    let form = Form::of(&request, CallFormat::Tagged).expect("reads");
    let Some(Form::JsonSchema(schema)) = form else {
        panic!("{form:?}")
    };
    assert_eq!(schema["required"], json!(["a"]));
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn tools_are_offered_as_the_choice_says() {
    let both = || vec![tool("a", Value::Null, None), tool("b", Value::Null, None)];
    let Some(Form::Tools(free)) = calls(both(), ToolChoice::Auto).expect("reads") else {
        panic!("calls")
    };
    assert!(!free.is_forced && free.several && free.tools.len() == 2);
    assert_eq!(calls(both(), ToolChoice::None).expect("reads"), None);
    let Some(Form::Tools(forced)) =
        calls(both(), ToolChoice::Function("b".to_owned())).expect("reads")
    else {
        panic!("calls")
    };
    assert!(forced.is_forced);
    assert_eq!(forced.tools[0].name, "b");
    for (tools, choice, place) in [
        (
            both(),
            ToolChoice::Function("c".to_owned()),
            "tool_choice.function.name: ",
        ),
        (
            Vec::new(),
            ToolChoice::Required,
            "tool_choice: forces a call",
        ),
        (
            vec![tool("a", Value::Null, None), tool("a", Value::Null, None)],
            ToolChoice::Auto,
            "tools[1].function.name: ",
        ),
    ] {
        let said = calls(tools, choice).expect_err("is refused").to_string();
        assert!(said.starts_with(place), "{said}");
    }
}

#[test]
fn only_a_strict_tool_is_refused_for_a_schema_that_cannot_be_held_to() {
    let schema = || json!({"type": "object", "properties": {"a": {"uniqueItems": true}}});
    let said = calls(vec![tool("f", schema(), Some(true))], ToolChoice::Auto)
        .expect_err("is refused")
        .to_string();
    assert!(
        said.starts_with("tools[0].function.parameters.properties.a.uniqueItems: "),
        "{said}"
    );
    let Some(Form::Tools(loose)) =
        calls(vec![tool("f", schema(), None)], ToolChoice::Auto).expect("reads")
    else {
        panic!("calls")
    };
    assert_eq!(loose.tools[0].arguments, json!({"type": "object"}));
    let strict = tool(
        "g",
        json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        Some(true),
    );
    let loose = tool("h", strict.parameters.clone(), Some(false));
    let Some(Form::Tools(both)) = calls(vec![strict, loose], ToolChoice::Auto).expect("reads")
    else {
        panic!("calls")
    };
    assert!(both.can_be_loosened());
    let less = both.loosened();
    assert!(!less.can_be_loosened());
    assert_eq!(less.tools[0], both.tools[0]);
    assert_eq!(less.tools[1].arguments, json!({"type": "object"}));
}
