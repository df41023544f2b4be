//! Conversations: lists, histories, titles, removal. What is looked for in them is in `search`, what is carried into and
//! out of the store in `transfer`, what becomes too old in `retention`.

mod retention;
mod search;
mod transfer;
mod walk;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{
        Act, Caller, Conversation, ConversationFilter, Feedback, Message, Page, PageOf, owned_by,
    },
};

use self::walk::Walk;
pub use self::{search::Found, transfer::Told};
use crate::app::App;

/// Conversations looked at in one step while those are sought that a caller may see, and those of them whose messages
/// are held at once: an answer comes with its rows.
const AT_ONCE: u32 = 100;
const HELD_AT_ONCE: usize = 10;
/// Most conversations of a page.
const MOST_ON_A_PAGE: u32 = 1000;
/// Most characters of a title.
const MOST_TITLE_CHARS: usize = 250;

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
        check_page(page)?;
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

    /// The same for whoever does not ask how many there are in all.
    pub async fn page(
        &self,
        caller: &Caller,
        filter: &ConversationFilter,
        page: Page,
    ) -> Result<Vec<Conversation>> {
        if caller.is_limited_to_tables() {
            return Ok(self.list(caller, filter, page).await?.items);
        }
        caller.may(Act::Ask)?;
        check_page(page)?;
        let filter = within_grants(caller, filter);
        self.0.store.page_conversations(&filter, page).await
    }

    /// The one conversation that a filter means, if there is one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it means several.
    pub async fn find_one(
        &self,
        caller: &Caller,
        filter: &ConversationFilter,
    ) -> Result<Option<Conversation>> {
        let mut found = self.scan(caller, filter, None, None, 2, false).await?;
        if found.len() > 1 {
            return Err(Error::Conflict {
                reason: "several conversations are like this; name one by conv_uid, or ask query_page for all"
                    .to_owned(),
            });
        }
        Ok(found.pop())
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

    /// A conversation's messages and the opinions on its rounds, both in order; none as for
    /// [`Conversations::messages`].
    pub async fn history(
        &self,
        caller: &Caller,
        id: &ConversationId,
    ) -> Result<(Vec<Message>, Vec<Feedback>)> {
        let messages = self.messages(caller, id).await?;
        let feedback = if messages.is_empty() {
            Vec::new()
        } else {
            self.0.store.list_feedback(id).await?
        };
        Ok((messages, feedback))
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

    /// Removes a conversation with its messages and files and ends its turns. Answers whether there was one that the
    /// caller may see.
    pub async fn delete(&self, caller: &Caller, id: &ConversationId) -> Result<bool> {
        if self.find(caller, id).await?.is_none() {
            return Ok(false);
        }
        let deleted = self.0.store.delete_conversation(id).await?;
        // After the store, so that a removal that fails ends nothing.
        self.0.running.remove(id);
        let gone = std::slice::from_ref(id);
        self.0.uploads().forget_conversations(gone).await;
        Ok(deleted)
    }

    /// Removes a conversation's messages, opinions and title, and ends its turns: it is as if it had not begun, and is
    /// in no list until something is asked in it again. Its files stay, to be asked about anew. Answers whether there was
    /// one that the caller may see.
    pub async fn clear(&self, caller: &Caller, id: &ConversationId) -> Result<bool> {
        if self.find(caller, id).await?.is_none() {
            return Ok(false);
        }
        let now = self.0.clock.now();
        let cleared = self.0.store.clear_conversation(id, now).await?;
        self.0.running.remove(id);
        Ok(cleared)
    }

    /// Gives a conversation a title that no question changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see, [`Error::Invalid`] for what is no title.
    pub async fn rename(
        &self,
        caller: &Caller,
        id: &ConversationId,
        title: &str,
    ) -> Result<Conversation> {
        let title = checked_title(title)?;
        if self.find(caller, id).await?.is_none()
            || !self.0.store.rename_conversation(id, title).await?
        {
            return Err(unknown(id));
        }
        self.find(caller, id).await?.ok_or_else(|| unknown(id))
    }
}

/// A conversation that is not there, or not for the caller.
pub(super) fn unknown(id: &ConversationId) -> Error {
    Error::NotFound {
        what: "conversation",
        name: id.to_string(),
        hint: Some("/api/v1/chat/dialogue/list lists those there are".to_owned()),
    }
}

fn checked_title(title: &str) -> Result<&str> {
    let title = title.trim();
    if title.is_empty()
        || title.chars().nth(MOST_TITLE_CHARS).is_some()
        || title.chars().any(char::is_control)
    {
        return Err(Error::invalid(
            "title",
            format!("must have 1 to {MOST_TITLE_CHARS} characters on one line"),
        ));
    }
    Ok(title)
}

fn check_page(page: Page) -> Result<()> {
    if page.number == 0 || page.size == 0 || page.size > MOST_ON_A_PAGE {
        return Err(Error::invalid(
            "page",
            format!("page starts at 1 and page_size lies between 1 and {MOST_ON_A_PAGE}"),
        ));
    }
    Ok(())
}

/// The filter, narrowed to what the caller's grants let through.
fn within_grants(caller: &Caller, filter: &ConversationFilter) -> ConversationFilter {
    ConversationFilter {
        asked_within: caller.datasources(),
        own_files: Some(owned_by(&caller.audit_name())),
        ..filter.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_at_most_250_characters() {
        assert_eq!(checked_title(" Sales ").ok(), Some("Sales"));
        assert!(checked_title(&"é".repeat(250)).is_ok());
        for bad in ["", "  ", "a\nb", "a\0", "é".repeat(251).as_str()] {
            let refused = checked_title(bad).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|text| text.starts_with("title: must")));
        }
    }
}
