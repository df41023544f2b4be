//! What callers ask, as it is put to Anthropic.

use super::*;
use crate::workers::{Tool, ToolCall};

fn sent(request: &GenerateRequest) -> Value {
    body(request, "theirs", "m").expect("can be said").body
}

fn refused(request: &GenerateRequest) -> String {
    let error = body(request, "theirs", "m").err().expect("cannot be said");
    error.to_string()
}

fn tool(parameters: Value) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: Some("does".to_owned()),
        parameters,
        strict: None,
    }
}

fn asking() -> GenerateRequest {
    GenerateRequest::of(vec![PromptMessage::user("hi")])
}

#[test]
fn a_conversation_has_its_instructions_apart_and_answers_of_tools_in_one_turn() {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
    };
    let answer = |id: &str| PromptMessage {
        tool_call_id: Some(id.to_owned()),
        ..PromptMessage::new(Speaker::Tool, "42")
    };
    let body = sent(&GenerateRequest::of(vec![
        PromptMessage::system("be brief"),
        PromptMessage::user("hi"),
        PromptMessage::system("be kind"),
        PromptMessage {
            tool_calls: vec![call("a", r#"{"x": 1}"#), call("b", "")],
            ..PromptMessage::assistant("")
        },
        answer("a"),
        answer("b"),
        PromptMessage::user("and?"),
        PromptMessage::assistant(" "),
    ]));
    assert_eq!(body["system"], "be brief\n\nbe kind");
    let wanted = json!([
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "42"},
            {"type": "tool_result", "tool_use_id": "b", "content": "42"},
            {"type": "text", "text": "and?"},
        ]},
    ]);
    assert_eq!(body["messages"], wanted);
    assert_eq!(body["max_tokens"], MOST_TOKENS);
    assert_eq!(body["model"], "theirs");
}

#[test]
fn what_is_said_of_choosing_goes_as_far_as_they_know_it() {
    let body = sent(&GenerateRequest {
        temperature: Some(2.0),
        top_p: Some(0.5),
        top_k: Some(u32::MAX),
        stop: vec!["END".to_owned()],
        max_tokens: Some(7),
        seed: Some(1),
        presence_penalty: Some(1.0),
        ..asking()
    });
    let wanted = json!({
        "model": "theirs", "max_tokens": 7, "stream": true,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "temperature": 1.0, "top_p": 0.5, "stop_sequences": ["END"],
    });
    assert_eq!(body, wanted);
}

#[test]
fn tools_and_the_choice_of_them_are_said_in_their_words() {
    let with = |choice: ToolChoice, parallel: Option<bool>| {
        sent(&GenerateRequest {
            tools: vec![tool(Value::Null)],
            tool_choice: choice,
            parallel_tool_calls: parallel,
            ..asking()
        })
    };
    let body = with(ToolChoice::Auto, None);
    assert_eq!(
        body["tools"],
        json!([{"name": "f", "description": "does", "input_schema": {"type": "object", "properties": {}}}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
    assert_eq!(
        with(ToolChoice::None, Some(false))["tool_choice"],
        json!({"type": "none"})
    );
    assert_eq!(
        with(ToolChoice::Required, Some(false))["tool_choice"],
        json!({"type": "any", "disable_parallel_tool_use": true})
    );
    assert_eq!(
        with(ToolChoice::Function("f".to_owned()), Some(true))["tool_choice"],
        json!({"type": "tool", "name": "f"})
    );
}

#[test]
fn a_form_is_had_by_a_call_and_one_that_cannot_be_is_refused() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let demanded = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let mut request = GenerateRequest {
        response_format: Some(ResponseFormat::Demanded(demanded)),
        ..asking()
    };
    let asked = body(&request, "theirs", "m").expect("can be said");
    assert!(asked.form_is_a_tool);
    assert_eq!(asked.body["tools"][0]["input_schema"], schema);
    assert_eq!(asked.body["tool_choice"]["type"], "tool");
    request.tools = vec![tool(Value::Null)];
    assert!(refused(&request).contains("not beside tools"));
    request.response_format = Some(ResponseFormat::Wished(schema));
    let asked = body(&request, "theirs", "m").expect("a wish");
    assert!(!asked.form_is_a_tool && asked.body["tools"][0]["name"] == "f");
    request.response_format = Some(ResponseFormat::Demanded(json!({"type": "json_object"})));
    assert!(refused(&request).contains("json_schema"));
}

#[test]
fn what_would_change_the_shape_of_an_answer_is_refused_with_what_would_do() {
    let text = GenerateRequest {
        prompt: Prompt::Text("Once".to_owned()),
        ..GenerateRequest::default()
    };
    assert!(refused(&text).contains("chat/completions"));
    let likely = GenerateRequest {
        logprobs: Some(0),
        ..asking()
    };
    assert!(refused(&likely).contains("leave logprobs out"));
    assert!(
        refused(&GenerateRequest::of(vec![PromptMessage::system("alone")])).contains("messages")
    );
    let broken = GenerateRequest::of(vec![PromptMessage {
        tool_calls: vec![ToolCall {
            id: "a".to_owned(),
            name: "f".to_owned(),
            arguments: "[1".to_owned(),
        }],
        ..PromptMessage::assistant("")
    }]);
    assert!(refused(&broken).contains("the call 'a'"));
}
