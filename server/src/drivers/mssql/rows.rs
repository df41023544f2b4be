//! One run: a transaction, the statement described for its columns, its rows streamed, all rolled back.
//!
//! The rows borrow the connection, so a task of their own reads them and hands them on through a short channel. It
//! watches the clock whether or not anybody reads, as the server has no time limit of its own, and it stops the
//! statement as soon as the reader leaves.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tiberius::{Client, QueryItem, error::Error as Said};
use tidegate_schema::{Error, Result, model::ResultColumn};
use tokio::sync::{mpsc, oneshot};

use super::{
    errors,
    pool::{self, Loan, Pool},
    shape::{self, Described, Shape},
    stopped,
    wire::Wire,
};
use crate::drivers::{
    Batch, Limits, RowStream,
    batch::{Added, Filling},
};

/// Batches on their way while the reader is busy.
const BATCHES_AHEAD: usize = 2;
/// Columns without a bound of their own, where the server did not say which they are.
const LARGE_COLUMNS: usize = 4;

/// What the reading task hands on. The end is said, so that a task that died is not taken for one that is done.
enum Sent {
    Batch(Batch),
    End,
}

/// How the rows ended.
enum Ended {
    Whole,
    Cut,
}

/// Why there are no (more) rows.
struct Failed {
    error: Error,
    /// Whether the statement is over and the connection can take the next.
    usable: bool,
}

