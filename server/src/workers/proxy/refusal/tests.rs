//! What servers say when they refuse, and what is made of it.

use reqwest::header::HeaderValue;

use super::*;

const KEY: &str = "sk-very-secret";

fn words() -> Words {
    Words::new("gpt", SecretString::from(KEY))
}

fn read(status: u16, text: &str) -> Refusal {
    let status = StatusCode::from_u16(status).expect("a status");
    Refusal::read(status, &HeaderMap::new(), text)
}

#[test]
fn a_fault_of_the_request_is_the_callers_under_the_upstreams_own_name_for_it() {
    let nested = r#"{"error": {"message": "too long", "param": "messages", "code": 400}}"#;
    let flat = r#"{"object": "error", "message": "too long", "param": null, "code": 400}"#;
    let told = |status, text| read(status, text).into_error(&words()).to_string();
    for status in [400, 413, 422] {
        assert_eq!(told(status, nested), "messages: gpt: too long");
    }
    assert_eq!(told(400, flat), "body: gpt: too long");
    assert_eq!(told(422, r#"{"detail": "no"}"#), "body: gpt: no");
    assert_eq!(told(400, r#"{"error": "no"}"#), "body: gpt: no");
    assert_eq!(told(413, "<html>no</html>\n"), "body: gpt: <html>no</html>");
    assert_eq!(
        told(404, r#"{"error": {"message": "no such model"}}"#),
        "gpt: answered 404 Not Found: no such model"
    );
}

#[test]
fn a_quota_that_is_used_up_is_no_overload() {
    let quota = r#"{"error": {"message": "check your plan", "code": "insufficient_quota"}}"#;
    assert_eq!(
        read(429, quota).into_error(&words()).to_string(),
        "gpt: answered 429 Too Many Requests: check your plan"
    );
    assert!(matches!(
        read(429, r#"{"error": {"message": "slow down"}}"#).into_error(&words()),
        Error::Overloaded { retry_after } if retry_after == SOON
    ));
}

#[test]
fn a_busy_server_is_told_from_a_broken_one() {
    let body =
        r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#;
    assert!(matches!(
        read(529, body).into_error(&words()),
        Error::Overloaded { .. }
    ));
    assert!(matches!(
        read(503, "down").into_error(&words()),
        Error::Upstream { .. }
    ));
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_static("3"));
    let busy = Refusal::read(StatusCode::SERVICE_UNAVAILABLE, &headers, "loading");
    assert!(matches!(
        busy.into_error(&words()),
        Error::Overloaded { retry_after } if retry_after.as_secs() == 3
    ));
}

#[test]
fn an_error_inside_an_answer_is_told_in_its_own_words() {
    let said = |text: &str| said(&serde_json::from_str(text).expect("JSON"));
    assert_eq!(said(r#"{"message": "no", "code": 1}"#), "no");
    assert_eq!(said(r#""no""#), "no");
    assert_eq!(said(r#"{"code":1}"#), r#"{"code":1}"#);
}

#[test]
fn sees_that_documents_are_called_texts() {
    let said = "Failed to deserialize the JSON body into the target type: missing field `texts`";
    assert!(read(422, said).wants_texts());
    assert!(!read(422, "missing field `query`").wants_texts());
}

#[test]
fn reads_every_form_of_the_time_to_try_again() {
    let wait = |pairs: &[(&'static str, &'static str)]| {
        let headers: HeaderMap = pairs
            .iter()
            .map(|&(name, value)| {
                (
                    reqwest::header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        retry_after(&headers).as_secs()
    };
    assert_eq!(wait(&[("retry-after", "7")]), 7);
    assert_eq!(wait(&[("retry-after", "0.2")]), 1);
    assert_eq!(wait(&[("retry-after-ms", "2500")]), 3);
    let date = [
        ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ];
    assert_eq!(wait(&date), 30);
    for nonsense in ["-5", "NaN", "soon", "1e300"] {
        assert_eq!(wait(&[("retry-after", nonsense)]), 1, "{nonsense}");
    }
    assert_eq!(wait(&[("retry-after", "99999999")]), 86_400);
}

#[test]
fn the_key_is_stars_in_every_text_of_the_upstream() {
    let padding = "x".repeat(ERROR_CHARS - 5);
    let body =
        format!(r#"{{"error": {{"message": "key {KEY} {padding}{KEY}", "param": "{KEY}"}}}}"#);
    for status in [400, 401, 429, 500] {
        let told = read(status, &body).into_error(&words()).to_string();
        assert!(!told.contains("sk-v"), "{told}");
    }
    let placeholder = Words::new("gpt", SecretString::from("x"));
    assert_eq!(placeholder.error("exact").to_string(), "gpt: exact");
}

#[test]
fn sees_that_the_form_is_what_cannot_be_done_whatever_the_status() {
    for said in [
        r#"{"error": {"message": "JSON schema is not supported by this backend"}}"#,
        r#"{"detail": "response_format: unknown type json_schema"}"#,
        "failed to parse grammar",
    ] {
        assert!(read(500, said).names_the_form(), "{said}");
    }
    assert!(!read(500, "out of memory").names_the_form());
}

#[test]
fn sees_that_more_than_one_answer_is_too_many() {
    let named = r#"{"error": {"message": "must be 1", "param": "n"}}"#;
    assert!(read(400, named).names_the_number());
    assert!(read(422, r#"{"detail": "'n' must be 1"}"#).names_the_number());
    assert!(!read(500, named).names_the_number());
    assert!(!read(400, r#"{"error": {"message": "no", "param": "stop"}}"#).names_the_number());
}

#[test]
fn sees_that_a_parameter_is_wanted_under_its_other_name() {
    let (old, new) = ("max_tokens", "max_completion_tokens");
    let said = format!(r#"{{"error": {{"message": "Use '{new}' instead."}}}}"#);
    let coded =
        r#"{"error": {"message": "no", "code": "unsupported_parameter", "param": "max_tokens"}}"#;
    let too_many = r#"{"error": {"message": "max_tokens is too large", "param": "max_tokens"}}"#;
    assert!(read(400, &said).prefers(old, new));
    assert!(!read(400, &said).prefers(new, old));
    assert!(read(400, coded).prefers(old, new));
    assert!(!read(400, too_many).prefers(old, new));
    assert!(!read(500, &said).prefers(old, new));
}
