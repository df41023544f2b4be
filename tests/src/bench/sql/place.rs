//! The databases that are measured: a file each for SQLite and DuckDB, one each on the servers of the run.

use std::any::Any;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tidegate_schema::model::{Connection, Engine};

use super::{data, library::Library};
use crate::{app::sqlite, databases, mariadb, postgres};

/// A database full of orders.
pub(super) struct Place {
    pub(super) connection: Connection,
    /// The engine's own client on it.
    pub(super) library: Library,
    /// Takes the database with it.
    _keep: Box<dyn Any>,
}

impl Place {
    /// Every engine's.
    pub(super) async fn all() -> Result<Vec<Self>> {
        let places = [
            Self::sqlite()?,
            Self::postgres().await?,
            Self::mariadb().await?,
        ];
        Ok(places.into_iter().chain(Self::duckdb()?).collect())
    }

    /// A SQLite file.
    fn sqlite() -> Result<Self> {
        let dir = TempDir::new()?;
        let path = dir.path().join("orders.db");
        let sql = data::tables(Engine::Sqlite) + &data::rows().concat();
        databases::make(&path, &sql)?;
        Ok(Self {
            connection: sqlite(&path),
            library: Library::Sqlite(rusqlite::Connection::open(&path)?),
            _keep: Box::new(dir),
        })
    }

    /// A database on PostgreSQL.
    async fn postgres() -> Result<Self> {
        let sql = data::tables(Engine::Postgres) + &data::rows().concat();
        let database = postgres::Database::with(&sql).await?;
        Ok(Self {
            connection: database.connection()?,
            library: Library::postgres(&database.url()).await?,
            _keep: Box::new(database),
        })
    }

    async fn mariadb() -> Result<Self> {
        let database = mariadb::Database::with(&data::tables(Engine::MariaDb)).await?;
        // One by one: the server takes sixteen megabytes at most.
        for sql in data::rows() {
            database.execute(&sql).await.context("filling MariaDB")?;
        }
        Ok(Self {
            connection: database.connection(),
            library: Library::mariadb(&database.url()).await?,
            _keep: Box::new(database),
        })
    }

    /// Not measured by a build that cannot read it.
    #[cfg(not(feature = "duckdb"))]
    #[expect(clippy::unnecessary_wraps, reason = "builds with the feature may fail")]
    fn duckdb() -> Result<Option<Self>> {
        Ok(None)
    }

    #[cfg(feature = "duckdb")]
    fn duckdb() -> Result<Option<Self>> {
        let dir = TempDir::new()?;
        let path = dir.path().join("orders.duckdb");
        let file = duckdb::Connection::open(&path)?;
        let rows = data::rows().concat();
        file.execute_batch(&format!(
            "BEGIN; {} {rows} COMMIT; CHECKPOINT;",
            data::tables(Engine::DuckDb)
        ))?;
        // Whoever writes has to be alone, and everybody reads from here on.
        drop(file);
        let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly)?;
        Ok(Some(Self {
            connection: Connection {
                engine: Engine::DuckDb,
                ..sqlite(&path)
            },
            library: Library::DuckDb(duckdb::Connection::open_with_flags(&path, config)?),
            _keep: Box::new(dir),
        }))
    }
}
