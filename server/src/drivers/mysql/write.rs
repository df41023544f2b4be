//! A change: one statement in a transaction of its own, committed at the end and rolled back on any error.

use std::{sync::Arc, time::Duration};

use mysql_async::prelude::Queryable;
use tidegate_schema::{Error, Result};

use super::{
    failure::{Failed, Line},
    pool::{FAREWELL, Loan, Pool},
    rows::{begin, execute, parted, prepare},
    session::Access,
    statement::Statement,
    whole,
};

/// Runs one statement that changes rows; how many it changed.
pub(super) async fn write(pool: &Arc<Pool>, sql: &str, time: Duration) -> Result<u64> {
    let statement = Statement::read(sql)?;
    statement.must_write()?;
    let mut loan = Pool::borrow(pool, time).await?;
    let changed = changed(pool, &mut loan, &statement, time).await;
    parted(pool, loan, changed).await
}

async fn changed(
    pool: &Pool,
    loan: &mut Loan,
    statement: &Statement,
    time: Duration,
) -> Result<u64, Failed> {
    begin(pool, loan, Access::Write, time).await?;
    let prepared = prepare(pool, loan, statement, time).await?;
    let mut answer = execute(pool, loan, &prepared, statement, time).await?;
    let counting = async {
        // Whatever it returns beside the count is not asked for.
        while answer.next().await?.is_some() {}
        Ok(answer.affected_rows())
    };
    let rows = pool.running(time, counting).await?;
    drop(answer);
    // Strict mode makes errors of most; what was changed by a part is taken back.
    whole::check(pool, loan).await?;
    let transactions = pool.flavour().has_transactions();
    let committing = async {
        let conn = loan.conn()?;
        if let Some(handle) = prepared.handle() {
            conn.close(handle).await?;
        }
        if transactions {
            conn.query_drop("COMMIT").await?;
        }
        Ok(())
    };
    pool.within(FAREWELL, "the commit", committing)
        .await
        .map_err(|failed| unconfirmed(pool, failed))?;
    Ok(rows)
}

/// A server that falls silent may have committed or not.
fn unconfirmed(pool: &Pool, failed: Failed) -> Failed {
    if failed.line == Line::Whole {
        return failed;
    }
    let message = format!(
        "the change was sent but not confirmed, so it may have been made or not; look at the rows before trying \
         again ({})",
        failed.error
    );
    Failed {
        error: Error::upstream(pool.name(), message),
        ..failed
    }
}
