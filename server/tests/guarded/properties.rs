//! Nothing the guard accepts changes a database; and if the guard slept, the session alone would hold.

use std::{path::Path, sync::Arc, time::Duration};

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any},
    test_runner::{Config, TestRunner},
};
use tidegate_schema::model::Engine;
use tidegate_server::{
    drivers::{self, Driver, Limits},
    guard::{GuardOptions, GuardedDatabase},
};
use tokio::runtime::Runtime;

use crate::{chance::Choices, file, server::PostgresServer};

/// Statements per engine; half a minute in a debug build.
pub(crate) const CASES: u32 = 1_000;
pub(crate) const LIMITS: Limits = Limits {
    rows: 20,
    bytes: 1 << 20,
    time: Duration::from_millis(300),
};

pub(crate) const SMALL: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total_amount REAL);
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER);
    INSERT INTO customers VALUES (1, 'Kari', 'Oslo'), (2, 'Maja', 'Stockholm');
    INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 20), (3, 2, 30);
    INSERT INTO products VALUES (1, 'Kite', 12.5, 3), (2, 'Lamp', 30, 0);";

#[test]
fn sqlite_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("small.db");
    rusqlite::Connection::open(&path)
        .and_then(|made| made.execute_batch(SMALL))
        .expect("made");
    let runtime = Runtime::new().expect("a runtime");
    let driver = runtime
        .block_on(drivers::connect(
            "small",
            &file(Engine::Sqlite, &path),
            LIMITS.time,
            &std::env::temp_dir(),
        ))
        .expect("opens");
    // Attacks name relative files; they would land here.
    let here = std::env::current_dir().expect("a folder");
    let state = || {
        (
            std::fs::read(&path).expect("readable"),
            names(folder.path()),
            names(&here),
        )
    };
    let before = state();
    try_all(&runtime, &driver, || {
        if state() == before {
            Ok(())
        } else {
            Err("the file or its folder changed".into())
        }
    });
}

#[test]
fn postgres_stays_as_it_is() {
    let runtime = Runtime::new().expect("a runtime");
    let (_server, owner, driver) = runtime.block_on(async {
        let server = PostgresServer::start().await;
        let owner = server.owner().await;
        owner.batch_execute(SMALL).await.expect("made");
        let functions = "
            CREATE SEQUENCE numbers;
            CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
            CREATE PROCEDURE wipe_all() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; COMMIT; END $$;";
        owner.batch_execute(functions).await.expect("made");
        let driver = drivers::connect("small", &server.connection(), Duration::from_secs(5), &std::env::temp_dir()).await;
        (server, owner, driver.expect("connects"))
    });
    let state = || {
        let sql = "
            SELECT (SELECT string_agg(t::text, ';' ORDER BY id) FROM customers t)
                || (SELECT string_agg(t::text, ';' ORDER BY id) FROM orders t)
                || (SELECT string_agg(t::text, ';' ORDER BY id) FROM products t)
                || (SELECT last_value || ' ' || is_called FROM numbers)
                || (SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace)
                || (SELECT string_agg(proname, ',' ORDER BY proname) FROM pg_proc
                    WHERE pronamespace = 'public'::regnamespace)";
        runtime
            .block_on(owner.query_one(sql, &[]))
            .map(|row| row.get::<_, Option<String>>(0))
    };
    let before = state().expect("the tables are there");
    assert!(before.is_some());
    try_all(&runtime, &driver, || match state() {
        Ok(now) if now == before => Ok(()),
        Ok(now) => Err(format!("{before:?} became {now:?}")),
        Err(error) => Err(error.to_string()),
    });
}

/// Runs random statements through the guard and past it, and looks at the database after each.
pub(crate) fn try_all(
    runtime: &Runtime,
    driver: &Arc<dyn Driver>,
    unchanged: impl Fn() -> Result<(), String>,
) {
    let guarded = GuardedDatabase::new("small", driver.clone());
    each_statement(driver.engine(), |sql| {
        let options = GuardOptions::default();
        let came = match runtime.block_on(guarded.run(sql, &options, LIMITS)) {
            Ok(_) => Came::Answered,
            Err(refusal) if refusal.verdict.allowed => Came::Allowed,
            Err(_) => Came::Refused,
        };
        unchanged().map_err(|why| format!("guarded {sql:?}: {why}"))?;
        if !is_huge(driver.engine(), sql) {
            let _ = runtime.block_on(driver.run(sql, LIMITS));
        }
        unchanged().map_err(|why| format!("bypassed {sql:?}: {why}"))?;
        Ok(came)
    });
}

/// Whether a statement makes a value of a gigabyte. DuckDB makes one in a single step, which neither its limit on
/// memory nor the clock stops; the guard refuses it, and here nothing else would.
fn is_huge(engine: Engine, sql: &str) -> bool {
    engine == Engine::DuckDb && sql.contains("00000000")
}

/// What came of a statement.
pub(crate) enum Came {
    /// The guard refused it.
    Refused,
    /// The guard allowed it, and the database would not have it.
    Allowed,
    /// It ran.
    Answered,
}

/// Draws random statements, shrinks the first that fails, and sees to it that there are enough of every kind.
pub(crate) fn each_statement(engine: Engine, attempt: impl Fn(&str) -> Result<Came, String>) {
    let config: Config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let counts = std::cell::Cell::new((0, 0, 0));
    TestRunner::new(config)
        .run(&vec(any::<u16>(), 4..80), |choices| {
            let sql = Choices::new(&choices).statement(engine);
            let came = attempt(&sql).map_err(proptest::test_runner::TestCaseError::fail)?;
            let (mut allowed, mut refused, mut answered) = counts.get();
            match came {
                Came::Refused => refused += 1,
                Came::Allowed => allowed += 1,
                Came::Answered => {
                    allowed += 1;
                    answered += 1;
                }
            }
            counts.set((allowed, refused, answered));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (allowed, refused, answered) = counts.get();
    assert!(
        allowed > CASES / 5 && refused > CASES / 5 && answered > CASES / 20,
        "the grammar has lost its balance: {allowed} allowed, {answered} of them answered, {refused} refused"
    );
}

/// What lies in a folder.
pub(crate) fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    names
}
