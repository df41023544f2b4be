//! Turns that are stopped, gone on with, or asked for while another runs.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tidegate_schema::{
    Error,
    model::{Answer, Caller, ChatEvent, ChatMode, Grant, Message, Role},
};
use tidegate_server::services::chat::{EventStream, TurnRequest};
use tidegate_tests::{
    TestApp,
    upstream::{Script, Upstream},
};

use crate::{
    malformed::text_of,
    support::{QUESTION, eventually, graphql, rows, towns},
};

const SLOW: &str = "tell me slowly";
const HALF: &str = "Half an answer";
const WHOLE: &str = "A whole answer.";
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
const NOTHING_SAID: &str = "Stopped before an answer was written.";
const TERMINATE: &str = "/api/v1/chat/topic/terminate";
const COMPLETIONS: &str = "/api/v1/chat/completions";

fn local() -> Caller {
    Caller::local("001")
}

/// A model that says half of an answer to [`SLOW`] and then nothing, until it is asked in a conversation that has gone
/// on; and the database `towns`.
async fn start() -> Result<(TestApp, Upstream)> {
    let piece = json!({"choices": [{"index": 0, "delta": {"content": HALF}}]});
    let script = Script::default()
        .stall(
            |body| {
                body["messages"]
                    .as_array()
                    .is_some_and(|messages| messages.len() == 1 && messages[0]["content"] == SLOW)
            },
            Some(&format!("data: {piece}\n\n")),
        )
        .answer(SLOW, &[WHOLE])
        .sql("endless", ENDLESS);
    towns(script).await
}

fn slowly(conversation: &str) -> TurnRequest {
    TurnRequest {
        conversation: Some(conversation.into()),
        text: SLOW.to_owned(),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    }
}

/// Begins a turn that says half of its answer, and waits until it has.
async fn half_said(app: &TestApp, conversation: &str) -> Result<EventStream> {
    let mut events = app.app.chat().begin(&local(), slowly(conversation)).await?;
    while let Some(event) = events.next().await {
        if matches!(&event, ChatEvent::Text(text) if text == HALF) {
            return Ok(events);
        }
    }
    anyhow::bail!("the turn ended before it said anything")
}

async fn stored(app: &TestApp, conversation: &str) -> Result<Vec<Message>> {
    Ok(app.app.store.list_messages(&conversation.into()).await?)
}

fn shape(messages: &[Message]) -> Vec<(i32, Role, &str, bool)> {
    messages
        .iter()
        .map(|m| (m.round, m.role, m.content.as_str(), m.detail.cut))
        .collect()
}

/// The last answer of a stream that was told to its end.
async fn told(events: EventStream) -> Result<Answer> {
    let events: Vec<ChatEvent> = events.collect().await;
    match events.into_iter().last() {
        Some(ChatEvent::Done(answer)) => Ok(*answer),
        other => anyhow::bail!("not an answer: {other:?}"),
    }
}

#[tokio::test]
async fn stopping_a_turn_keeps_what_was_said_and_ends_its_stream() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    for (nth, name) in ["conv_id", "conv_uid", "con_uid"].into_iter().enumerate() {
        let conversation = format!("c{nth}");
        let events = half_said(&app, &conversation).await?;
        let path = format!("{TERMINATE}?{name}={conversation}&round_index=1");
        let reply = user.post(&path, &json!({})).await?;
        assert_eq!(reply.data(), Value::Null, "{name}");
        // It is written down before the answer.
        assert_eq!(
            shape(&stored(&app, &conversation).await?),
            [
                (1, Role::Human, SLOW, false),
                (1, Role::Ai, HALF, true),
                (1, Role::View, HALF, true)
            ]
        );
        let answer = told(events).await?;
        assert_eq!(answer.text, HALF);
        assert!(
            matches!(&answer.problem, Some(Error::Conflict { reason }) if reason.contains("stopped")),
            "{:?}",
            answer.problem
        );
        let path = format!("/api/v1/chat/dialogue/messages/history?con_uid={conversation}");
        let history = user.get(&path).await?.data();
        assert_eq!(history[2]["context"], HALF, "{history}");
    }
    Ok(())
}

