//! The ClickHouse driver against a real server, which `cargo xtask test` starts and names in
//! `TIDEGATE_TEST_CLICKHOUSE`.
//!
//! It may be as old as 18.16, Debian's: statements here keep to what that knows.

mod answers;
mod limits;
mod ways;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use secrecy::SecretString;
use tidegate_schema::model::{Cell, Connection, Engine};
use tidegate_server::drivers::{Driver, Limits, clickhouse::ClickHouse};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(30);

/// How to reach the test run's server.
#[expect(
    clippy::disallowed_methods,
    reason = "the test command names its server so"
)]
fn connection() -> Connection {
    let url = std::env::var("TIDEGATE_TEST_CLICKHOUSE").expect(
        "TIDEGATE_TEST_CLICKHOUSE is not set; run `cargo xtask test`, or name a server in it: \
         clickhouse://USER:PASSWORD@HOST:PORT/DATABASE",
    );
    let url = Url::parse(&url).expect("TIDEGATE_TEST_CLICKHOUSE is an address");
    Connection {
        engine: Engine::ClickHouse,
        path: String::new(),
        host: url.host_str().expect("a host").to_owned(),
        port: url.port().unwrap_or(0),
        user: url.username().to_owned(),
        password: SecretString::from(url.password().unwrap_or_default()),
        database: url.path().trim_start_matches('/').to_owned(),
    }
}

/// A database of a test's own. It goes with its handle, unless the test fails.
struct Database {
    name: String,
    admin: ClickHouse,
    driver: ClickHouse,
}

impl Database {
    /// An empty one, and what these statements make in it.
    async fn with(statements: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let admin = connected(&connection()).await;
        let sql = format!("CREATE DATABASE {name}");
        admin.write(&sql, TIMEOUT).await.expect("a database");
        let mut connection = connection();
        connection.database.clone_from(&name);
        let driver = connected(&connection).await;
        for sql in statements {
            driver.write(sql, TIMEOUT).await.expect(sql);
        }
        Self {
            name,
            admin,
            driver,
        }
    }

    async fn remove(self) {
        let sql = format!("DROP DATABASE {}", self.name);
        self.admin.write(&sql, TIMEOUT).await.expect("removed");
    }
}

async fn connected(connection: &Connection) -> ClickHouse {
    ClickHouse::connect("shop", connection, TIMEOUT)
        .await
        .expect("connects")
}

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        bytes: 1 << 20,
        time: Duration::from_millis(time_ms),
    }
}

/// A query's only cell, as text.
async fn one(driver: &ClickHouse, sql: &str) -> String {
    let set = driver.run(sql, Limits::default()).await.expect(sql);
    set.rows
        .first()
        .and_then(|row| row.first())
        .and_then(Cell::to_text)
        .unwrap_or_default()
}
