//! One run: a read-only transaction, the statement prepared for its columns, its rows streamed, all rolled back.
//!
//! Columns come from preparing, so they are known when there are no rows, and preparing proves that the text is
//! one statement. Rows then come in the server's binary form where all columns are of common types, which is quicker
//! on both sides; else in its own text form: exact for every type there is, extensions' included, where the binary
//! form would need a decoder for each.

mod binary;
mod wire;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use tidegate_schema::{Error, Result, model::ResultColumn};
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use self::wire::{Sent, Wire};
use super::{
    bound::Statement,
    pool::{Loan, Pool},
    text,
};
use crate::drivers::{
    Batch, Limits, RowStream,
    batch::{Added, Filling},
};

/// The server stops a statement itself; this much later we stop waiting for it to do so.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// For the rollback after a run, and for cancelling one.
const FAREWELL: Duration = Duration::from_secs(5);
/// A cancel request that overtook its query did nothing; it is sent again after so long.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// Opens the run's transaction with its clock.
pub(super) async fn begin(pool: &Pool, loan: &Loan, time: Duration) -> Result<()> {
    open(pool, loan, "READ ONLY", time).await
}

/// Opens a transaction, `READ ONLY` or `READ WRITE`, with its clock.
pub(super) async fn open(pool: &Pool, loan: &Loan, access: &str, time: Duration) -> Result<()> {
    let time_ms = time.as_millis().clamp(1, 86_400_000);
    let lock_ms = time_ms.min(5_000);
    let sql = format!(
        "BEGIN {access}; SET LOCAL statement_timeout = {time_ms}; SET LOCAL lock_timeout = {lock_ms}"
    );
    pool.within(
        FAREWELL,
        "opening a transaction",
        loan.client().batch_execute(&sql),
    )
    .await
}

/// Rolls back and returns the connection, or throws it away if that fails.
pub(super) async fn finish(loan: Loan) {
    let rolled_back = tokio::time::timeout(FAREWELL, loan.client().batch_execute("ROLLBACK")).await;
    if matches!(rolled_back, Ok(Ok(()))) {
        loan.give_back();
    }
}

/// The plan of a query or a change, in the transaction that is open; empty for what is neither (`SHOW`, `EXPLAIN`).
pub(super) async fn plan(pool: &Pool, loan: &Loan, sql: &str, time: Duration) -> Result<String> {
    let statement = Statement::read(sql);
    if !statement.is_change() {
        // A change returns no columns, which preparing insists on; its plan says by itself whether it can run.
        prepare(pool, loan, sql, time).await?;
        if !statement.is_query() {
            return Ok(String::new());
        }
    }
    let explain = format!("EXPLAIN {}", statement.sql);
    let rows = pool
        .within(time, "planning", loan.client().simple_query(&explain))
        .await?;
    let line = |message: SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(rows
        .into_iter()
        .filter_map(line)
        .collect::<Vec<_>>()
        .join("\n"))
}

