//! The right to use a connection: so many at a time, and a short wait for one.

use std::{sync::Arc, time::Duration};

use tidegate_schema::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest wait: who comes behind so many others had better come again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to use one connection; dropped, another may have it.
pub(super) type Slot = OwnedSemaphorePermit;

/// How many connections there may be at a time.
pub(super) struct Slots(Arc<Semaphore>);

impl Slots {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    /// Waits for a slot, but neither for long nor longer than so; too long is an [`Error::Overloaded`].
    pub(super) async fn take(&self, patience: Duration) -> Result<Slot> {
        soon(patience, self.wait()).await?
    }

    /// Waits for a slot.
    pub(super) async fn wait(&self) -> Result<Slot> {
        let waiting = self.0.clone().acquire_owned();
        let slot = waiting.await;
        slot.map_err(|error| Error::internal("waiting for a connection to a database", error))
    }
}

/// Waits for others to make room, but neither for long nor longer than so.
pub(super) async fn soon<T>(patience: Duration, act: impl Future<Output = T>) -> Result<T> {
    let waited = tokio::time::timeout(patience.min(PATIENCE), act).await;
    waited.map_err(|_| Error::Overloaded {
        retry_after: Duration::from_secs(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slot_is_waited_for_and_not_for_ever() {
        let slots = Slots::new(1);
        let held = slots.take(Duration::from_secs(1)).await.expect("is free");
        let refused = slots.take(Duration::from_millis(10)).await;
        assert!(
            matches!(refused, Err(Error::Overloaded { .. })),
            "{refused:?}"
        );
        drop(held);
        drop(slots.take(Duration::from_secs(1)).await.expect("is free"));
    }
}
