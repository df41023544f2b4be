//! Answers of models in every form that was seen in the field: none of them makes an empty message.

use anyhow::{Context as _, Result};
use serde_json::json;
use tidegate_tests::{
    Reply, User,
    sse::Frame,
    upstream::{Script, sql_answer},
};

use crate::support::{QUESTION, SQL, towns};

const COMPLETIONS: &str = "/api/v1/chat/completions";

/// The last text of a stream of whole texts.
pub(crate) fn text_of(reply: &Reply) -> Result<String> {
    let frames = reply.frames();
    let last = frames
        .iter()
        .rev()
        .find_map(Frame::json)
        .with_context(|| format!("no frame: {}", reply.text))?;
    let content = last["choices"][0]["message"]["content"].as_str();
    Ok(content.context("a text")?.to_owned())
}

async fn asked(user: &User, question: &str) -> Result<String> {
    let body = json!({
        "chat_mode": "chat_with_db_execute", "select_param": "towns", "model_name": "scripted",
        "user_input": question,
    });
    text_of(&user.post(COMPLETIONS, &body).await?)
}

#[tokio::test]
async fn no_form_of_an_answer_makes_an_empty_message() -> Result<()> {
    let queries = [
        format!("Sure!\n```json\n{{\"sql\": \"{SQL}\",}}\n```\nI hope it helps."),
        format!("{{'thoughts': None, 'sql': '{SQL}', 'display_type': 'response_table'}}"),
        format!("<think>Let me see: {{}}</think>{{\"sql\": \"{SQL}\"}}"),
        format!("```sql\n{SQL}\n```"),
        format!("{{\"sql\": \"SELECT ...\"}}\n{{\"sql\": \"{SQL}\"}}"),
        format!("{{\"thoughts\": \"By town.\", \"sql\": \"{SQL}"),
        format!("[{{\"sql\": \"{SQL}\"}}]"),
    ];
    let others = [
        "",
        " \n",
        "{}",
        "{{{ \"sql\"",
        "{\"thoughts\": \"\", \"direct_response\": \"\", \"sql\": \"\"}",
        "<think>on and on",
        "No idea.",
        "null",
        "[]",
    ];
    let all = queries.iter().map(String::as_str).chain(others);
    let script = all
        .clone()
        .enumerate()
        .fold(Script::default(), |script, (nth, text)| {
            script.answer(&format!("q{nth}"), &[text])
        });
    let (app, _upstream) = towns(script).await?;
    let user = app.anonymous();
    for (nth, text) in all.enumerate() {
        let said = asked(&user, &format!("q{nth}")).await?;
        assert!(!said.trim().is_empty(), "{text}");
        assert_eq!(
            said.contains("<chart-view") && said.contains("Bergen"),
            nth < queries.len(),
            "{text}: {said}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_once_more() -> Result<()> {
    let script = Script::default()
        .answer("q", &["{{{ \"sql\"", &sql_answer(SQL)])
        .answer("silent", &["", &sql_answer(SQL)]);
    let (app, upstream) = towns(script).await?;
    let user = app.anonymous();
    for question in ["q", "silent"] {
        let before = upstream.seen().len();
        let said = asked(&user, question).await?;
        assert!(said.contains("Bergen"), "{said}");
        assert_eq!(upstream.seen().len(), before + 2, "once");
    }
    Ok(())
}

#[tokio::test]
async fn a_model_that_said_nothing_is_shown_no_empty_answer_of_its_own() -> Result<()> {
    let (app, upstream) = towns(Script::default().answer("silent", &[""])).await?;
    let user = app.anonymous();
    for question in ["silent", QUESTION] {
        let body = json!({
            "conv_uid": "c", "chat_mode": "chat_with_db_execute", "select_param": "towns", "model_name": "scripted",
            "user_input": question,
        });
        text_of(&user.post(COMPLETIONS, &body).await?)?;
    }
    let asked = upstream.seen().pop().context("a body")?;
    let texts: Vec<&str> = asked["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|message| message["content"].as_str().unwrap_or_default().trim())
        .collect();
    assert_eq!(texts.len(), 4, "{asked}");
    assert!(texts.iter().all(|text| !text.is_empty()), "{asked}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_fails_over_the_form_is_asked_without_it_from_then_on() -> Result<()> {
    let script = Script::default().refuse(
        |body| body.get("response_format").is_some(),
        500,
        r#"{"error": {"message": "json_schema is not supported by this backend"}}"#,
    );
    let (app, upstream) = towns(script).await?;
    let user = app.anonymous();
    for _ in 0..2 {
        assert!(asked(&user, QUESTION).await?.contains("Bergen"));
    }
    let with_form: Vec<bool> = upstream
        .seen()
        .iter()
        .map(|body| body.get("response_format").is_some())
        .collect();
    assert_eq!(with_form, [true, false, false]);
    Ok(())
}
