//! Exports: the result of one guarded query as a file, streamed from the database to whoever asked.
//!
//! What is wrong before the first row is an error of [`Exports::start`]; what goes wrong later breaks the body off, so
//! that half a file is never taken for a whole one. The audit row is written before the body ends, whatever ends it.

mod transfer;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tidegate_schema::{
    Error, Result,
    model::{Caller, Datasource, Dialect, Hidden, ResultColumn, Verdict},
};
use tokio::sync::{mpsc, oneshot};

use self::transfer::{CHUNKS_AHEAD, Stop, Transfer};
use super::{
    audit::{self, Judged},
    sql::Reached,
};
pub use crate::export::{Format, Written, csv};
use crate::{
    app::App,
    drivers::{Limits, RowStream},
    export::{self, Plan},
    guard::{GuardOptions, GuardedDatabase, GuardedStream, Refusal},
};

/// When to try again where too many exports are under way.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Characters of a datasource's name in a file's name.
const MOST_NAME_CHARS: usize = 64;

/// The service.
pub struct Exports<'a>(pub(crate) &'a App);

/// How a result is exported.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// Break the body off where a cap would cut the result, rather than end it as if that were all.
    pub whole: bool,
    /// Begin a CSV with a byte order mark.
    pub bom: bool,
}

/// An export under way. Dropping its body ends it, and the query in the database.
pub struct Export {
    /// Media type.
    pub content_type: &'static str,
    /// A name for the file, of plain ASCII letters, digits, `-`, `_` and one dot.
    pub file_name: String,
    /// The file. An error is the last item, and what came before it is no valid file.
    pub body: BoxStream<'static, Result<Bytes>>,
    /// What it came to; there when the body has ended well, and never if it has not.
    pub written: oneshot::Receiver<Written>,
}

impl Exports<'_> {
    /// Judges and starts one query, and returns once its first row is there or it is known to have none.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the guard refuses it; the database's own error as [`Error::Upstream`];
    /// [`Error::Overloaded`] where as many exports are under way as may be.
    pub async fn start(
        &self,
        caller: &Caller,
        datasource: &str,
        sql: &str,
        options: Options,
    ) -> Result<Export> {
        let app = self.0;
        if sql.trim().is_empty() {
            return Err(Error::invalid("sql", "must not be empty"));
        }
        let overloaded = || Error::Overloaded {
            retry_after: RETRY_AFTER,
        };
        if app.stopping.is_cancelled() {
            return Err(overloaded());
        }
        let permit = Arc::clone(&app.exports)
            .try_acquire_owned()
            .map_err(|_| overloaded())?;
        let Reached {
            datasource,
            database,
            options: guard,
            hidden,
        } = app.sql().reach(caller, datasource, sql).await?;
        let file_name = file_name(&datasource.name, app.clock.now(), options.format);
        let (body, pieces) = mpsc::channel(CHUNKS_AHEAD);
        let end = Arc::new(OnceLock::new());
        let (opened_in, opened) = oneshot::channel();
        let (written_in, written) = oneshot::channel();
        let job = Job {
            app: app.clone(),
            caller: caller.clone(),
            database,
            guard,
            hidden,
            datasource,
            sql: sql.to_owned(),
            options,
            body,
            end: Arc::clone(&end),
        };
        // In a task of its own: it is written down even if the caller leaves, who is then missed at the body's end.
        app.tasks.spawn(async move {
            job.run(opened_in, written_in).await;
            drop(permit);
        });
        opened
            .await
            .map_err(|error| Error::internal("starting an export", error))??;
        Ok(Export {
            content_type: options.format.content_type(),
            file_name,
            body: body_of(pieces, end),
            written,
        })
    }

    /// The configured caps.
    pub fn limits(&self) -> Limits {
        let limits = &self.0.config.limits;
        Limits {
            rows: limits.export_rows,
            bytes: limits.export_bytes,
            time: Duration::from_secs(limits.export_seconds),
        }
    }
}

