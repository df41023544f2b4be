//! PostgreSQL over its own wire: a small pool, read-only sessions, one transaction per run that is rolled back.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Connection, Engine},
};
use tokio_postgres::{
    error::{DbError, ErrorPosition, SqlState},
    types::ToSql,
};

use super::{Driver, DryRun, FieldCheck, Limits, RowStream, causes::with_causes, secret};

mod bound;
mod introspect;
mod pool;
mod rows;
mod text;
mod tls;
mod write;

use pool::{Loan, Pool};

/// For acts that come without limits of their own.
const SMALL_ACT: Duration = Duration::from_secs(10);
/// For reading a large catalogue.
const INTROSPECTION: Duration = Duration::from_mins(1);

/// `x.f` is read as `f(x)` where x has no column f. The system's functions that only compute are left out.
const FIELD_THAT_CALLS: &str = "
    SELECT p.proname::text FROM pg_catalog.pg_proc p
    WHERE p.proname = ANY ($1::text[]::name[])
        AND p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1
        AND (p.provolatile = 'v' OR p.pronamespace <> 'pg_catalog'::regnamespace)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_attribute a
            WHERE a.attname = p.proname AND NOT a.attisdropped
                AND a.attrelid IN (SELECT pg_catalog.to_regclass(t)::oid FROM pg_catalog.unnest($2::text[]) t)
        )
    LIMIT 1";

/// A database on a PostgreSQL server.
pub struct Postgres {
    engine: Engine,
    pool: Arc<Pool>,
}

impl Postgres {
    /// Connects once, to prove that the server answers and the password is right.
    pub async fn connect(name: &str, connection: &Connection, timeout: Duration) -> Result<Self> {
        let driver = Self {
            engine: connection.engine,
            pool: Arc::new(Pool::new(name, connection, timeout)?),
        };
        driver.ping().await?;
        Ok(driver)
    }

    /// The first name after a dot that the server would take for a call, asked in the transaction that is open.
    async fn field_that_calls(&self, loan: &Loan, check: &FieldCheck) -> Result<Option<String>> {
        if check.fields.is_empty() {
            return Ok(None);
        }
        let params: [&(dyn ToSql + Sync); 2] = [&check.fields, &check.tables];
        let found = loan.client().query_opt(FIELD_THAT_CALLS, &params);
        let found = self
            .pool
            .within(SMALL_ACT, "looking up functions", found)
            .await?;
        Ok(found.map(|row| row.get(0)))
    }
}

#[async_trait]
impl Driver for Postgres {
    fn engine(&self) -> Engine {
        self.engine
    }

    async fn ping(&self) -> Result<()> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let answer = loan.client().simple_query("SELECT 1");
        self.pool
            .within(SMALL_ACT, "the server's answer", answer)
            .await?;
        loan.give_back();
        Ok(())
    }

    async fn introspect(&self) -> Result<Catalogue> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        rows::begin(&self.pool, &loan, INTROSPECTION).await?;
        let catalogue = introspect::catalogue(loan.client());
        let catalogue = self
            .pool
            .within(INTROSPECTION, "reading the catalogue", catalogue)
            .await?;
        rows::finish(loan).await;
        Ok(catalogue)
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        rows::begin(&self.pool, &loan, SMALL_ACT).await?;
        let asked = introspect::fingerprint(loan.client());
        let asked = self
            .pool
            .within(SMALL_ACT, "reading the catalogue's state", asked)
            .await;
        match asked {
            Ok(fingerprint) => {
                rows::finish(loan).await;
                Ok(Some(fingerprint))
            }
            // A server that speaks the wire and keeps its catalogue otherwise.
            Err(error @ Error::Upstream { .. }) => {
                tracing::debug!(%error, "the structure has no fingerprint");
                rows::finish(loan).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        rows::begin(&self.pool, &loan, INTROSPECTION).await?;
        let sampled = introspect::sample(loan.client(), tables);
        let sampled = self
            .pool
            .within(INTROSPECTION, "looking at values", sampled)
            .await?;
        rows::finish(loan).await;
        Ok(sampled)
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let planned = async {
            rows::begin(&self.pool, &loan, SMALL_ACT).await?;
            rows::plan(&self.pool, &loan, sql, SMALL_ACT).await
        }
        .await;
        rows::finish(loan).await;
        planned
    }

    async fn dry_run_checked(&self, sql: &str, check: &FieldCheck) -> Result<DryRun> {
        let loan = Pool::borrow(&self.pool, SMALL_ACT).await?;
        let planned: Result<DryRun> = async {
            rows::begin(&self.pool, &loan, SMALL_ACT).await?;
            // Before anything is planned: planning already calls functions that are declared not to change anything.
            if let Some(name) = self.field_that_calls(&loan, check).await? {
                return Ok(DryRun::Calls(name));
            }
            let plan = rows::plan(&self.pool, &loan, sql, SMALL_ACT).await?;
            Ok(DryRun::Plan(plan))
        }
        .await;
        rows::finish(loan).await;
        planned
    }

    async fn write(&self, sql: &str, time: Duration) -> Result<u64> {
        let loan = Pool::borrow(&self.pool, time).await?;
        write::write(&self.pool, loan, sql, time).await
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        let loan = Pool::borrow(&self.pool, limits.time).await?;
        rows::stream(self.pool.clone(), loan, sql, limits).await
    }
}

/// What the server or the way to it said, by what the caller can do about it.
fn explain(
    provider: &str,
    password: &str,
    limit: Duration,
    error: &tokio_postgres::Error,
) -> Error {
    let message = match error.as_db_error() {
        Some(said) if *said.code() == SqlState::QUERY_CANCELED => {
            return Error::Timeout {
                what: "the query".into(),
                limit,
            };
        }
        Some(said) if *said.code() == SqlState::READ_ONLY_SQL_TRANSACTION => {
            return Error::Forbidden {
                reason: format!("the session is read-only: {}", said.message()),
            };
        }
        Some(said) => server_message(said),
        // "error connecting to server" alone helps nobody: the reason is in the causes.
        None => with_causes(error.to_string(), error),
    };
    Error::upstream(provider, secret::without(&message, password))
}

fn server_message(said: &DbError) -> String {
    let mut message = said.message().to_owned();
    if let Some(ErrorPosition::Original(at)) = said.position() {
        message.extend([format!(" (at character {at})")]);
    }
    for (label, text) in [("detail", said.detail()), ("hint", said.hint())] {
        if let Some(text) = text {
            message.extend(["; ", label, ": ", text]);
        }
    }
    message
}
