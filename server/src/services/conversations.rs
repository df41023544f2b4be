//! Conversations: lists, histories, removal.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, Conversation, ConversationFilter, Message, Page, PageOf},
};

use crate::app::App;

/// Conversations looked at in one step while those are sought that a caller may see, and those of them whose messages
/// are held at once: an answer comes with its rows.
const AT_ONCE: u32 = 100;
const HELD_AT_ONCE: usize = 10;

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
        if !caller.is_limited_to_tables() {
            return self.0.store.list_conversations(&filter, page).await;
        }
        let (skip, size) = (
            u64::from(page.number - 1) * u64::from(page.size),
            page.size as usize,
        );
        let mut found = PageOf {
            items: Vec::new(),
            total: 0,
        };
        let mut walk = Walk::new(None, None, false);
        while let Some(some) = self.visible(caller, &filter, &mut walk, AT_ONCE).await? {
            for conversation in some {
                if found.total >= skip && found.items.len() < size {
                    found.items.push(conversation);
                }
                found.total += 1;
            }
        }
        Ok(found)
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
        if !caller.is_limited_to_tables() {
            return self
                .0
                .store
                .scan_conversations(&filter, after, before, limit, backwards)
                .await;
        }
        let wanted = limit as usize;
        let mut found: Vec<Conversation> = Vec::new();
        let mut walk = Walk::new(after, before, backwards);
        while found.len() < wanted
            && let Some(some) = self
                .visible(caller, &filter, &mut walk, limit.clamp(1, AT_ONCE))
                .await?
        {
            if backwards {
                // Further up the list each time.
                found.splice(0..0, some);
            } else {
                found.extend(some);
            }
        }
        if backwards {
            found.drain(..found.len().saturating_sub(wanted));
        } else {
            found.truncate(wanted);
        }
        Ok(found)
    }

    /// How many there are.
    pub async fn count(&self, caller: &Caller, filter: &ConversationFilter) -> Result<u64> {
        caller.may(Act::Ask)?;
        let filter = within_grants(caller, filter);
        if !caller.is_limited_to_tables() {
            return self.0.store.count_conversations(&filter).await;
        }
        let mut count = 0;
        let mut walk = Walk::new(None, None, false);
        while let Some(some) = self.visible(caller, &filter, &mut walk, AT_ONCE).await? {
            count += some.len() as u64;
        }
        Ok(count)
    }

    /// The next conversations of a walk that the caller may see, newest first; nothing once it is at its end. A grant
    /// on tables is told by the answers' evidence, which no filter reads.
    async fn visible(
        &self,
        caller: &Caller,
        filter: &ConversationFilter,
        walk: &mut Walk,
        most: u32,
    ) -> Result<Option<Vec<Conversation>>> {
        if walk.ended {
            return Ok(None);
        }
        let (after, before) = (walk.after.clone(), walk.before.clone());
        let some = self
            .0
            .store
            .scan_conversations(filter, after, before, most, walk.backwards)
            .await?;
        walk.pass(&some, most);
        let mut seen = Vec::with_capacity(some.len());
        let mut rest = some.into_iter();
        loop {
            let part: Vec<Conversation> = rest.by_ref().take(HELD_AT_ONCE).collect();
            if part.is_empty() {
                return Ok(Some(seen));
            }
            let ids: Vec<ConversationId> = part.iter().map(|one| one.id.clone()).collect();
            let messages = self.messages_of(caller, &ids).await?;
            // One without any message was cleared, title and all.
            let cleared = |one: &Conversation| one.title.is_empty();
            seen.extend(
                part.into_iter()
                    .filter(|one| messages.contains_key(&one.id) || cleared(one)),
            );
        }
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
        Ok(self.scan(caller, &one, None, None, 1, false).await?.pop())
    }

    /// A conversation's messages in order; none for an unknown one, as DB-GPT has it, and for one in which
    /// something was asked beyond the caller's grants.
    pub async fn messages(&self, caller: &Caller, id: &ConversationId) -> Result<Vec<Message>> {
        caller.may(Act::Ask)?;
        let messages = self.0.store.list_messages(id).await?;
        Ok(if caller.may_see_all(&messages) {
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
        grouped.retain(|_, messages| caller.may_see_all(messages));
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

/// A way through the conversations of a filter, step by step.
struct Walk {
    after: Option<Key>,
    before: Option<Key>,
    backwards: bool,
    ended: bool,
}

impl Walk {
    fn new(after: Option<Key>, before: Option<Key>, backwards: bool) -> Self {
        Self {
            after,
            before,
            backwards,
            ended: false,
        }
    }

    /// Goes on behind what was found when at most so many were asked for.
    fn pass(&mut self, found: &[Conversation], most: u32) {
        let key = |one: &Conversation| (one.created_at, one.id.clone());
        self.ended = found.len() < most as usize;
        if self.backwards {
            self.before = found.first().map(key).or_else(|| self.before.take());
        } else {
            self.after = found.last().map(key).or_else(|| self.after.take());
        }
    }
}

/// The filter, narrowed to what the caller's grants let through.
fn within_grants(caller: &Caller, filter: &ConversationFilter) -> ConversationFilter {
    ConversationFilter {
        asked_within: caller.datasources(),
        ..filter.clone()
    }
}
