//! Databases on the private MariaDB server of the test run.

use std::thread;

use anyhow::{Context as _, Result};
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable as _};
use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};

/// Where the server's address stands: `mysql://root:password@127.0.0.1:port/`.
const SERVER: &str = "TIDEGATE_TEST_MARIADB";

/// A database of a test's own. It goes with its handle.
pub struct Database {
    server: Opts,
    name: String,
}

impl Database {
    /// A new database filled by SQL, of any number of statements.
    pub async fn with(sql: &str) -> Result<Self> {
        let database = Self {
            server: server()?,
            name: format!("tidegate_test_{}", uuid::Uuid::new_v4().simple()),
        };
        let create = format!("CREATE DATABASE {} CHARACTER SET utf8mb4", database.name);
        run(&database.server, &create)
            .await
            .context("making a database")?;
        if !sql.trim().is_empty() {
            database
                .execute(sql)
                .await
                .context("filling the database")?;
        }
        Ok(database)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, `mysql://…`.
    pub fn url(&self) -> String {
        let server = &self.server;
        format!(
            "mysql://{}:{}@{}:{}/{}",
            server.user().unwrap_or_default(),
            server.pass().unwrap_or_default(),
            server.ip_or_hostname(),
            server.tcp_port(),
            self.name
        )
    }

    /// How a datasource reaches it, as the server's superuser: what holds against that one holds against all.
    pub fn connection(&self) -> Connection {
        let server = &self.server;
        Connection {
            engine: Engine::MariaDb,
            path: String::new(),
            host: server.ip_or_hostname().to_owned(),
            port: server.tcp_port(),
            user: server.user().unwrap_or_default().to_owned(),
            password: SecretString::from(server.pass().unwrap_or_default()),
            database: self.name.clone(),
        }
    }

    /// The superuser's connection to it, with none of the product's code between, free to write.
    pub async fn admin(&self) -> Result<Conn> {
        Ok(Conn::new(self.options()).await?)
    }

    /// Runs statements in it.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        run(&self.options(), sql).await
    }

    fn options(&self) -> Opts {
        OptsBuilder::from_opts(self.server.clone())
            .db_name(Some(self.name.clone()))
            .into()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.server.clone();
        // What still runs in it would hold it for ever.
        let sql = format!(
            "SET SESSION lock_wait_timeout = 10; DROP DATABASE IF EXISTS {}",
            self.name
        );
        // On a thread of its own: a runtime cannot be entered from within another.
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(run(&server, &sql))
        });
        // A test that fails has its own message; a database left behind goes with the server.
        drop(thread.join());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test command names its server so"
)]
fn server() -> Result<Opts> {
    let url = std::env::var(SERVER).with_context(|| {
        format!(
            "{SERVER} is not set: run the tests by `cargo xtask test`, or put a running server's address there \
             (mysql://root:password@127.0.0.1:3306/)"
        )
    })?;
    // The address itself holds the password.
    let options =
        Opts::from_url(&url).with_context(|| format!("{SERVER} is no mysql:// address"))?;
    Ok(OptsBuilder::from_opts(options)
        .prefer_socket(false)
        .db_name(None::<String>)
        .into())
}

async fn run(options: &Opts, sql: &str) -> Result<()> {
    let mut conn = Conn::new(options.clone()).await?;
    conn.query_drop(sql).await?;
    conn.disconnect().await?;
    Ok(())
}
