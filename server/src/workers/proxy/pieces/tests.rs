//! What servers send, and what is made of it.

use secrecy::SecretString;
use serde_json::json;

use super::*;

fn words() -> Words {
    Words::new("gpt", SecretString::from(""))
}

fn read(pieces: &mut Pieces, choices: &Value) -> Vec<Chunk> {
    let data = json!({ "choices": choices }).to_string();
    pieces.read(&data, 0, &words()).expect("a chunk")
}

#[test]
fn answers_are_told_apart_and_end_each_for_its_own_reason() {
    let mut pieces = Pieces::default();
    let told = read(
        &mut pieces,
        &json!([
            {"index": 1, "delta": {"content": "b"}},
            {"index": 0, "delta": {"reasoning_content": "hm", "content": "a"}},
        ]),
    );
    let wanted = [
        Chunk::Text(Piece::of(1, "b")),
        Chunk::Thinking(Piece::of(0, "hm")),
        Chunk::Text(Piece::of(0, "a")),
    ];
    assert_eq!(told, wanted);
    read(
        &mut pieces,
        &json!([{"index": 1, "delta": {}, "finish_reason": "length"}]),
    );
    assert_eq!(pieces.ended(), None);
    pieces.done(0);
    let ended = [(0, FinishReason::Stop), (1, FinishReason::Length)];
    assert_eq!(pieces.ended(), Some(ended.to_vec()));
}

#[test]
fn a_call_comes_in_pieces_as_it_was_sent() {
    let mut pieces = Pieces::default();
    let told = read(
        &mut pieces,
        &json!([{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"index": 0, "function": {"arguments": "{}"}},
        ]}, "finish_reason": "tool_calls"}]),
    );
    let part = |id: Option<&str>, name: Option<&str>, arguments: &str| Chunk::ToolCall {
        choice: 0,
        index: 0,
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        arguments: arguments.to_owned(),
    };
    assert_eq!(
        told,
        [part(Some("call_1"), Some("f"), ""), part(None, None, "{}")]
    );
    assert_eq!(pieces.ended(), Some(vec![(0, FinishReason::ToolCalls)]));
}

#[test]
fn likelihoods_are_read_in_both_forms() {
    let mut pieces = Pieces::default();
    let told = read(
        &mut pieces,
        &json!([
            {"index": 0, "delta": {"content": "é"}, "logprobs": {"content": [{
                "token": "é", "logprob": -0.5, "bytes": [195, 169],
                "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": null}],
            }]}},
            {"index": 1, "text": "ab", "logprobs": {
                "tokens": ["a", "b"], "token_logprobs": [null, -1.0],
                "top_logprobs": [null, {"c": -2.0, "b": -1.0}], "text_offset": [0, 1],
            }},
        ]),
    );
    let Chunk::Text(chat) = &told[0] else {
        panic!("{told:?}")
    };
    assert_eq!(chat.logprobs[0].told.logprob, Some(-0.5));
    assert_eq!(chat.logprobs[0].top[0].bytes, [195, 169]);
    let Chunk::Text(plain) = &told[1] else {
        panic!("{told:?}")
    };
    assert_eq!(plain.text, "ab");
    assert_eq!(plain.logprobs[0].told.logprob, None);
    let top: Vec<&str> = plain.logprobs[1]
        .top
        .iter()
        .map(|one| one.token.as_str())
        .collect();
    assert_eq!(top, ["b", "c"]);
    read(
        &mut pieces,
        &json!([{"index": 0, "delta": {}, "logprobs": "?"}]),
    );
}
