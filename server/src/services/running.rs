//! Turns under way by conversation: one at a time in each, and each can be stopped or ended from outside.
//!
//! Kept in this process, which is the only one over its store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_schema::{Error, Result, ids::ConversationId};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long is waited for a turn that is ending to be written down: its query is cancelled within a tenth of a second,
/// and a store under load takes a while.
const WINDING_UP: Duration = Duration::from_secs(10);

/// Every turn under way; there are at most `limits.turns`.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<Turns>>);

#[derive(Default)]
struct Turns {
    next: u64,
    under_way: BTreeMap<u64, UnderWay>,
}

/// One turn, as others see it.
#[derive(Clone)]
struct UnderWay {
    conversation: ConversationId,
    /// Set when its conversation is removed.
    removed: CancellationToken,
    /// Set when somebody stops it.
    stopped: CancellationToken,
    /// Set when its listener has left.
    left: CancellationToken,
    /// Set once it is written down.
    ended: CancellationToken,
}

impl UnderWay {
    fn new(conversation: &ConversationId) -> Self {
        Self {
            conversation: conversation.clone(),
            removed: CancellationToken::new(),
            stopped: CancellationToken::new(),
            left: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Whether it answers nobody any more and will soon be written down.
    fn is_ending(&self) -> bool {
        self.stopped.is_cancelled() || self.left.is_cancelled()
    }

    /// Waits until it is written down; whether it was in time.
    async fn wait(&self) -> bool {
        tokio::time::timeout(WINDING_UP, self.ended.cancelled())
            .await
            .is_ok()
    }
}

/// A turn's place among those under way, given up when dropped.
pub(crate) struct Place {
    number: u64,
    running: Running,
    way: UnderWay,
}

impl Running {
    /// Takes the place of a conversation's turn. Where the turn before is just being stopped, or its listener has just
    /// left, it is waited for, so that a question asked right behind that finds it written down.
    ///
    /// # Errors
    /// [`Error::Conflict`] while another turn of the conversation is being answered.
    pub(crate) async fn enter(&self, conversation: &ConversationId) -> Result<Place> {
        loop {
            let other = match self.take(conversation) {
                Ok(place) => return Ok(place),
                Err(other) => other,
            };
            if !other.is_ending() || !other.wait().await {
                // DB-GPT runs both, and mixes up their rounds.
                return Err(Error::Conflict {
                    reason: format!(
                        "the conversation '{conversation}' is still answering the question before; wait for its \
                         answer, or stop it with POST /api/v1/chat/topic/terminate?conv_id={conversation}"
                    ),
                });
            }
        }
    }

    /// Takes the place if it is free, else gives the turn that has it. One whose conversation was removed has none: the
    /// id may begin anew.
    fn take(&self, conversation: &ConversationId) -> std::result::Result<Place, UnderWay> {
        let mut turns = self.turns();
        let busy = turns
            .under_way
            .values()
            .find(|way| way.conversation == *conversation && !way.removed.is_cancelled());
        if let Some(other) = busy {
            return Err(other.clone());
        }
        let number = turns.next;
        turns.next += 1;
        let way = UnderWay::new(conversation);
        turns.under_way.insert(number, way.clone());
        Ok(Place {
            number,
            running: self.clone(),
            way,
        })
    }

    /// Ends every turn of a conversation that was removed.
    pub(crate) fn remove(&self, conversation: &ConversationId) {
        for way in self.turns().under_way.values() {
            if way.conversation == *conversation {
                way.removed.cancel();
            }
        }
    }

    /// Stops the turn of a conversation and waits until it is written down. Answers whether there was one.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it has not been written down in time; it is stopped all the same.
    pub(crate) async fn stop(&self, conversation: &ConversationId) -> Result<bool> {
        let Some(way) = self.under_way(conversation) else {
            return Ok(false);
        };
        way.stopped.cancel();
        if way.wait().await {
            return Ok(true);
        }
        Err(Error::Timeout {
            what: format!("stopping the turn of the conversation '{conversation}'"),
            limit: WINDING_UP,
        })
    }

    fn under_way(&self, conversation: &ConversationId) -> Option<UnderWay> {
        let turns = self.turns();
        turns
            .under_way
            .values()
            .find(|way| way.conversation == *conversation && !way.removed.is_cancelled())
            .cloned()
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Ends when the turn's conversation was removed.
    pub(crate) async fn removed(&self) {
        self.way.removed.cancelled().await;
    }

    /// Ends when somebody stops the turn.
    pub(crate) async fn stopped(&self) {
        self.way.stopped.cancelled().await;
    }

    /// What the listener holds: once it is dropped, nobody listens any more.
    pub(crate) fn listener(&self) -> DropGuard {
        self.way.left.clone().drop_guard()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.turns().under_way.remove(&self.number);
        // After it is out of the list: whoever waited finds the place free.
        self.way.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn removing_a_conversation_ends_its_turn_alone_and_not_later_ones() {
        let running = Running::default();
        let first = running.enter(&"a".into()).await.expect("free");
        let other = running.enter(&"b".into()).await.expect("free");
        running.remove(&"a".into());
        let later = running.enter(&"a".into()).await.expect("begun anew");
        assert!(first.way.removed.is_cancelled());
        assert!(!other.way.removed.is_cancelled() && !later.way.removed.is_cancelled());
        drop((first, other, later));
        assert!(running.turns().under_way.is_empty());
    }

    #[tokio::test]
    async fn a_second_turn_of_a_conversation_is_refused_until_the_first_is_over() {
        let running = Running::default();
        let first = running.enter(&"a".into()).await.expect("free");
        let refused = running.enter(&"a".into()).await.err().expect("busy");
        assert!(
            matches!(&refused, Error::Conflict { reason } if reason.contains("'a' is still")),
            "{refused}"
        );
        let elsewhere = running.enter(&"b".into()).await;
        assert!(elsewhere.is_ok());
        drop(first);
        assert!(running.enter(&"a".into()).await.is_ok());
    }

    #[tokio::test]
    async fn a_turn_whose_listener_left_is_waited_for() {
        let running = Running::default();
        let first = running.enter(&"a".into()).await.expect("free");
        drop(first.listener());
        let id = ConversationId::from("a");
        let (second, ()) = tokio::join!(running.enter(&id), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn stopping_waits_for_the_turn_and_says_whether_there_was_one() {
        let running = Running::default();
        let id = ConversationId::from("a");
        assert!(!running.stop(&id).await.expect("nothing to wait for"));
        let first = running.enter(&id).await.expect("free");
        let (stopped, ()) = tokio::join!(running.stop(&id), async {
            first.stopped().await;
            drop(first);
        });
        assert!(stopped.expect("in time"));
        assert!(!running.stop(&id).await.expect("it is over"));
    }
}
