//! Messages of conversations.

use std::borrow::Cow;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};
use serde_json::Value;

use super::{
    Store,
    columns::{clean, from_text, to_text},
    turns::title_of,
    with_read, with_tx,
};
use crate::{
    Error, Result,
    ids::{ConversationId, MessageId},
    model::{Message, MessageDetail, Role},
    tables::{conversations, messages},
};

/// Conversations asked for at once; SQLite has a limit on bound values.
const AT_ONCE: usize = 1000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Row {
    id: String,
    conversation_id: String,
    position: i32,
    round: i32,
    role: String,
    content: String,
    select_param: Option<String>,
    model: Option<String>,
    cut: bool,
    evidence: Option<String>,
    created_at: NaiveDateTime,
}

impl TryFrom<Row> for Message {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let role = Role::from_name(&row.role).ok_or_else(|| {
            Error::internal(
                "reading a message",
                format!("{} has the role '{}'", row.id, row.role),
            )
        })?;
        Ok(Self {
            id: MessageId(row.id),
            conversation: ConversationId(row.conversation_id),
            index: row.position,
            round: row.round,
            role,
            content: row.content,
            detail: MessageDetail {
                select_param: row.select_param,
                model: row.model,
                cut: row.cut,
                evidence: row.evidence.as_deref().map(from_text).transpose()?,
            },
            created_at: row.created_at.and_utc(),
        })
    }
}

impl Store {
    /// A conversation's messages in order; none if there is no such conversation. A round stands together, even
    /// where a later question was stored before its answer.
    pub async fn list_messages(&self, conversation: &ConversationId) -> Result<Vec<Message>> {
        let rows: Vec<Row> = with_read!(self, |conn| {
            messages::table
                .filter(messages::conversation_id.eq(conversation.as_str()))
                .order((messages::round, messages::position))
                .select(Row::as_select())
                .load(conn)
                .await?
        });
        rows.into_iter().map(Message::try_from).collect()
    }

    /// The messages of several conversations, each one's together and in order.
    pub async fn list_messages_of(&self, conversations: &[ConversationId]) -> Result<Vec<Message>> {
        let mut ids: Vec<&str> = conversations.iter().map(ConversationId::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let rows: Vec<Row> = with_read!(self, |conn| {
                messages::table
                    .filter(messages::conversation_id.eq_any(some.iter().copied()))
                    .order((
                        messages::conversation_id,
                        messages::round,
                        messages::position,
                    ))
                    .select(Row::as_select())
                    .load(conn)
                    .await?
            });
            for row in rows {
                found.push(Message::try_from(row)?);
            }
        }
        Ok(found)
    }

    /// Rewrites a message's text; `false` if there is none of that id. The conversation's title follows its
    /// latest question.
    pub async fn update_message(&self, id: &MessageId, content: &str) -> Result<bool> {
        let content = &*clean(content);
        with_tx!(self, |conn| {
            let found: Option<(String, String, i32)> =
                diesel::update(messages::table.find(id.as_str()))
                    .set(messages::content.eq(content))
                    .returning((
                        messages::conversation_id,
                        messages::role,
                        messages::position,
                    ))
                    .get_result(conn)
                    .await
                    .optional()?;
            let Some((conversation, role, position)) = found else {
                return Ok(false);
            };
            if role == Role::Human.name() {
                let latest: Option<i32> = messages::table
                    .filter(
                        messages::conversation_id
                            .eq(&conversation)
                            .and(messages::role.eq(&role)),
                    )
                    .select(diesel::dsl::max(messages::position))
                    .first(conn)
                    .await?;
                if latest == Some(position) {
                    diesel::update(conversations::table.find(&conversation))
                        .set(conversations::title.eq(title_of(content)))
                        .execute(conn)
                        .await?;
                }
            }
            Ok(true)
        })
    }

    /// Rewrites what a round was answered by: a message's text, and its document where a new one is given; `false` if
    /// there is none of that id. Not for questions, which titles and visibility hang on.
    pub async fn rewrite_message(
        &self,
        id: &MessageId,
        content: &str,
        evidence: Option<&Value>,
    ) -> Result<bool> {
        match self.rewrite_messages(&[(id, content, evidence)]).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same for several messages, all of them or none: what the model said and what the person is shown must not
    /// speak of different answers.
    ///
    /// # Errors
    /// [`Error::NotFound`] if one of them is not there any more; nothing is changed then.
    pub async fn rewrite_messages(
        &self,
        changes: &[(&MessageId, &str, Option<&Value>)],
    ) -> Result<()> {
        let mut rows: Vec<(&str, Cow<'_, str>, Option<String>)> = Vec::with_capacity(changes.len());
        for &(id, content, evidence) in changes {
            let document = evidence.map(to_text).transpose()?;
            rows.push((id.as_str(), clean(content), document));
        }
        with_tx!(self, |conn| {
            for (id, content, document) in &rows {
                let document = document
                    .as_deref()
                    .map(|document| messages::evidence.eq(document));
                let changed = diesel::update(messages::table.find(*id))
                    .set((messages::content.eq(&**content), document))
                    .execute(conn)
                    .await?;
                if changed == 0 {
                    return Err(Error::not_found("message", *id));
                }
            }
            Ok(())
        })
    }
}
