//! How far the index of a large database is.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often it is told in the log.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// How far a database's tables are known beyond their structure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexProgress {
    /// Tables and views; 0 until the structure is known.
    pub tables: usize,
    /// Those whose values were looked at.
    pub tables_sampled: usize,
    /// Those whose descriptions have a vector; a small database needs none, nor is there one without the encoder.
    pub tables_embedded: usize,
    /// Whether nothing is left to be done until the structure changes.
    pub done: bool,
}

/// The progress of one database.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    now: IndexProgress,
    told: Option<Instant>,
}

impl Progress {
    pub(super) fn now(&self) -> IndexProgress {
        self.state().now
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut IndexProgress)) {
        change(&mut self.state().now);
    }

    /// Tells how far it is, if it was not told a moment ago.
    pub(super) fn tell(&self, datasource: &str) {
        let now = {
            let mut state = self.state();
            if state.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
                return;
            }
            state.told = Some(Instant::now());
            state.now
        };
        tracing::info!(
            datasource,
            tables = now.tables,
            sampled = now.tables_sampled,
            embedded = now.tables_embedded,
            "indexing tables"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
