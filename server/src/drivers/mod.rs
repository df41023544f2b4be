//! The user's databases: one trait over plain data, one file per engine.
//!
//! A driver knows nothing of grants, conversations or the store; it connects, introspects, describes, runs
//! and cancels. Whatever it is handed to run has passed the guard first; the session is read-only all the same.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use tidegate_schema::{
    Result,
    model::{Catalogue, Cell, Connection, Engine, ResultColumn, RowSet},
};

pub mod postgres;
pub mod sqlite;
mod values;

/// Rows that travel together once a stream has begun.
const ROWS_PER_BATCH: usize = 256;

/// A longer document stays text: taken apart it would need many times its size.
const MAX_JSON_BYTES: usize = 1 << 20;

/// Caps on one run; each is announced in the result when it bites.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At most so many rows.
    pub rows: usize,
    /// At most so many bytes of cells, roughly.
    pub bytes: usize,
    /// At most so long.
    pub time: Duration,
}

impl Default for Limits {
    /// What a person at a screen can use: 10,000 rows, 32 MiB, 30 s.
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 32 << 20,
            time: Duration::from_secs(30),
        }
    }
}

/// A piece of a streaming result.
#[derive(Debug)]
pub enum Batch {
    /// Some rows; at most a few hundred.
    Rows(Vec<Vec<Cell>>),
    /// A cap was reached after so many rows; nothing follows.
    Cut(usize),
}

/// A result whose columns are known and whose rows are on their way.
///
/// Dropping it cancels the query in the database.
pub struct RowStream {
    /// Columns, known before the first row.
    pub columns: Vec<ResultColumn>,
    /// Rows, with back-pressure.
    pub batches: BoxStream<'static, Result<Batch>>,
}

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// A connected (pooled) database.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Which engine.
    fn engine(&self) -> Engine;

    /// Proves that the database answers.
    async fn ping(&self) -> Result<()>;

    /// Tables, columns, keys and sampled values, in a handful of queries.
    async fn introspect(&self) -> Result<Catalogue>;

    /// The first of `fields`, the names after a dot, that is a column of none of `tables` and that the engine would
    /// take for the call of a function which may do more than compute. Tables are spelled as in the statement.
    async fn field_that_calls(
        &self,
        _fields: &[String],
        _tables: &[String],
    ) -> Result<Option<String>> {
        Ok(None)
    }

    /// The engine's plan of a statement, without running it. Fails as the statement would fail to prepare.
    async fn dry_run(&self, sql: &str) -> Result<String>;

    /// Runs one read-only statement and streams its rows.
    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream>;

    /// Runs one read-only statement and gathers its rows up to the caps.
    async fn run(&self, sql: &str, limits: Limits) -> Result<RowSet>;
}

/// Opens a database. `${env:NAME}` in the password is read from the environment here, if NAME ends in PASSWORD or
/// begins with PG.
pub async fn connect(
    name: &str,
    connection: &Connection,
    connect_timeout: Duration,
) -> Result<Arc<dyn Driver>> {
    match connection.engine {
        Engine::Sqlite => Ok(Arc::new(sqlite::Sqlite::open(name, connection).await?)),
        Engine::Postgres => Ok(Arc::new(
            postgres::Postgres::connect(name, connection, connect_timeout).await?,
        )),
    }
}

/// A stream read to its end.
async fn gather(stream: RowStream, started: Instant) -> Result<RowSet> {
    let RowStream {
        columns,
        mut batches,
    } = stream;
    let mut set = RowSet {
        columns,
        ..RowSet::default()
    };
    while let Some(batch) = batches.next().await {
        match batch? {
            Batch::Rows(rows) => set.rows.extend(rows),
            Batch::Cut(rows) => set.cut_at = Some(rows),
        }
    }
    set.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(set)
}

/// What a cell weighs against [`Limits::bytes`].
fn cell_bytes(cell: &Cell) -> usize {
    size_of::<Cell>()
        + match cell {
            Cell::Text(text) | Cell::Decimal(text) => text.len(),
            Cell::Bytes(bytes) => bytes.len(),
            Cell::Json(value) => json_bytes(value),
            _ => 0,
        }
}

fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;

    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json_bytes).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| key.len() + json_bytes(value))
                .sum(),
            _ => 0,
        }
}
