//! SQL written by a person or a program, run through the guard.

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{AuditEntry, Caller, RowSet, Verdict},
};

use crate::{
    app::App,
    drivers::Limits,
    guard::{GuardOptions, Refusal},
};

/// The service.
pub struct Sql<'a>(pub(crate) &'a App);

impl Sql<'_> {
    /// Judges and runs one statement; the verdict and the rows, capped.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the guard refuses it; the database's own error as [`Error::Upstream`].
    pub async fn run(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
    ) -> Result<(Verdict, RowSet)> {
        if sql.trim().is_empty() {
            return Err(Error::invalid("sql", "must not be empty"));
        }
        let datasource = self.0.datasources().get(caller, datasource).await?;
        let database = self.0.databases.get(&datasource).await?;
        let started = Instant::now();
        let outcome = database
            .run(sql, &GuardOptions::default(), self.limits())
            .await;
        self.audit(caller, &datasource.name, sql, &outcome, started)
            .await?;
        outcome.map_err(Error::from)
    }

    /// The configured caps.
    pub fn limits(&self) -> Limits {
        let limits = &self.0.config.limits;
        Limits {
            rows: limits.rows,
            bytes: limits.bytes,
            time: self.0.config.query_time(),
        }
    }

    /// Writes down what was asked of a database and what came of it.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
        outcome: &std::result::Result<(Verdict, RowSet), Refusal>,
        started: Instant,
    ) -> Result<()> {
        let (allowed, reason, rows) = match outcome {
            Ok((_, rows)) => (true, String::new(), rows.rows.len()),
            Err(refusal) => (refusal.verdict.allowed, refusal.error.to_string(), 0),
        };
        self.0
            .store
            .record_query(AuditEntry {
                at: self.0.clock.now(),
                caller: caller.audit_name(),
                datasource: datasource.to_owned(),
                sql: sql.to_owned(),
                allowed,
                reason,
                rows: rows as i64,
                elapsed_ms: started.elapsed().as_millis() as i64,
            })
            .await
    }
}
