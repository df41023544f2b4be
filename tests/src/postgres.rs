//! Databases on the private PostgreSQL server of the test run, or on one started for this process.

use anyhow::{Result, anyhow};
use secrecy::SecretString;
use tidegate_schema::{
    model::{Connection, Engine},
    testing::{PostgresServer, TestDatabase},
};
use tokio_postgres::{Config, config::Host};

/// A database of a test's own. It goes with its handle.
pub struct Database {
    handle: TestDatabase,
}

impl Database {
    /// A new database filled by SQL.
    pub async fn with(sql: &str) -> Result<Self> {
        let server = PostgresServer::shared().map_err(|e| anyhow!("PostgreSQL: {e}"))?;
        let handle = server
            .database()
            .await
            .map_err(|e| anyhow!("PostgreSQL: {e}"))?;
        // Statistics are what introspection reads.
        for statements in [sql, "ANALYZE"] {
            handle
                .execute(statements)
                .await
                .map_err(|e| anyhow!("filling the database: {e}"))?;
        }
        Ok(Self { handle })
    }

    /// Its address, `postgres://…`.
    pub fn url(&self) -> String {
        self.handle.url()
    }

    /// How a datasource reaches it.
    pub fn connection(&self) -> Result<Connection> {
        let config: Config = self.handle.url().parse()?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "127.0.0.1".to_owned(),
        };
        let password = config.get_password().unwrap_or_default();
        Ok(Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host,
            port: config.get_ports().first().copied().unwrap_or(5432),
            user: config.get_user().unwrap_or_default().to_owned(),
            password: SecretString::from(String::from_utf8_lossy(password).into_owned()),
            database: config.get_dbname().unwrap_or_default().to_owned(),
        })
    }
}
