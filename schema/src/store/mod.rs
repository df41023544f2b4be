//! The store: one repository over SQLite (default) and PostgreSQL.
//!
//! [`Store`] is cheap to clone and has a method per act, in one file per noun. A method is a query, or one
//! transaction, and nothing else: rules live with the callers, time is handed in. Which backends exist is known
//! only here: a body is ordinary Diesel code that [`with_read`], [`with_write`] and [`with_tx`] expand once for
//! each.
//!
//! SQLite has one writer connection, so transactions queue for it and never fail on a lock that another one of
//! ours holds, and four readers that cannot write. A turn is stored in two transactions: the question, then the
//! answer. Whatever happens between them, a round holds its question alone or is complete; a round without a
//! `view` message that nobody is working on was cut.

mod audit;
mod catalogues;
mod columns;
mod conversations;
mod datasources;
mod deployments;
mod error;
mod examples;
mod feedback;
mod imports;
mod instances;
mod keys;
mod messages;
mod migrations;
mod print;
mod seal;
mod search;
mod turns;
mod uploads;
mod url;
mod usage;

use std::{path::Path, time::Duration};

use diesel::{
    ConnectionError, SqliteConnection, connection::SimpleConnection as _, prelude::*,
    result::Error as QueryError,
};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, bb8},
    sync_connection_wrapper::SyncConnectionWrapper,
};
use futures::FutureExt as _;

use self::{migrations::Way, url::Place};
pub use self::{print::print_tables, seal::Sealer, url::StoreUrl, usage::UsageOf};
use crate::{Error, Result, tables::store_facts};

type PgConn = AsyncPgConnection;
type SqliteConn = SyncConnectionWrapper<SqliteConnection>;

/// Our own data: datasources, conversations, keys, the audit log.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    sealer: Sealer,
}

#[derive(Clone)]
enum Pools {
    Sqlite {
        /// One connection: writers queue here rather than collide in the file.
        write: bb8::Pool<SqliteConn>,
        /// Connections that cannot write.
        read: bb8::Pool<SqliteConn>,
    },
    Postgres(bb8::Pool<PgConn>),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.pools {
            Pools::Sqlite { .. } => "Store(sqlite)",
            Pools::Postgres(_) => "Store(postgres)",
        })
    }
}

/// Runs a body that only reads.
macro_rules! with_read {
    ($store:expr, |$conn:ident| $body:expr) => {
        match &$store.pools {
            $crate::store::Pools::Sqlite { read, .. } => {
                let mut guard = read.get().await?;
                let $conn: &mut $crate::store::SqliteConn = &mut guard;
                $body
            }
            $crate::store::Pools::Postgres(pool) => {
                let mut guard = pool.get().await?;
                let $conn: &mut $crate::store::PgConn = &mut guard;
                $body
            }
        }
    };
}

/// Runs a body of one writing statement.
macro_rules! with_write {
    ($store:expr, |$conn:ident| $body:expr) => {
        match &$store.pools {
            $crate::store::Pools::Sqlite { write, .. } => {
                let mut guard = write.get().await?;
                let $conn: &mut $crate::store::SqliteConn = &mut guard;
                $body
            }
            $crate::store::Pools::Postgres(pool) => {
                let mut guard = pool.get().await?;
                let $conn: &mut $crate::store::PgConn = &mut guard;
                $body
            }
        }
    };
}

/// Runs a body of several statements as one transaction; an error takes all of it back.
macro_rules! with_tx {
    ($store:expr, |$conn:ident| $body:expr) => {
        match &$store.pools {
            $crate::store::Pools::Sqlite { write, .. } => {
                let mut guard = write.get().await?;
                let tx: &mut $crate::store::SqliteConn = &mut guard;
                // Immediate: a transaction that reads first and then writes could not get the lock any more.
                tx.immediate_transaction(async |$conn: &mut $crate::store::SqliteConn| $body).await
            }
            $crate::store::Pools::Postgres(pool) => {
                let mut guard = pool.get().await?;
                let tx: &mut $crate::store::PgConn = &mut guard;
                tx.transaction(async |$conn: &mut $crate::store::PgConn| $body).await
            }
        }
    };
}

use {with_read, with_tx, with_write};

const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a call waits for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// The wait for a lock comes first: the others take locks themselves. What was acknowledged, a revoked key or an
/// answer, must survive a loss of power, hence the full synchronisation.
const WRITER_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";
const READER_SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; \
    PRAGMA cache_size = -16000;";

/// Where the proof of the key lies, and what it says.
const PROOF: &str = "secret_key_proof";
const PROOF_TEXT: &[u8] = b"tidegate";

impl Store {
    /// Opens the store, making and migrating it as needed.
    ///
    /// Fails with [`Error::Invalid`] when it cannot be reached or `sealer` is not the key it was made with, and
    /// with [`Error::Conflict`] when a newer program wrote it.
    pub async fn open(url: &StoreUrl, sealer: Sealer) -> Result<Self> {
        let pools = match &url.0 {
            Place::Sqlite(path) => open_sqlite(url, path).await?,
            Place::Postgres(address) => open_postgres(url, address).await?,
        };
        let store = Self { pools, sealer };
        store.prove_key().await?;
        Ok(store)
    }

