//! Calls of tools, forced or as the model likes.

use super::*;
use crate::workers::{
    GenerateRequest, ResponseFormat, Tool, ToolChoice,
    grammar::CallFormat,
    torch::tools::{Read, Reader},
};

fn request(format: Option<ResponseFormat>, tool_choice: ToolChoice) -> GenerateRequest {
    let tool = |name: &str, parameters: Value| Tool {
        name: name.to_owned(),
        description: None,
        parameters,
        strict: Some(true),
    };
    let city = json!({"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"],
        "additionalProperties": false});
    GenerateRequest {
        tools: vec![tool("weather", city), tool("time", Value::Null)],
        tool_choice,
        response_format: format,
        ..GenerateRequest::default()
    }
}

#[test]
fn forced_calls_are_read_back_in_every_format() {
    let tokens = tokens();
    for format in [CallFormat::Tagged, CallFormat::Bare, CallFormat::Listed] {
        let request = GenerateRequest {
            parallel_tool_calls: Some(false),
            ..request(None, ToolChoice::Required)
        };
        let form = Form::of(&request, format).expect("reads").expect("a form");
        for seed in 0..10 {
            // A special token writes nothing, so what it opens has to be put back.
            let text = written(&form, &tokens, seed, seed % 2 == 0);
            let text = match format {
                CallFormat::Listed => format!("[TOOL_CALLS]{text}"),
                CallFormat::Tagged | CallFormat::Bare => text,
            };
            let mut reader = Reader::new(format);
            let mut read = reader.push(&text);
            read.extend(reader.finish());
            let [Read::Call(call)] = read.as_slice() else {
                panic!("{format:?}: {text}")
            };
            let arguments: Value = serde_json::from_str(&call.arguments).expect("JSON");
            match call.name.as_str() {
                "weather" => assert!(
                    ["Rome", "Oslo"]
                        .map(Value::from)
                        .contains(&arguments["city"])
                ),
                "time" => assert_eq!(arguments, json!({})),
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn free_text_is_held_to_nothing_until_a_call_begins() {
    let tokens = tokens();
    let form = Form::of(&request(None, ToolChoice::Auto), CallFormat::Tagged)
        .expect("reads")
        .expect("a form");
    let mut constraint = Constraint::new(&form, &tokens).expect("compiles");
    let take = |constraint: &mut Constraint, text: &str| {
        for token in tokens.encode(text, false).expect("encodes") {
            constraint.take(token).expect("fits");
        }
    };
    take(&mut constraint, "Let me {\"name\": see. ");
    constraint.compute().expect("goes on");
    let mut scores = vec![0.0_f32; tokens.count()];
    constraint.apply(&mut scores);
    assert!(scores.iter().all(|&score| score == 0.0) && constraint.may_end());
    assert!(constraint.forced().is_empty());
    take(&mut constraint, "<tool_call>");
    assert!(!constraint.may_end());
    let mut wrong = constraint.clone();
    assert!(wrong.take(tokens.id("x").expect("a token")).is_err());
    take(
        &mut constraint,
        "\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>",
    );
    assert!(
        constraint.may_end() && !constraint.is_done(),
        "text may follow"
    );
    take(&mut constraint, " and more <tool_call>");
    assert!(!constraint.may_end());
}

#[test]
fn one_call_ends_the_answer_where_one_is_all_that_may_be() {
    let tokens = tokens();
    for (format, text) in [
        (
            CallFormat::Tagged,
            "<tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>",
        ),
        (
            CallFormat::Bare,
            " {\"name\": \"time\", \"parameters\": {}}",
        ),
        (
            CallFormat::Listed,
            "[TOOL_CALLS][{\"name\": \"time\", \"arguments\": {}}]",
        ),
    ] {
        let request = GenerateRequest {
            parallel_tool_calls: Some(false),
            ..request(None, ToolChoice::Auto)
        };
        let form = Form::of(&request, format).expect("reads").expect("a form");
        let mut constraint = Constraint::new(&form, &tokens).expect("compiles");
        for token in tokens.encode(text, false).expect("encodes") {
            assert!(!constraint.is_done(), "{text}");
            constraint.take(token).expect("fits");
        }
        assert!(constraint.is_done(), "{text}");
    }
}

#[test]
fn an_answer_of_a_form_may_stand_for_a_call() {
    let tokens = tokens();
    let wished = ResponseFormat::Demanded(json!({"type": "regex", "pattern": "none"}));
    let form = Form::of(&request(Some(wished), ToolChoice::Auto), CallFormat::Tagged)
        .expect("reads")
        .expect("a form");
    let texts: Vec<String> = (0..30)
        .map(|seed| written(&form, &tokens, seed, true))
        .collect();
    assert!(texts.iter().any(|text| text == "none"), "{texts:?}");
    assert!(
        texts.iter().any(|text| text.starts_with("<tool_call>")),
        "{texts:?}"
    );
    assert!(
        texts
            .iter()
            .all(|text| text == "none" || text.ends_with("</tool_call>")),
        "{texts:?}"
    );
}