/// Begins a run and answers as soon as its columns are known.
pub(super) async fn stream(
    pool: Arc<Pool>,
    loan: Loan,
    sql: &str,
    limits: Limits,
) -> Result<RowStream> {
    let name = pool.name().to_owned();
    let (columns_in, columns_out) = oneshot::channel();
    let (rows_in, rows_out) = mpsc::channel(BATCHES_AHEAD);
    let run = Run {
        pool,
        sql: sql.to_owned(),
        limits,
        columns: Some(columns_in),
        rows: rows_in,
        filling: Filling::new(limits),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with its reader or its clock, and on shutdown the closed connection ends the statement"
    )]
    tokio::spawn(run.go(loan));
    let columns = columns_out.await.map_err(|_| stopped(&name))??;
    let batches = stream::unfold(Some((rows_out, name)), |state| async {
        let (mut rows, name) = state?;
        match rows.recv().await {
            Some(Ok(Sent::Batch(batch))) => Some((Ok(batch), Some((rows, name)))),
            Some(Ok(Sent::End)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(stopped(&name)), None)),
        }
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

/// A run on its way.
struct Run {
    pool: Arc<Pool>,
    sql: String,
    limits: Limits,
    /// Taken once the columns are told.
    columns: Option<oneshot::Sender<Result<Vec<ResultColumn>>>>,
    rows: mpsc::Sender<Result<Sent>>,
    filling: Filling,
}

impl Run {
    async fn go(mut self, mut loan: Loan) {
        let reader = self.rows.clone();
        let time = self.limits.time;
        let done = tokio::select! {
            biased;
            () = reader.closed() => None,
            done = tokio::time::timeout(time, self.read(loan.client())) => Some(done),
        };
        match done {
            None => loan.abandon().await,
            Some(Ok(Ok(Ended::Whole))) => {
                loan.finish().await;
                self.tell(Sent::End).await;
            }
            Some(Ok(Ok(Ended::Cut))) => {
                // The reader need not wait for the statement to be stopped, nor the other way round.
                let told = async {
                    self.tell(Sent::Batch(self.filling.cut())).await;
                    self.tell(Sent::End).await;
                };
                tokio::join!(loan.stop(), told);
            }
            Some(Ok(Err(failed))) => {
                if failed.usable {
                    loan.finish().await;
                } else {
                    loan.abandon().await;
                }
                self.fail(failed.error).await;
            }
            Some(Err(_)) => {
                loan.abandon().await;
                let error = Error::Timeout {
                    what: "the query".into(),
                    limit: time,
                };
                self.fail(error).await;
            }
        }
    }

    /// Reads the statement to its end, or as far as the caps allow.
    async fn read(&mut self, client: &mut Client<Wire>) -> Result<Ended, Failed> {
        let shape = match shape::describe(client, &self.sql).await {
            Ok(Shape::Known(columns)) if columns.is_empty() => return Err(no_query()),
            Ok(Shape::Known(columns)) => Some(columns),
            Ok(Shape::Unknown) => None,
            Ok(Shape::Wrong(wrong)) => {
                return Err(Failed {
                    error: self.pool.refused(&wrong),
                    usable: true,
                });
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let shape = shape.as_deref();
        let Some(exact) = shape.and_then(shape::exact) else {
            return self.rows_of(client, None, shape).await;
        };
        match self.rows_of(client, Some(&exact), shape).await {
            // What the server does not like may be the declared columns; the query itself tells.
            Err(failed) if failed.usable && self.columns.is_some() => {
                self.rows_of(client, None, shape).await
            }
            done => done,
        }
    }

    /// Runs the statement in a new transaction, by itself or as `@P1` of another.
    async fn rows_of(
        &mut self,
        client: &mut Client<Wire>,
        outer: Option<&str>,
        shape: Option<&[Described]>,
    ) -> Result<Ended, Failed> {
        let value_bytes = value_bytes(self.limits, shape);
        let begun = pool::batch(client, &begin(self.limits, value_bytes)).await;
        begun.map_err(|error| self.failed(&error))?;
        let rows = match outer {
            Some(outer) => client.query(outer, &[&self.sql]).await,
            None => client.query(self.sql.as_str(), &[]).await,
        };
        let mut rows = rows.map_err(|error| self.failed(&error))?;
        let sent = rows.columns().await.map_err(|error| self.failed(&error))?;
        let (columns, readers) = shape::columns(sent.unwrap_or_default(), shape);
        if columns.is_empty() {
            return Err(no_query());
        }
        if let Some(told) = self.columns.take() {
            // A reader that left is noticed by whoever watches the channel of the rows.
            drop(told.send(Ok(columns)));
        }
        loop {
            let row = match rows.try_next().await {
                Ok(Some(QueryItem::Row(row))) => row,
                Ok(Some(QueryItem::Metadata(result))) if result.result_index() == 0 => continue,
                Ok(Some(QueryItem::Metadata(_))) => {
                    return Err(Failed {
                        error: Error::Forbidden {
                            reason: "more than one result; send one query at a time".into(),
                        },
                        usable: false,
                    });
                }
                Ok(None) => {
                    self.hand_on().await?;
                    return Ok(Ended::Whole);
                }
                Err(error) => {
                    self.hand_on().await?;
                    return Err(self.failed(&error));
                }
            };
            let (mut cells, mut torn) = (Vec::with_capacity(readers.len()), false);
            for (data, reader) in row.into_iter().zip(&readers) {
                torn |= reader.may_be_cut(&data, value_bytes);
                cells.push(reader.cell(data));
            }
            let added = if torn {
                Added::Over
            } else {
                self.filling.add(cells)
            };
            match added {
                Added::Room => {}
                Added::Full => self.hand_on().await?,
                Added::Over => {
                    self.hand_on().await?;
                    return Ok(Ended::Cut);
                }
            }
        }
    }

    async fn hand_on(&mut self) -> Result<(), Failed> {
        let Some(rows) = self.filling.take() else {
            return Ok(());
        };
        let sent = self.rows.send(Ok(Sent::Batch(rows))).await;
        sent.map_err(|_| Failed {
            error: Error::Conflict {
                reason: "the reader has left".into(),
            },
            usable: false,
        })
    }

    fn failed(&self, error: &Said) -> Failed {
        Failed {
            error: self.pool.error(error),
            usable: errors::leaves_usable(error),
        }
    }

    /// Waits for the reader; one that has left is not missed.
    async fn tell(&self, sent: Sent) {
        drop(self.rows.send(Ok(sent)).await);
    }

    async fn fail(mut self, error: Error) {
        match self.columns.take() {
            Some(told) => drop(told.send(Err(error))),
            None => drop(self.rows.send(Err(error)).await),
        }
    }
}

fn no_query() -> Failed {
    Failed {
        error: Error::invalid("sql", "is no query: it returns no columns"),
        usable: true,
    }
}

/// How much of one large value the server sends: more than fits into the result, so that a value cut off by the
/// server is never shown, and little enough that a row of them fits into memory.
fn value_bytes(limits: Limits, shape: Option<&[Described]>) -> usize {
    let large = shape.map_or(LARGE_COLUMNS, |shape| {
        shape.iter().filter(|column| column.is_large()).count()
    });
    // Text takes up to twice its size on the wire.
    let bytes = limits.bytes.saturating_mul(2).saturating_add(2) / large.max(1);
    // Even, as half a character would not be sent.
    bytes.clamp(2, i32::MAX as usize) & !1
}

fn begin(limits: Limits, value_bytes: usize) -> String {
    let lock_ms = limits.time.as_millis().clamp(1, 5_000);
    format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCK_TIMEOUT {lock_ms}; SET TEXTSIZE {value_bytes}; \
         IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; BEGIN TRANSACTION"
    )
}
