//! Answers that are held to a form, and calls in them.

use super::*;
use crate::workers::{
    grammar::{CallFormat, Form},
    torch::tools::Reader,
};

fn held_to(pattern: &str) -> Plan {
    plan(|plan| {
        let form = Form::Regex(pattern.to_owned());
        let constraint = Constraint::new(&form, &plan.tokens).expect("a form");
        plan.constraint = Some(constraint);
    })
}

#[test]
fn what_a_form_leaves_no_choice_about_is_not_asked_for() {
    let held = held_to("(yes|no) sir");
    let written = write(&held, b"yes sir");
    assert_eq!(written.text(), "yes sir");
    assert_eq!(
        (written.finish, written.made),
        (Some(FinishReason::Stop), 7)
    );
    assert!(written.takes < 7, "{}", written.takes);
    // Where likelihoods are told, each token has scores of its own.
    let weighed = Plan {
        logprobs: Some(0),
        ..held_to("(yes|no) sir")
    };
    let written = write(&weighed, b"yes sir");
    assert_eq!(written.text(), "yes sir");
    assert!(written.takes >= 7, "{}", written.takes);
    assert_eq!(written.logprobs().len(), 7);
}

#[test]
fn a_stop_text_is_found_among_tokens_that_were_not_asked_for() {
    let held = Plan {
        stops: vec!["s s".to_owned()],
        ..held_to("(yes|no) sir")
    };
    let written = write(&held, b"yes sir");
    assert_eq!(written.text(), "ye");
    assert_eq!(written.finish, Some(FinishReason::Stop));
}

#[test]
fn what_does_not_fit_a_form_is_not_chosen_however_it_is_liked() {
    let written = write(&held_to("[0-9]{3}"), b"abc");
    assert_eq!(written.made, 3);
    assert!(written.text().bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(written.finish, Some(FinishReason::Stop));
}

#[test]
fn a_form_that_is_whole_ends_before_the_fewest_tokens_rather_than_never() {
    let held = Plan {
        least: 50,
        ..held_to("ab")
    };
    let written = write(&held, b"ab");
    assert_eq!(
        (written.text().as_str(), written.finish),
        ("ab", Some(FinishReason::Stop))
    );
}

#[test]
fn calls_of_tools_are_told_as_calls() {
    let calls = plan(|plan| plan.reader = Some(Reader::new(CallFormat::Tagged)));
    let written = write(
        &calls,
        br#"Look. <tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>"#,
    );
    assert_eq!(written.text().trim_end(), "Look.");
    assert_eq!(written.finish, Some(FinishReason::ToolCalls));
    let called: Vec<&Chunk> = written
        .told
        .iter()
        .filter(|chunk| matches!(chunk, Chunk::ToolCall { .. }))
        .collect();
    let [
        Chunk::ToolCall {
            index: 0,
            id: Some(_),
            name: Some(name),
            arguments,
            ..
        },
    ] = called[..]
    else {
        panic!("{called:?}")
    };
    assert_eq!((name.as_str(), arguments.as_str()), ("f", r#"{"a": 1}"#));
}
