//! One database of one engine, made for one test and gone after it, and the driver under test on it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate_schema::model::{Cell, Connection, Engine};
use tidegate_server::{
    drivers::{self, Driver, Limits},
    guard::GuardedDatabase,
};

use crate::{
    cases::{CASES, spelled, written},
    ground,
};

/// For connecting; a loaded machine takes its time.
const CONNECTING: Duration = Duration::from_secs(20);

/// A database as its owner sees it, with none of the product's code between.
#[async_trait]
pub(crate) trait Ground: Send + Sync {
    /// How a datasource reaches it.
    fn connection(&self) -> Connection;

    /// Runs statements, free to write.
    async fn execute(&self, sql: &str);

    /// Everything that must stay as it is, as one text.
    async fn state(&self) -> String;

    /// Whether whoever writes has to be alone.
    fn lets_one_in(&self) -> bool {
        false
    }

    /// Connections that a driver keeps at most.
    fn connections(&self) -> usize;

    /// Whether a server of its own can be asked what runs.
    fn is_server(&self) -> bool {
        false
    }

    /// Sessions that run a statement with this word in it just now.
    async fn running(&self, _word: &str) -> Vec<u64> {
        Vec::new()
    }

    /// Ends a session from outside.
    async fn kill(&self, _session: u64) {}
}

/// A database with the driver on it.
pub(crate) struct Bed {
    engine: Engine,
    /// Taken while another program changes a file that lets nobody else in.
    driver: Option<Arc<dyn Driver>>,
    ground: Box<dyn Ground>,
}

impl Bed {
    /// The database of the cases.
    pub(crate) async fn of(engine: Engine) -> Self {
        Self::with(engine, "").await
    }

    /// The same with more in it.
    pub(crate) async fn with(engine: Engine, more: &str) -> Self {
        let ground = ground::of(engine).await;
        let setup = &CASES.setup[engine.name()];
        ground
            .execute(&format!("{setup}\n{}", spelled(engine, more)))
            .await;
        let driver = connected(ground.connection()).await;
        Self {
            engine,
            driver: Some(driver),
            ground,
        }
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        self.driver.as_ref().expect("only taken for a change")
    }

    pub(crate) fn guarded(&self) -> GuardedDatabase {
        GuardedDatabase::new("suite", self.driver().clone())
    }

    pub(crate) fn ground(&self) -> &dyn Ground {
        &*self.ground
    }

    /// Changes the database as another program would. Where that has to be alone, the driver is made anew; nobody
    /// else may hold it then.
    pub(crate) async fn change(&mut self, sql: &str) {
        if self.ground.lets_one_in() {
            self.driver = None;
        }
        self.ground.execute(&spelled(self.engine, sql)).await;
        if self.driver.is_none() {
            self.driver = Some(connected(self.ground.connection()).await);
        }
    }

    /// The only cell of a query, as the cases write it.
    pub(crate) async fn one(&self, sql: &str) -> String {
        let set = self.driver().run(sql, Limits::default()).await.expect(sql);
        let cell: Option<&Cell> = set.rows.first().and_then(|row| row.first());
        cell.map(written).unwrap_or_default()
    }

    /// Proves that the driver still works.
    pub(crate) async fn answers(&self) {
        assert_eq!(self.one("SELECT count(*) FROM people").await, "int 3");
    }
}

/// The driver on a database.
pub(crate) async fn connected(connection: Connection) -> Arc<dyn Driver> {
    drivers::connect("suite", &connection, CONNECTING, &std::env::temp_dir())
        .await
        .expect("connects")
}

/// At most so long and nothing else.
pub(crate) fn within(time: Duration) -> Limits {
    Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time,
    }
}

/// A hundred thousand rows of two kilobytes.
pub(crate) const EXPORT: &str =
    "SELECT a.n AS n, f.t AS word FROM thousand a, thousand b, filler f WHERE b.n < 100";
pub(crate) const EXPORT_ROWS: usize = 100_000;

/// Counts for many minutes; its column bears the word by which a server finds it.
pub(crate) fn endless(word: &str) -> String {
    format!(
        "SELECT count(*) AS {word} FROM thousand a, thousand b, thousand c, thousand d \
         WHERE (a.n + b.n + c.n + d.n) % 7 = 3"
    )
}

/// Sends rows for as long.
pub(crate) fn endless_rows(word: &str) -> String {
    format!("SELECT a.n AS {word} FROM thousand a, thousand b, thousand c, thousand d")
}
