//! The clock and the stop switch of a run on a thread of its own, as those see it who wait for the run.

use std::{pin::pin, time::Duration};

use tidegate_schema::{Error, Result};

/// The clock stops a run itself; this much later whoever waits is told, even if its thread is stuck in one function.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// A run's clock and stop switch, each copy for the same run.
pub(super) trait Clock: Clone + Send + Sync + 'static {
    /// What is left of the time the run may take.
    fn left(&self) -> Duration;

    /// All of that time.
    fn limit(&self) -> Duration;

    /// Stops the run at once. Whether it was still to be stopped.
    fn cancel(&self) -> bool;

    /// The error of a run that took too long.
    fn timeout(&self) -> Error {
        Error::Timeout {
            what: "the query".into(),
            limit: self.limit(),
        }
    }

    /// An interrupted statement says "interrupted"; whoever asked wants to know why.
    fn explain(&self, error: Error) -> Error {
        if self.left().is_zero() && matches!(error, Error::Upstream { .. }) {
            self.timeout()
        } else {
            error
        }
    }

    /// To be held by whoever waits for the run.
    fn leash(&self) -> Leash<Self> {
        Leash(self.clone())
    }
}

/// Cancels the run when whoever waits for it is gone.
pub(super) struct Leash<C: Clock>(C);

impl<C: Clock> Drop for Leash<C> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Waits for something of a run, but not much longer than the run may take.
pub(super) async fn wait<T>(clock: &impl Clock, act: impl Future<Output = T>) -> Result<T> {
    let mut act = pin!(act);
    match tokio::time::timeout(clock.left() + GRACE, act.as_mut()).await {
        Ok(done) => Ok(done),
        Err(_) if clock.cancel() => Err(clock.timeout()),
        // Telling that it failed could be a lie.
        Err(_) => Ok(act.await),
    }
}

/// The error of a run whose reader is gone.
pub(super) fn left_alone() -> Error {
    Error::Conflict {
        reason: "the reader has left".into(),
    }
}
