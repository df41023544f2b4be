//! A DuckDB file. The library that `cargo xtask test` provisions is loaded by the first call.

use async_trait::async_trait;
use tidegate_schema::model::{Connection, Engine};

use super::file::{Place, at};
use crate::bed::Ground;

pub(super) struct DuckDbFile(Place);

impl DuckDbFile {
    pub(super) fn new() -> Self {
        Self(Place::new("test file.duckdb"))
    }
}

#[async_trait]
impl Ground for DuckDbFile {
    fn connection(&self) -> Connection {
        at(Engine::DuckDb, &self.0.path)
    }

    async fn execute(&self, sql: &str) {
        duckdb::Connection::open(&self.0.path)
            .and_then(|file| file.execute_batch(sql))
            .expect("runs");
    }

    async fn state(&self) -> String {
        self.0.state()
    }

    /// A file that is open for reading cannot be opened for writing in the same process.
    fn lets_one_in(&self) -> bool {
        true
    }

    fn connections(&self) -> usize {
        4
    }
}
