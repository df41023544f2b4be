//! Our own form: every field of a conversation, its messages and the opinions on them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    Error, Result,
    ids::{ConversationId, MessageId},
    model::{
        Complaint, Conversation, Feedback, FeedbackId, KeptConversation, Message, MessageDetail,
        Opinion, Role,
    },
};

/// What the form is known by.
const FORMAT: &str = "tidegate.conversations";
const VERSION: u64 = 1;

/// Conversations in a form that loses nothing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"format": "tidegate.conversations", "version": 1, "conversations": [{
    "conv_uid": "5e7100bc-9017-11ee-9876-8fe019728d79", "chat_mode": "chat_normal",
    "created_at": "2026-11-26T08:30:00.123456Z", "modified_at": "2026-11-26T08:30:01.123456Z",
    "messages": [
        {"id": "a-1", "round": 1, "index": 0, "role": "human", "content": "Hello", "created_at": "2026-11-26T08:30:00.123456Z"},
        {"id": "a-2", "round": 1, "index": 1, "role": "ai", "content": "Hello!", "created_at": "2026-11-26T08:30:01.123456Z"},
        {"id": "a-3", "round": 1, "index": 2, "role": "view", "content": "Hello!", "created_at": "2026-11-26T08:30:01.123456Z"},
    ],
}]}))]
pub struct ConversationFile {
    /// `tidegate.conversations`.
    pub format: String,
    /// 1.
    pub version: u64,
    /// The conversations.
    pub conversations: Vec<KeptConversationOut>,
}

/// A conversation whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeptConversationOut {
    /// Id.
    pub conv_uid: String,
    /// Mode.
    pub chat_mode: String,
    /// What a person named it; null where the latest question is its title.
    #[serde(default)]
    pub title: Option<String>,
    /// What the latest round was asked of.
    #[serde(default)]
    pub select_param: Option<String>,
    /// Model of the latest round.
    #[serde(default)]
    pub model_name: Option<String>,
    /// App it was started from.
    #[serde(default)]
    pub app_code: Option<String>,
    /// Who started it.
    #[serde(default)]
    pub user_name: Option<String>,
    /// System code.
    #[serde(default)]
    pub sys_code: Option<String>,
    /// When it was started, as `2026-11-26T08:30:00.123456Z`.
    pub created_at: String,
    /// When its latest message was stored.
    pub modified_at: String,
    /// Its messages in order.
    pub messages: Vec<KeptMessageOut>,
    /// Opinions on its rounds.
    #[serde(default)]
    pub feedback: Vec<KeptFeedbackOut>,
}

/// A message whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeptMessageOut {
    /// Id.
    pub id: String,
    /// Round, from 1.
    pub round: i32,
    /// Place in the conversation, from 0.
    pub index: i32,
    /// `human`, `ai`, `view` or `system`.
    pub role: String,
    /// Text.
    pub content: String,
    /// What the round was asked of.
    #[serde(default)]
    pub select_param: Option<String>,
    /// Model that answered.
    #[serde(default)]
    pub model_name: Option<String>,
    /// Whether the turn was cut before its end.
    #[serde(default)]
    pub cut: bool,
    /// The answer's result and evidence.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Value>,
    /// When it was stored.
    pub created_at: String,
}

/// An opinion whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeptFeedbackOut {
    /// Round, from 1.
    pub round: i32,
    /// Whether it is liked.
    #[serde(default)]
    pub liked: Option<bool>,
    /// Names of what is wrong with it.
    #[serde(default)]
    pub reason_types: Vec<String>,
    /// How good it is, 0 to 5.
    #[serde(default)]
    pub score: Option<i32>,
    /// What the question is about.
    #[serde(default)]
    pub ques_type: Option<String>,
    /// The question.
    #[serde(default)]
    pub question: Option<String>,
    /// What was asked.
    #[serde(default)]
    pub knowledge_space: Option<String>,
    /// Words of one's own.
    #[serde(default)]
    pub remark: Option<String>,
    /// Who said so.
    #[serde(default)]
    pub user_name: Option<String>,
    /// When it was given.
    pub created_at: String,
    /// When it was last changed.
    pub modified_at: String,
}

impl From<KeptConversation> for ConversationFile {
    fn from(kept: KeptConversation) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            conversations: vec![kept.into()],
        }
    }
}

