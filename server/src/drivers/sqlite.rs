//! SQLite files: opened read-only, watched by an authorizer and a clock, run on blocking threads.
//!
//! The file is never created, never written and never locked for longer than a read. Whatever the guard lets
//! through, this session cannot attach, set a pragma, load an extension or change a row.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::ErrorCode;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Connection, Engine},
};
use tokio::task::spawn_blocking;

use super::{
    Driver, Limits, RowStream,
    clock::{Clock as _, wait},
    place,
    slots::{Idle, Slot, Slots},
};

mod cells;
mod functions;
mod introspect;
mod parcel;
mod rows;
mod search;
mod session;
mod write;

/// Connections to one file at a time. Readers of one file share its page cache only through the kernel.
const CONNECTIONS: usize = 4;
/// How long a writer elsewhere may keep us waiting for its lock.
const BUSY: Duration = Duration::from_secs(5);
/// For acts that come without limits of their own.
const SMALL_ACT: Duration = Duration::from_secs(10);

/// A SQLite file.
pub struct Sqlite {
    pool: Arc<Pool>,
}

/// Idle connections and the right to hold one.
struct Pool {
    /// The datasource's name, for messages.
    name: String,
    path: PathBuf,
    idle: Idle<rusqlite::Connection>,
    slots: Slots,
}

/// One connection on loan; it goes back unless it is lost on the way.
struct Loan {
    pool: Arc<Pool>,
    connection: Option<rusqlite::Connection>,
    _slot: Slot,
}

impl Sqlite {
    /// Opens an existing file and proves that it is a database.
    pub async fn open(name: &str, connection: &Connection) -> Result<Self> {
        let path = place::existing_file(connection)?;
        let pool = Arc::new(Pool {
            name: name.to_owned(),
            path,
            idle: Idle::new(),
            slots: Slots::new(CONNECTIONS),
        });
        let driver = Self { pool };
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
        act: impl FnOnce(&rusqlite::Connection, &Pool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let loan = Pool::borrow(&self.pool, limit).await?;
        let watch = session::Watch::new(limit);
        let clock = watch.clone();
        let running = spawn_blocking(move || {
            let mut loan = loan;
            loan.open()?;
            let connection = loan.connection();
            clock.install(connection, BUSY.min(limit));
            let done = act(connection, &loan.pool);
            let done = done.map_err(|error| clock.explain(error));
            session::Watch::remove(connection);
            done
        });
        let joined = wait(&watch, running).await?;
        joined.map_err(|_| self.pool.stopped())?
    }
}

#[async_trait]
impl Driver for Sqlite {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn ping(&self) -> Result<()> {
        self.with_connection(SMALL_ACT, |connection, pool| {
            connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
                .map_err(|error| pool.error(&error))
        })
        .await
    }

    async fn introspect(&self) -> Result<Catalogue> {
        self.with_connection(Duration::from_mins(1), |connection, pool| {
            introspect::catalogue(connection).map_err(|error| pool.error(&error))
        })
        .await
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        self.with_connection(SMALL_ACT, |connection, pool| {
            introspect::fingerprint(connection)
                .map(Some)
                .map_err(|error| pool.error(&error))
        })
        .await
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        self.with_connection(Duration::from_mins(1), |connection, _| {
            let mut tables = tables;
            introspect::sample(connection, &mut tables);
            Ok(tables)
        })
        .await
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        let sql = sql.to_owned();
        self.with_connection(SMALL_ACT, move |connection, pool| {
            rows::plan(connection, &sql).map_err(|error| pool.error(&error))
        })
        .await
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        let loan = Pool::borrow(&self.pool, limits.time).await?;
        rows::stream(loan, sql.to_owned(), limits).await
    }

    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        // A place among the connections; the one that writes is opened for this change alone.
        let loan = Pool::borrow(&self.pool, time).await?;
        let watch = session::Watch::new(time);
        let (clock, sql) = (watch.clone(), sql.to_owned());
        let running = spawn_blocking(move || {
            write::write(&loan.pool, &sql, &clock).map_err(|error| clock.explain(error))
        });
        let joined = wait(&watch, running).await?;
        joined.map_err(|_| self.pool.stopped())?
    }
}

impl Pool {
    /// Waits for the right to use a connection. It is opened later, on the thread that will use it.
    async fn borrow(pool: &Arc<Self>, patience: Duration) -> Result<Loan> {
        let slot = pool.slots.take(patience).await?;
        Ok(Loan {
            pool: pool.clone(),
            connection: pool.idle.take(),
            _slot: slot,
        })
    }

    /// The database's own words, by what the caller can do about them.
    fn error(&self, error: &rusqlite::Error) -> Error {
        let message = match error {
            rusqlite::Error::MultipleStatement => {
                return Error::Forbidden {
                    reason: "more than one statement; send one query at a time".into(),
                };
            }
            rusqlite::Error::SqliteFailure(code, text) => {
                let text = text.clone().unwrap_or_else(|| code.to_string());
                match code.code {
                    ErrorCode::NotADatabase => {
                        format!("'{}' is not a SQLite database", self.path.display())
                    }
                    ErrorCode::CannotOpen => format!(
                        "'{}' cannot be opened: {text}; check that the file and its folder may be read \
                         (a database in WAL mode needs its -wal and -shm files beside it)",
                        self.path.display()
                    ),
                    ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                        format!("{text}: another program keeps the file locked; try again")
                    }
                    ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly => {
                        return Error::Forbidden {
                            reason: format!("the session is read-only: {text}"),
                        };
                    }
                    _ => text,
                }
            }
            rusqlite::Error::SqlInputError { msg, offset, .. } if *offset >= 0 => {
                format!("{msg} (at byte {offset})")
            }
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        };
        Error::upstream(&self.name, message)
    }

    /// A thread that ended without a word: a panic in the database library, already logged by the panic hook.
    fn stopped(&self) -> Error {
        Error::upstream(
            &self.name,
            "reading the file stopped unexpectedly; is the file damaged?",
        )
    }
}

impl Loan {
    /// Opens the connection unless an idle one was found. Blocks.
    fn open(&mut self) -> Result<()> {
        if self.connection.is_none() {
            let opened = session::open(&self.pool.path);
            self.connection = Some(opened.map_err(|error| self.pool.error(&error))?);
        }
        Ok(())
    }

    fn connection(&self) -> &rusqlite::Connection {
        self.connection
            .as_ref()
            .expect("a loan is opened before it is used")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // A thread that panicked may have left a statement behind: its connection is not lent again.
        if let Some(connection) = self.connection.take().filter(|_| !std::thread::panicking()) {
            self.pool.idle.keep(connection);
        }
    }
}

#[cfg(test)]
mod tests;
