//! One run: a read-only transaction, the statement prepared for its columns, its rows streamed, all rolled back.
//!
//! Columns come from preparing, so they are known when there are no rows, and preparing proves that the text is one
//! statement. `SHOW` and `EXPLAIN` tell their columns only when they run, and what the server cannot prepare goes as
//! text, once [`Statement::read`] has seen that it is one statement.

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use futures::{Stream, StreamExt, future, poll};
use mysql_async::{
    BinaryProtocol, Column, QueryResult, Row, Statement as Handle, TextProtocol,
    prelude::{Protocol, Queryable},
};
use tidegate_schema::{Error, Result, model::ResultColumn};
use tokio::time::{Instant, timeout_at};

use super::{
    cells,
    failure::{Failed, Line, is_too_large},
    pool::{FAREWELL, GRACE, Loan, Pool},
    session::{self, Access, Flavour},
    statement::Statement,
    whole,
};
use crate::drivers::{
    Batch, Limits, RowStream,
    batch::{Added, Filling},
};

/// Servers say so of statements that have to go as text: not preparable, unknown command.
const CANNOT_PREPARE: [u16; 3] = [1295, 1235, 1047];

/// Sets the session up and opens the run's transaction with its clock.
pub(super) async fn begin(
    pool: &Pool,
    loan: &mut Loan,
    access: Access,
    time: Duration,
) -> Result<(), Failed> {
    let sql = session::opening(pool.flavour(), access, time);
    let opening = async { loan.conn()?.query_drop(sql).await };
    pool.within(FAREWELL, "opening a transaction", opening)
        .await
}

/// Rolls back and returns the connection, or throws it away if that fails.
pub(super) async fn finish(pool: &Pool, mut loan: Loan, prepared: Option<Handle>) {
    let transactions = pool.flavour().has_transactions();
    let ending = async {
        let conn = loan.conn()?;
        if let Some(handle) = prepared {
            conn.close(handle).await?;
        }
        if transactions {
            conn.query_drop("ROLLBACK").await?;
        }
        Ok(())
    };
    match pool.within(FAREWELL, "rolling back", ending).await {
        Ok(()) => loan.give_back(),
        Err(failed) if failed.line == Line::Lost => loan.abandon(),
        Err(_) => drop(loan),
    }
}

/// Ends a run that failed, by what is left of its connection.
pub(super) async fn part(
    pool: &Pool,
    loan: Loan,
    prepared: Option<Handle>,
    failed: Failed,
) -> Error {
    match failed.line {
        Line::Whole => finish(pool, loan, prepared).await,
        // Dropping it stops what runs on it.
        Line::Busy => drop(loan),
        Line::Lost => loan.abandon(),
    }
    failed.error
}

/// Ends an act, well or badly.
pub(super) async fn parted<T>(pool: &Pool, loan: Loan, done: Result<T, Failed>) -> Result<T> {
    match done {
        Ok(done) => {
            finish(pool, loan, None).await;
            Ok(done)
        }
        Err(failed) => Err(part(pool, loan, None, failed).await),
    }
}

/// How a statement travels.
pub(super) enum Prepared {
    /// Prepared, with its rows in binary.
    Binary(Handle),
    /// As it stands, with its rows as text.
    Text,
}

impl Prepared {
    /// What has to be closed on the server.
    pub(super) fn handle(&self) -> Option<Handle> {
        match self {
            Self::Binary(handle) => Some(handle.clone()),
            Self::Text => None,
        }
    }
}