/// One export in its task.
struct Job {
    app: App,
    caller: Caller,
    datasource: Datasource,
    database: Arc<GuardedDatabase>,
    guard: GuardOptions,
    /// What the database's own words must not tell.
    hidden: Option<Hidden>,
    sql: String,
    options: Options,
    body: mpsc::Sender<Bytes>,
    /// How it ended. It lies beside the body, so that a reader who takes nothing for a while still learns of it.
    end: End,
}

type End = Arc<OnceLock<Result<()>>>;

/// The pieces, and behind the last one the error, if it ended with one. A task that is gone without a word was broken
/// off too.
fn body_of(pieces: mpsc::Receiver<Bytes>, end: End) -> BoxStream<'static, Result<Bytes>> {
    stream::unfold(Some(pieces), move |state| {
        let end = Arc::clone(&end);
        async move {
            let mut pieces = state?;
            if let Some(piece) = pieces.recv().await {
                return Some((Ok(piece), Some(pieces)));
            }
            let error = match end.get() {
                Some(Ok(())) => return None,
                Some(Err(error)) => Error::clone(error),
                None => Error::internal("exporting", "the export's task is gone"),
            };
            Some((Err(error), None))
        }
    })
    .boxed()
}

impl Job {
    /// Runs to the end. `opened` hears whether there will be a body, `written` what came of it.
    async fn run(self, opened: oneshot::Sender<Result<()>>, written: oneshot::Sender<Written>) {
        let started = Instant::now();
        let begun = tokio::select! {
            begun = self.begin() => begun,
            () = self.body.closed() => Err(Refusal {
                verdict: self.database.judge(&self.sql, &self.guard),
                error: transfer::left(),
            }),
        };
        let (verdict, plan, rows) = match begun {
            Ok(begun) => begun,
            Err(Refusal { verdict, error }) => {
                self.app
                    .databases
                    .learn_from(&self.datasource.name, &error)
                    .await;
                let noted = self.note(&verdict, Some(&error), 0, started).await;
                let error = match &self.hidden {
                    Some(hidden) => hidden.error(&verdict, error),
                    None => error,
                };
                // Nobody hears it if the caller has left.
                let _ = opened.send(Err(noted.err().unwrap_or(error)));
                return;
            }
        };
        // A caller who has left meanwhile is noticed by the transfer.
        let _ = opened.send(Ok(()));
        let transfer = Transfer {
            tasks: self.app.tasks.clone(),
            body: self.body.clone(),
            time: self.app.exports().limits().time,
            stop: Stop {
                token: self.app.stopping.clone(),
                grace: Duration::from_secs(self.app.config.server.shutdown_seconds),
            },
        };
        let (read, outcome) = transfer.run(plan, rows).await;
        let noted = match &outcome {
            Ok(Written { rows, cut_at }) => {
                let mut verdict = verdict;
                if let Some(cut) = cut_at {
                    verdict.reason = format!("cut after {cut} rows");
                }
                self.note(&verdict, None, *rows, started).await
            }
            Err(error) => self.note(&verdict, Some(error), read, started).await,
        };
        let end = match (outcome, noted) {
            (Ok(found), Ok(())) => {
                // Not every skin asks.
                let _ = written.send(found);
                Ok(())
            }
            (Ok(_), Err(error)) | (Err(error), _) => Err(error),
        };
        let _ = self.end.set(end);
    }

    /// Has the query judged and started, and waits for its first rows: what goes wrong before them can still be told
    /// as an error.
    async fn begin(&self) -> Result<(Verdict, Plan, RowStream), Refusal> {
        let limits = self.app.exports().limits();
        let GuardedStream { verdict, rows } =
            self.database.stream(&self.sql, &self.guard, limits).await?;
        if let Some(refusal) = self.untold(&verdict) {
            return Err(refusal);
        }
        let RowStream { columns, batches } = rows;
        let plan = match self.plan(columns.clone()) {
            Ok(plan) => plan,
            Err(error) => return Err(Refusal { verdict, error }),
        };
        // It may have ended with its first batch, and is asked again.
        let mut batches = batches.fuse();
        let first = match batches.next().await {
            Some(Err(error)) => return Err(Refusal { verdict, error }),
            first => first,
        };
        let batches = stream::iter(first).chain(batches).fuse().boxed();
        Ok((verdict, plan, RowStream { columns, batches }))
    }

