//! Completions of prompts, the older route.

use serde_json::{Value, json};

use super::{
    body::{Built, done, event},
    chat,
    said::Said,
    script::Act,
    seen::Seen,
};

pub(super) fn build(seen: &Seen, act: &Act) -> Built {
    let prompts = prompts(&seen.body["prompt"]);
    let each = seen.number("n").unwrap_or(1).clamp(1, 128);
    let said: Vec<Said> = (0..each * prompts.len() as u64)
        .map(|choice| Said::of(seen, act, choice))
        .collect();
    let usage = chat::usage(seen, &said);
    let echo = seen.body["echo"] == true;
    let before = |index: usize| {
        let prompt = prompts.get(index / each as usize).map(String::as_str);
        if echo { prompt.unwrap_or_default() } else { "" }
    };
    let likely = seen.number("logprobs");
    let answer = |choices: Value, usage: Value| {
        json!({
            "id": "cmpl-mock", "object": "text_completion", "created": 1, "model": seen.model(), "choices": choices,
            "usage": usage,
        })
    };
    if !seen.streams() {
        let choices: Vec<Value> = said
            .iter()
            .enumerate()
            .map(|(index, said)| {
                json!({
                    "index": index, "text": format!("{}{}", before(index), said.text()),
                    "finish_reason": said.finish, "logprobs": likely.map(|top| likelihoods(&said.pieces, top)),
                })
            })
            .collect();
        return Built::Whole(answer(choices.into(), usage));
    }
    let mut frames = Vec::new();
    for (index, said) in said.iter().enumerate() {
        let mut tell = |text: &str, finish: Option<&str>, logprobs: Option<Value>| {
            let choice = json!({"index": index, "text": text, "finish_reason": finish, "logprobs": logprobs});
            frames.push(event(&answer(json!([choice]), Value::Null)));
        };
        if echo {
            tell(before(index), None, None);
        }
        for text in &said.pieces {
            let logprobs = likely.map(|top| likelihoods(std::slice::from_ref(text), top));
            tell(text, None, logprobs);
        }
        tell("", Some(said.finish), None);
    }
    if seen.body["stream_options"]["include_usage"] == true {
        frames.push(event(&answer(json!([]), usage)));
    }
    frames.push(done());
    Built::Frames(Box::new(frames.into_iter()))
}

/// Each prompt as text; one that comes in tokens is written as their numbers.
fn prompts(prompt: &Value) -> Vec<String> {
    let numbers = |ids: &[Value]| {
        let ids: Vec<String> = ids.iter().map(Value::to_string).collect();
        ids.join(" ")
    };
    match prompt {
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![numbers(items)],
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Array(ids) => numbers(ids),
                item => item.as_str().unwrap_or_default().to_owned(),
            })
            .collect(),
        prompt => vec![prompt.as_str().unwrap_or_default().to_owned()],
    }
}

fn likelihoods(pieces: &[String], top: u64) -> Value {
    let mut offset = 0;
    let offsets: Vec<usize> = pieces
        .iter()
        .map(|piece| {
            let at = offset;
            offset += piece.chars().count();
            at
        })
        .collect();
    let likeliest: Vec<Value> = pieces
        .iter()
        .map(|piece| {
            if top == 0 {
                Value::Null
            } else {
                json!({piece.as_str(): -0.125})
            }
        })
        .collect();
    json!({
        "tokens": pieces, "token_logprobs": vec![-0.125; pieces.len()], "top_logprobs": likeliest,
        "text_offset": offsets,
    })
}
