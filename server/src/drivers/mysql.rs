//! MySQL, MariaDB and what speaks their wire: a small pool, a session set up anew for every run, one read-only
//! transaction per run that is rolled back.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate_schema::{
    Result,
    model::{Catalogue, CatalogueTable, Connection, Engine},
};

use super::{Driver, Limits, RowStream};

mod cells;
mod failure;
mod geometry;
mod introspect;
mod plan;
mod pool;
mod reach;
mod rows;
mod sample;
mod session;
mod spelling;
mod statement;
#[cfg(test)]
mod tests;
mod whole;
mod write;

use introspect::Scope;
use pool::Pool;

/// For acts that come without limits of their own.
const SMALL_ACT: Duration = Duration::from_secs(10);
/// For reading a large catalogue.
const INTROSPECTION: Duration = Duration::from_mins(1);

/// A database on a server that speaks MySQL's wire.
pub struct MySql {
    engine: Engine,
    scope: Scope,
    pool: Arc<Pool>,
}

impl MySql {
    /// Connects once, to prove that the server answers and the password is right.
    pub async fn connect(name: &str, connection: &Connection, timeout: Duration) -> Result<Self> {
        let driver = Self {
            engine: connection.engine,
            scope: Scope::of(&connection.database),
            pool: Arc::new(Pool::new(name, connection, timeout)?),
        };
        driver.ping().await?;
        Ok(driver)
    }
}

#[async_trait]
impl Driver for MySql {
    fn engine(&self) -> Engine {
        self.engine
    }

    async fn ping(&self) -> Result<()> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let answer = async { loan.ping().await };
        match self
            .pool
            .within(SMALL_ACT, "the server's answer", answer)
            .await
        {
            Ok(()) => {
                loan.give_back();
                Ok(())
            }
            Err(failed) => Err(rows::part(&self.pool, loan, None, failed).await),
        }
    }

    async fn introspect(&self) -> Result<Catalogue> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let found = introspect::catalogue(&self.pool, &mut loan, &self.scope, INTROSPECTION).await;
        rows::parted(&self.pool, loan, found).await
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        let mut loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let found = introspect::fingerprint(&self.pool, &mut loan, &self.scope, SMALL_ACT).await;
        rows::parted(&self.pool, loan, found).await
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        sample::values(&self.pool, tables).await
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        plan::plan(&self.pool, sql, SMALL_ACT).await
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        rows::stream(self.pool.clone(), sql, limits).await
    }

    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        write::write(&self.pool, sql, time).await
    }
}