    /// Whether the store answers: reads a row that is always there.
    pub async fn health(&self) -> Result<()> {
        self.proof()
            .await?
            .map(|_| ())
            .ok_or_else(|| Error::internal("reading the store", "its proof is gone"))
    }

    /// Takes every migration back, which empties the store. For tests.
    #[cfg(feature = "testing")]
    pub async fn revert(url: &StoreUrl) -> Result<()> {
        match &url.0 {
            Place::Sqlite(path) => {
                let mut conn = connect_writer(path_text(path)?)
                    .await
                    .map_err(|e| error::cannot_open(url, &e))?;
                migrations::sqlite(&mut conn, Way::Down).await
            }
            Place::Postgres(address) => {
                let conn = PgConn::establish(address)
                    .await
                    .map_err(|e| error::cannot_open(url, &e))?;
                migrations::postgres(conn, Way::Down).await
            }
        }
    }

    /// The first to open a store leaves a sealed proof; everyone after must be able to open it.
    async fn prove_key(&self) -> Result<()> {
        let proof = if let Some(proof) = self.proof().await? {
            proof
        } else {
            let sealed = self.sealer.seal(PROOF, PROOF_TEXT)?;
            let row = (store_facts::name.eq(PROOF), store_facts::value.eq(sealed));
            with_write!(self, |conn| {
                diesel::insert_into(store_facts::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?
            });
            // Another may have been first.
            self.proof().await?.unwrap_or_default()
        };
        match self.sealer.unseal(PROOF, &proof) {
            Some(text) if text == PROOF_TEXT => Ok(()),
            _ => Err(seal::wrong_key()),
        }
    }

    async fn proof(&self) -> Result<Option<Vec<u8>>> {
        let query = store_facts::table.find(PROOF).select(store_facts::value);
        Ok(with_read!(self, |conn| query
            .first(conn)
            .await
            .optional()?))
    }
}

async fn open_sqlite(url: &StoreUrl, path: &Path) -> Result<Pools> {
    let file = path_text(path)?;
    prepare_file(url, path)?;
    let mut conn = connect_writer(file)
        .await
        .map_err(|error| error::cannot_open(url, &error))?;
    migrations::sqlite(&mut conn, Way::Up).await?;
    drop(conn);
    let write = bb8::Pool::builder()
        .max_size(1)
        .connection_timeout(WAIT)
        .retry_connection(false)
        .build(sqlite_manager(file, WRITER_SETTINGS))
        .await;
    let read = bb8::Pool::builder()
        .max_size(READERS)
        .connection_timeout(WAIT)
        .retry_connection(false)
        .build(sqlite_manager(file, READER_SETTINGS))
        .await;
    let opened = |error| Error::internal("opening the store", error);
    Ok(Pools::Sqlite {
        write: write.map_err(opened)?,
        read: read.map_err(opened)?,
    })
}

async fn open_postgres(url: &StoreUrl, address: &str) -> Result<Pools> {
    let conn = PgConn::establish(address)
        .await
        .map_err(|error| error::cannot_open(url, &error))?;
    migrations::postgres(conn, Way::Up).await?;
    let pool = bb8::Pool::builder()
        .max_size(POSTGRES_CONNECTIONS)
        .connection_timeout(WAIT)
        .retry_connection(false)
        .build(AsyncDieselConnectionManager::new(address))
        .await;
    Ok(Pools::Postgres(pool.map_err(|error| {
        Error::internal("opening the store", error)
    })?))
}

fn sqlite_manager(file: &str, settings: &'static str) -> AsyncDieselConnectionManager<SqliteConn> {
    let mut config = ManagerConfig::<SqliteConn>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |file| {
        let file = file.to_owned();
        async move { connect_sqlite(&file, settings).await }.boxed()
    });
    AsyncDieselConnectionManager::new_with_config(file, config)
}

async fn connect_sqlite(file: &str, settings: &'static str) -> Result<SqliteConn, ConnectionError> {
    let mut conn = SqliteConn::establish(file).await?;
    conn.spawn_blocking(move |conn| conn.batch_execute(settings))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// The first connection to a new file switches its journal, and SQLite does not wait for a lock while it does:
/// when two programs start together, one of them has to ask again.
async fn connect_writer(file: &str) -> Result<SqliteConn, ConnectionError> {
    let mut tries = 0;
    loop {
        match connect_sqlite(file, WRITER_SETTINGS).await {
            Err(ConnectionError::CouldntSetupConfiguration(QueryError::DatabaseError(
                _,
                detail,
            ))) if tries < 100 && detail.message().contains("locked") => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// A new file is readable by its owner alone; SQLite gives its journal the same mode.
fn prepare_file(url: &StoreUrl, path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::invalid(
            "database.url",
            format!("{url} cannot be made: {error}; name a file in a folder you may write to"),
        )
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match seal::private_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| {
            Error::invalid(
                "database.url",
                format!(
                    "'{}' is not a path in UTF-8; choose another",
                    path.display()
                ),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_survives_a_loss_of_power() {
        use diesel::{dsl::sql, sql_types::Integer};

        const FULL: i32 = 2;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let mut conn = connect_writer(path_text(&path).expect("a path"))
            .await
            .expect("opens");
        let setting = diesel::select(sql::<Integer>(
            "(SELECT synchronous FROM pragma_synchronous)",
        ));
        let setting: i32 = setting.get_result(&mut conn).await.expect("answers");
        assert_eq!(setting, FULL);
    }
}
