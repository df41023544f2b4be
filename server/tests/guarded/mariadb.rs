//! Nothing the guard accepts changes a MariaDB database, with nothing else in its way: the statements run on a plain
//! connection of the tables' owner that takes several at once and is not read-only.

use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder, Row, prelude::Queryable};
use tidegate_schema::model::{Dialect, Engine};
use tidegate_server::guard::{Guard, GuardOptions};
use tokio::{runtime::Runtime, sync::Mutex};

use crate::properties::{Came, SMALL, each_statement};

const PASSWORD: &str = "s3cret-of-the-test";
/// A statement that takes longer is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database of the test's own with an owner who may do anything in it and nothing beside.
struct Small {
    server: Opts,
    name: String,
}

impl Small {
    async fn make() -> Self {
        let url = std::env::var_os("TIDEGATE_TEST_MARIADB").expect(
            "TIDEGATE_TEST_MARIADB is not set: run the tests by `cargo xtask test`, or name a MariaDB server in it \
             (mysql://root:password@127.0.0.1:3306/)",
        );
        let server =
            Opts::from_url(&url.to_string_lossy()).expect("TIDEGATE_TEST_MARIADB is an address");
        let name = format!("guarded_{}", std::process::id());
        let small = Self { server, name };
        let mut admin = small.admin(None).await;
        let Self { name, .. } = &small;
        for sql in [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name}"),
            format!("CREATE OR REPLACE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'"),
            format!("GRANT ALL ON {name}.* TO {name}@'%'"),
        ] {
            admin.query_drop(sql).await.expect("made");
        }
        let mut owner = small.owner().await.expect("connects");
        for sql in SMALL
            .split(';')
            .map(str::trim)
            .filter(|sql| !sql.is_empty())
        {
            owner.query_drop(sql).await.expect("made");
        }
        for sql in [
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION wipe() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM orders; RETURN 1; END",
            "CREATE PROCEDURE wipe_all() BEGIN DELETE FROM orders; COMMIT; END",
        ] {
            owner.query_drop(sql).await.expect("made");
        }
        small
    }

    async fn admin(&self, database: Option<&str>) -> Conn {
        let options = OptsBuilder::from_opts(self.server.clone()).db_name(database);
        Conn::new(options).await.expect("the server answers")
    }

    async fn owner(&self) -> mysql_async::Result<Conn> {
        let options = OptsBuilder::from_opts(self.server.clone())
            .user(Some(&self.name))
            .pass(Some(PASSWORD))
            .db_name(Some(&self.name));
        let mut owner = Conn::new(options).await?;
        for sql in [
            "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
            "SET SESSION max_statement_time = 0.3",
            "SET SESSION lock_wait_timeout = 1",
        ] {
            owner.query_drop(sql).await?;
        }
        Ok(owner)
    }

    async fn remove(self) {
        let mut admin = self.admin(None).await;
        for sql in [
            format!("DROP DATABASE {}", self.name),
            format!("DROP USER {}@'%'", self.name),
        ] {
            admin.query_drop(sql).await.expect("removed");
        }
    }
}

/// Everything that could have changed, as text.
async fn state(admin: &mut Conn) -> mysql_async::Result<String> {
    let mut text = String::new();
    for sql in [
        "CHECKSUM TABLE customers, orders, products",
        "SELECT * FROM numbers",
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, 2",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1",
        "SELECT @@global.general_log, @@global.read_only",
    ] {
        let rows: Vec<Row> = admin.query(sql).await?;
        text.extend([format!("{rows:?}\n")]);
    }
    Ok(text)
}

/// Runs a statement that passed; whether it answered. A connection that broke is replaced.
async fn run(small: &Small, owner: &mut Conn, sql: &str) -> bool {
    let answered = tokio::time::timeout(PATIENCE, owner.query_drop(sql)).await;
    let usable = matches!(answered, Ok(Ok(()) | Err(mysql_async::Error::Server(_))));
    // What an accepted statement left open must not hide what the next one does.
    if !usable || owner.query_drop("COMMIT").await.is_err() {
        *owner = small.owner().await.expect("connects");
    }
    matches!(answered, Ok(Ok(())))
}

#[test]
fn mariadb_stays_as_it_is() {
    let runtime = Runtime::new().expect("a runtime");
    let small = runtime.block_on(Small::make());
    let admin = Mutex::new(runtime.block_on(small.admin(Some(&small.name))));
    let owner = Mutex::new(runtime.block_on(small.owner()).expect("connects"));
    let now = || {
        runtime.block_on(async {
            let mut admin = admin.lock().await;
            state(&mut admin).await
        })
    };
    let before = now().expect("the tables are there");
    each_statement(Engine::MariaDb, |sql| {
        let verdict = Guard::judge(sql, Dialect::MySql, &GuardOptions::default());
        if !verdict.allowed {
            return Ok(Came::Refused);
        }
        let answered = runtime.block_on(async {
            let mut owner = owner.lock().await;
            run(&small, &mut owner, sql).await
        });
        match now() {
            Ok(after) if after == before => Ok(if answered {
                Came::Answered
            } else {
                Came::Allowed
            }),
            Ok(after) => Err(format!("{sql:?}: {before} became {after}")),
            Err(error) => Err(format!("{sql:?}: {error}")),
        }
    });
    drop(owner);
    runtime.block_on(small.remove());
}
