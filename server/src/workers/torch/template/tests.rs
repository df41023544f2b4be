//! Conversations written out.

use super::*;
use crate::workers::ToolCall;

fn template(source: &str) -> ChatTemplate {
    of(source, None)
}

fn of(plain: &str, with_tools: Option<&str>) -> ChatTemplate {
    let sources = Sources {
        plain: Some(plain.to_owned()),
        with_tools: with_tools.map(str::to_owned),
    };
    let marks = [("bos_token", "<s>"), ("eos_token", "</s>")];
    let marks = marks.map(|(name, mark)| (name.to_owned(), mark.into()));
    ChatTemplate::of(&sources, marks.into_iter().collect()).expect("compiles")
}

fn write(template: &ChatTemplate, messages: &[PromptMessage]) -> Result<String> {
    template.write(messages, &[], &Map::new())
}

fn tool() -> Tool {
    Tool {
        name: "f".to_owned(),
        description: Some("does <it>".to_owned()),
        parameters: json!({"type": "object", "properties": {"b": {}, "a": {}}}),
        strict: None,
    }
}

#[test]
fn writes_chatml_as_transformers_does() {
    let template = template(
        "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + message['content'].strip() + '<|im_end|>' + '\n' }}\n\
         {% endfor %}\n{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\n' }}\n{% endif %}",
    );
    let text = write(
        &template,
        &[
            PromptMessage::system(" be brief "),
            PromptMessage::user("hi"),
        ],
    )
    .expect("renders");
    assert_eq!(
        text.split_whitespace().collect::<Vec<_>>(),
        [
            "<|im_start|>system",
            "be",
            "brief<|im_end|>",
            "<|im_start|>user",
            "hi<|im_end|>",
            "<|im_start|>assistant"
        ]
    );
}

#[test]
fn a_template_that_raises_names_its_reason() {
    let template = template("{{ raise_exception('System role not supported') }}");
    let error = write(&template, &[PromptMessage::user("x")])
        .expect_err("raises")
        .to_string();
    assert_eq!(
        error,
        "messages: the model's chat template refuses them: System role not supported"
    );
}

#[test]
fn has_what_python_has() {
    let template = template(
        "{{ bos_token }}{% generation %}{{ messages[0].content | tojson }}{% endgeneration %}\
         {{ {'a': [1, 2]} | tojson }}{{ strftime_now('%Y') | length }}{{ messages[0].role.upper() }}\
         {%- for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.content[:1] }}{% endfor %}{{ eos_token }}",
    );
    let text = write(
        &template,
        &[
            PromptMessage::user("a<b's \"q\""),
            PromptMessage::assistant("z"),
        ],
    )
    .expect("renders");
    assert_eq!(text, "<s>\"a<b's \\\"q\\\"\"{\"a\": [1, 2]}4USERa</s>");
}

#[test]
fn json_is_written_as_python_writes_it() {
    for (filter, written) in [
        ("tojson", r#"{"b": [1, {}], "a": "é"}"#),
        ("tojson(separators=(',', ':'))", r#"{"b":[1,{}],"a":"é"}"#),
        ("tojson(sort_keys=true)", r#"{"a": "é", "b": [1, {}]}"#),
        (
            "tojson(ensure_ascii=true)",
            r#"{"b": [1, {}], "a": "\u00e9"}"#,
        ),
        (
            "tojson(indent=2)",
            "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"é\"\n}",
        ),
    ] {
        let source = format!("{{{{ {{'b': [1, {{}}], 'a': 'é'}} | {filter} }}}}");
        assert_eq!(
            write(&template(&source), &[]).expect("renders"),
            written,
            "{filter}"
        );
    }
    assert!(write(&template("{{ 1 | tojson(separators=',') }}"), &[]).is_err());
}

#[test]
fn a_wrong_date_format_is_an_error_not_a_panic() {
    assert!(write(&template("{{ strftime_now('%!') }}"), &[]).is_err());
}

#[test]
fn models_without_a_template_get_plain_words() {
    let template = ChatTemplate::of(&Sources::default(), Map::new()).expect("none");
    assert_eq!(
        write(&template, &[PromptMessage::user("hi")]).expect("plain"),
        "user: hi\n\nassistant:"
    );
    assert!(!template.brings_marks());
}

#[test]
fn a_template_is_given_tools_calls_and_what_they_answered() {
    let template = template(
        "{% if tools %}<tool_call>{{ tools[0] | tojson }}\n{% endif %}\
         {% for m in messages %}{{ m.role }}:{{ m.content }}\
         {% if m.tool_calls is defined %}{{ m.tool_calls[0].function.arguments.a }}{% endif %}\
         {% if m.tool_call_id %}{{ m.tool_call_id }}{{ m.name }}{% endif %};{% endfor %}\
         {% if documents is none %}no documents{% endif %}",
    );
    assert!(template.knows_tools());
    let messages = [
        PromptMessage {
            tool_calls: vec![ToolCall {
                id: "c1".to_owned(),
                name: "f".to_owned(),
                arguments: "{\"a\": 7}".to_owned(),
            }],
            ..PromptMessage::assistant("")
        },
        PromptMessage {
            tool_call_id: Some("c1".to_owned()),
            name: Some("f".to_owned()),
            ..PromptMessage::new(Speaker::Tool, "ok")
        },
    ];
    let text = template
        .write(&messages, &[tool()], &Map::new())
        .expect("renders");
    assert_eq!(
        text,
        "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"does <it>\", \
         \"parameters\": {\"type\": \"object\", \"properties\": {\"b\": {}, \"a\": {}}}}}\n\
         assistant:7;tool:okc1f;no documents"
    );
}

#[test]
fn values_of_the_request_reach_the_template_and_do_not_write_over_the_conversation() {
    let template =
        template("{{ enable_thinking }}{{ messages | length }}{{ add_generation_prompt }}");
    let values =
        json!({"enable_thinking": false, "messages": "mine", "add_generation_prompt": false});
    let text = template
        .write(
            &[PromptMessage::user("x")],
            &[],
            values.as_object().expect("values"),
        )
        .expect("renders");
    assert_eq!(text.to_lowercase(), "false1false");
}

#[test]
fn the_template_for_tools_is_taken_where_there_are_some() {
    let template = of("plain", Some("{% if tools %}[TOOL_CALLS]{% endif %}"));
    assert_eq!(template.calls(), CallFormat::Listed);
    assert_eq!(write(&template, &[]).expect("renders"), "plain");
    let with = template
        .write(&[], &[tool()], &Map::new())
        .expect("renders");
    assert_eq!(with, "[TOOL_CALLS]");
}

#[test]
fn a_template_that_knows_no_tools_is_told_of_them_in_words() {
    let template = template("{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}");
    assert_eq!(template.calls(), CallFormat::Tagged);
    let text = template
        .write(&[PromptMessage::user("go")], &[tool()], &Map::new())
        .expect("renders");
    assert!(
        text.starts_with("system:You may call") && text.contains("<tool_call>"),
        "{text}"
    );
    assert!(text.ends_with("user:go\n"), "{text}");
}
