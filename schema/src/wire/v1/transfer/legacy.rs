//! What DB-GPT exports: the file of `export_messages`, one conversation of it, and the round objects in which its
//! versions up to 0.4.5 kept a conversation.

use chrono::{DateTime, Local, NaiveDateTime, TimeZone as _, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::ours::{typed, unknown_role};
use crate::{
    Error, Result,
    ids::{ConversationId, MessageId},
    model::{
        ChatMode, Complaint, Conversation, ELSEWHERE, Feedback, FeedbackId, KeptConversation,
        Message, MessageDetail, Opinion, Role,
    },
};

/// A conversation of an export.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Exported {
    conv_uid: Option<String>,
    chat_mode: Option<String>,
    app_code: Option<String>,
    user_name: Option<String>,
    sys_code: Option<String>,
    #[serde(alias = "gmt_created")]
    create_time: Option<String>,
    #[serde(alias = "gmt_modified")]
    update_time: Option<String>,
    messages: Value,
}

/// A message of an export.
#[derive(Deserialize)]
struct Said {
    role: String,
    context: Option<String>,
    order: i32,
    model_name: Option<String>,
    feedback: Option<Given>,
}

/// An opinion of an export, which is an empty object where none was given.
#[derive(Deserialize)]
struct Given {
    feedback_type: Option<String>,
    reason_types: Option<Vec<String>>,
    score: Option<i32>,
    question: Option<String>,
    ques_type: Option<String>,
    knowledge_space: Option<String>,
    remark: Option<String>,
    user_name: Option<String>,
}

/// A round of the first versions.
#[derive(Deserialize)]
struct Round {
    chat_mode: Option<String>,
    model_name: Option<String>,
    chat_order: Option<i32>,
    start_date: Option<String>,
    param_value: Option<Value>,
    user_name: Option<String>,
    sys_code: Option<String>,
    messages: Vec<Spoken>,
}

/// A message of a round.
#[derive(Deserialize)]
struct Spoken {
    #[serde(rename = "type")]
    kind: String,
    data: SpokenText,
}

#[derive(Deserialize)]
struct SpokenText {
    #[serde(default)]
    content: Value,
}

/// The conversations of a document that is not of our form.
pub(super) fn read(mut document: Value, now: DateTime<Utc>) -> Result<Vec<KeptConversation>> {
    if let Some(all) = document.get_mut("conversations") {
        let Value::Array(all) = all.take() else {
            return Err(Error::invalid(
                "body.conversations",
                "Input should be a valid list",
            ));
        };
        return listed(all, now);
    }
    match document {
        Value::Array(all) if all.iter().all(is_round) => {
            Ok(vec![of_rounds(Exported::default(), all, "body", now)?])
        }
        Value::Array(all) => listed(all, now),
        one @ Value::Object(_) if one.get("messages").is_some() => {
            Ok(vec![exported(one, "body", now)?])
        }
        _ => Err(Error::invalid(
            "body",
            "is no conversation that can be read: send what `dialogue/export` wrote, or DB-GPT's `export_messages`, or \
             the list of rounds that its versions up to 0.4.5 kept",
        )),
    }
}

fn listed(all: Vec<Value>, now: DateTime<Utc>) -> Result<Vec<KeptConversation>> {
    all.into_iter()
        .enumerate()
        .map(|(i, one)| exported(one, &format!("body.conversations[{i}]"), now))
        .collect()
}

/// Whether an object is a round: its messages say themselves what they are.
fn is_round(document: &Value) -> bool {
    let messages = document.get("messages").and_then(Value::as_array);
    messages.is_some_and(|messages| messages.iter().all(|one| one.get("data").is_some()))
}

fn exported(document: Value, place: &str, now: DateTime<Utc>) -> Result<KeptConversation> {
    let mut one: Exported = typed(document, place)?;
    let messages = match one.messages.take() {
        // A row of DB-GPT's table keeps its rounds as a text.
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            Error::invalid(format!("{place}.messages"), format!("no JSON: {error}"))
        })?,
        other => other,
    };
    let Value::Array(messages) = messages else {
        return Err(Error::invalid(
            format!("{place}.messages"),
            "Input should be a valid list",
        ));
    };
    if !messages.is_empty() && messages.iter().all(is_round) {
        return of_rounds(one, messages, place, now);
    }
    let created_at = time(one.create_time.as_deref(), place, "create_time", now)?;
    let mut told = Vec::with_capacity(messages.len());
    let mut feedback: Vec<Feedback> = Vec::new();
    for (i, message) in messages.into_iter().enumerate() {
        let place = format!("{place}.messages[{i}]");
        let said: Said = typed(message, &place)?;
        let role = Role::from_name(&said.role).ok_or_else(|| unknown_role(&place))?;
        if let Some(given) = said.feedback
            && feedback.iter().all(|other| other.round != said.order)
        {
            feedback.extend(opinion(given, said.order, created_at));
        }
        told.push(message_of(
            i,
            said.order,
            role,
            said.context.unwrap_or_default(),
            said.model_name,
            created_at,
        ));
    }
    let head = Conversation {
        id: ConversationId(one.conv_uid.unwrap_or_default()),
        mode: mode_of(one.chat_mode),
        title: String::new(),
        named: false,
        select_param: None,
        model: latest_model(&told),
        app_code: one.app_code,
        user: one.user_name,
        sys_code: one.sys_code,
        created_at,
        modified_at: time(one.update_time.as_deref(), place, "update_time", created_at)?,
    };
    say_where(&head.mode, &mut told);
    Ok(KeptConversation {
        conversation: head,
        messages: told,
        feedback,
    })
}

