//! SQL Server over TDS: a small pool, one transaction per run that is rolled back whatever happens.
//!
//! The server has no read-only transaction. What keeps a session from changing rows is, in this order: the guard,
//! the driver's own look at the words of the text ([`words`]), and the rollback at the end of every run, which the
//! server also makes by itself when the connection goes. A rollback cannot undo everything: numbers drawn from a
//! sequence or an identity column stay drawn, and what a procedure did outside of the database stays done. The last
//! word has the login: one in the role `db_datareader` and no other cannot change anything at all.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Connection, Engine},
};

use super::{Driver, Limits, RowStream};

mod cells;
mod errors;
mod introspect;
mod plan;
mod pool;
mod rows;
mod sample;
mod shape;
mod tls;
mod wire;
mod words;
mod write;

use pool::Pool;
use words::Act;

/// For acts that come without limits of their own.
const SMALL_ACT: Duration = Duration::from_secs(10);
/// For reading a large catalogue.
const INTROSPECTION: Duration = Duration::from_mins(1);
/// For the rollback after a run, and for stopping one.
const FAREWELL: Duration = Duration::from_secs(5);

/// A database on a SQL Server, 2012 or later.
pub struct SqlServer {
    pool: Arc<Pool>,
}

impl SqlServer {
    /// Connects once, to prove that the server answers and the password is right. An empty database name is the
    /// login's own default database.
    pub async fn connect(name: &str, connection: &Connection, timeout: Duration) -> Result<Self> {
        let driver = Self {
            pool: Arc::new(Pool::new(name, connection, timeout)?),
        };
        driver.ping().await?;
        Ok(driver)
    }
}

#[async_trait]
impl Driver for SqlServer {
    fn engine(&self) -> Engine {
        Engine::SqlServer
    }

    async fn ping(&self) -> Result<()> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let answer = pool::batch(loan.client(), "SELECT 1");
        self.pool
            .within(SMALL_ACT, "the server's answer", answer)
            .await?;
        loan.give_back();
        Ok(())
    }

    async fn introspect(&self) -> Result<Catalogue> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let catalogue = introspect::catalogue(loan.client());
        let catalogue = self
            .pool
            .within(INTROSPECTION, "reading the catalogue", catalogue)
            .await?;
        loan.give_back();
        Ok(catalogue)
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let fingerprint = introspect::fingerprint(loan.client());
        let fingerprint = self
            .pool
            .within(SMALL_ACT, "looking for changed tables", fingerprint)
            .await?;
        loan.give_back();
        Ok(fingerprint)
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        sample::sample(&self.pool, tables).await
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        words::check(sql, Act::Planning)?;
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let planned = plan::plan(loan.client(), sql);
        let planned = self.pool.within(SMALL_ACT, "planning", planned).await?;
        loan.give_back();
        planned.map_err(|wrong| self.pool.refused(&wrong))
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        words::check(sql, Act::Reading)?;
        let loan = Pool::borrow(&self.pool, limits.time).await?;
        rows::stream(self.pool.clone(), loan, sql, limits).await
    }

    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        words::check(sql, Act::Writing)?;
        write::write(&self.pool, sql, time).await
    }
}

/// A thing that ended without a word: a panic in a library, already logged by the panic hook.
fn stopped(name: &str) -> Error {
    Error::upstream(name, "reading the rows stopped unexpectedly; try again")
}
