//! What model servers behind a proxy refuse, leave unanswered, or know under another name, as callers see it.

use anyhow::Result;
use serde_json::{Value, json};
use tidegate_tests::{
    Reply, TestApp,
    upstream::{Script, Upstream},
};

use crate::support::{QUESTION, SQL, TOWNS, rows};

const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/v1/embeddings";
const KEY: &str = "sk-very-secret";
const TOO_LONG: &str = r#"{"error": {"message": "17 tokens too many", "param": "messages", "code": "context_length_exceeded"}}"#;
const OTHER_NAME: &str = r#"{"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}}"#;

/// The models `scripted` and `vectors` behind one server, both with these keys in their tables, and the database
/// `towns`.
async fn over(script: Script, keys: &str) -> Result<(TestApp, Upstream)> {
    let upstream = Upstream::start(script.sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&format!("{}{keys}", upstream.model("scripted")))
        .model(&format!("{}{keys}", upstream.embedder("vectors")))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    Ok((app, upstream))
}

fn with(mut body: Value, extra: &Value) -> Value {
    for (key, value) in extra.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

async fn say(app: &TestApp, text: &str, extra: &Value) -> Result<Reply> {
    let body = json!({"model": "scripted", "messages": [{"role": "user", "content": text}]});
    app.anonymous().openai_post(CHAT, &with(body, extra)).await
}

async fn embed(app: &TestApp, text: &str, extra: &Value) -> Result<Reply> {
    let body = json!({"model": "vectors", "input": text});
    app.anonymous()
        .openai_post(EMBEDDINGS, &with(body, extra))
        .await
}

/// Whether a body at the upstream says `text` first, or embeds it.
fn says(body: &Value, text: &str) -> bool {
    body["messages"][0]["content"] == text || body["input"][0] == text
}

/// One field of every body the upstream has seen.
fn seen(upstream: &Upstream, field: &str) -> Vec<Value> {
    upstream
        .seen()
        .iter()
        .map(|body| body[field].clone())
        .collect()
}

#[tokio::test]
async fn a_refusal_of_the_request_is_the_callers_fault_and_not_the_servers() -> Result<()> {
    let script = Script::default()
        .refuse(|body| says(body, "400"), 400, TOO_LONG)
        .refuse(|body| says(body, "413"), 413, TOO_LONG)
        .refuse(|body| says(body, "422"), 422, TOO_LONG)
        .refuse(|body| says(body, "500"), 500, TOO_LONG);
    let (app, _upstream) = over(script, "").await?;
    for stream in [false, true] {
        for text in ["400", "413", "422"] {
            let reply = say(&app, text, &json!({"stream": stream})).await?;
            let error = &reply.json()["error"];
            assert_eq!(reply.status, 400, "{text}: {error}");
            assert_eq!(error["type"], "invalid_request_error", "{text}");
            assert_eq!(error["param"], "messages", "{text}");
            assert_eq!(error["message"], "scripted: 17 tokens too many", "{text}");
        }
        let reply = say(&app, "500", &json!({"stream": stream})).await?;
        assert_eq!(reply.status, 502, "{}", reply.text);
        assert!(reply.text.contains("17 tokens too many"), "{}", reply.text);
    }
    let reply = embed(&app, "422", &json!({})).await?;
    assert_eq!(reply.status, 400, "{}", reply.text);
    Ok(())
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back_and_a_spent_quota_is_no_business_of_waiting()
-> Result<()> {
    let quota =
        r#"{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}"#;
    let script = Script::default()
        .refuse(|body| says(body, "quota"), 429, quota)
        .refuse_with(
            |body| says(body, "busy"),
            429,
            &[("retry-after", "7")],
            "{}",
        );
    let (app, _upstream) = over(script, "").await?;
    let busy = say(&app, "busy", &json!({})).await?;
    assert_eq!(busy.status, 429, "{}", busy.text);
    assert_eq!(busy.header("retry-after"), "7");
    for reply in [
        say(&app, "quota", &json!({})).await?,
        embed(&app, "quota", &json!({})).await?,
    ] {
        assert_eq!(reply.status, 502, "{}", reply.text);
        assert!(
            reply.text.contains("You exceeded your quota"),
            "{}",
            reply.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_key_never_comes_back_in_a_servers_words() -> Result<()> {
    let error = format!(r#"{{"error": {{"message": "wrong key {KEY}"}}}}"#);
    let script = Script::default()
        .refuse(|body| says(body, "refused"), 401, &error)
        .stall(
            |body| says(body, "broken off"),
            Some(&format!("data: {error}\n\n")),
        );
    let (app, _upstream) = over(script, &format!("api_key = \"{KEY}\"\n")).await?;
    for text in ["refused", "broken off"] {
        for stream in [false, true] {
            let reply = say(&app, text, &json!({"stream": stream})).await?;
            assert!(
                reply.text.contains("wrong key ******"),
                "{text}: {}",
                reply.text
            );
            assert!(!reply.text.contains(KEY), "{text}: {}", reply.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_configured_time_limits_the_first_sign_of_an_answer_and_every_piece() -> Result<()> {
    let piece = r#"data: {"choices": [{"index": 0, "delta": {"content": "one"}}]}"#;
    let script = Script::default()
        .stall(|body| says(body, "never"), None)
        .stall(
            |body| says(body, "one piece"),
            Some(&format!("{piece}\n\n")),
        )
        .stall(|body| says(body, "half"), Some("{\"data\": ["));
    let (app, _upstream) = over(script, "timeout_seconds = 1\n").await?;
    for reply in [
        say(&app, "never", &json!({})).await?,
        say(&app, "one piece", &json!({})).await?,
        embed(&app, "never", &json!({})).await?,
        embed(&app, "half", &json!({})).await?,
    ] {
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 504, "{error}");
        assert_eq!(error["code"], "timeout");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.ends_with("took longer than 1 s"), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn a_response_format_reaches_the_server_as_it_stands_and_its_refusal_is_told() -> Result<()> {
    let script = Script::default().refuse(|body| says(body, "no"), 400, TOO_LONG);
    let (app, upstream) = over(script, "").await?;
    let formats = [
        json!({"type": "json_object"}),
        json!({"type": "json_schema", "json_schema": {"name": "mine", "strict": false, "schema": {"type": "object"}}}),
    ];
    for format in &formats {
        let reply = say(&app, "yes", &json!({"response_format": format})).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let refused = say(&app, "no", &json!({"response_format": formats[0]})).await?;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let [object, schema] = formats;
    assert_eq!(
        seen(&upstream, "response_format"),
        [object.clone(), schema, object]
    );
    Ok(())
}

#[tokio::test]
async fn who_cannot_be_held_to_a_response_format_refuses_it_by_name() -> Result<()> {
    let format = json!({"type": "json_object"});
    let (app, upstream) = over(Script::default(), "").await?;
    let asked = json!({"response_format": format, "datasource": "towns"});
    let echo = TestApp::builder().dummy("dummy/echo").start().await?;
    let named = json!({"response_format": format, "model": "dummy/echo"});
    for (reply, name) in [
        (say(&app, QUESTION, &asked).await?, "scripted"),
        (say(&echo, "hi", &named).await?, "dummy/echo"),
    ] {
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{error}");
        assert_eq!(error["code"], "unsupported");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(name), "{message}");
    }
    assert!(upstream.seen().is_empty());
    let text = json!({"response_format": {"type": "text"}, "model": "dummy/echo"});
    assert_eq!(say(&echo, "hi", &text).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn log_probabilities_of_what_a_datasource_says_are_refused_and_not_left_out() -> Result<()> {
    let (app, upstream) = over(Script::default(), "").await?;
    let asked = json!({"logprobs": true, "top_logprobs": 2, "datasource": "towns"});
    let reply = say(&app, QUESTION, &asked).await?;
    let error = &reply.json()["error"];
    assert_eq!(
        (reply.status, &error["code"]),
        (400, &json!("unsupported")),
        "{error}"
    );
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("leave logprobs out"), "{message}");
    assert!(upstream.seen().is_empty());
    let not_asked = json!({"logprobs": false, "datasource": "towns"});
    assert_eq!(say(&app, QUESTION, &not_asked).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_question_is_answered_where_the_server_knows_no_response_format() -> Result<()> {
    let script = Script::default().refuse(
        |body| body.get("response_format").is_some(),
        400,
        r#"{"error": {"message": "unknown field response_format"}}"#,
    );
    let (app, upstream) = over(script, "").await?;
    for _ in 0..2 {
        let answer = say(&app, QUESTION, &json!({"datasource": "towns"})).await?;
        assert_eq!(answer.json()["tidegate"]["rows"], rows(), "{}", answer.text);
    }
    let formats: Vec<bool> = seen(&upstream, "response_format")
        .iter()
        .map(|format| !format.is_null())
        .collect();
    assert_eq!(formats, [true, false, false], "once is enough to learn it");
    Ok(())
}

#[tokio::test]
async fn the_most_tokens_are_sent_under_the_name_the_server_wants() -> Result<()> {
    let script = Script::default().refuse(|body| body.get("max_tokens").is_some(), 400, OTHER_NAME);
    let (app, upstream) = over(script, "").await?;
    for _ in 0..2 {
        let reply = say(&app, "hi", &json!({"max_tokens": 9})).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let asked = json!({"datasource": "towns", "max_completion_tokens": 99});
    let answer = say(&app, QUESTION, &asked).await?;
    assert_eq!(answer.json()["tidegate"]["rows"], rows(), "{}", answer.text);
    assert_eq!(
        seen(&upstream, "max_tokens"),
        [json!(9), Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(
        seen(&upstream, "max_completion_tokens"),
        [Value::Null, json!(9), json!(9), json!(99)]
    );
    Ok(())
}

#[tokio::test]
async fn a_question_learns_the_servers_name_for_the_most_tokens_too() -> Result<()> {
    let script = Script::default().refuse(|body| body.get("max_tokens").is_some(), 400, OTHER_NAME);
    let (app, upstream) = over(script, "").await?;
    let asked = json!({"datasource": "towns", "max_tokens": 99});
    let answer = say(&app, QUESTION, &asked).await?;
    assert_eq!(answer.json()["tidegate"]["rows"], rows(), "{}", answer.text);
    let formats = seen(&upstream, "response_format");
    assert_eq!(formats.len(), 2);
    assert_eq!(formats[0], formats[1], "the form of the answer is kept");
    Ok(())
}

#[tokio::test]
async fn several_answers_with_one_seed_have_seeds_of_their_own() -> Result<()> {
    let (app, upstream) = over(Script::default(), "").await?;
    for seed in [5, -1] {
        let reply = say(&app, "hi", &json!({"n": 2, "seed": seed})).await?;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    assert_eq!(
        seen(&upstream, "seed"),
        [json!(5), json!(6), json!(-1), json!(0)]
    );
    Ok(())
}

#[tokio::test]
async fn tools_reach_the_server_and_a_forced_call_is_refused_by_who_calls_none() -> Result<()> {
    let (app, upstream) = over(Script::default(), "").await?;
    let echo = TestApp::builder().dummy("dummy/echo").start().await?;
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {}}});
    let named = json!({"type": "function", "function": {"name": "f"}});
    for choice in [json!("auto"), json!("required"), named] {
        let asked = json!({"tools": [tool], "tool_choice": choice});
        assert_eq!(say(&app, "hi", &asked).await?.status, 200, "{choice}");
        let refused = say(&echo, "hi", &with(asked, &json!({"model": "dummy/echo"}))).await?;
        let forced = choice != "auto";
        assert_eq!(refused.status, if forced { 400 } else { 200 }, "{choice}");
        if forced {
            assert_eq!(refused.json()["error"]["code"], "unsupported", "{choice}");
        }
    }
    assert_eq!(seen(&upstream, "tools"), vec![json!([tool]); 3]);
    assert_eq!(seen(&upstream, "tool_choice")[1], "required");
    Ok(())
}

#[tokio::test]
async fn vectors_have_the_dimensions_asked_for_or_none_come() -> Result<()> {
    let (app, upstream) = over(Script::default(), "").await?;
    let shortened = embed(&app, "hi", &json!({"dimensions": 256})).await?;
    let vector = &shortened.json()["data"][0]["embedding"];
    assert_eq!(vector.as_array().map(Vec::len), Some(256), "{shortened:?}");
    assert_eq!(seen(&upstream, "dimensions"), [json!(256)]);

    let eight = TestApp::builder()
        .model("[[models]]\nname = \"dummy/embed\"\nprovider = \"dummy\"\nkind = \"embedding\"\n")
        .start()
        .await?;
    let asked = |width: i64| json!({"model": "dummy/embed", "dimensions": width});
    assert_eq!(embed(&eight, "hi", &asked(8)).await?.status, 200);
    for (width, why) in [(256, "vectors of 8 numbers, not 256"), (0, "at least 1")] {
        let reply = embed(&eight, "hi", &asked(width)).await?;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{error}");
        assert_eq!(error["param"], "dimensions");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(why), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn a_datasource_stands_behind_the_last_colon_of_a_models_name() -> Result<()> {
    let upstream = Upstream::start(Script::default().sql(QUESTION, SQL)).await?;
    let app = TestApp::builder()
        .model(&upstream.model("qwen2.5:7b"))
        .start()
        .await?;
    app.add_sqlite("towns", TOWNS).await?;
    let answer = say(&app, QUESTION, &json!({"model": "qwen2.5:7b:towns"})).await?;
    assert_eq!(answer.json()["tidegate"]["rows"], rows(), "{}", answer.text);
    let plain = say(&app, "hi", &json!({"model": "qwen2.5:7b"})).await?;
    assert_eq!(plain.status, 200, "{}", plain.text);
    let unknown = say(&app, "hi", &json!({"model": "qwen2.5:8b"})).await?;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert!(
        unknown.text.contains("no model named 'qwen2.5:8b'"),
        "{}",
        unknown.text
    );
    Ok(())
}
