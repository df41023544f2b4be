//! Answers in both framings.

use serde_json::json;

use super::*;
use crate::api::openai::chat::pieces::Piece;

fn head() -> Head {
    Head {
        id: "chatcmpl-1".to_owned(),
        created: 1,
        model: "m".to_owned(),
        logprobs: true,
        fingerprint: "fp_1".to_owned(),
        older: false,
    }
}

fn pieces() -> Pieces {
    let text = |text: &str| Part::Text {
        text: text.to_owned(),
        logprobs: vec![TokenLogprob {
            told: Likelihood {
                token: text.to_owned(),
                bytes: text.as_bytes().to_vec(),
                logprob: Some(-0.5),
            },
            top: Vec::new(),
        }],
    };
    let call = |id: Option<&str>, arguments: &str| Part::Call {
        index: 0,
        id: id.map(str::to_owned),
        name: id.map(|_| "f".to_owned()),
        arguments: arguments.to_owned(),
    };
    let end = |finish, tokens| Part::End {
        finish,
        usage: Usage {
            prompt_tokens: 3,
            completion_tokens: tokens,
        },
        document: None,
    };
    let parts = vec![
        (1, text("b")),
        (0, call(Some("c1"), "{\"a\":")),
        (0, call(None, "1}")),
        (0, end("tool_calls", 2)),
        (1, end("stop", 4)),
    ];
    let parts = parts.into_iter();
    futures::stream::iter(parts.map(|(choice, part)| Ok(Piece { choice, part }))).boxed()
}

#[tokio::test]
async fn answers_are_gathered_apart_with_calls_put_together() {
    let whole = gather(head(), pieces()).await.expect("no failure");
    let whole = serde_json::to_value(&whole).expect("JSON");
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    assert_eq!(whole["choices"][0]["message"]["tool_calls"], json!([call]));
    assert_eq!(whole["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(whole["choices"][1]["message"]["content"], "b");
    let told = &whole["choices"][1]["logprobs"]["content"][0];
    assert_eq!(
        (&told["token"], &told["bytes"]),
        (&json!("b"), &json!([98]))
    );
    assert_eq!(whole["usage"]["completion_tokens"], 4);
}

#[tokio::test]
async fn a_stream_opens_each_answer_once_and_ends_with_the_usage() {
    let response = stream(head(), pieces(), true);
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
        .await
        .expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let frames: Vec<&str> = text.split_terminator("\n\n").collect();
    assert_eq!(frames.last(), Some(&"data: [DONE]"));
    let chunks: Vec<Value> = frames[..frames.len() - 1]
        .iter()
        .map(|frame| serde_json::from_str(&frame["data: ".len()..]).expect("JSON"))
        .collect();
    let roles = chunks
        .iter()
        .filter(|chunk| chunk["choices"][0]["delta"]["role"] == "assistant");
    assert_eq!(roles.count(), 2);
    let calls: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| !call.is_null())
        .collect();
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(
        calls[1],
        &json!({"index": 0, "function": {"arguments": "1}"}})
    );
    assert_eq!(
        chunks.last().map(|chunk| &chunk["choices"]),
        Some(&json!([]))
    );
    assert_eq!(chunks[chunks.len() - 1]["usage"]["total_tokens"], 7);
}

#[tokio::test]
async fn the_older_form_tells_one_call_in_its_own_words() {
    let older = || Head {
        older: true,
        ..head()
    };
    let whole = gather(older(), pieces()).await.expect("no failure");
    let whole = serde_json::to_value(&whole).expect("JSON");
    let message = &whole["choices"][0]["message"];
    assert_eq!(
        message["function_call"],
        json!({"name": "f", "arguments": "{\"a\":1}"})
    );
    assert!(message.get("tool_calls").is_none() && message["content"].is_null());
    assert_eq!(whole["choices"][0]["finish_reason"], "function_call");
    assert_eq!(whole["choices"][1]["finish_reason"], "stop");
    let response = stream(older(), pieces(), false);
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
        .await
        .expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(
        text.contains(r#""function_call":{"name":"f","arguments":"{\"a\":"}"#),
        "{text}"
    );
    assert!(!text.contains("tool_calls"), "{text}");
}
