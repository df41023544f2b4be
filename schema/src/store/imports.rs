//! Conversations that come from elsewhere, whole: another store of ours, or DB-GPT's.

use std::{borrow::Cow, collections::HashSet};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    Store,
    columns::{clean, clean_option, stored, to_text},
    feedback::text_of,
    turns::title_of,
    with_tx,
};
use crate::{
    Result,
    ids::ConversationId,
    model::{Feedback, KeptConversation, Message, Role},
    tables::{conversations, feedback, messages},
};

/// Ids asked for at once; SQLite has a limit on bound values.
const AT_ONCE: usize = 1000;

/// Text that may be missing, as it is stored.
fn owned(text: Option<&str>) -> Option<String> {
    clean_option(text).map(Cow::into_owned)
}

/// A conversation's columns but for its id, which is known only inside the transaction.
#[derive(Insertable)]
#[diesel(table_name = conversations)]
struct HeadRow {
    mode: String,
    title: String,
    given_title: String,
    select_param: Option<String>,
    model: Option<String>,
    app_code: Option<String>,
    user_name: Option<String>,
    sys_code: Option<String>,
    next_position: i32,
    next_round: i32,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
}

impl HeadRow {
    fn of(kept: &KeptConversation) -> Self {
        let head = &kept.conversation;
        let last = |place: fn(&Message) -> i32| {
            let places = kept.messages.iter().map(place);
            places.max().map_or(0, |place| place.saturating_add(1))
        };
        Self {
            mode: clean(&head.mode).into_owned(),
            title: question_title(kept),
            given_title: if head.named {
                title_of(&clean(&head.title))
            } else {
                String::new()
            },
            select_param: owned(head.select_param.as_deref()),
            model: owned(head.model.as_deref()),
            app_code: owned(head.app_code.as_deref()),
            user_name: owned(head.user.as_deref()),
            sys_code: owned(head.sys_code.as_deref()),
            next_position: last(|message| message.index),
            next_round: last(|message| message.round).max(1),
            created_at: stored(head.created_at),
            modified_at: stored(head.modified_at),
        }
    }
}

/// The title that the latest question gives. Never empty, which is the mark of a conversation that was cleared.
fn question_title(kept: &KeptConversation) -> String {
    let latest = kept
        .messages
        .iter()
        .filter(|message| message.role == Role::Human)
        .max_by_key(|message| message.index)
        .map_or("", |message| message.content.as_str());
    let title = [latest, kept.conversation.title.as_str()]
        .into_iter()
        .find(|text| !text.is_empty());
    title_of(&clean(title.unwrap_or("-")))
}

/// A message's columns but for its ids, and for its document, which may name its conversation.
#[derive(Insertable)]
#[diesel(table_name = messages)]
struct MessageRow {
    position: i32,
    round: i32,
    role: &'static str,
    content: String,
    select_param: Option<String>,
    model: Option<String>,
    cut: bool,
    created_at: NaiveDateTime,
}

impl MessageRow {
    fn of(message: &Message) -> Self {
        let detail = &message.detail;
        Self {
            position: message.index,
            round: message.round,
            role: message.role.name(),
            content: clean(&message.content).into_owned(),
            select_param: owned(detail.select_param.as_deref()),
            model: owned(detail.model.as_deref()),
            cut: detail.cut,
            created_at: stored(message.created_at),
        }
    }
}

/// A message's document as it is stored in a conversation of this id, which a dashboard names.
fn document_of(message: &Message, conversation: &str) -> Result<Option<String>> {
    let Some(document) = &message.detail.evidence else {
        return Ok(None);
    };
    let named = document.pointer("/dashboard/conversation");
    if named.is_none_or(|named| named == conversation) {
        return to_text(document).map(Some);
    }
    let mut document = document.clone();
    if let Some(named) = document.pointer_mut("/dashboard/conversation") {
        *named = conversation.into();
    }
    to_text(&document).map(Some)
}

