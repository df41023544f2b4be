//! A database on the test run's MariaDB, whose superuser is the one who reads: what holds against that one holds
//! against all.

use async_trait::async_trait;
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable as _};
use secrecy::SecretString;
use tidegate_schema::model::{Connection, Engine};
use tokio::sync::Mutex;

use super::server;
use crate::{bed::Ground, cases::CASES};

pub(super) struct MariaDbDatabase {
    server: Opts,
    name: String,
    owner: Mutex<Conn>,
}

impl MariaDbDatabase {
    pub(super) async fn new() -> Self {
        let url = server(
            "TIDEGATE_TEST_MARIADB",
            "mysql://root:password@127.0.0.1:3306/",
        );
        let options = Opts::from_url(&url).expect("TIDEGATE_TEST_MARIADB is a mysql:// address");
        let options: OptsBuilder = OptsBuilder::from_opts(options)
            .prefer_socket(false)
            .db_name(None::<String>);
        let server: Opts = options.clone().into();
        let name = format!("tidegate_drivers_{}", uuid::Uuid::new_v4().simple());
        let mut admin = Conn::new(server.clone()).await.expect("connects");
        admin
            .query_drop(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"))
            .await
            .expect("a database");
        let owner = Conn::new(options.db_name(Some(name.clone())))
            .await
            .expect("connects");
        Self {
            server,
            name,
            owner: Mutex::new(owner),
        }
    }
}

#[async_trait]
impl Ground for MariaDbDatabase {
    fn connection(&self) -> Connection {
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

    async fn execute(&self, sql: &str) {
        let mut owner = self.owner.lock().await;
        owner.query_drop(sql).await.expect("runs");
    }

    async fn state(&self) -> String {
        let sql = CASES.state["mariadb"].as_str();
        let mut owner = self.owner.lock().await;
        let state: Option<String> = owner.query_first(sql).await.expect("reads");
        state.expect("a row")
    }

    fn connections(&self) -> usize {
        8
    }

    fn is_server(&self) -> bool {
        true
    }

    async fn running(&self, word: &str) -> Vec<u64> {
        let sql = format!(
            "SELECT ID FROM information_schema.PROCESSLIST \
             WHERE DB = DATABASE() AND INFO LIKE '%{word}%' AND ID <> CONNECTION_ID()"
        );
        let mut owner = self.owner.lock().await;
        owner.query(sql).await.expect("reads")
    }

    async fn kill(&self, session: u64) {
        let mut owner = self.owner.lock().await;
        owner
            .query_drop(format!("KILL CONNECTION {session}"))
            .await
            .expect("kills");
    }
}

impl Drop for MariaDbDatabase {
    fn drop(&mut self) {
        let server = self.server.clone();
        // What still runs in it would hold it for ever.
        let sql = format!(
            "SET SESSION lock_wait_timeout = 10; DROP DATABASE IF EXISTS {}",
            self.name
        );
        // On a thread of its own: a runtime cannot be entered from within another.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async { Conn::new(server).await?.query_drop(sql).await })
        });
        // A test that fails has its own message; a database left behind goes with the server.
        drop(thread.join());
    }
}
