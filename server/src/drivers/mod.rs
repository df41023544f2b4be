//! The user's databases: one trait over plain data, one file per wire or kind of file.
//!
//! A driver knows nothing of grants, conversations or the store; it connects, introspects, describes, runs
//! and cancels. Whatever it is handed to run has passed the guard first; the session is read-only all the same.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Cell, Connection, Engine, ResultColumn, RowSet},
};

mod batch;
mod causes;
pub mod clickhouse;
mod clock;
#[cfg(feature = "duckdb")]
pub mod duckdb;
#[cfg(feature = "duckdb")]
mod duckdb_library;
pub mod files;
mod floats;
mod iso;
mod lexis;
pub mod mssql;
pub mod mysql;
mod place;
pub mod postgres;
mod secret;
mod slots;
pub mod sqlite;
mod threaded;
mod values;

/// Rows that travel together once a stream has begun, unless they are large.
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
    /// Some rows; at most a few hundred, and fewer where they are large.
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

/// Names after a dot and the tables of a statement, for engines that may take such a name for a call.
#[derive(Debug, Clone, Default)]
pub struct FieldCheck {
    /// The names, folded as the engine folds them.
    pub fields: Vec<String>,
    /// The tables, spelled as in the statement.
    pub tables: Vec<String>,
}

/// What a dry run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// The engine's plan; may be empty.
    Plan(String),
    /// Nothing was planned: this name after a dot is a column of none of the tables, and the engine would take it
    /// for the call of a function which may do more than compute. Planning already calls some functions.
    Calls(String),
}

/// A connected (pooled) database.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Which engine.
    fn engine(&self) -> Engine;

    /// Proves that the database answers.
    async fn ping(&self) -> Result<()>;

    /// Tables, columns, keys and comments, in a handful of queries however many tables there are.
    async fn introspect(&self) -> Result<Catalogue>;

    /// A short text that changes when the tables or columns do, had for far less than [`Driver::introspect`];
    /// `None` where the engine has no such thing.
    async fn fingerprint(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// The same tables with sampled values of their short text columns, as far as they could be read in a bounded
    /// time.
    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        Ok(tables)
    }

    /// The engine's plan of a statement, without running it. Fails as the statement would fail to prepare.
    async fn dry_run(&self, sql: &str) -> Result<String>;

    /// [`Driver::dry_run`], with a look first whether one of the names would call a function, where the engine has
    /// such calls; both in one session.
    async fn dry_run_checked(&self, sql: &str, _check: &FieldCheck) -> Result<DryRun> {
        self.dry_run(sql).await.map(DryRun::Plan)
    }

    /// Runs one read-only statement and streams its rows.
    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream>;

    /// Runs one read-only statement and gathers its rows up to the caps.
    async fn run(&self, sql: &str, limits: Limits) -> Result<RowSet> {
        let started = Instant::now();
        gather(self.stream(sql, limits).await?, started).await
    }

    /// Runs one statement that changes rows, in a transaction of its own that is committed at the end and rolled
    /// back on any error, on a session that may write. How many rows it changed.
    ///
    /// Only the guard's writable path calls it.
    async fn write(&self, _sql: &str, _time: Duration) -> Result<u64> {
        Err(Error::Unsupported {
            what: format!(
                "{} is read only here; change its data with a program of its own",
                self.engine().title()
            ),
        })
    }
}

/// Opens a database. `${env:NAME}` in the password is read from the environment here, if NAME ends in PASSWORD or
/// begins with PG.
pub async fn connect(
    name: &str,
    connection: &Connection,
    connect_timeout: Duration,
    cache_dir: &Path,
) -> Result<Arc<dyn Driver>> {
    match connection.engine {
        Engine::Sqlite => Ok(Arc::new(sqlite::Sqlite::open(name, connection).await?)),
        Engine::Postgres
        | Engine::OpenGauss
        | Engine::GaussDb
        | Engine::Greenplum
        | Engine::CockroachDb => Ok(Arc::new(
            postgres::Postgres::connect(name, connection, connect_timeout).await?,
        )),
        Engine::MySql
        | Engine::MariaDb
        | Engine::TiDb
        | Engine::OceanBase
        | Engine::Doris
        | Engine::StarRocks => Ok(Arc::new(
            mysql::MySql::connect(name, connection, connect_timeout).await?,
        )),
        Engine::ClickHouse => Ok(Arc::new(
            clickhouse::ClickHouse::connect(name, connection, connect_timeout).await?,
        )),
        Engine::SqlServer => Ok(Arc::new(
            mssql::SqlServer::connect(name, connection, connect_timeout).await?,
        )),
        Engine::File => Ok(Arc::new(
            files::Files::open(name, connection, cache_dir).await?,
        )),
        #[cfg(feature = "duckdb")]
        Engine::DuckDb => Ok(Arc::new(duckdb::DuckDb::open(name, connection).await?)),
        #[cfg(not(feature = "duckdb"))]
        Engine::DuckDb => Err(Error::Unsupported {
            what: "DuckDB has no driver in this build; build with the feature `duckdb`".to_owned(),
        }),
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
