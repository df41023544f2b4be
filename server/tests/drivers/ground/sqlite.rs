//! A SQLite file.

use async_trait::async_trait;
use tidegate_schema::model::{Connection, Engine};

use super::file::{Place, at};
use crate::bed::Ground;

pub(super) struct SqliteFile(Place);

impl SqliteFile {
    pub(super) fn new() -> Self {
        Self(Place::new("test file.db"))
    }
}

#[async_trait]
impl Ground for SqliteFile {
    fn connection(&self) -> Connection {
        at(Engine::Sqlite, &self.0.path)
    }

    async fn execute(&self, sql: &str) {
        rusqlite::Connection::open(&self.0.path)
            .and_then(|file| file.execute_batch(&format!("BEGIN;\n{sql};\nCOMMIT")))
            .expect("runs");
    }

    async fn state(&self) -> String {
        self.0.state()
    }

    fn connections(&self) -> usize {
        4
    }
}
