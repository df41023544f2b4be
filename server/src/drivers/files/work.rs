//! The clock and the counter of one import.

use std::time::{Duration, Instant};

use super::fault::Fault;

/// All files of one datasource together.
pub(super) const MAX_TIME: Duration = Duration::from_hours(1);
/// Between two words of progress.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 1_024;

/// What is being read, for how long, and how far it has come.
pub(super) struct Work {
    datasource: String,
    file: String,
    doing: &'static str,
    rows: u64,
    started: Instant,
    said: Instant,
}

impl Work {
    pub(super) fn new(datasource: &str) -> Self {
        let now = Instant::now();
        Self {
            datasource: datasource.to_owned(),
            file: String::new(),
            doing: "",
            rows: 0,
            started: now,
            said: now,
        }
    }

    /// Begins an act on a file; its rows are counted from none.
    pub(super) fn begin(&mut self, file: &str, doing: &'static str) {
        file.clone_into(&mut self.file);
        self.doing = doing;
        self.rows = 0;
    }

    /// Counts a row (or a piece of a file read as a whole).
    pub(super) fn tick(&mut self) -> Result<(), Fault> {
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_PER_LOOK) {
            self.look()
        } else {
            Ok(())
        }
    }

    /// Looks at the clock at once.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        if now.duration_since(self.started) > MAX_TIME {
            return Err(Fault::Slow(MAX_TIME));
        }
        if now.duration_since(self.said) >= SAY_EVERY {
            self.said = now;
            tracing::info!(
                datasource = self.datasource,
                file = self.file,
                rows = self.rows,
                "{}",
                self.doing
            );
        }
        Ok(())
    }
}
