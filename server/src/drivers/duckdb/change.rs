//! One change: everyone else lets go of the file, it is opened for writing, changed in a transaction, and closed.
//!
//! DuckDB gives a file to one writer or to many readers. Those who want to read meanwhile wait.

use std::time::Duration;

use duckdb::Connection;
use tidegate_schema::{Error, Result};
use tokio::task::spawn_blocking;

use super::{
    Source,
    session::{self, Mode},
    statement,
    watch::Watch,
};
use crate::drivers::clock::{Clock as _, wait};

/// Runs one statement that changes rows; how many it changed.
pub(super) async fn write(source: &Source, sql: &str, time: Duration) -> Result<u64> {
    let sql = statement::one(sql)?;
    if !statement::changes_rows(sql) {
        return Err(Error::Forbidden {
            reason: "only INSERT, UPDATE, DELETE and MERGE change a database here".into(),
        });
    }
    let alone = source.file.alone(time).await?;
    let watch = Watch::start(time);
    let _leash = watch.leash();
    let (writer, sql, clock, ending) = (
        source.clone(),
        sql.to_owned(),
        watch.clone(),
        watch.ending(),
    );
    let running = spawn_blocking(move || {
        // Dropped in the reverse order: the file is closed again before anyone else may open it.
        let _alone = alone;
        writer.file.close();
        let connection = session::open(&writer, Mode::Write)?;
        let _ending = ending;
        clock.attach(&connection);
        change(&connection, &writer, &sql, &clock)
    });
    let joined = wait(&watch, running).await?;
    joined.map_err(|_| source.stopped())?
}

fn change(connection: &Connection, source: &Source, sql: &str, watch: &Watch) -> Result<u64> {
    let failed = |error: duckdb::Error| source.error(&error);
    connection
        .execute_batch("BEGIN TRANSACTION")
        .map_err(failed)?;
    let changed = run(connection, sql)
        .map_err(|error| watch.explain(failed(error)))
        .and_then(|changed| watch.begin_commit().map(|()| changed));
    match changed {
        Ok(changed) => {
            connection.execute_batch("COMMIT").map_err(failed)?;
            Ok(changed)
        }
        Err(error) => {
            // An interrupt that comes late must not stop the way back.
            watch.detach();
            if let Err(error) = connection.execute_batch("ROLLBACK") {
                // Closing rolls back as well.
                tracing::debug!(%error, "a change was rolled back by closing the file");
            }
            Err(error)
        }
    }
}

fn run(connection: &Connection, sql: &str) -> duckdb::Result<u64> {
    let mut statement = connection.prepare(sql)?;
    let changed = statement.execute([])?;
    // With RETURNING the result is the changed rows themselves, and no count of them.
    let schema = statement.schema();
    let is_count = schema.fields().len() == 1 && schema.field(0).name() == "Count";
    let changed = if changed == 0 && !is_count {
        statement.row_count()
    } else {
        changed
    };
    Ok(changed as u64)
}
