//! ClickHouse over its HTTP interface, any version from 18 on: read-only requests, rows streamed as text.
//!
//! A port of 8443 or 443, or `https://` before the host, makes it TLS; any other port is plain HTTP. There are no
//! transactions: a statement that writes takes effect block by block.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Cell, Connection, Engine, RowSet},
};

use super::{Driver, Limits, RowStream, gather};

mod address;
mod answer;
mod cells;
mod fault;
mod http;
mod introspect;
mod leash;
mod lines;
mod names;
mod nested;
mod rows;
mod sample;
mod session;
mod statement;
mod suspicion;
mod types;
mod write;

#[cfg(test)]
mod tests;

use http::Server;
use session::Session;
use statement::Statement;

/// For acts that come without limits of their own.
const SMALL_ACT: Limits = Limits {
    rows: 10_000,
    bytes: 4 << 20,
    time: Duration::from_secs(10),
};
/// For reading a large catalogue.
const INTROSPECTION: Limits = Limits {
    rows: 2_000_000,
    bytes: 1 << 30,
    time: Duration::from_mins(1),
};

/// A database on a ClickHouse server.
pub struct ClickHouse {
    server: Arc<Server>,
    session: Session,
}

impl ClickHouse {
    /// Asks the server about itself, which proves that it answers and that user, password and database are right.
    pub async fn connect(name: &str, connection: &Connection, timeout: Duration) -> Result<Self> {
        let server = Server::new(name, connection, timeout)?;
        let session = Session::learn(&server).await?;
        Ok(Self {
            server: Arc::new(server),
            session,
        })
    }

    /// Runs a read-only statement and gathers its rows up to the caps.
    async fn ask(&self, sql: &str, limits: Limits) -> Result<RowSet> {
        let started = Instant::now();
        gather(self.stream(sql, limits).await?, started).await
    }

    /// Rows of a system table: all of them, or an error.
    async fn catalogue_rows(&self, sql: &str) -> Result<Vec<Vec<Cell>>> {
        let set = self.ask(sql, INTROSPECTION).await?;
        match set.cut_at {
            None => Ok(set.rows),
            Some(rows) => Err(self.server.error(&format!(
                "the catalogue has more than {rows} entries, too many to be read; connect to a smaller database"
            ))),
        }
    }
}

#[async_trait]
impl Driver for ClickHouse {
    fn engine(&self) -> Engine {
        Engine::ClickHouse
    }

    async fn ping(&self) -> Result<()> {
        self.ask("SELECT 1", SMALL_ACT).await.map(|_| ())
    }

    async fn introspect(&self) -> Result<Catalogue> {
        introspect::catalogue(self).await
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        introspect::fingerprint(self).await
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        sample::sample(self, tables).await
    }

    /// Servers before 20.6 have no `EXPLAIN`; they check a query by describing what it returns.
    async fn dry_run(&self, sql: &str) -> Result<String> {
        let statement = Statement::read(sql);
        if !statement.is_query() {
            return Ok(String::new());
        }
        if !self.session.explains() {
            // In a line of its own, as a comment may end the statement.
            let described = format!("DESCRIBE TABLE (\n{}\n)", statement.sql);
            self.ask(&described, SMALL_ACT).await?;
            return Ok(String::new());
        }
        let plan = self
            .ask(&format!("EXPLAIN {}", statement.sql), SMALL_ACT)
            .await?;
        let lines = plan
            .rows
            .iter()
            .filter_map(|row| row.first().and_then(Cell::to_text));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        let settings = self.session.reading(limits.time);
        let limit = self.session.limit(limits.time);
        rows::stream(&self.server, sql.to_owned(), &settings, limits, limit).await
    }

    /// ClickHouse has no transactions: what was written before an error stays. It counts inserted rows only, and
    /// servers before 20.1 not even those; then the answer is 0.
    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        let Some(settings) = self.session.writing(time) else {
            return Err(Error::Forbidden {
                reason: "the user of this datasource may only read; give a user that may write"
                    .into(),
            });
        };
        write::run(&self.server, sql.to_owned(), &settings, time).await
    }
}