/// Proves that the server takes the text, and as one statement.
pub(super) async fn prepare(
    pool: &Pool,
    loan: &mut Loan,
    statement: &Statement,
    time: Duration,
) -> Result<Prepared, Failed> {
    if statement.is_rewritten() {
        return Ok(Prepared::Text);
    }
    let sql = statement.sql.as_str();
    let preparing = async { loan.conn()?.prep(sql).await };
    match pool.running(time, preparing).await {
        Ok(handle) if handle.num_params() > 0 => Err(Failed::refused(Error::invalid(
            "sql",
            "has parameters (?); write the values into the query",
        ))),
        Ok(handle) if handle.columns().iter().all(cells::has_binary_form) => {
            Ok(Prepared::Binary(handle))
        }
        Ok(_) => Ok(Prepared::Text),
        Err(failed) if must_go_as_text(pool.flavour(), failed.code) => Ok(Prepared::Text),
        Err(failed) => Err(failed),
    }
}

/// Doris and StarRocks prepare few statements and have no number for the others; run as text, a statement that is
/// wrong fails as it should.
fn must_go_as_text(flavour: Flavour, code: u16) -> bool {
    CANNOT_PREPARE.contains(&code) || (flavour == Flavour::Doris && code != 0)
}

/// Rows in either form.
pub(super) enum Answer<'a> {
    Binary(QueryResult<'a, 'static, BinaryProtocol>),
    Text(QueryResult<'a, 'static, TextProtocol>),
}

impl Answer<'_> {
    /// The next row, read from the wire when it is asked for.
    pub(super) async fn next(&mut self) -> mysql_async::Result<Option<Row>> {
        match self {
            Self::Binary(result) => result.next().await,
            Self::Text(result) => result.next().await,
        }
    }

    /// Reads rows until a batch is full or a cap stands against the next; [`Added::Room`] means that there are no
    /// more.
    async fn fill(
        &mut self,
        shapes: &[cells::Shape],
        filling: &mut Filling,
    ) -> mysql_async::Result<Added> {
        match self {
            Self::Binary(result) => fill(result, shapes, filling).await,
            Self::Text(result) => fill(result, shapes, filling).await,
        }
    }

    pub(super) fn affected_rows(&self) -> u64 {
        match self {
            Self::Binary(result) => result.affected_rows(),
            Self::Text(result) => result.affected_rows(),
        }
    }

    fn columns(&self) -> Arc<[Column]> {
        let columns = match self {
            Self::Binary(result) => result.columns(),
            Self::Text(result) => result.columns(),
        };
        columns.unwrap_or_default()
    }
}

/// As [`Answer::fill`], of one form: a choice and two futures more for each row took a tenth of an export's time. The
/// library's stream of rows would make a future on the heap for each.
async fn fill<P: Protocol>(
    result: &mut QueryResult<'_, 'static, P>,
    shapes: &[cells::Shape],
    filling: &mut Filling,
) -> mysql_async::Result<Added> {
    while let Some(row) = result.next().await? {
        match filling.add(cells::row(shapes, row)) {
            Added::Room => {}
            enough => return Ok(enough),
        }
    }
    Ok(Added::Room)
}

/// Sends the statement and waits for the head of its answer, which may take as long as the whole query.
pub(super) async fn execute<'a>(
    pool: &Pool,
    loan: &'a mut Loan,
    prepared: &Prepared,
    statement: &Statement,
    time: Duration,
) -> Result<Answer<'a>, Failed> {
    let sending = async move {
        let conn = loan.conn()?;
        Ok(match prepared {
            Prepared::Binary(handle) => Answer::Binary(conn.exec_iter(handle.clone(), ()).await?),
            Prepared::Text => Answer::Text(conn.query_iter(statement.sql.clone()).await?),
        })
    };
    pool.running(time, sending).await
}

/// A piece of a run.
enum Part {
    /// First of all.
    Columns(Vec<ResultColumn>),
    Batch(Batch),
}

/// How a run's rows ended.
enum End {
    Whole,
    /// A cap was reached, and this is the word on it.
    Cut(Batch),
    Failed(Failed),
}

