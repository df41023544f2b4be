//! Guard and drivers against real databases: files of SQLite and DuckDB, private servers of PostgreSQL, MariaDB and
//! ClickHouse.

mod chance;
mod clickhouse;
#[cfg(feature = "duckdb")]
mod duckdb;
mod mariadb;
mod postgres;
mod properties;
mod reads;
mod server;

use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};

/// A connection to a file of an engine.
fn file(engine: Engine, path: &std::path::Path) -> Connection {
    Connection {
        engine,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}