#[tokio::test]
async fn stopping_a_question_to_a_database_ends_its_query() -> Result<()> {
    let (app, upstream) = start().await?;
    let request = TurnRequest {
        conversation: Some("data".into()),
        text: "endless".to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some("towns".to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    };
    let events = app.app.chat().begin(&local(), request).await?;
    eventually("the model's answer", || async {
        Ok((!upstream.seen().is_empty()).then_some(()))
    })
    .await?;
    let stopped = app.app.chat().stop(&local(), &"data".into()).await?;
    assert!(stopped, "written down within the patience for it");
    assert_eq!(
        shape(&stored(&app, "data").await?),
        [
            (1, Role::Human, "endless", false),
            (1, Role::View, NOTHING_SAID, true)
        ]
    );
    assert_eq!(told(events).await?.text, NOTHING_SAID);
    // The model is told that there was an answer, and takes turns.
    let next = TurnRequest {
        conversation: Some("data".into()),
        text: QUESTION.to_owned(),
        mode: ChatMode::WithDbExecute.name().to_owned(),
        select_param: Some("towns".to_owned()),
        model: Some("scripted".to_owned()),
        ..TurnRequest::default()
    };
    let answer = app.app.chat().ask(&local(), next).await?;
    assert_eq!(answer.document()["rows"], rows());
    let asked = upstream.seen().pop().context("a body")?;
    let roles: Vec<&str> = asked["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|message| message["role"].as_str())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    Ok(())
}

#[tokio::test]
async fn where_nothing_runs_stopping_is_a_success_and_the_conversation_has_to_be_named()
-> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let path = format!("{TERMINATE}?conv_id=unknown&round_index=0");
    assert_eq!(user.post(&path, &json!({})).await?.data(), Value::Null);
    let nameless = user.post(TERMINATE, &json!({})).await?;
    assert_eq!(nameless.status, 400);
    assert_eq!(nameless.json()["err_msg"], "query.conv_id:Field required;");
    let two = format!("{TERMINATE}?conv_id=a&con_uid=b");
    assert_eq!(user.post(&two, &json!({})).await?.status, 400);
    assert!(stored(&app, "unknown").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn graphql_stops_a_turn_and_says_whether_there_was_one() -> Result<()> {
    let (app, _upstream) = start().await?;
    let query = "mutation ($id: ID!) { stopTurn(conversation: $id) { __typename
        ... on TurnStopped { stopped } ... on Problem { code message } } }";
    let events = half_said(&app, "c").await?;
    let id = json!({"id": "c"});
    let user = app.anonymous();
    for stopped in [true, false] {
        let answer = graphql(&user, query, id.clone()).await?;
        assert_eq!(answer["stopTurn"]["stopped"], stopped, "{answer}");
    }
    assert_eq!(told(events).await?.text, HALF);
    Ok(())
}

#[tokio::test]
async fn a_key_stops_no_turn_that_it_may_not_see() -> Result<()> {
    let (app, _upstream) = start().await?;
    let request = TurnRequest {
        select_param: Some("towns".to_owned()),
        ..slowly("c")
    };
    let events = app.app.chat().begin(&local(), request).await?;
    let elsewhere = Caller {
        key: Some("k".into()),
        grants: Some(vec![Grant::reading("elsewhere")]),
        ..Caller::open("001")
    };
    assert!(!app.app.chat().stop(&elsewhere, &"c".into()).await?);
    assert!(app.app.chat().stop(&local(), &"c".into()).await?);
    drop(events);
    Ok(())
}

#[tokio::test]
async fn a_cut_round_is_asked_again_and_remembered() -> Result<()> {
    let (app, upstream) = start().await?;
    let user = app.anonymous();
    drop(half_said(&app, "c").await?);
    let resume = json!({
        "conv_uid": "c", "user_input": "", "ext_info": {"resume": true}, "model_name": null,
    });
    let reply = user.post(COMPLETIONS, &resume).await?;
    assert_eq!(text_of(&reply)?, WHOLE);
    assert_eq!(
        shape(&stored(&app, "c").await?),
        [
            (1, Role::Human, SLOW, false),
            (1, Role::Ai, HALF, true),
            (1, Role::View, HALF, true),
            (2, Role::Human, SLOW, false),
            (2, Role::Ai, WHOLE, false),
            (2, Role::View, WHOLE, false)
        ]
    );
    let asked = upstream.seen().pop().context("a body")?;
    let said = asked["messages"][1]["content"].as_str().unwrap_or_default();
    assert!(
        said.starts_with(HALF) && said.ends_with("[This answer was cut off here.]"),
        "{asked}"
    );
    // The last round is whole now.
    let reply = user.post(COMPLETIONS, &resume).await?;
    assert!(
        reply
            .text
            .starts_with("data:ext_info.resume: nothing was cut"),
        "{}",
        reply.text
    );
    assert_eq!(stored(&app, "c").await?.len(), 6);
    Ok(())
}

#[tokio::test]
async fn a_second_question_is_refused_while_the_first_is_answered() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let events = half_said(&app, "c").await?;
    let body = json!({"conv_uid": "c", "user_input": "and this?", "model_name": "scripted"});
    let refused = user.post(COMPLETIONS, &body).await?;
    assert_eq!(refused.status, 200);
    assert!(
        refused
            .text
            .starts_with("data:the conversation 'c' is still answering"),
        "{}",
        refused.text
    );
    assert_eq!(
        shape(&stored(&app, "c").await?),
        [(1, Role::Human, SLOW, false)],
        "nothing of it is stored"
    );
    let elsewhere = json!({"conv_uid": "d", "user_input": "hi", "model_name": "scripted"});
    assert!(!text_of(&user.post(COMPLETIONS, &elsewhere).await?)?.is_empty());
    // Once its listener has left, the next question waits for the turn to be written down.
    drop(events);
    let answered = user.post(COMPLETIONS, &body).await?;
    assert!(!text_of(&answered)?.is_empty());
    let messages = stored(&app, "c").await?;
    let rounds: Vec<i32> = messages.iter().map(|message| message.round).collect();
    assert_eq!(rounds, [1, 1, 1, 2, 2, 2]);
    assert!(messages[2].detail.cut && !messages[5].detail.cut);
    Ok(())
}

