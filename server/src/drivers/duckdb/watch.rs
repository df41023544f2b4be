//! The clock and the stop switch of one run.
//!
//! DuckDB looks for an interrupt between two pieces of work, but forgets it whenever a statement begins. So the
//! interrupt is repeated until the run has ended, and never sent after that: the connection is lent again.
//!
//! One thread looks after all runs: one for each would take a tenth of a short query's time to come and go.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
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
}

struct Runs {
    /// Those that nobody knows any more are left out when the thread looks.
    under_way: Vec<Weak<Run>>,
    /// When the thread looks by itself; never, while there is nothing to look after.
    wakes_at: Option<Instant>,
    is_running: bool,
}

/// The runs that have not ended, and the thread that looks after them.
static CLOCK: Mutex<Runs> = Mutex::new(Runs {
    under_way: Vec::new(),
    wakes_at: None,
    is_running: false,
});
/// Wakes that thread before its time.
static WAKE: Condvar = Condvar::new();

#[derive(Default)]
struct State {
    /// What to interrupt while the run works.
    target: Option<Arc<InterruptHandle>>,
    cancelled: bool,
    /// What it did is being made to last and can no longer be taken back.
    committing: bool,
}

/// Held by the thread that works; the clock stops when it is dropped.
pub(super) struct Ending(Watch);

impl Watch {
    /// Starts the clock, which is on a thread of its own: a runtime that is busy or being shut down would leave a
    /// query running.
    pub(super) fn start(limit: Duration) -> Self {
        let run = Arc::new(Run {
            deadline: Instant::now() + limit,
            limit,
            state: Mutex::default(),
        });
        if let Err(error) = Runs::add(&run) {
            tracing::error!(%error, "a DuckDB query has no clock and is not run");
            run.state().cancelled = true;
        }
        Self(run)
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
        self.0.state()
    }
}

impl Run {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts a run that should have stopped. When to look again.
    fn look(&self, now: Instant) -> Instant {
        // Held meanwhile, so that nothing is interrupted that has ended.
        let state = self.state();
        if !state.cancelled && now < self.deadline {
            return self.deadline;
        }
        if let Some(target) = &state.target {
            target.interrupt();
        }
        now + INTERRUPT_AGAIN
    }
}

impl Runs {
    fn lock() -> MutexGuard<'static, Self> {
        CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks after a run from now on.
    fn add(run: &Arc<Run>) -> std::io::Result<()> {
        let mut runs = Self::lock();
        if !runs.is_running {
            std::thread::Builder::new()
                .name("duckdb clock".to_owned())
                .spawn(Self::tick)?;
            runs.is_running = true;
        }
        runs.under_way.push(Arc::downgrade(run));
        // Most runs end long before the thread looks at all.
        if runs.wakes_at.is_none_or(|at| run.deadline < at) {
            WAKE.notify_one();
        }
        Ok(())
    }

    fn remove(run: &Arc<Run>) {
        Self::lock()
            .under_way
            .retain(|other| other.as_ptr() != Arc::as_ptr(run));
    }

    /// Has the thread look at once.
    fn wake() {
        // It looks or sleeps while the lock is free, and so it does not miss this.
        drop(Self::lock());
        WAKE.notify_one();
    }

    /// Sleeps until a run's deadline or a cancel, then interrupts that run until it has ended.
    fn tick() {
        let mut runs = Self::lock();
        loop {
            let now = Instant::now();
            let mut wakes_at: Option<Instant> = None;
            runs.under_way.retain(|run| {
                let again = run.upgrade().map(|run| run.look(now));
                wakes_at = again.into_iter().chain(wakes_at).min();
                again.is_some()
            });
            runs.wakes_at = wakes_at;
            runs = match wakes_at {
                Some(at) => {
                    let waited = WAKE.wait_timeout(runs, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => WAKE.wait(runs).unwrap_or_else(PoisonError::into_inner),
            };
        }
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
        Runs::wake();
        true
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state().target = None;
        Runs::remove(&self.0.0);
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
