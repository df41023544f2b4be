//! Turns under way by conversation, so that removing a conversation ends them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidegate_schema::ids::ConversationId;
use tokio_util::sync::CancellationToken;

/// Every turn under way; there are at most `limits.turns`.
#[derive(Clone, Default)]
pub struct Running(Arc<Mutex<Turns>>);

#[derive(Default)]
struct Turns {
    next: u64,
    under_way: BTreeMap<u64, (ConversationId, CancellationToken)>,
}

/// A turn's place among those under way, given up when dropped.
pub(crate) struct Place {
    number: u64,
    running: Running,
    removed: CancellationToken,
}

impl Running {
    /// Takes a place for a turn of this conversation.
    pub(crate) fn enter(&self, conversation: &ConversationId) -> Place {
        let removed = CancellationToken::new();
        let mut turns = self.turns();
        let number = turns.next;
        turns.next += 1;
        turns
            .under_way
            .insert(number, (conversation.clone(), removed.clone()));
        Place {
            number,
            running: self.clone(),
            removed,
        }
    }

    /// Ends every turn of a conversation that was removed.
    pub(crate) fn remove(&self, conversation: &ConversationId) {
        for (known, removed) in self.turns().under_way.values() {
            if known == conversation {
                removed.cancel();
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Ends when the turn's conversation was removed.
    pub(crate) async fn removed(&self) {
        self.removed.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.turns().under_way.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_conversation_ends_its_turns_alone_and_not_later_ones() {
        let running = Running::default();
        let (first, second, other) = (
            running.enter(&"a".into()),
            running.enter(&"a".into()),
            running.enter(&"b".into()),
        );
        drop(first);
        running.remove(&"a".into());
        let later = running.enter(&"a".into());
        assert!(second.removed.is_cancelled());
        assert!(!other.removed.is_cancelled() && !later.removed.is_cancelled());
        drop((second, other, later));
        assert!(running.turns().under_way.is_empty());
    }
}
