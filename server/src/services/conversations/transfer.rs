//! Conversations carried out of the store and into it.

use std::collections::VecDeque;

use futures::stream::{self, BoxStream, StreamExt as _};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Act, Caller, Conversation, ConversationFilter, Imported, KeptConversation, Role},
};

use super::{Conversations, Key, unknown};
use crate::app::App;

/// Conversations whose heads are read in one step.
const AT_ONCE: u32 = 50;

/// Conversations whole, one after the other. An error is the last.
pub type Told = BoxStream<'static, Result<KeptConversation>>;

impl Conversations<'_> {
    /// A conversation with all that belongs to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see.
    pub async fn whole(&self, caller: &Caller, id: &ConversationId) -> Result<KeptConversation> {
        let conversation = self.find(caller, id).await?.ok_or_else(|| unknown(id))?;
        self.filled(caller, conversation).await
    }

    /// All conversations of a filter, newest first, each read when it is asked for: nothing is gathered, and what is
    /// begun meanwhile is not among them.
    pub fn tell_all(&self, caller: &Caller, filter: ConversationFilter) -> Result<Told> {
        caller.may(Act::Ask)?;
        let reader = Reader {
            app: self.0.clone(),
            caller: caller.clone(),
            filter,
            after: None,
            heads: VecDeque::new(),
            ended: false,
        };
        Ok(stream::try_unfold(reader, Reader::next).boxed())
    }

    /// Takes in conversations, all of them or none. Each keeps its id unless that is taken.
    ///
    /// An answer may be accepted as an example that answers others, and these were not answered here: it takes the right
    /// to manage datasources.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without that right, and for a conversation that the caller would not see.
    pub async fn import(
        &self,
        caller: &Caller,
        kept: Vec<KeptConversation>,
    ) -> Result<Vec<Imported>> {
        caller.may(Act::Ask)?;
        caller.may(Act::ManageDatasources)?;
        for one in &kept {
            let asked_of = one.conversation.select_param.as_deref();
            if !caller.may_see(asked_of) || !caller.may_see_all(&one.messages) {
                return Err(Error::Forbidden {
                    reason: format!(
                        "something in the conversation '{}' was asked of a datasource or a table that this key has no \
                         grant on; nothing was imported",
                        one.conversation.id
                    ),
                });
            }
        }
        let now = self.0.clock.now();
        let ids = self.0.store.import_conversations(&kept, now).await?;
        let mut imported = Vec::with_capacity(ids.len());
        for (one, id) in kept.into_iter().zip(ids) {
            let brought = one.conversation.id;
            let head = self.0.store.find_conversation(&id).await?;
            imported.push(Imported {
                brought: (!brought.as_str().is_empty()).then_some(brought),
                // It may have been removed again at once.
                title: head.map(|head| head.title).unwrap_or_default(),
                conversation: id,
                messages: one.messages.len(),
            });
        }
        Ok(imported)
    }

    async fn filled(
        &self,
        caller: &Caller,
        conversation: Conversation,
    ) -> Result<KeptConversation> {
        let (mut messages, feedback) = self.history(caller, &conversation.id).await?;
        if caller.is_limited_to_tables() {
            // Within which tables a question was asked is for the grants alone: another key may have had more.
            for message in &mut messages {
                if message.role == Role::Human {
                    message.detail.evidence = None;
                }
            }
        }
        Ok(KeptConversation {
            conversation,
            messages,
            feedback,
        })
    }
}

/// Reads conversations one after the other.
struct Reader {
    app: App,
    caller: Caller,
    filter: ConversationFilter,
    /// Behind which the list goes on.
    after: Option<Key>,
    /// Heads that were read and not told yet.
    heads: VecDeque<Conversation>,
    ended: bool,
}

impl Reader {
    async fn next(mut self) -> Result<Option<(KeptConversation, Self)>> {
        if self.heads.is_empty() && !self.ended {
            let app = self.app.clone();
            let some = app
                .conversations()
                .scan(
                    &self.caller,
                    &self.filter,
                    self.after.take(),
                    None,
                    AT_ONCE,
                    false,
                )
                .await?;
            self.ended = some.len() < AT_ONCE as usize;
            self.after = some.last().map(|one| (one.created_at, one.id.clone()));
            self.heads = some.into();
        }
        let Some(head) = self.heads.pop_front() else {
            return Ok(None);
        };
        let app = self.app.clone();
        let kept = app.conversations().filled(&self.caller, head).await?;
        Ok(Some((kept, self)))
    }
}