/// Begins a run and answers as soon as its columns are known.
pub(super) async fn stream(
    pool: Arc<Pool>,
    loan: Loan,
    sql: &str,
    limits: Limits,
) -> Result<RowStream> {
    let begun = async {
        begin(&pool, &loan, limits.time).await?;
        let prepared = prepare(&pool, &loan, sql, limits.time).await?;
        let wire = Wire::open(&pool, &loan, sql, &prepared, limits).await?;
        Ok((describe(&prepared), wire))
    };
    let (columns, wire) = match begun.await {
        Ok(begun) => begun,
        Err(error) => {
            // A failed transaction is ended by its rollback; one that timed out may be stuck, and is not waited for.
            if !matches!(error, Error::Timeout { .. }) {
                finish(loan).await;
            }
            return Err(error);
        }
    };
    let run = Run {
        loan: Some(loan),
        wire: Some(wire),
        pool,
        limits,
        deadline: Instant::now() + limits.time + GRACE,
        filling: Filling::new(limits),
        held: None,
        cut: false,
    };
    let batches = stream::unfold(Some(run), |run| async {
        let mut run = run?;
        match run.next_batch().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(run))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(RowStream {
        columns,
        batches: batches.boxed(),
    })
}

/// Proves that the text is one statement that returns columns. Nothing else is ever run.
async fn prepare(
    pool: &Pool,
    loan: &Loan,
    sql: &str,
    time: Duration,
) -> Result<tokio_postgres::Statement> {
    let statement = pool
        .within(
            time + GRACE,
            "preparing the query",
            loan.client().prepare(sql),
        )
        .await?;
    if !statement.params().is_empty() {
        return Err(Error::invalid(
            "sql",
            "has parameters ($1); write the values into the query",
        ));
    }
    if statement.columns().is_empty() {
        return Err(Error::invalid("sql", "is no query: it returns no columns"));
    }
    Ok(statement)
}

/// Columns as the server describes them.
fn describe(prepared: &tokio_postgres::Statement) -> Vec<ResultColumn> {
    let columns = prepared.columns().iter();
    columns
        .map(|column| ResultColumn {
            name: column.name().to_owned(),
            kind: text::reader(column.type_()).0,
            data_type: column.type_().name().to_owned(),
        })
        .collect()
}

/// Why no more rows are waited for just now.
enum Filled {
    /// The batch should travel.
    Full,
    /// A cap of the run is reached.
    Over,
    /// The statement has ended.
    End,
    /// A value is not what its type says.
    Unreadable,
    /// The statement has failed.
    Failed(tokio_postgres::Error),
}

/// A run whose rows are on their way.
struct Run {
    /// Taken when the statement has ended by itself and there is nothing to cancel.
    loan: Option<Loan>,
    /// Taken when the rest of them is drained behind the reader's back.
    wire: Option<Wire>,
    pool: Arc<Pool>,
    limits: Limits,
    deadline: Instant,
    filling: Filling,
    /// Set once the rows have failed or a cap was reached behind rows that still had to go out.
    held: Option<Result<Batch>>,
    cut: bool,
}

impl Run {
    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        if let Some(held) = self.held.take() {
            return held.map(Some);
        }
        if self.loan.is_none() || self.cut {
            return Ok(None);
        }
        // One clock for the whole batch: one for each row costs more than the row.
        let filled = tokio::time::timeout_at(self.deadline, self.fill()).await;
        let end = match filled {
            Ok(Filled::Full) => None,
            Ok(Filled::Over) => {
                self.cut = true;
                Some(Ok(self.filling.cut()))
            }
            Ok(Filled::End) => {
                self.end().await;
                None
            }
            Ok(Filled::Unreadable) => Some(Err(Error::upstream(
                self.pool.name(),
                "the server sent a value that is not of its column's type; cast the column to text",
            ))),
            Ok(Filled::Failed(error)) => {
                let error = self.pool.error(self.limits.time, &error);
                self.end().await;
                Some(Err(error))
            }
            Err(_) => Some(Err(Error::Timeout {
                what: "the query".into(),
                limit: self.limits.time,
            })),
        };
        let Some(rows) = self.filling.take() else {
            return end.transpose();
        };
        self.held = end;
        Ok(Some(rows))
    }

    /// Takes rows in until the batch should travel or none follow. What was taken in stays if it is dropped.
    async fn fill(&mut self) -> Filled {
        let Some(wire) = self.wire.as_mut() else {
            return Filled::End;
        };
        loop {
            let added = match wire.next().await {
                Ok(Sent::Row(row)) => self.filling.add(row),
                Ok(Sent::TooLarge) => Added::Over,
                Ok(Sent::Unreadable) => return Filled::Unreadable,
                Ok(Sent::End) => return Filled::End,
                Err(error) => return Filled::Failed(error),
            };
            match added {
                Added::Room => {}
                Added::Full => return Filled::Full,
                Added::Over => return Filled::Over,
            }
        }
    }

    /// The statement is over, well or badly: the connection may live on.
    async fn end(&mut self) {
        if let Some(loan) = self.loan.take() {
            finish(loan).await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let (Some(loan), Some(mut wire)) = (self.loan.take(), self.wire.take()) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (token, pool) = (loan.client().cancel_token(), self.pool.clone());
        // The connection goes with it: a late cancel would hit whatever ran on it next.
        runtime.spawn(async move {
            let end = Instant::now() + FAREWELL;
            let mut over = false;
            while !over && Instant::now() < end {
                let asked =
                    tokio::time::timeout(CANCEL_AGAIN, token.cancel_query(pool.tls())).await;
                if !matches!(asked, Ok(Ok(()))) {
                    tracing::debug!("a cancel request did not arrive");
                }
                over = tokio::time::timeout(CANCEL_AGAIN, wire.drain())
                    .await
                    .is_ok();
            }
            drop(loan);
        });
    }
}
