//! SQL written by a person or a program, run through the guard: queries, and changes where they are let through.

mod outcome;
mod reach;

use std::time::Instant;

use tidegate_schema::{
    Error, Result,
    model::{Caller, RowSet, Verdict},
};
use tokio_util::sync::CancellationToken;

pub use self::outcome::{Executed, Failed};
pub(super) use self::reach::Reached;
use super::audit::{self, Judged};
use crate::{
    app::App,
    drivers::Limits,
    guard::{GuardOptions, Refusal},
    scenes::hidden,
};

/// The service.
pub struct Sql<'a>(pub(crate) &'a App);

impl Sql<'_> {
    /// Judges and runs one query; the verdict and the rows, capped.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the guard refuses it; the database's own error as [`Error::Upstream`]. What the guard
    /// said stands beside it.
    pub async fn run(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
    ) -> Result<(Verdict, RowSet), Failed> {
        let asked = self.asked(caller, datasource, sql).await?;
        self.read(asked, None).await
    }

    /// Judges and runs one statement that may change rows. It does if the datasource is writable, the caller may
    /// write there, and `confirm` is set; a query runs as it does under [`Sql::run`].
    ///
    /// A change is in the audit log before it runs, with its outcome before it is answered, and runs to its end
    /// whether the caller waits for it or not.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the guard refuses it or it may not write; the database's own error as
    /// [`Error::Upstream`]; [`Error::Conflict`] when the rows were changed and the audit log could not say so.
    pub async fn execute(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
        confirm: bool,
    ) -> Result<Executed, Failed> {
        let asked = self.asked(caller, datasource, sql).await?;
        let missing = asked.missing();
        // Judged as a change only where one could run: most databases are read only.
        if missing.is_none() {
            let verdict = asked.reached.database.judge(&asked.sql, &asked.writing());
            if verdict.writes || !verdict.allowed {
                let running = self.0.tasks.spawn(asked.change(verdict, confirm));
                return running
                    .await
                    .map_err(|error| Error::internal("running a change", error))?;
            }
        }
        let (verdict, rows) = self.read(asked, missing).await?;
        Ok(Executed::Read { verdict, rows })
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

    /// A statement with the database it is meant for, if the caller may use that.
    async fn asked(&self, caller: &Caller, datasource: &str, sql: &str) -> Result<Asked, Failed> {
        if sql.trim().is_empty() {
            return Err(Error::invalid("sql", "must not be empty").into());
        }
        Ok(Asked {
            reached: self.reach(caller, datasource, sql).await?,
            app: self.0.clone(),
            caller: caller.clone(),
            sql: sql.to_owned(),
        })
    }

    /// Runs a query in a task of its own: a caller who leaves ends it, and it is written down all the same.
    async fn read(
        &self,
        asked: Asked,
        missing: Option<String>,
    ) -> Result<(Verdict, RowSet), Failed> {
        let left = CancellationToken::new();
        let _leaving = left.clone().drop_guard();
        let running = self
            .0
            .tasks
            .spawn(async move { asked.read(&left, missing).await });
        running
            .await
            .map_err(|error| Error::internal("running a query", error))?
    }
}

/// A statement on its way to a database.
struct Asked {
    app: App,
    caller: Caller,
    reached: Reached,
    sql: String,
}

impl Asked {
    /// The same options with changes let through.
    fn writing(&self) -> GuardOptions {
        GuardOptions {
            writable: true,
            ..self.reached.options.clone()
        }
    }

    /// Why no change may run here, whatever it is; nothing where one may.
    fn missing(&self) -> Option<String> {
        let name = &self.reached.datasource.name;
        if !self.reached.datasource.writable {
            return Some(format!(
                "the datasource '{name}' is read only; whoever manages datasources can let changes through with \
                 `tidegate db writable {name}`"
            ));
        }
        if self.caller.may_write(name) {
            return None;
        }
        let who = if self.caller.key.is_some() {
            "this key may not change rows"
        } else {
            "a caller without a key may not change rows"
        };
        Some(format!(
            "{who} of '{name}'; make a key that may with `tidegate key create --write {name}`"
        ))
    }