#[tokio::test]
async fn of_many_questions_at_once_one_is_answered() -> Result<()> {
    let (app, _upstream) = start().await?;
    let begun = (0..8).map(|_| {
        let app = app.app.clone();
        async move { app.chat().begin(&local(), slowly("c")).await }
    });
    let begun = futures::future::join_all(begun).await;
    let running: Vec<EventStream> = begun.into_iter().filter_map(Result::ok).collect();
    assert_eq!(running.len(), 1);
    assert_eq!(stored(&app, "c").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_message_object_is_its_texts_and_nulls_are_nothing() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let body = json!({
        "conv_uid": "c", "chat_mode": null, "select_param": null, "model_name": null, "user_name": null,
        "sys_code": null, "prompt_code": null, "app_code": null, "temperature": null, "max_new_tokens": null,
        "ext_info": null,
        "user_input": {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    });
    user.post(COMPLETIONS, &body).await?;
    let messages = stored(&app, "c").await?;
    assert_eq!(messages.first().context("a question")?.content, "one\ntwo");
    let mut picture = body.clone();
    picture["user_input"]["content"][1] =
        json!({"type": "image_url", "image_url": {"url": "data:"}});
    let refused = user.post(COMPLETIONS, &picture).await?.text;
    assert!(
        refused.contains("'image_url' is not understood; send parts of type 'text'"),
        "{refused}"
    );
    let mut space = body.clone();
    space["ext_info"] = json!({"knowledge_space": "handbook"});
    let refused = user.post(COMPLETIONS, &space).await?.text;
    assert!(refused.contains("ext_info.knowledge_space"), "{refused}");
    assert_eq!(stored(&app, "c").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_query_is_not_edited_while_its_conversation_is_answered() -> Result<()> {
    let (app, _upstream) = start().await?;
    let user = app.anonymous();
    let _events = half_said(&app, "c").await?;
    let edit = json!({
        "conv_uid": "c", "conv_round": 1, "db_name": "towns", "new_sql": "SELECT 1", "new_speak": "",
    });
    let reply = user.post("/api/v1/sql/editor/submit", &edit).await?.json();
    assert_eq!(reply["success"], false, "{reply}");
    let text = reply["err_msg"].as_str().context("a message")?;
    assert!(text.contains("'c'") && text.contains("answer"), "{text}");
    Ok(())
}