    /// Why nothing of a result is exported to this caller, whatever its rows are. They are not looked at one by one:
    /// what EXPLAIN and its like tell is short, and can be run.
    fn untold(&self, verdict: &Verdict) -> Option<Refusal> {
        if self.hidden.is_none() || verdict.statement == "select" {
            return None;
        }
        let reason = format!(
            "a key that is granted some tables alone exports what SELECT reads; run {} instead",
            verdict.statement.to_uppercase()
        );
        Some(Refusal {
            verdict: Verdict {
                allowed: false,
                reason: reason.clone(),
                ..verdict.clone()
            },
            error: Error::Forbidden { reason },
        })
    }

    fn plan(&self, columns: Vec<ResultColumn>) -> Result<Plan> {
        let scratch = self
            .app
            .data_dir()
            .map_err(|error| Error::internal("finding a place for an export", error))?;
        let plan = Plan {
            format: self.options.format,
            columns,
            strict: self.database.engine().dialect() != Dialect::Sqlite,
            whole: self.options.whole,
            bom: self.options.bom,
            scratch,
        };
        export::check(&plan)?;
        Ok(plan)
    }

    /// Writes the audit row.
    async fn note(
        &self,
        verdict: &Verdict,
        error: Option<&Error>,
        rows: u64,
        started: Instant,
    ) -> Result<()> {
        let judged = Judged {
            datasource: &self.datasource.name,
            sql: &self.sql,
            verdict,
            error,
            rows,
            elapsed_ms: started.elapsed().as_millis() as u64,
            confirmed: false,
        };
        audit::record(&self.app, &self.caller, &judged).await
    }
}

/// A name for the file that no shell and no header stumbles over: `shop-20260301-174500.csv`.
fn file_name(datasource: &str, at: DateTime<Utc>, format: Format) -> String {
    let mut name = String::new();
    for sign in datasource.chars().take(MOST_NAME_CHARS) {
        if sign.is_ascii_alphanumeric() || sign == '-' {
            name.push(sign);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches(['_', '-']);
    let name = if name.is_empty() { "export" } else { name };
    format!("{name}-{}.{}", at.format("%Y%m%d-%H%M%S"), format.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_ends_well_only_where_it_was_said_to() {
        for (said, whole) in [
            (Some(Ok(())), true),
            (Some(Err(transfer::left())), false),
            (None, false),
        ] {
            let (sender, pieces) = mpsc::channel(CHUNKS_AHEAD);
            let end = Arc::new(OnceLock::new());
            sender
                .send(Bytes::from_static(b"half"))
                .await
                .expect("room");
            drop(sender);
            if let Some(said) = said {
                end.set(said).expect("said once");
            }
            let items: Vec<Result<Bytes>> = body_of(pieces, end).collect().await;
            assert_eq!(items.iter().all(Result::is_ok), whole);
            assert_eq!(items.len(), if whole { 1 } else { 2 });
        }
    }

    #[test]
    fn a_files_name_is_plain_whatever_the_datasource_is_called() {
        let named = |name: &str| file_name(name, DateTime::UNIX_EPOCH, Format::Csv);
        assert_eq!(named("shop"), "shop-19700101-000000.csv");
        assert_eq!(named("../my shop\"\r\n"), "my_shop-19700101-000000.csv");
        assert_eq!(named("商店"), "export-19700101-000000.csv");
        assert!(named(&"x".repeat(500)).len() < 100);
    }
}
