//! One statement that changes rows, in a transaction of its own.

use std::{sync::Arc, time::Duration};

use tiberius::{Client, error::Error as Said};
use tidegate_schema::{Error, Result};

use super::{FAREWELL, pool, pool::Pool, wire::Wire};

const UNCERTAIN: &str =
    "whether the change was kept is not known; look at the rows before you repeat it";

/// Runs it and commits; how many rows it changed. Its connection is closed afterwards, which rolls back what is not
/// committed.
pub(super) async fn write(pool: &Arc<Pool>, sql: &str, time: Duration) -> Result<u64> {
    let mut loan = Pool::borrow_to_write(pool).await?;
    let changed = change(loan.client(), sql, time);
    let changed = pool.within(time, "the change", changed).await;
    let changed = match changed {
        Ok(changed) => changed,
        Err(error) => {
            loan.abandon().await;
            return Err(error);
        }
    };
    let committed = pool::batch(loan.client(), "COMMIT TRANSACTION");
    match tokio::time::timeout(FAREWELL, committed).await {
        Ok(Ok(())) => Ok(changed),
        Ok(Err(error @ Said::Server(_))) => Err(pool.error(&error)),
        Ok(Err(error)) => Err(pool.upstream(&format!("{error}; {UNCERTAIN}"))),
        Err(_) => Err(Error::upstream(
            pool.name(),
            format!("the commit is not answered; {UNCERTAIN}"),
        )),
    }
}

async fn change(client: &mut Client<Wire>, sql: &str, time: Duration) -> Result<u64, Said> {
    let lock_ms = time.as_millis().clamp(1, 5_000);
    let begin = format!("SET LOCK_TIMEOUT {lock_ms}; BEGIN TRANSACTION");
    pool::batch(client, &begin).await?;
    let result = client.execute(sql, &[]).await?;
    // A trigger's own statements are counted before the statement that set it off.
    Ok(result.rows_affected().last().copied().unwrap_or_default())
}