impl From<KeptConversation> for KeptConversationOut {
    fn from(kept: KeptConversation) -> Self {
        let head = kept.conversation;
        Self {
            conv_uid: head.id.0,
            chat_mode: head.mode,
            title: head.named.then_some(head.title),
            select_param: head.select_param,
            model_name: head.model,
            app_code: head.app_code,
            user_name: head.user,
            sys_code: head.sys_code,
            created_at: text_of(head.created_at),
            modified_at: text_of(head.modified_at),
            messages: kept.messages.into_iter().map(Into::into).collect(),
            feedback: kept.feedback.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Message> for KeptMessageOut {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.0,
            round: message.round,
            index: message.index,
            role: message.role.name().to_owned(),
            content: message.content,
            select_param: message.detail.select_param,
            model_name: message.detail.model,
            cut: message.detail.cut,
            document: message.detail.evidence,
            created_at: text_of(message.created_at),
        }
    }
}

impl From<Feedback> for KeptFeedbackOut {
    fn from(feedback: Feedback) -> Self {
        let opinion = feedback.opinion;
        let complaints = opinion.complaints.unwrap_or_default();
        Self {
            round: feedback.round,
            liked: opinion.liked,
            reason_types: complaints.iter().map(|one| one.name().to_owned()).collect(),
            score: opinion.score,
            ques_type: opinion.topic,
            question: opinion.question,
            knowledge_space: opinion.asked_of,
            remark: opinion.remark,
            user_name: feedback.user,
            created_at: text_of(feedback.created_at),
            modified_at: text_of(feedback.modified_at),
        }
    }
}

/// A time with as many digits as are stored.
fn text_of(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The conversations of a document of our form.
pub(super) fn read(mut document: Value) -> Result<Vec<KeptConversation>> {
    if document["format"] != FORMAT || document["version"] != VERSION {
        return Err(Error::invalid(
            "body.format",
            format!(
                "this server reads '{FORMAT}' of version {VERSION}, and what DB-GPT exports, which has no such field"
            ),
        ));
    }
    let all = document.get_mut("conversations").map(Value::take);
    let Some(Value::Array(all)) = all else {
        return Err(Error::invalid(
            "body.conversations",
            "Input should be a valid list",
        ));
    };
    all.into_iter()
        .enumerate()
        .map(|(i, one)| conversation(one, &format!("body.conversations[{i}]")))
        .collect()
}

fn conversation(document: Value, place: &str) -> Result<KeptConversation> {
    let one: KeptConversationOut = typed(document, place)?;
    let id = ConversationId(one.conv_uid);
    let head = Conversation {
        id: id.clone(),
        mode: one.chat_mode,
        named: one.title.is_some(),
        title: one.title.unwrap_or_default(),
        select_param: one.select_param,
        model: one.model_name,
        app_code: one.app_code,
        user: one.user_name,
        sys_code: one.sys_code,
        created_at: time(&one.created_at, place, "created_at")?,
        modified_at: time(&one.modified_at, place, "modified_at")?,
    };
    let mut messages = Vec::with_capacity(one.messages.len());
    for (i, message) in one.messages.into_iter().enumerate() {
        let place = format!("{place}.messages[{i}]");
        messages.push(Message {
            id: MessageId(message.id),
            conversation: id.clone(),
            index: message.index,
            round: message.round,
            role: Role::from_name(&message.role).ok_or_else(|| unknown_role(&place))?,
            content: message.content,
            detail: MessageDetail {
                select_param: message.select_param,
                model: message.model_name,
                cut: message.cut,
                evidence: message.document,
            },
            created_at: time(&message.created_at, &place, "created_at")?,
        });
    }
    let mut feedback = Vec::with_capacity(one.feedback.len());
    for (i, given) in one.feedback.into_iter().enumerate() {
        let place = format!("{place}.feedback[{i}]");
        let complaints: Option<Vec<Complaint>> = given
            .reason_types
            .iter()
            .map(|name| Complaint::from_name(name))
            .collect();
        let complaints = complaints.ok_or_else(|| {
            Error::invalid(
                format!("{place}.reason_types"),
                "holds a name that is none of a reason",
            )
        })?;
        feedback.push(Feedback {
            id: FeedbackId(0),
            conversation: id.clone(),
            round: given.round,
            opinion: Opinion {
                liked: given.liked,
                complaints: Some(complaints),
                score: given.score,
                topic: given.ques_type,
                question: given.question,
                asked_of: given.knowledge_space,
                remark: given.remark,
            },
            user: given.user_name,
            created_at: time(&given.created_at, &place, "created_at")?,
            modified_at: time(&given.modified_at, &place, "modified_at")?,
        });
    }
    Ok(KeptConversation {
        conversation: head,
        messages,
        feedback,
    })
}

/// A part of a document as `T`, with an error that names its place.
pub(super) fn typed<T: DeserializeOwned>(document: Value, place: &str) -> Result<T> {
    serde_json::from_value(document).map_err(|error| Error::invalid(place, error.to_string()))
}

pub(super) fn unknown_role(place: &str) -> Error {
    Error::invalid(
        format!("{place}.role"),
        "Input should be 'human', 'ai', 'view' or 'system'",
    )
}

fn time(text: &str, place: &str, field: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| {
            Error::invalid(
                format!("{place}.{field}"),
                "Input should be a time, as 2026-11-26T08:30:00.123456Z",
            )
        })
}