/// An opinion's columns but for its conversation.
#[derive(Insertable)]
#[diesel(table_name = feedback)]
struct FeedbackRow {
    round: i32,
    liked: Option<bool>,
    complaints: String,
    score: Option<i32>,
    topic: Option<String>,
    question: Option<String>,
    asked_of: Option<String>,
    remark: Option<String>,
    user_name: Option<String>,
    created_at: NaiveDateTime,
    modified_at: NaiveDateTime,
}

impl FeedbackRow {
    fn of(feedback: &Feedback) -> Result<Self> {
        let opinion = &feedback.opinion;
        Ok(Self {
            round: feedback.round,
            liked: opinion.liked,
            complaints: text_of(opinion.complaints.as_deref().unwrap_or_default())?,
            score: opinion.score,
            topic: owned(opinion.topic.as_deref()),
            question: owned(opinion.question.as_deref()),
            asked_of: owned(opinion.asked_of.as_deref()),
            remark: owned(opinion.remark.as_deref()),
            user_name: owned(feedback.user.as_deref()),
            created_at: stored(feedback.created_at),
            modified_at: stored(feedback.modified_at),
        })
    }
}

/// A conversation ready to be written.
struct Rows<'a> {
    id: &'a str,
    head: HeadRow,
    messages: Vec<(&'a Message, MessageRow)>,
    feedback: Vec<FeedbackRow>,
}

impl<'a> Rows<'a> {
    fn of(kept: &'a KeptConversation) -> Result<Self> {
        let messages = kept.messages.iter();
        Ok(Self {
            id: kept.conversation.id.as_str(),
            head: HeadRow::of(kept),
            messages: messages
                .map(|message| (message, MessageRow::of(message)))
                .collect(),
            feedback: kept
                .feedback
                .iter()
                .map(FeedbackRow::of)
                .collect::<Result<_>>()?,
        })
    }
}

impl Store {
    /// Takes in conversations, all of them or none; the id of each, in their order. It is the one a conversation came
    /// with unless that is empty or taken, and so with its messages. Positions within a conversation are unique.
    pub async fn import_conversations(
        &self,
        kept: &[KeptConversation],
        now: DateTime<Utc>,
    ) -> Result<Vec<ConversationId>> {
        let all: Vec<Rows<'_>> = kept.iter().map(Rows::of).collect::<Result<_>>()?;
        let fresh = || {
            let seconds = now.timestamp().max(0).unsigned_abs();
            let at = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
            Uuid::new_v7(at).to_string()
        };
        with_tx!(self, |conn| {
            let mut ids = Vec::with_capacity(all.len());
            for one in &all {
                let taken: Option<String> = conversations::table
                    .find(one.id)
                    .select(conversations::id)
                    .first(conn)
                    .await
                    .optional()?;
                let id = if one.id.is_empty() || taken.is_some() {
                    Uuid::new_v4().to_string()
                } else {
                    one.id.to_owned()
                };
                diesel::insert_into(conversations::table)
                    .values((conversations::id.eq(&id), &one.head))
                    .execute(conn)
                    .await?;
                let brought: Vec<&str> = one
                    .messages
                    .iter()
                    .map(|(message, _)| message.id.as_str())
                    .collect();
                let mut gone: HashSet<String> = HashSet::new();
                for some in brought.chunks(AT_ONCE) {
                    let found: Vec<String> = messages::table
                        .filter(messages::id.eq_any(some.iter().copied()))
                        .select(messages::id)
                        .load(conn)
                        .await?;
                    gone.extend(found);
                }
                for (message, row) in &one.messages {
                    let brought = message.id.as_str();
                    let own = if brought.is_empty() || gone.contains(brought) {
                        fresh()
                    } else {
                        brought.to_owned()
                    };
                    diesel::insert_into(messages::table)
                        .values((
                            messages::id.eq(&own),
                            messages::conversation_id.eq(&id),
                            messages::evidence.eq(document_of(message, &id)?),
                            row,
                        ))
                        .execute(conn)
                        .await?;
                }
                for row in &one.feedback {
                    diesel::insert_into(feedback::table)
                        .values((feedback::conversation_id.eq(&id), row))
                        .execute(conn)
                        .await?;
                }
                ids.push(ConversationId(id));
            }
            Ok(ids)
        })
    }
}