fn of_rounds(
    one: Exported,
    rounds: Vec<Value>,
    place: &str,
    now: DateTime<Utc>,
) -> Result<KeptConversation> {
    let mut head = Conversation {
        id: ConversationId(one.conv_uid.unwrap_or_default()),
        mode: String::new(),
        title: String::new(),
        named: false,
        select_param: None,
        model: None,
        app_code: one.app_code,
        user: one.user_name,
        sys_code: one.sys_code,
        created_at: now,
        modified_at: now,
    };
    let mut mode = one.chat_mode;
    let mut told: Vec<Message> = Vec::new();
    for (i, round) in rounds.into_iter().enumerate() {
        let place = format!("{place}.messages[{i}]");
        let round: Round = typed(round, &place)?;
        let at = time(round.start_date.as_deref(), &place, "start_date", now)?;
        if i == 0 {
            head.created_at = at;
        }
        head.modified_at = at;
        let number = round.chat_order.unwrap_or(i as i32 + 1);
        let asked_of = match round.param_value {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => Some(other.to_string()),
        };
        for (k, spoken) in round.messages.into_iter().enumerate() {
            let place = format!("{place}.messages[{k}]");
            let role = Role::from_name(&spoken.kind).ok_or_else(|| unknown_role(&place))?;
            let content = match spoken.data.content {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let model = round.model_name.clone();
            let mut message = message_of(told.len(), number, role, content, model, at);
            message.detail.select_param.clone_from(&asked_of);
            told.push(message);
        }
        head.select_param = asked_of.or(head.select_param);
        head.model = round.model_name.or(head.model);
        head.user = head.user.or(round.user_name);
        head.sys_code = head.sys_code.or(round.sys_code);
        mode = mode.or(round.chat_mode);
    }
    head.mode = mode_of(mode);
    say_where(&head.mode, &mut told);
    Ok(KeptConversation {
        conversation: head,
        messages: told,
        feedback: Vec::new(),
    })
}

fn message_of(
    place: usize,
    round: i32,
    role: Role,
    content: String,
    model: Option<String>,
    created_at: DateTime<Utc>,
) -> Message {
    Message {
        id: MessageId(String::new()),
        conversation: ConversationId(String::new()),
        // More than fit are refused by their number.
        index: i32::try_from(place).unwrap_or(i32::MAX),
        round,
        role,
        content,
        detail: MessageDetail {
            model,
            ..MessageDetail::default()
        },
        created_at,
    }
}

fn mode_of(mode: Option<String>) -> String {
    mode.filter(|mode| !mode.is_empty())
        .unwrap_or_else(|| ChatMode::Normal.name().to_owned())
}

/// Has messages that do not say what they were asked of seen by those alone who may see everything. Talk with a model
/// was asked of nothing.
fn say_where(mode: &str, messages: &mut [Message]) {
    if ChatMode::from_name(mode) == Some(ChatMode::Normal) {
        return;
    }
    for message in messages {
        let asked_of = &mut message.detail.select_param;
        // The model's own words are read for the name of a datasource.
        if message.role != Role::Ai && asked_of.as_deref().unwrap_or_default().is_empty() {
            *asked_of = Some(ELSEWHERE.to_owned());
        }
    }
}

fn latest_model(messages: &[Message]) -> Option<String> {
    messages
        .iter()
        .rev()
        .find_map(|message| message.detail.model.clone())
}

/// What was said of a round; nothing where the object is empty. Reasons that we do not know are passed over.
fn opinion(given: Given, round: i32, at: DateTime<Utc>) -> Option<Feedback> {
    let liked = match given.feedback_type.as_deref() {
        Some("like") => Some(true),
        Some("unlike") => Some(false),
        _ => None,
    };
    if liked.is_none() && given.score.is_none() && given.remark.is_none() {
        return None;
    }
    let names = given.reason_types.unwrap_or_default();
    Some(Feedback {
        id: FeedbackId(0),
        conversation: ConversationId(String::new()),
        round,
        opinion: Opinion {
            liked,
            complaints: Some(
                names
                    .iter()
                    .filter_map(|name| Complaint::from_name(name))
                    .collect(),
            ),
            score: given.score,
            topic: given.ques_type,
            question: given.question,
            asked_of: given.knowledge_space,
            remark: given.remark,
        },
        user: given.user_name,
        created_at: at,
        modified_at: at,
    })
}

/// A time of DB-GPT's, which is the server's own; `missing` where there is none.
fn time(
    text: Option<&str>,
    place: &str,
    field: &str,
    missing: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(missing);
    };
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .into_iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .and_then(|at| Local.from_local_datetime(&at).earliest())
        .map(|at| at.to_utc())
        .ok_or_else(|| {
            Error::invalid(
                format!("{place}.{field}"),
                "Input should be a time, as 2023-09-30 12:00:00",
            )
        })
}
