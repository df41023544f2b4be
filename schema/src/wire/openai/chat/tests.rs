//! What a request may say.

use serde_json::json;

use super::*;

fn request(extra: &Value) -> ChatIn {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut()
        .expect("object")
        .extend(extra.as_object().expect("object").clone());
    serde_json::from_value(body).expect("a request")
}

fn refusal(extra: &Value) -> String {
    request(extra).check().expect_err("refused").to_string()
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {}}})
}

#[test]
fn refuses_parameters_out_of_range_by_name() {
    assert_eq!(
        refusal(&json!({"temperature": 3.0})),
        "temperature: 3.0 is greater than the maximum of 2 - 'temperature'"
    );
    assert_eq!(
        refusal(&json!({"n": 0})),
        "n: 0 is less than the minimum of 1 - 'n'"
    );
    let texts: Vec<String> = (0..17).map(|nth| nth.to_string()).collect();
    assert!(refusal(&json!({"stop": texts})).contains("array too long"));
    request(&json!({"stop": texts[1..]}))
        .check()
        .expect("sixteen will do");
    for (extra, field) in [
        (json!({"min_p": 1.5}), "min_p"),
        (json!({"typical_p": -0.5}), "typical_p"),
        (json!({"presence_penalty": 2.5}), "presence_penalty"),
        (json!({"frequency_penalty": -2.5}), "frequency_penalty"),
        (json!({"repetition_penalty": 0.0}), "repetition_penalty"),
        (json!({"n": 129}), "n"),
        (json!({"best_of": 0}), "best_of"),
        (json!({"best_of": 1, "n": 2}), "best_of"),
        (json!({"best_of": 3, "n": 2, "stream": true}), "best_of"),
        (json!({"min_tokens": -1}), "min_tokens"),
        (json!({"top_k": -2}), "top_k"),
        (
            json!({"logprobs": true, "top_logprobs": 21}),
            "top_logprobs",
        ),
        (json!({"top_logprobs": 3}), "top_logprobs"),
        (json!({"logit_bias": {"cat": 1}}), "logit_bias"),
        (json!({"logit_bias": {"7": 101}}), "logit_bias"),
        (json!({"logit_bias": {"7": "much"}}), "logit_bias"),
    ] {
        let said = refusal(&extra);
        assert!(said.starts_with(&format!("{field}: ")), "{said}");
    }
}

#[test]
fn reads_what_is_said_of_choosing() {
    let read = request(&json!({
        "logit_bias": {"7": -100, "1": 2.5}, "logprobs": true, "top_logprobs": 2, "top_k": -1,
        "max_tokens": 9, "max_completion_tokens": 5, "min_tokens": 2, "best_of": 2, "n": 2, "stream": true,
    }));
    read.check().expect("in range");
    let biases: Vec<(u32, f32)> = read.biases().expect("ids").into_iter().collect();
    assert_eq!(biases, [(1, 2.5), (7, -100.0)]);
    assert_eq!(read.top_likelihoods().expect("a number"), Some(2));
    assert_eq!(read.most_likely(), Some(u32::MAX));
    assert_eq!(
        (read.most_tokens(), read.fewest_tokens()),
        (Some(5), Some(2))
    );
    let silent = request(&json!({"logprobs": false}));
    assert_eq!(silent.top_likelihoods().expect("none"), None);
}

#[test]
fn a_response_format_is_kept_whole_and_must_be_of_a_known_type() {
    let format = |format: &Value| request(&json!({"response_format": format})).demanded_format();
    for known in [
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": false, "schema": {}}}),
        json!({"type": "json_object"}),
        json!({"type": "regex", "pattern": "a+"}),
        json!({"type": "grammar", "syntax": "lark", "grammar": "start: \"a\""}),
    ] {
        assert_eq!(format(&known).expect("known"), Some(known));
    }
    for free in [json!({"type": "text"}), json!(null)] {
        assert_eq!(format(&free).expect("known"), None);
    }
    for unknown in [json!({"type": "yaml"}), json!({}), json!("json_object")] {
        let refused = format(&unknown).expect_err("unknown").to_string();
        assert!(refused.starts_with("response_format: must be"), "{refused}");
    }
}

#[test]
fn a_choice_among_tools_is_read_and_must_be_one_there_is() {
    let choice = |choice: Value| {
        request(&json!({"tools": [tool("f")], "tool_choice": choice})).tool_choice()
    };
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    for (said, read) in [
        (json!("auto"), ToolChoiceIn::Auto),
        (json!(null), ToolChoiceIn::Auto),
        (json!("none"), ToolChoiceIn::None),
        (json!("required"), ToolChoiceIn::Required),
        (named("f"), ToolChoiceIn::Function("f".to_owned())),
    ] {
        assert_eq!(choice(said).expect("a choice"), read);
    }
    for unknown in [json!("maybe"), json!(3), named("g")] {
        let said = choice(unknown).expect_err("unknown").to_string();
        assert!(said.starts_with("tool_choice: "), "{said}");
    }
    assert!(refusal(&json!({"tool_choice": "required"})).contains("there are no tools"));
    let mut other = tool("f");
    other["type"] = json!("retrieval");
    assert_eq!(
        refusal(&json!({"tools": [other]})),
        "body.tools[0].type: must be 'function', not 'retrieval'"
    );
}

#[test]
fn reads_text_parts_and_plain_text() {
    let content = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let parts = request(&json!({"messages": [{"role": "user", "content": content}]}));
    assert_eq!(parts.turns().expect("turns")[0].text, "a\nb");
    let plain = request(&json!({"messages": "hello"}));
    assert_eq!(plain.turns().expect("turns")[0].role, "user");
}

#[test]
fn a_part_that_is_no_text_is_named_with_what_it_is() {
    for (part, said) in [
        (
            json!({"type": "image_url", "image_url": {"url": "x"}}),
            "body.messages[0].content[1].type: must be 'text', not 'image_url'",
        ),
        (
            json!({"type": "input_audio", "input_audio": {}}),
            "body.messages[0].content[1].type: must be 'text', not 'input_audio'",
        ),
        (
            json!({"type": "text", "text": 7}),
            "body.messages[0].content[1].text: must be a text",
        ),
    ] {
        let content = json!([{"type": "text", "text": "a"}, part]);
        let read = request(&json!({"messages": [{"role": "user", "content": content}]}));
        let refused = read.turns().expect_err("refused").to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
}

#[test]
fn reads_calls_and_their_answers() {
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let read = request(&json!({"messages": [
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "content": "42", "tool_call_id": "c1", "name": "f"},
    ]}));
    let turns = read.turns().expect("turns");
    assert_eq!(
        (turns[0].text.as_str(), turns[0].calls[0].name.as_str()),
        ("", "f")
    );
    assert_eq!(
        (turns[1].role, turns[1].call_id.as_deref()),
        ("tool", Some("c1"))
    );
    assert_eq!(turns[1].name.as_deref(), Some("f"));
    for (message, place) in [
        (
            json!({"role": "tool", "content": "42"}),
            "body.messages[0].tool_call_id",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f"}}]}),
            "body.messages[0].tool_calls[0].function.arguments",
        ),
        (
            json!({"role": "wizard", "content": ""}),
            "body.messages[0].role",
        ),
    ] {
        let refused = request(&json!({"messages": [message]})).turns();
        let said = refused.expect_err("refused").to_string();
        assert!(said.starts_with(&format!("{place}: ")), "{said}");
    }
}
