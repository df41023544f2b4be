//! A database on the test run's PostgreSQL, whose superuser is the one who reads: what holds against that one holds
//! against all.

use async_trait::async_trait;
use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};
use tokio_postgres::{Client, Config, NoTls, config::Host};

use super::server;
use crate::{bed::Ground, cases::CASES};

pub(super) struct PostgresDatabase {
    config: Config,
    name: String,
    owner: Client,
}

impl PostgresDatabase {
    pub(super) async fn new() -> Self {
        let url = server(
            "TIDEGATE_TEST_POSTGRES",
            "postgres://user:password@127.0.0.1:5432/postgres",
        );
        let mut config: Config = url
            .parse()
            .expect("TIDEGATE_TEST_POSTGRES is a postgres:// address");
        let name = format!("tidegate_drivers_{}", uuid::Uuid::new_v4().simple());
        client(config.dbname("postgres"))
            .await
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database");
        let owner = client(config.dbname(&name)).await;
        Self {
            config,
            name,
            owner,
        }
    }
}

#[async_trait]
impl Ground for PostgresDatabase {
    fn connection(&self) -> Connection {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.to_string_lossy().into_owned(),
            None => "127.0.0.1".to_owned(),
        };
        let password = self.config.get_password().unwrap_or_default();
        Connection {
            engine: Engine::Postgres,
            path: String::new(),
            host,
            port: self.config.get_ports().first().copied().unwrap_or(0),
            user: self.config.get_user().unwrap_or_default().to_owned(),
            password: SecretString::from(String::from_utf8_lossy(password).into_owned()),
            database: self.name.clone(),
        }
    }

    async fn execute(&self, sql: &str) {
        self.owner.batch_execute(sql).await.expect("runs");
    }

    async fn state(&self) -> String {
        let sql = &CASES.state["postgresql"];
        self.owner.query_one(sql, &[]).await.expect("reads").get(0)
    }

    fn connections(&self) -> usize {
        8
    }

    fn is_server(&self) -> bool {
        true
    }

    async fn running(&self, word: &str) -> Vec<u64> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
            AND pid <> pg_backend_pid() AND strpos(query, $1) > 0";
        let rows = self.owner.query(sql, &[&word]).await.expect("reads");
        rows.iter().map(|row| row.get::<_, i32>(0) as u64).collect()
    }

    async fn kill(&self, session: u64) {
        let sql = format!("SELECT pg_terminate_backend({session})");
        self.owner.batch_execute(&sql).await.expect("kills");
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let mut config = self.config.clone();
        config.dbname("postgres");
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // On a thread of its own: a runtime cannot be entered from within another.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async { client(&config).await.batch_execute(&sql).await })
        });
        // A test that fails has its own message; a database left behind goes with the server.
        drop(thread.join());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's task ends with the test"
)]
async fn client(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}
