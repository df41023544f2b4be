//! The clock and the stop switch of one run.
//!
//! DuckDB looks for an interrupt between two pieces of work, but forgets it whenever a statement begins. So the
//! interrupt is repeated until the run has ended, and never sent after that: the connection is lent again.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use duckdb::{Connection, InterruptHandle};
use tidegate_schema::Result;

use crate::drivers::clock::{Clock, left_alone};

/// Between two interrupts of a run that has not ended yet.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(10);

/// One run, as seen by those who wait for it and by the one who works.
#[derive(Clone)]
pub(super) struct Watch(Arc<Run>);

struct Run {
    deadline: Instant,
    limit: Duration,
    state: Mutex<State>,
    /// Wakes the clock before its time, for a cancel and for the end.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// What to interrupt while the run works.
    target: Option<Arc<InterruptHandle>>,
    cancelled: bool,
    over: bool,
    /// What it did is being made to last and can no longer be taken back.
    committing: bool,
}

/// Held by the thread that works; the clock stops when it is dropped.
pub(super) struct Ending(Watch);

impl Watch {
    /// Starts the clock, on a thread of its own: a runtime that is busy or being shut down would leave a query
    /// running.
    pub(super) fn start(limit: Duration) -> Self {
        let watch = Self(Arc::new(Run {
            deadline: Instant::now() + limit,
            limit,
            state: Mutex::default(),
            wake: Condvar::new(),
        }));
        let clock = watch.clone();
        let started = std::thread::Builder::new()
            .name("duckdb clock".to_owned())
            .spawn(move || clock.tick());
        if let Err(error) = started {
            tracing::error!(%error, "a DuckDB query has no clock and is not run");
            watch.state().cancelled = true;
        }
        watch
    }

    /// Sleeps until the deadline, a cancel or the end, then interrupts until the end.
    fn tick(&self) {
        let mut state = self.state();
        while !state.over {
            let left = self.left();
            let pause = if state.cancelled || left.is_zero() {
                if let Some(target) = &state.target {
                    target.interrupt();
                }
                INTERRUPT_AGAIN
            } else {
                left
            };
            let waited = self.0.wake.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn ending(&self) -> Ending {
        Ending(self.clone())
    }

    /// From now on this connection is what gets interrupted.
    pub(super) fn attach(&self, connection: &Connection) {
        self.state().target = Some(connection.interrupt_handle());
    }

    /// Nothing is interrupted any more: what follows is short and has to be done.
    pub(super) fn detach(&self) {
        self.state().target = None;
    }

    /// Ends the time in which the run could be stopped; an error if it has been.
    pub(super) fn begin_commit(&self) -> Result<()> {
        self.check()?;
        let mut state = self.state();
        if state.cancelled {
            return Err(left_alone());
        }
        state.committing = true;
        state.target = None;
        Ok(())
    }

    /// An error once the run should stop.
    pub(super) fn check(&self) -> Result<()> {
        if self.left().is_zero() {
            return Err(self.timeout());
        }
        if self.state().cancelled {
            return Err(left_alone());
        }
        Ok(())
    }

    fn interrupt(&self) {
        if let Some(target) = &self.state().target {
            target.interrupt();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Watch {
    fn left(&self) -> Duration {
        self.0.deadline.saturating_duration_since(Instant::now())
    }

    fn limit(&self) -> Duration {
        self.0.limit
    }

    /// A run that is being committed is not stopped any more.
    fn cancel(&self) -> bool {
        {
            let mut state = self.state();
            if state.committing {
                return false;
            }
            state.cancelled = true;
        }
        self.interrupt();
        self.0.wake.notify_one();
        true
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        {
            let mut state = self.0.state();
            state.target = None;
            state.over = true;
        }
        self.0.0.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::Error;

    use super::*;
    use crate::drivers::clock::{GRACE, wait};

    #[tokio::test]
    async fn a_run_that_does_not_end_is_waited_for_a_little_longer_than_it_may_take() {
        let watch = Watch::start(Duration::from_millis(10));
        let _ending = watch.ending();
        let started = Instant::now();
        let error = wait(&watch, std::future::pending::<()>()).await;
        assert!(matches!(error, Err(Error::Timeout { .. })), "{error:?}");
        assert!(started.elapsed() >= GRACE && started.elapsed() < 3 * GRACE);
        assert!(watch.check().is_err());
        assert_eq!(wait(&watch, async { 7 }).await.expect("in time"), 7);
    }

    #[tokio::test]
    async fn what_is_being_committed_is_waited_for() {
        let watch = Watch::start(Duration::from_millis(50));
        let _ending = watch.ending();
        watch.begin_commit().expect("in time");
        drop(watch.leash());
        let late = async {
            tokio::time::sleep(Duration::from_millis(100) + GRACE).await;
            7
        };
        assert_eq!(wait(&watch, late).await.expect("told in the end"), 7);
    }

    #[tokio::test]
    async fn what_was_cancelled_is_not_committed() {
        let watch = Watch::start(Duration::from_mins(1));
        let _ending = watch.ending();
        drop(watch.leash());
        assert!(watch.begin_commit().is_err());
    }
}
