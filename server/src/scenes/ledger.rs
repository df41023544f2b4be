//! What was judged and run, kept outside the scene so that it survives whatever ends it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tidegate_schema::{
    Error,
    model::{RowSet, Verdict},
};

use crate::guard::Refusal;

/// One statement a scene ran or had refused, for the audit log.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Name of the datasource.
    pub datasource: String,
    /// The statement.
    pub sql: String,
    /// What the guard said.
    pub verdict: Verdict,
    /// The database's error, if it had one.
    pub error: Option<Error>,
    /// Rows read.
    pub rows: usize,
    /// Milliseconds.
    pub elapsed_ms: u64,
}

/// The statements of a turn. Each is noted before it runs and completed after.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    attempt: Attempt,
    started: Instant,
    ended: bool,
}

impl Ledger {
    /// Notes a statement that is about to run, and gives its number.
    pub(crate) fn begin(&self, datasource: &str, sql: &str, verdict: Verdict) -> usize {
        let mut entries = self.entries();
        entries.push(Entry {
            attempt: Attempt {
                datasource: datasource.to_owned(),
                sql: sql.to_owned(),
                verdict,
                error: None,
                rows: 0,
                elapsed_ms: 0,
            },
            started: Instant::now(),
            ended: false,
        });
        entries.len() - 1
    }

    /// Completes the statement of that number with what came of it.
    pub(crate) fn end(&self, number: usize, ran: &Result<(Verdict, RowSet), Refusal>) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(number) else {
            return;
        };
        entry.ended = true;
        let attempt = &mut entry.attempt;
        attempt.elapsed_ms = entry.started.elapsed().as_millis() as u64;
        match ran {
            Ok((verdict, rows)) => {
                attempt.verdict = verdict.clone();
                attempt.rows = rows.rows.len();
            }
            Err(refusal) => {
                attempt.verdict = refusal.verdict.clone();
                attempt.error = Some(refusal.error.clone());
            }
        }
    }

    /// Takes every statement out. One that is still running is said to have been cut off.
    pub fn take(&self) -> Vec<Attempt> {
        let entries = std::mem::take(&mut *self.entries());
        entries.into_iter().map(Entry::close).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn close(self) -> Attempt {
        let mut attempt = self.attempt;
        if !self.ended {
            attempt.elapsed_ms = self.started.elapsed().as_millis() as u64;
            attempt.error = attempt.verdict.allowed.then(|| Error::Conflict {
                reason: "the turn ended before the query did".to_owned(),
            });
        }
        attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_kept_whether_it_ended_or_not() {
        let ledger = Ledger::default();
        let allowed = Verdict {
            allowed: true,
            ..Verdict::default()
        };
        let first = ledger.begin("shop", "SELECT 1", allowed.clone());
        let rows = RowSet {
            rows: vec![Vec::new()],
            ..RowSet::default()
        };
        ledger.end(first, &Ok((allowed.clone(), rows)));
        ledger.begin("shop", "SELECT 2", allowed);
        let refused = Verdict {
            reason: "no".to_owned(),
            ..Verdict::default()
        };
        ledger.begin("shop", "DROP TABLE t", refused);
        let taken = ledger.take();
        let sql: Vec<&str> = taken.iter().map(|attempt| attempt.sql.as_str()).collect();
        assert_eq!(sql, ["SELECT 1", "SELECT 2", "DROP TABLE t"]);
        assert_eq!((taken[0].rows, taken[0].error.is_none()), (1, true));
        assert!(taken[1].error.is_some() && taken[1].verdict.allowed);
        assert!(taken[2].error.is_none() && !taken[2].verdict.allowed);
        assert!(ledger.take().is_empty());
    }
}
