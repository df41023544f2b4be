//! Conversations and their messages.

mod search;

use std::collections::HashMap;

use async_graphql::{
    Context, Enum, ID, Json, Object, Result,
    connection::{Connection, Edge, EmptyFields, OpaqueCursor, query},
    dataloader::{DataLoader, Loader},
};
use chrono::{DateTime, TimeZone as _, Utc};
use serde_json::Value;
use tidegate_schema::{
    Error,
    ids::ConversationId,
    model::{self, Caller, ConversationFilter},
};

use self::search::FoundConversation;
use super::{
    error::to_graphql,
    limits::{MOST, PAGE, page_cost},
    paging::Page,
};
use crate::{app::App, services::conversations::Key};

/// Where a conversation stands among all: creation time in microseconds and id.
type Place = (i64, String);
/// Where a page of conversations starts.
type Cursor = OpaqueCursor<Place>;
/// Where a page of messages starts: round and index, in whose order they are.
type MessageCursor = OpaqueCursor<(i32, i32)>;

/// Loads messages of many conversations in one query.
pub(super) struct MessageLoader {
    pub(super) app: App,
    pub(super) caller: Caller,
}

impl Loader<String> for MessageLoader {
    type Value = Vec<model::Message>;
    type Error = async_graphql::Error;

    async fn load(&self, keys: &[String]) -> Result<HashMap<String, Self::Value>> {
        let ids: Vec<ConversationId> = keys.iter().cloned().map(ConversationId).collect();
        let found = self
            .app
            .conversations()
            .messages_of(&self.caller, &ids)
            .await
            .map_err(|e| to_graphql(&e))?;
        Ok(found
            .into_iter()
            .map(|(id, messages)| (id.0, messages))
            .collect())
    }
}

/// A conversation.
pub struct Conversation(model::Conversation);

/// A conversation.
#[Object]
impl Conversation {
    /// Id.
    async fn id(&self) -> ID {
        ID(self.0.id.0.clone())
    }

    /// Mode, by its wire name.
    async fn mode(&self) -> &str {
        &self.0.mode
    }

    /// What a person named it, else the first 250 characters of the latest question.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Whether a person gave it its title, which no question changes then.
    async fn named(&self) -> bool {
        self.0.named
    }

    /// Model of the latest round.
    async fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// What the latest round was asked of: a datasource's name in database modes.
    async fn asked_of(&self) -> Option<&str> {
        self.0.select_param.as_deref()
    }

    /// When it was started.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When its latest message was stored.
    async fn modified_at(&self) -> DateTime<Utc> {
        self.0.modified_at
    }

    /// Messages in order.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn messages(
        &self,
        context: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<MessageCursor, Message, EmptyFields, EmptyFields>> {
        let loader = context.data::<DataLoader<MessageLoader>>()?;
        let messages = loader
            .load_one(self.0.id.0.clone())
            .await?
            .unwrap_or_default();
        query(
            after,
            before,
            first,
            last,
            |after: Option<MessageCursor>, before: Option<MessageCursor>, first, last| async move {
                let (from, to) = (after.is_some(), before.is_some());
                let within: Vec<model::Message> = messages
                    .into_iter()
                    .filter(|m| {
                        let place = (m.round, m.index);
                        after.as_ref().is_none_or(|after| place > after.0)
                            && before.as_ref().is_none_or(|before| place < before.0)
                    })
                    .collect();
                let total = within.len();
                let (skip, take) = match (first, last) {
                    (_, Some(last)) => (total.saturating_sub(last.min(MOST)), last.min(MOST)),
                    (first, None) => (0, first.unwrap_or(PAGE).min(MOST)),
                };
                let mut connection = Connection::new(skip > 0 || from, skip + take < total || to);
                connection
                    .edges
                    .extend(within.into_iter().skip(skip).take(take).map(|message| {
                        let place = (message.round, message.index);
                        Edge::new(OpaqueCursor(place), Message(message))
                    }));
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }
}

/// Where a page behind a conversation starts.
fn cursor(conversation: &model::Conversation) -> Cursor {
    OpaqueCursor((
        conversation.created_at.timestamp_micros(),
        conversation.id.0.clone(),
    ))
}

/// The place that a cursor means.
fn key(cursor: Cursor) -> Result<Key> {
    let (micros, id) = cursor.0;
    Utc.timestamp_micros(micros)
        .single()
        .map(|at| (at, ConversationId(id)))
        .ok_or_else(|| async_graphql::Error::new("cursor: not one of ours"))
}

/// Who speaks in a message.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The person.
    Human,
    /// The model's own words.
    Ai,
    /// What the person is shown.
    View,
    /// Instructions.
    System,
}

impl From<model::Role> for Role {
    fn from(role: model::Role) -> Self {
        match role {
            model::Role::Human => Self::Human,
            model::Role::Ai => Self::Ai,
            model::Role::View => Self::View,
            model::Role::System => Self::System,
        }
    }
}

/// A message.
pub struct Message(model::Message);

/// A message.
#[Object]
impl Message {
    /// Id.
    async fn id(&self) -> ID {
        ID(self.0.id.0.clone())
    }

