//! What the store said a moment ago, so that calls which come by the thousand cost no query.
//!
//! What this process writes is forgotten here at once. Another one over the same store, the command line beside a
//! server or a second server over one PostgreSQL, is heard of when what is remembered has aged.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tidegate_schema::Result;

/// One thing that was read, for as long as it may be taken for what the store says.
pub struct Remembered<T> {
    most_age: Duration,
    latest: Mutex<Latest<T>>,
}

struct Latest<T> {
    /// How often it was forgotten: what was read before that is not kept behind it.
    forgotten: u64,
    read: Option<(Instant, T)>,
}

impl<T: Clone> Remembered<T> {
    /// Nothing yet; what is read is good for so long.
    pub(crate) fn for_at_most(most_age: Duration) -> Self {
        Self {
            most_age,
            latest: Mutex::new(Latest {
                forgotten: 0,
                read: None,
            }),
        }
    }

    /// What is remembered, or else what `read` reads. An error is not remembered.
    pub(crate) async fn get<F: Future<Output = Result<T>>>(
        &self,
        read: impl FnOnce() -> F,
    ) -> Result<T> {
        // From before it was read: it is never older than it seems.
        let now = Instant::now();
        let forgotten = {
            let latest = self.latest();
            if let Some((at, known)) = &latest.read
                && now.saturating_duration_since(*at) < self.most_age
            {
                return Ok(known.clone());
            }
            latest.forgotten
        };
        let found = read().await?;
        let mut latest = self.latest();
        if latest.forgotten == forgotten {
            latest.read = Some((now, found.clone()));
        }
        Ok(found)
    }

    /// Has the next to ask read it again. For after a write, and before it is acknowledged.
    pub(crate) fn forget(&self) {
        self.forget_if(|_| true);
    }

    /// The same where what is remembered is found to be out of date.
    pub(crate) fn forget_if(&self, outdated: impl FnOnce(&T) -> bool) {
        let mut latest = self.latest();
        // What is being read just now may be as old.
        if latest
            .read
            .as_ref()
            .is_none_or(|(_, known)| outdated(known))
        {
            latest.forgotten += 1;
            latest.read = None;
        }
    }

    fn latest(&self) -> MutexGuard<'_, Latest<T>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::Error;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    async fn ask(remembered: &Remembered<u32>, answer: u32) -> u32 {
        let read = remembered.get(|| async { Ok(answer) }).await;
        read.expect("read")
    }

    #[tokio::test]
    async fn it_is_read_once_until_it_is_forgotten() {
        let remembered = Remembered::for_at_most(LONG);
        let failed = remembered
            .get(|| async { Err::<u32, _>(Error::upstream("store", "gone")) })
            .await;
        assert!(failed.is_err());
        assert_eq!(ask(&remembered, 1).await, 1);
        assert_eq!(ask(&remembered, 2).await, 1);
        remembered.forget_if(|known| *known != 1);
        assert_eq!(ask(&remembered, 2).await, 1);
        remembered.forget_if(|known| *known == 1);
        assert_eq!(ask(&remembered, 2).await, 2);
        remembered.forget();
        assert_eq!(ask(&remembered, 3).await, 3);
    }

    #[tokio::test]
    async fn it_ages() {
        let remembered = Remembered::for_at_most(Duration::ZERO);
        assert_eq!(ask(&remembered, 1).await, 1);
        assert_eq!(ask(&remembered, 2).await, 2);
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_kept_behind_it() {
        let remembered = Remembered::for_at_most(LONG);
        let slow = remembered.get(|| async {
            // Somebody writes while this is under way.
            remembered.forget();
            Ok(1)
        });
        assert_eq!(slow.await.expect("read"), 1);
        assert_eq!(ask(&remembered, 2).await, 2);
    }
}
