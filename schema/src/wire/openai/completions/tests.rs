//! What a request may say.

use serde_json::json;

use super::*;

fn request(extra: &Value) -> CompletionIn {
    let mut body = json!({"model": "m", "prompt": "once"});
    body.as_object_mut()
        .expect("object")
        .extend(extra.as_object().expect("object").clone());
    serde_json::from_value(body).expect("a request")
}

#[test]
fn a_prompt_is_text_or_tokens_or_several_of_them() {
    let prompts = |prompt: Value| request(&json!({"prompt": prompt})).prompts();
    let text = |text: &str| PromptIn::Text(text.to_owned());
    for (said, read) in [
        (json!("a"), vec![text("a")]),
        (json!(["a", "b"]), vec![text("a"), text("b")]),
        (json!([1, 2]), vec![PromptIn::Tokens(vec![1, 2])]),
        (
            json!([[1], [2, 3]]),
            vec![PromptIn::Tokens(vec![1]), PromptIn::Tokens(vec![2, 3])],
        ),
    ] {
        assert_eq!(prompts(said).expect("prompts"), read);
    }
    for bad in [
        json!(null),
        json!(7),
        json!([]),
        json!([1, "a"]),
        json!(["a", 1]),
        json!([-1]),
        json!([[1.5]]),
        json!(vec!["a"; 129]),
    ] {
        let said = prompts(bad).expect_err("refused").to_string();
        assert!(said.contains("prompt: "), "{said}");
    }
}

#[test]
fn parameters_out_of_range_are_refused_by_name_and_a_suffix_in_words() {
    for (extra, prompts, field) in [
        (json!({"n": 0}), 1, "n: "),
        (json!({"n": 2}), 65, "n: "),
        (json!({"best_of": 1, "n": 2}), 1, "best_of: "),
        (json!({"logprobs": 21}), 1, "logprobs: "),
        (json!({"logprobs": -1}), 1, "logprobs: "),
        (json!({"max_tokens": 0}), 1, "max_tokens: "),
        (json!({"temperature": 2.5}), 1, "temperature: "),
        (json!({"stop": 7}), 1, "body.stop: "),
        (json!({"suffix": "end"}), 1, "'m' writes on from a prompt"),
    ] {
        let said = request(&extra)
            .check(prompts)
            .expect_err("refused")
            .to_string();
        assert!(said.starts_with(field), "{said}");
    }
    request(&json!({"suffix": "", "n": 2, "logprobs": 0}))
        .check(64)
        .expect("in range");
}

#[test]
fn sixteen_tokens_are_written_where_nothing_is_said() {
    assert_eq!(request(&json!({})).choosing().most_tokens(), Some(16));
    let said = request(&json!({"max_tokens": 5, "logprobs": 3}));
    assert_eq!(said.choosing().most_tokens(), Some(5));
    assert_eq!(said.top_likelihoods().expect("a number"), Some(3));
}
