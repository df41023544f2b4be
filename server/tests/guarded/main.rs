//! Guard and drivers against real databases: a SQLite file, private PostgreSQL and MariaDB servers.

mod chance;
mod mariadb;
mod postgres;
mod properties;
mod reads;
mod server;

use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};

/// A connection to a SQLite file.
fn file(path: &std::path::Path) -> Connection {
    Connection {
        engine: Engine::Sqlite,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}