/// Begins a run and answers as soon as its columns are known.
pub(super) async fn stream(pool: Arc<Pool>, sql: &str, limits: Limits) -> Result<RowStream> {
    let statement = Statement::read(sql)?;
    statement.must_read()?;
    let loan = Pool::borrow(&pool, limits.time).await?;
    let mut parts = run(pool, loan, statement, limits).boxed();
    let columns = match parts.next().await {
        Some(Ok(Part::Columns(columns))) => columns,
        Some(Err(error)) => return Err(error),
        Some(Ok(Part::Batch(_))) | None => return Err(no_query()),
    };
    let batches = parts.filter_map(|part| {
        future::ready(match part {
            Ok(Part::Batch(batch)) => Some(Ok(batch)),
            Ok(Part::Columns(_)) => None,
            Err(error) => Some(Err(error)),
        })
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

fn no_query() -> Error {
    Error::invalid("sql", "is no query: it returns no columns")
}

/// The run itself. It goes on only while it is polled, so a slow reader slows the server down; dropped, it drops the
/// loan, and that stops the statement.
fn run(
    pool: Arc<Pool>,
    mut loan: Loan,
    statement: Statement,
    limits: Limits,
) -> impl Stream<Item = Result<Part>> + Send {
    async_stream::stream! {
        let mut handle = None;
        let end = 'run: {
            if let Err(failed) = begin(&pool, &mut loan, Access::Read, limits.time).await {
                break 'run End::Failed(failed);
            }
            let prepared = match prepare(&pool, &mut loan, &statement, limits.time).await {
                Ok(prepared) => prepared,
                Err(failed) => break 'run End::Failed(failed),
            };
            handle = prepared.handle();
            let known = handle.as_ref().map(Handle::columns).unwrap_or_default();
            let deadline = Instant::now() + limits.time + GRACE;
            let mut executing =
                pin!(execute(&pool, &mut loan, &prepared, &statement, limits.time));
            // One look sends the statement: the server works while the columns are told.
            let early = poll!(executing.as_mut());
            if !known.is_empty() {
                yield Ok(Part::Columns(cells::describe(&known)));
            }
            let executed = match early {
                Poll::Ready(executed) => executed,
                Poll::Pending => executing.await,
            };
            let mut answer = match executed {
                Ok(answer) => answer,
                Err(failed) => break 'run End::Failed(failed),
            };
            let columns = answer.columns();
            if columns.is_empty() {
                break 'run End::Failed(Failed::refused(no_query()));
            }
            if known.is_empty() {
                yield Ok(Part::Columns(cells::describe(&columns)));
            }
            let shapes: Vec<cells::Shape> = columns.iter().map(cells::shape).collect();
            let mut filling = Filling::new(limits);
            let end = loop {
                let filled = answer.fill(&shapes, &mut filling);
                let filled = match timeout_at(deadline, filled).await {
                    Ok(Ok(filled)) => filled,
                    Ok(Err(error)) if is_too_large(&error) => Added::Over,
                    Ok(Err(error)) => break End::Failed(pool.failed(limits.time, &error)),
                    Err(_) => break End::Failed(Failed::late("the query", limits.time)),
                };
                match filled {
                    Added::Room => break End::Whole,
                    Added::Full => {
                        if let Some(rows) = filling.take() {
                            yield Ok(Part::Batch(rows));
                        }
                    }
                    Added::Over => break End::Cut(filling.cut()),
                }
            };
            if let Some(rows) = filling.take() {
                yield Ok(Part::Batch(rows));
            }
            end
        };
        let end = match end {
            End::Whole => match whole::check(&pool, &mut loan).await {
                Ok(()) => End::Whole,
                Err(failed) => End::Failed(failed),
            },
            end => end,
        };
        match end {
            End::Whole => finish(&pool, loan, handle).await,
            End::Cut(cut) => {
                // The rest is still on its way: the statement is stopped, not read to its end.
                drop(loan);
                yield Ok(Part::Batch(cut));
            }
            End::Failed(failed) => {
                let error = part(&pool, loan, handle, failed).await;
                yield Err(error);
            }
        }
    }
}
