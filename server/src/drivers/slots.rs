//! The right to use a connection: so many at a time, and a short wait for one; and connections that wait for work.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// Connections that wait for work. The one that came last goes first, as it is the least likely to be gone.
pub(super) struct Idle<T>(Mutex<Vec<T>>);

impl<T> Idle<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The one that came last.
    pub(super) fn take(&self) -> Option<T> {
        self.all().pop()
    }

    /// One more.
    pub(super) fn keep(&self, connection: T) {
        self.all().push(connection);
    }

    /// Lets go of those that are of no use any more.
    pub(super) fn retain(&self, is_useful: impl Fn(&T) -> bool) {
        self.all().retain(is_useful);
    }

    fn all(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn the_connection_that_came_last_goes_first() {
        let idle = Idle::new();
        for connection in 1..=4 {
            idle.keep(connection);
        }
        idle.retain(|connection| *connection != 3);
        let taken = [(); 4].map(|()| idle.take());
        assert_eq!(taken, [Some(4), Some(2), Some(1), None]);
    }
}