    /// Runs a query until it ends or the caller leaves. A change is refused for what is `missing`, if that is
    /// known.
    async fn read(
        self,
        left: &CancellationToken,
        missing: Option<String>,
    ) -> Result<(Verdict, RowSet), Failed> {
        let started = Instant::now();
        let limits = self.app.sql().limits();
        let outcome = tokio::select! {
            outcome = self.reached.database.run(&self.sql, &self.reached.options, limits) => outcome,
            () = left.cancelled() => Err(Refusal {
                verdict: self.reached.database.judge(&self.sql, &self.reached.options),
                error: Error::Conflict {
                    reason: "the caller left before the query ended".to_owned(),
                },
            }),
        };
        let mut outcome = match (outcome, missing) {
            (Err(refusal), Some(missing)) if !refusal.verdict.allowed => {
                Err(self.named(refusal, missing))
            }
            (outcome, _) => outcome,
        };
        hidden::refuse(self.reached.hidden.as_ref(), &mut outcome);
        if let Err(refusal) = &outcome {
            self.learn_from(&refusal.error).await;
        }
        let judged = match &outcome {
            Ok((verdict, rows)) => {
                let read = rows.rows.len() as u64;
                self.judged(verdict, None, read, started, false)
            }
            Err(Refusal { verdict, error }) => self.judged(verdict, Some(error), 0, started, false),
        };
        audit::record(&self.app, &self.caller, &judged).await?;
        hidden::veil(self.reached.hidden.as_ref(), &mut outcome);
        outcome.map_err(Failed::from)
    }

    /// The refusal of a change in the words that say what it takes; that of anything else as it is.
    fn named(&self, refusal: Refusal, missing: String) -> Refusal {
        let verdict = self.reached.database.judge(&self.sql, &self.writing());
        if !verdict.writes {
            return refusal;
        }
        Refusal {
            verdict: Verdict {
                allowed: false,
                reason: missing.clone(),
                ..verdict
            },
            error: Error::Forbidden { reason: missing },
        }
    }

    /// Runs a change to its end, if it is confirmed and the guard lets it through.
    async fn change(self, verdict: Verdict, confirm: bool) -> Result<Executed, Failed> {
        let started = Instant::now();
        // Nothing else reaches the database, so nothing else needs a trace of having begun.
        let begun = if confirm && verdict.allowed {
            let judged = self.judged(&verdict, None, 0, started, true);
            Some(audit::begin(&self.app, &self.caller, &judged).await?)
        } else {
            None
        };
        let time = self.app.sql().limits().time;
        let outcome = self
            .reached
            .database
            .write(&self.sql, &self.writing(), confirm, time)
            .await;
        if let Err(refusal) = &outcome {
            self.learn_from(&refusal.error).await;
        }
        let elapsed_ms = started.elapsed().as_millis() as u64;
        let judged = match &outcome {
            Ok((verdict, rows)) => self.judged(verdict, None, *rows, started, confirm),
            Err(Refusal { verdict, error }) => {
                self.judged(verdict, Some(error), 0, started, confirm)
            }
        };
        let written = match begun {
            Some(begun) => audit::end(&self.app, &self.caller, begun, &judged).await,
            None => audit::record(&self.app, &self.caller, &judged).await,
        };
        match (outcome, written) {
            (Ok((mut verdict, rows)), Ok(())) => {
                if let Some(hidden) = &self.reached.hidden {
                    hidden.plan(&mut verdict);
                }
                Ok(Executed::Changed {
                    verdict,
                    rows,
                    elapsed_ms,
                })
            }
            // Whoever sent it must not think that it failed and send it once more.
            (Ok((verdict, rows)), Err(error)) => {
                tracing::error!(
                    error = error.log_chain(),
                    "the audit log could not be told how a change ended"
                );
                let reason = format!(
                    "the statement changed {rows} rows, and the audit log could not be told; do not send it again"
                );
                Err(Failed::judged(verdict, Error::Conflict { reason }))
            }
            (Err(_), Err(error)) => Err(error.into()),
            (
                Err(Refusal {
                    verdict,
                    error: Error::Conflict { reason },
                }),
                Ok(()),
            ) if !confirm && verdict.allowed => Ok(Executed::Unconfirmed { verdict, reason }),
            (Err(mut refusal), Ok(())) => {
                if let Some(hidden) = &self.reached.hidden {
                    hidden::veil_refusal(hidden, &mut refusal);
                }
                Err(refusal.into())
            }
        }
    }

    async fn learn_from(&self, error: &Error) {
        self.app
            .databases
            .learn_from(&self.reached.datasource.name, error)
            .await;
    }

    fn judged<'a>(
        &'a self,
        verdict: &'a Verdict,
        error: Option<&'a Error>,
        rows: u64,
        started: Instant,
        confirmed: bool,
    ) -> Judged<'a> {
        Judged {
            datasource: &self.reached.datasource.name,
            sql: &self.sql,
            verdict,
            error,
            rows,
            elapsed_ms: started.elapsed().as_millis() as u64,
            confirmed,
        }
    }
}