    /// Round, from 1.
    async fn round(&self) -> i32 {
        self.0.round
    }

    /// Speaker.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Text.
    async fn content(&self) -> &str {
        &self.0.content
    }

    /// Whether the turn was cut before its end.
    async fn cut(&self) -> bool {
        self.0.detail.cut
    }

    /// The answer's result and evidence, as a document.
    async fn answer(&self) -> Option<Json<Value>> {
        // A question's own is for the grants alone.
        let answer = self.0.detail.evidence.as_ref();
        let answer = answer.filter(|_| self.0.role == model::Role::View);
        answer.cloned().map(Json)
    }

    /// When it was stored.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// What can be read of conversations.
#[derive(Default)]
pub struct ConversationQueries;

#[Object]
impl ConversationQueries {
    /// Conversations, newest first.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn conversations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this mode.")] mode: Option<String>,
        #[graphql(desc = "Only those started by this user.")] user: Option<String>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Conversation, EmptyFields, EmptyFields>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let filter = ConversationFilter {
            user,
            mode,
            ..ConversationFilter::default()
        };
        query(
            after,
            before,
            first,
            last,
            |after: Option<Cursor>, before: Option<Cursor>, first, last| async move {
                let (from, to) = (after.is_some(), before.is_some());
                let (after, before) = (after.map(key).transpose()?, before.map(key).transpose()?);
                let backwards = last.is_some();
                let wanted = last.or(first).unwrap_or(PAGE).min(MOST);
                let mut found = app
                    .conversations()
                    .scan(caller, &filter, after, before, wanted as u32 + 1, backwards)
                    .await
                    .map_err(|e| to_graphql(&e))?;
                let more = found.len() > wanted;
                if more {
                    // The extra row stands at the far end of the direction read in.
                    if backwards {
                        found.remove(0);
                    } else {
                        found.pop();
                    }
                }
                let mut connection = if backwards {
                    Connection::new(more, to)
                } else {
                    Connection::new(from, more)
                };
                connection
                    .edges
                    .extend(found.into_iter().map(|conversation| {
                        Edge::new(cursor(&conversation), Conversation(conversation))
                    }));
                Ok::<_, async_graphql::Error>(connection)
            },
        )
        .await
    }

    /// Conversations that hold every word of a text in their title, questions or answers, newest first.
    #[graphql(complexity = "page_cost(first, None, child_complexity)")]
    async fn search_conversations(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Words, whatever their case.")] text: String,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Page<FoundConversation, Place>> {
        search::found(context, &text, first, after).await
    }

    /// One conversation by id; null when there is none.
    async fn conversation(&self, context: &Context<'_>, id: ID) -> Result<Option<Conversation>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let found = app
            .conversations()
            .find(caller, &ConversationId(id.0))
            .await
            .map_err(|e| to_graphql(&e))?;
        Ok(found.map(Conversation))
    }
}

/// What can be done with conversations.
#[derive(Default)]
pub struct ConversationMutations;

#[Object]
impl ConversationMutations {
    /// Give a conversation a title that stays, whatever is asked in it. Null when there is none.
    async fn rename_conversation(
        &self,
        context: &Context<'_>,
        id: ID,
        #[graphql(desc = "1 to 250 characters on one line.")] title: String,
    ) -> Result<Option<Conversation>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let id = ConversationId(id.0);
        match app.conversations().rename(caller, &id, &title).await {
            Ok(renamed) => Ok(Some(Conversation(renamed))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_graphql(&error)),
        }
    }

    /// Remove a conversation with its messages. Answers whether there was one.
    async fn delete_conversation(&self, context: &Context<'_>, id: ID) -> Result<bool> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        app.conversations()
            .delete(caller, &ConversationId(id.0))
            .await
            .map_err(|e| to_graphql(&e))
    }
}
