//! Outputs of every version, and errors between our own.

use serde_json::json;

use super::*;

fn read(value: &Value) -> Output {
    Output::read(value.to_string().as_bytes()).expect("an output")
}

#[test]
fn content_and_text_of_every_version_are_read() {
    let text = |text: &str| json!({"object": {"data": text, "format": "text"}, "type": "text"});
    assert_eq!(
        read(&json!({"content": text("hi"), "error_code": 0})).text,
        "hi"
    );
    assert_eq!(read(&json!({"text": "old", "error_code": 0})).text, "old");
    assert_eq!(read(&json!({"content": "plain"})).text, "plain");
    let thought = json!({"object": {"data": "hm", "format": "text"}, "type": "thinking"});
    let both = read(&json!({
        "content": [thought, text("so")], "incremental": true, "finish_reason": "length",
        "usage": {"prompt_tokens": 2, "completion_tokens": 64, "total_tokens": 66}
    }));
    assert_eq!((both.thinking.as_str(), both.text.as_str()), ("hm", "so"));
    assert!(both.incremental);
    assert_eq!(both.finish_reason.as_deref(), Some("length"));
    assert_eq!(both.usage.map(|usage| usage.completion_tokens), Some(64));
    for broken in ["{", "{}", "[]", "7"] {
        assert!(Output::read(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn an_output_has_db_gpts_keys_and_no_others() {
    let value = serde_json::to_value(OutputBody::text("Hel")).expect("JSON");
    assert_eq!(
        value,
        json!({
            "content": {"object": {"data": "Hel", "format": "text"}, "type": "text"}, "error_code": 0,
            "incremental": false, "model_context": null, "finish_reason": null, "usage": null, "metrics": null
        })
    );
    let error = Error::invalid("temperature", "must be 0 or more");
    let plain = OutputBody::failed(&error, &error.to_string(), false);
    let plain = serde_json::to_value(plain).expect("JSON");
    assert!(plain.get("error").is_none());
    assert_eq!(
        plain["content"]["object"]["data"],
        "**LLMServer Generate Error, Please CheckErrorInfo.**: temperature: must be 0 or more"
    );
}

#[test]
fn an_error_keeps_its_kind_between_our_own() {
    let errors = [
        Error::invalid("temperature", "must be 0 or more"),
        Error::Unsupported {
            what: "no tools here".to_owned(),
        },
        Error::Overloaded {
            retry_after: Duration::from_millis(2500),
        },
        Error::Timeout {
            what: "the model".to_owned(),
            limit: Duration::from_secs(7),
        },
        Error::upstream("gpt", "broke off"),
    ];
    for error in errors {
        let sent = serde_json::to_value(OutputBody::failed(&error, "text", true)).expect("JSON");
        let read = read(&sent).error.expect("an error");
        let back = read.into_error("gpt");
        assert_eq!(back.kind(), error.kind());
        assert_eq!(back.to_string(), error.to_string());
    }
    let cause = Error::internal("reading", std::io::Error::other("disk on fire"));
    let told = PeerError::of(&cause).into_error("gpt").to_string();
    assert_eq!(told, "gpt: internal error; the log has the details");
}
