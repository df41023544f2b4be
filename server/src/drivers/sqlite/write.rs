//! Changes: a connection of its own that may write, for one statement in one transaction.

use rusqlite::Connection;
use tidegate_schema::{Error, Result};

use super::{
    BUSY, Pool,
    session::{self, Watch},
};
use crate::drivers::clock::Clock as _;

/// Runs one statement and keeps what it changed; how many rows that are. Blocks. Closing the connection takes back
/// what was not committed.
pub(super) fn write(pool: &Pool, sql: &str, watch: &Watch) -> Result<u64> {
    let failed = |error: rusqlite::Error| pool.error(&error);
    let connection = session::open_to_change(&pool.path).map_err(failed)?;
    watch.install(&connection, BUSY.min(watch.left()));
    // The lock comes first: a statement that reads before it writes could not get it any more.
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(failed)?;
    session::allow_changes(&connection).map_err(failed)?;
    let rows = change(pool, &connection, sql)?;
    session::allow_all(&connection).map_err(failed)?;
    // Whoever waited may have been told that it took too long: then nothing of it is kept.
    if watch.is_cancelled() {
        return Err(watch.timeout());
    }
    connection.execute_batch("COMMIT").map_err(failed)?;
    Ok(rows)
}

fn change(pool: &Pool, connection: &Connection, sql: &str) -> Result<u64> {
    let failed = |error: rusqlite::Error| pool.error(&error);
    // Fails for a text of several statements.
    let mut statement = connection.prepare(sql).map_err(failed)?;
    if statement.readonly() {
        return Err(Error::invalid("sql", "changes no rows; run it as a query"));
    }
    if statement.column_count() > 0 {
        return Err(Error::invalid(
            "sql",
            "returns rows; read them with a query after the change",
        ));
    }
    if statement.parameter_count() > 0 {
        return Err(Error::invalid(
            "sql",
            "has parameters (?); write the values into the statement",
        ));
    }
    let rows = statement.execute([]).map_err(failed)?;
    Ok(rows as u64)
}
