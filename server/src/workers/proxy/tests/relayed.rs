//! Bytes passed on and back.

use super::*;

const WORD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const END: &str = "data: [DONE]\n\n";
const SECRET: &str = "api_key = 'sk-very-secret'\n";

async fn refused(reply: Reply, stream: bool) -> Error {
    let fake = Fake::start(vec![reply]).await;
    let relay = fake.relay(&format!("{SECRET}timeout_seconds = 1\n"));
    relay.relay(&chat(stream)).await.err().expect("refused")
}

#[tokio::test]
async fn a_request_goes_on_as_it_was_but_for_the_models_name() {
    let reply = Reply::json(r#"{"id": "x", "choices": []}"#)
        .with("x-ratelimit-remaining-tokens", "7")
        .with("set-cookie", "no");
    let fake = Fake::start(vec![reply]).await;
    let response = fake
        .relay(SECRET)
        .relay(&chat(false))
        .await
        .expect("an answer");
    assert_eq!(response.status, 200);
    assert_eq!(response.length, Some(26));
    let content_type = response.content_type.as_ref();
    assert_eq!(content_type.expect("a type"), "application/json");
    assert_eq!(response.headers["x-ratelimit-remaining-tokens"], "7");
    assert_eq!(response.headers.len(), 1);
    let text = body_of(response).await.expect("whole");
    assert_eq!(text, r#"{"id": "x", "choices": []}"#);
    let [seen] = &fake.seen()[..] else {
        panic!("one request")
    };
    assert_eq!(
        seen.body,
        r#"{"messages": [{"role": "user", "content": "hi"}], "model": "theirs", "x": 1}"#
    );
    assert_eq!(seen.uri, "/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], "Bearer sk-very-secret");
    assert_eq!(seen.headers["x-request-id"], "req-1");
    assert_eq!(seen.headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn azure_gets_its_key_and_its_path_in_its_own_way() {
    let fake = Fake::start(vec![Reply::json("{}")]).await;
    let relay = fake.relay(&format!("{SECRET}wire = 'azure'\n"));
    relay.relay(&chat(false)).await.expect("an answer");
    let [seen] = &fake.seen()[..] else {
        panic!("one request")
    };
    let path = "/v1/openai/deployments/theirs/chat/completions?api-version=";
    assert!(seen.uri.starts_with(path), "{}", seen.uri);
    assert_eq!(seen.headers["api-key"], "sk-very-secret");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_stream_comes_back_as_it_was() {
    let fake = Fake::start(vec![Reply::stream(&[": hello\n\n", WORD, LAST, END])]).await;
    let response = fake.relay("").relay(&chat(true)).await.expect("an answer");
    assert_eq!(response.length, None);
    let text = body_of(response).await.expect("whole");
    assert!(text.ends_with(&format!("{WORD}{LAST}{END}")), "{text}");
}

#[tokio::test]
async fn what_is_no_answer_is_found_out_before_the_first_byte() {
    let error = r#"{"error": {"message": "wrong key sk-very-secret"}}"#;
    let event = format!("data: {error}\n\n");
    for (reply, stream, told) in [
        (Reply::json(error), false, "m: wrong key ******"),
        (Reply::json(error), true, "m: wrong key ******"),
        (Reply::stream(&[&event]), true, "m: wrong key ******"),
        (
            Reply::stream(&[&event]).endless(),
            false,
            "m: wrong key ******",
        ),
        (Reply::refusal(401, error), true, "m: answered 401"),
        (Reply::json(""), false, "m: answered with nothing"),
        (Reply::stream(&[]), true, "m: the stream ended"),
        (Reply::json("{\"choices\": [{"), false, "not JSON"),
        (Reply::json("nonsense"), false, "not JSON"),
        (Reply::stream(&["nonsense\n"]), true, "the stream ended"),
        (Reply::stream(&["data: nonsense\n"]), true, "not a chunk"),
        (Reply::stream(&[WORD, LAST, END]), false, "not asked for"),
        (Reply::json("{}"), true, "ask without stream"),
    ] {
        let error = refused(reply.clone(), stream).await;
        assert_eq!(error.kind(), "upstream", "{reply:?}");
        assert!(error.to_string().contains(told), "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn silence_is_broken_off_in_time_wherever_it_begins() {
    for (reply, stream) in [
        (Reply::json("{\"a\": ").endless(), false),
        (Reply::stream(&[]).endless(), true),
        (Reply::stream(&[": still here\n\n"]).endless(), true),
    ] {
        let error = refused(reply, stream).await;
        assert!(
            error.to_string().ends_with("took longer than 1 s"),
            "{error}"
        );
    }
    let fake = Fake::start(vec![Reply::stream(&[WORD]).endless()]).await;
    let relay = fake.relay("between_tokens_seconds = 1\n");
    let response = relay.relay(&chat(true)).await.expect("begins");
    let error = body_of(response).await.expect_err("falls silent");
    assert_eq!(error.kind(), "timeout");
}

#[tokio::test]
async fn the_most_tokens_go_by_the_name_that_the_server_knows() {
    let other =
        r#"{"error": {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens"}}"#;
    let fake = Fake::start(vec![
        Reply::refusal(400, other),
        Reply::json("{\"id\": \"x\"}"),
    ])
    .await;
    let relay = fake.relay("");
    let asked = r#"{"model": "m", "max_tokens": 9, "messages": []}"#;
    for _ in 0..2 {
        let request = request(RelayPath::ChatCompletions, asked, false);
        relay.relay(&request).await.expect("an answer");
    }
    let named: Vec<Value> = fake
        .seen()
        .iter()
        .map(|seen| seen.json()["max_completion_tokens"].clone())
        .collect();
    assert_eq!(named, [Value::Null, 9.into(), 9.into()]);
}

#[tokio::test]
async fn a_long_answer_is_passed_on_as_it_comes() {
    let long = "x".repeat(1 << 20);
    let pieces = vec![long; 9];
    let reply = Reply {
        pieces,
        ..Reply::json("")
    };
    let fake = Fake::start(vec![reply]).await;
    let relay = fake.relay("kind = 'embedding'\n");
    let request = request(RelayPath::Embeddings, r#"{"model": "m"}"#, false);
    let response = relay.relay(&request).await.expect("begins");
    assert_eq!(body_of(response).await.expect("whole").len(), 9 << 20);
}
