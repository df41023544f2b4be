//! SQL written by a person or a program, run through the guard.

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{AuditEntry, Caller, RowSet, Verdict},
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    drivers::Limits,
    guard::{GuardOptions, Refusal},
};

/// Characters of a statement that are written down. The guard lets none pass that has more; a refused one may be as
/// large as a request.
const MAX_AUDIT_CHARS: usize = 100_000;

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
        // In a task of its own: a caller who leaves ends the query, and it is written down all the same.
        let (app, caller, sql) = (self.0.clone(), caller.clone(), sql.to_owned());
        let left = CancellationToken::new();
        let _leaving = left.clone().drop_guard();
        let running = self.0.tasks.spawn(async move {
            let options = GuardOptions::default();
            let started = Instant::now();
            let outcome = tokio::select! {
                outcome = database.run(&sql, &options, app.sql().limits()) => outcome,
                () = left.cancelled() => Err(Refusal {
                    verdict: database.judge(&sql, &options),
                    error: Error::Conflict {
                        reason: "the caller left before the query ended".to_owned(),
                    },
                }),
            };
            if let Err(refusal) = &outcome {
                app.databases
                    .learn_from(&datasource.name, &refusal.error)
                    .await;
            }
            app.sql()
                .audit(&caller, &datasource.name, &sql, &outcome, started)
                .await?;
            outcome.map_err(Error::from)
        });
        running
            .await
            .map_err(|error| Error::internal("running a query", error))?
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
    async fn audit(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
        outcome: &std::result::Result<(Verdict, RowSet), Refusal>,
        started: Instant,
    ) -> Result<()> {
        let (sql, cut) = shortened(sql);
        let (allowed, mut reason, rows) = match outcome {
            Ok((_, rows)) => (true, String::new(), rows.rows.len()),
            Err(refusal) => (refusal.verdict.allowed, refusal.error.to_string(), 0),
        };
        if let Some(cut) = cut {
            reason.push_str(&cut);
        }
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

/// The beginning of a statement, and what to say of the rest if there is one.
fn shortened(sql: &str) -> (&str, Option<String>) {
    let Some((end, _)) = sql.char_indices().nth(MAX_AUDIT_CHARS) else {
        return (sql, None);
    };
    let cut = format!(
        " (of the statement's {} characters the first {MAX_AUDIT_CHARS} are kept here)",
        sql.chars().count()
    );
    (&sql[..end], Some(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_too_long_for_the_audit_is_cut_and_the_cut_is_told() {
        let long = "å".repeat(MAX_AUDIT_CHARS);
        assert_eq!(shortened(&long), (long.as_str(), None));
        let longer = format!("{long}xy");
        let (kept, cut) = shortened(&longer);
        assert_eq!(kept, long);
        assert!(cut.expect("told").contains("100002 characters"));
    }
}
