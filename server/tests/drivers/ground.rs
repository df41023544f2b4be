//! The four engines: a file each for SQLite and DuckDB, a database of its own each on the test run's PostgreSQL and
//! MariaDB.

#[cfg(feature = "duckdb")]
mod duckdb;
mod file;
mod mariadb;
mod postgres;
mod sqlite;

use tidegate_schema::model::Engine;

use crate::bed::Ground;
pub(crate) use file::at;

/// An empty database of an engine.
pub(crate) async fn of(engine: Engine) -> Box<dyn Ground> {
    match engine {
        Engine::Sqlite => Box::new(sqlite::SqliteFile::new()),
        Engine::Postgres => Box::new(postgres::PostgresDatabase::new().await),
        Engine::MariaDb => Box::new(mariadb::MariaDbDatabase::new().await),
        #[cfg(feature = "duckdb")]
        Engine::DuckDb => Box::new(duckdb::DuckDbFile::new()),
        other => panic!("{} has no ground here", other.title()),
    }
}

/// What the test command sets, or a word on how to have it set.
#[expect(
    clippy::disallowed_methods,
    reason = "the test command names its servers so"
)]
fn server(variable: &str, example: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run the tests by `cargo xtask test`, or put a running server's address there \
             ({example})"
        )
    })
}
