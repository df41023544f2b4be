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
        let filter = within_grants(caller, filter);
        self.0.store.list_conversations(&filter, page).await
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
        let filter = within_grants(caller, filter);
        self.0
            .store
            .scan_conversations(&filter, after, before, limit, backwards)
            .await
    }

    /// How many there are.
    pub async fn count(&self, caller: &Caller, filter: &ConversationFilter) -> Result<u64> {
        caller.may(Act::Ask)?;
        let filter = within_grants(caller, filter);
        self.0.store.count_conversations(&filter).await
    }

    /// One conversation, if it exists and nothing in it was asked beyond the caller's grants.
    pub async fn find(&self, caller: &Caller, id: &ConversationId) -> Result<Option<Conversation>> {
        caller.may(Act::Ask)?;
        if caller.grants.is_none() {
            return self.0.store.find_conversation(id).await;
        }
        let one = ConversationFilter {
            id: Some(id.clone()),
            ..ConversationFilter::default()
        };
        let found = self.scan(caller, &one, None, None, 1, false).await?.pop();
        // A grant on tables is told by the answers' evidence, which no filter reads.
        if found.is_some() && !may_see_all(caller, &self.0.store.list_messages(id).await?) {
            return Ok(None);
        }
        Ok(found)
    }

    /// A conversation's messages in order; none for an unknown one, as DB-GPT has it, and for one in which
    /// something was asked beyond the caller's grants.
    pub async fn messages(&self, caller: &Caller, id: &ConversationId) -> Result<Vec<Message>> {
        caller.may(Act::Ask)?;
        let messages = self.0.store.list_messages(id).await?;
        Ok(if may_see_all(caller, &messages) {
            messages
        } else {
            Vec::new()
        })
    }

    /// Messages of several conversations at once, without those that [`Conversations::find`] does not find.
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
        grouped.retain(|_, messages| may_see_all(caller, messages));
        Ok(grouped)
    }

    /// Removes a conversation with its messages and ends its turns. Answers whether there was one that the caller
    /// may see.
    pub async fn delete(&self, caller: &Caller, id: &ConversationId) -> Result<bool> {
        if self.find(caller, id).await?.is_none() {
            return Ok(false);
        }
        let deleted = self.0.store.delete_conversation(id).await?;
        // After the store, so that a removal that fails ends nothing.
        self.0.running.remove(id);
        Ok(deleted)
    }
}

/// The filter, narrowed to what the caller's grants let through.
fn within_grants(caller: &Caller, filter: &ConversationFilter) -> ConversationFilter {
    ConversationFilter {
        asked_within: caller.datasources(),
        ..filter.clone()
    }
}

/// Whether the caller may see a whole conversation.
pub(super) fn may_see_all(caller: &Caller, messages: &[Message]) -> bool {
    caller.may_see_all(messages)
}
