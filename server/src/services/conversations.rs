//! Conversations: lists, histories, removal.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, Conversation, ConversationFilter, Message, Page, PageOf},
};

use crate::app::App;

/// Where a keyset page starts or ends: creation time and id of a conversation.
pub type Key = (DateTime<Utc>, ConversationId);

/// The service.
pub struct Conversations<'a>(pub(crate) &'a App);

impl Conversations<'_> {
    /// A page of conversations, newest first.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &ConversationFilter,
        page: Page,
    ) -> Result<PageOf<Conversation>> {
        caller.may(Act::Ask)?;
        if page.number == 0 || page.size == 0 || page.size > 1000 {
            return Err(Error::invalid(
                "page",
                "page starts at 1 and page_size lies between 1 and 1000",
            ));
        }
        self.0.store.list_conversations(filter, page).await
    }

    /// Conversations after or before a key, newest first.
    pub async fn scan(
        &self,
        caller: &Caller,
        filter: &ConversationFilter,
        after: Option<Key>,
        before: Option<Key>,
        limit: u32,
        backwards: bool,
    ) -> Result<Vec<Conversation>> {
        caller.may(Act::Ask)?;
        self.0
            .store
            .scan_conversations(filter, after, before, limit, backwards)
            .await
    }

    /// How many there are.
    pub async fn count(&self, caller: &Caller, filter: &ConversationFilter) -> Result<u64> {
        caller.may(Act::Ask)?;
        self.0.store.count_conversations(filter).await
    }

    /// One conversation, if it exists.
    pub async fn find(&self, caller: &Caller, id: &ConversationId) -> Result<Option<Conversation>> {
        caller.may(Act::Ask)?;
        self.0.store.find_conversation(id).await
    }

    /// A conversation's messages in order; none for an unknown one, as DB-GPT has it.
    pub async fn messages(&self, caller: &Caller, id: &ConversationId) -> Result<Vec<Message>> {
        caller.may(Act::Ask)?;
        self.0.store.list_messages(id).await
    }

    /// Messages of several conversations at once.
    pub async fn messages_of(
        &self,
        caller: &Caller,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Vec<Message>>> {
        caller.may(Act::Ask)?;
        let mut grouped: HashMap<ConversationId, Vec<Message>> = HashMap::new();
        for message in self.0.store.list_messages_of(ids).await? {
            grouped
                .entry(message.conversation.clone())
                .or_default()
                .push(message);
        }
        Ok(grouped)
    }

    /// Removes a conversation with its messages. Answers whether there was one.
    pub async fn delete(&self, caller: &Caller, id: &ConversationId) -> Result<bool> {
        caller.may(Act::Ask)?;
        self.0.store.delete_conversation(id).await
    }
}
