//! DuckDB files: opened read-only with the outside world shut off, watched by a clock, run on blocking threads.
//!
//! The file is never created and never written but by [`Driver::write`]. It is let go when nobody has asked for a
//! while, so that other programs can write it. Whatever the guard lets through, this session runs queries only, and
//! can neither reach another file nor change a setting.
//!
//! DuckDB's library is loaded when the first file is opened; a server without DuckDB files does without it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Connection, Engine},
};
use tokio::task::spawn_blocking;

use super::{
    Driver, Limits, RowStream,
    clock::{Clock as _, wait},
    place,
};

mod cells;
mod change;
mod file;
mod introspect;
mod memory;
mod nested;
mod parcel;
mod rows;
mod said;
mod session;
mod statement;
mod times;
mod types;
mod values;
mod watch;

use file::{File, Lent, Loan};
use watch::Watch;

/// For acts that come without limits of their own.
const SMALL_ACT: Duration = Duration::from_secs(10);
/// For reading a large catalogue.
const INTROSPECTION: Duration = Duration::from_mins(1);
/// For looking at values, all tables together.
const SAMPLING_TIME: Duration = Duration::from_secs(1);
/// For one query of the look.
const SAMPLING_QUERY: Duration = Duration::from_millis(300);

/// A DuckDB file.
pub struct DuckDb {
    source: Source,
}

/// The file, and what its datasource is called in messages.
#[derive(Clone)]
struct Source {
    name: Arc<str>,
    file: Arc<File>,
}

impl DuckDb {
    /// Opens an existing file and proves that it is a database.
    pub async fn open(name: &str, connection: &Connection) -> Result<Self> {
        let path = place::existing_file(connection)?;
        let loading = spawn_blocking(crate::drivers::duckdb_library::load).await;
        loading
            .map_err(|error| Error::internal("loading DuckDB's library", error))?
            .map_err(|fault| Error::Unsupported {
                what: format!(
                    "DuckDB files cannot be read here, as DuckDB's library cannot be loaded: {fault}; \
                     `cargo xtask run` provisions it, or set DUCKDB_LIB_DIR to the folder of libduckdb.so"
                ),
            })?;
        let driver = Self {
            source: Source {
                name: name.into(),
                file: File::of(&path),
            },
        };
        driver.ping().await.map_err(|error| match error {
            Error::Upstream { message, .. } => Error::invalid("path", message),
            other => other,
        })?;
        Ok(driver)
    }

    /// Runs `act` with a connection on a blocking thread, at most so long.
    async fn with_connection<T: Send + 'static>(
        &self,
        limit: Duration,
        act: impl FnOnce(&Lent<'_>, &Source) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let loan = Loan::borrow(&self.source, limit).await?;
        let watch = Watch::start(limit);
        let _leash = watch.leash();
        let (source, clock, ending) = (self.source.clone(), watch.clone(), watch.ending());
        let running = spawn_blocking(move || {
            // Dropped in the reverse order: the clock lets go of the connection before it is lent again.
            let mut loan = loan;
            let _ending = ending;
            let connection = loan.open()?;
            clock.attach(&connection);
            act(&connection, &source).map_err(|error| clock.explain(error))
        });
        let joined = wait(&watch, running).await?;
        joined.map_err(|_| self.source.stopped())?
    }
}

#[async_trait]
impl Driver for DuckDb {
    fn engine(&self) -> Engine {
        Engine::DuckDb
    }

    async fn ping(&self) -> Result<()> {
        self.with_connection(SMALL_ACT, |connection, source| {
            let answer = connection.execute_batch("SELECT 1");
            answer.map_err(|error| source.error(&error))
        })
        .await
    }

    async fn introspect(&self) -> Result<Catalogue> {
        self.with_connection(INTROSPECTION, |connection, source| {
            introspect::catalogue(connection).map_err(|error| source.error(&error))
        })
        .await
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        self.with_connection(INTROSPECTION, |connection, source| {
            let print = introspect::fingerprint(connection);
            print.map(Some).map_err(|error| source.error(&error))
        })
        .await
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        let mut tables = tables;
        let end = Instant::now() + SAMPLING_TIME;
        for chunk in values::columns(&tables).chunks(values::COLUMNS_PER_QUERY) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let sql = values::look(&tables, chunk);
            let looking =
                self.with_connection(left.min(SAMPLING_QUERY), move |connection, source| {
                    values::seen(connection, &sql).map_err(|error| source.error(&error))
                });
            match looking.await {
                Ok(seen) => values::keep(&mut tables, chunk, seen),
                Err(error) => tracing::debug!(%error, "no values were sampled"),
            }
        }
        Ok(tables)
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        if let Some(plan) = rows::known_plan(&self.source, sql) {
            return Ok(plan);
        }
        let sql = sql.to_owned();
        self.with_connection(SMALL_ACT, move |connection, source| {
            rows::plan(connection, source, &sql)
        })
        .await
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        let loan = Loan::borrow(&self.source, limits.time).await?;
        rows::stream(loan, self.source.clone(), sql.to_owned(), limits).await
    }

    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        change::write(&self.source, sql, time).await
    }
}

impl Source {
    /// The database's own words, by what the caller can do about them.
    fn error(&self, error: &duckdb::Error) -> Error {
        said::explain(self, error)
    }

    /// A thread that ended without a word: a panic in the database library, already logged by the panic hook.
    fn stopped(&self) -> Error {
        Error::upstream(
            &*self.name,
            "reading the file stopped unexpectedly; is the file damaged?",
        )
    }
}

#[cfg(test)]
mod tests;
