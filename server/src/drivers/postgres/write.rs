//! Changes: one statement in a transaction of its own that may write, kept at its end or not at all.

use std::time::Duration;

use tidegate_schema::{Error, Result};

use super::{
    bound::Statement,
    pool::{Loan, Pool},
    rows::{GRACE, finish, open},
};

/// For making a change last; a server that is busy writing may take its time.
const COMMIT: Duration = Duration::from_secs(30);

/// Runs one statement and keeps what it changed; how many rows that are.
pub(super) async fn write(pool: &Pool, loan: Loan, sql: &str, time: Duration) -> Result<u64> {
    match change(pool, &loan, sql, time).await {
        Ok(rows) => {
            commit(pool, &loan).await?;
            loan.give_back();
            Ok(rows)
        }
        // It may be stuck. Its connection is closed here, and the server takes back what was not committed.
        Err(error @ Error::Timeout { .. }) => Err(error),
        Err(error) => {
            finish(loan).await;
            Err(error)
        }
    }
}

async fn change(pool: &Pool, loan: &Loan, sql: &str, time: Duration) -> Result<u64> {
    // COMMIT, too, is a statement without columns. A WITH that changes rows is none the guard lets through.
    if !Statement::read(sql).is_change() {
        return Err(Error::Forbidden {
            reason: "only INSERT, UPDATE, DELETE and MERGE change rows here".to_owned(),
        });
    }
    open(pool, loan, "READ WRITE", time).await?;
    let client = loan.client();
    // Preparing proves that the text is one statement.
    let prepared = client.prepare(sql);
    let statement = pool
        .within(time + GRACE, "preparing the statement", prepared)
        .await?;
    if !statement.params().is_empty() {
        return Err(Error::invalid(
            "sql",
            "has parameters ($1); write the values into the statement",
        ));
    }
    if !statement.columns().is_empty() {
        return Err(Error::invalid(
            "sql",
            "returns rows; read them with a query after the change",
        ));
    }
    let running = client.execute(&statement, &[]);
    pool.within(time + GRACE, "changing rows", running).await
}

async fn commit(pool: &Pool, loan: &Loan) -> Result<()> {
    let committing = loan.client().batch_execute("COMMIT");
    match tokio::time::timeout(COMMIT, committing).await {
        Ok(Ok(())) => Ok(()),
        // A rule that is checked at the end: the server has taken all of it back.
        Ok(Err(error)) if error.as_db_error().is_some() => Err(pool.error(COMMIT, &error)),
        _ => Err(Error::upstream(
            pool.name(),
            "the connection was lost while the change was being kept, so it is not known whether it was; look before \
             it is sent again",
        )),
    }
}
