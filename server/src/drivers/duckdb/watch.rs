//! The clock and the stop switch of one run.
//!
//! DuckDB looks for an interrupt between two pieces of work, but forgets it whenever a statement begins. So the
//! interrupt is repeated until the run has ended, and never sent after that: the connection is lent again.

use std::{
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use duckdb::{Connection, InterruptHandle};
use tidegate_schema::{Error, Result};

/// The clock stops a run itself; this much later whoever waits is told, even if its thread is stuck in one function.
const GRACE: Duration = Duration::from_secs(2);
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

/// Cancels the run when whoever waits for it is gone.
pub(super) struct Leash(Watch);

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

    pub(super) fn leash(&self) -> Leash {
        Leash(self.clone())
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

    pub(super) fn left(&self) -> Duration {
        self.0.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn timeout(&self) -> Error {
        Error::Timeout {
            what: "the query".into(),
            limit: self.0.limit,
        }
    }

    /// Waits for the run, but not much longer than it may take.
    pub(super) async fn wait<T>(&self, act: impl Future<Output = T>) -> Result<T> {
        let mut act = pin!(act);
        match tokio::time::timeout(self.left() + GRACE, act.as_mut()).await {
            Ok(done) => Ok(done),
            Err(_) if self.cancel() => Err(self.timeout()),
            // Telling that it failed could be a lie.
            Err(_) => Ok(act.await),
        }
    }

    /// An interrupted statement says "interrupted"; whoever asked wants to know why.
    pub(super) fn explain(&self, error: Error) -> Error {
        if self.left().is_zero() && matches!(error, Error::Upstream { .. }) {
            self.timeout()
        } else {
            error
        }
    }

    /// Stops the run at once, unless it is being committed. Whether it was still to be stopped.
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

    fn interrupt(&self) {
        if let Some(target) = &self.state().target {
            target.interrupt();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_alone() -> Error {
    Error::Conflict {
        reason: "the reader has left".into(),
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.cancel();
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
    use super::*;

    #[tokio::test]
    async fn a_run_that_does_not_end_is_waited_for_a_little_longer_than_it_may_take() {
        let watch = Watch::start(Duration::from_millis(10));
        let _ending = watch.ending();
        let started = Instant::now();
        let error = watch.wait(std::future::pending::<()>()).await;
        assert!(matches!(error, Err(Error::Timeout { .. })), "{error:?}");
        assert!(started.elapsed() >= GRACE && started.elapsed() < 3 * GRACE);
        assert!(watch.check().is_err());
        assert_eq!(watch.wait(async { 7 }).await.expect("in time"), 7);
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
        assert_eq!(watch.wait(late).await.expect("told in the end"), 7);
    }

    #[tokio::test]
    async fn what_was_cancelled_is_not_committed() {
        let watch = Watch::start(Duration::from_secs(60));
        let _ending = watch.ending();
        drop(watch.leash());
        assert!(watch.begin_commit().is_err());
    }
}
