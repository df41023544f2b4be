//! Past the guard, a ClickHouse session alone changes nothing and reaches nothing outside of the server.
//!
//! `cargo xtask test` starts the server, which may be as old as 18.16. What could stop it or another test's queries,
//! were it let through, is left out.

use std::time::Duration;

use secrecy::SecretString;
use tidegate_schema::{
    Error,
    model::{Cell, Connection, Engine},
};
use tidegate_server::drivers::{Driver as _, Limits, clickhouse::ClickHouse};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Each is an error. {database} is the test's own, {evil} one that must not come to be.
const REFUSED: &[&str] = &[
    "INSERT INTO people FORMAT Values (4, 'Ed')",
    "INSERT INTO {database}.people SELECT 4, 'Ed'",
    "INSERT INTO FUNCTION file('evil.tsv', 'TSV', 'a UInt8') VALUES (1)",
    "INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'TSV', 'a UInt8') SELECT 1",
    "INSERT INTO FUNCTION remote('127.0.0.1', '{database}', 'people') SELECT 4, 'Ed'",
    "WITH 4 AS n INSERT INTO people SELECT n, 'Ed'",
    "ALTER TABLE people UPDATE name = 'x' WHERE 1",
    "ALTER TABLE people ADD COLUMN hacked UInt8",
    "ALTER TABLE people DROP PARTITION tuple()",
    "ALTER TABLE people FREEZE",
    "CREATE DATABASE {evil}",
    "CREATE VIEW seen AS SELECT 1 AS a",
    "CREATE MATERIALIZED VIEW kept ENGINE = Memory AS SELECT id FROM people",
    "CREATE TABLE far (a String) ENGINE = URL('http://127.0.0.1:1/', 'TSV')",
    "CREATE TABLE near (a String) ENGINE = File(TSV)",
    "CREATE FUNCTION f AS (a) -> a",
    "CREATE USER evil",
    "ATTACH TABLE gone (a UInt8) ENGINE = Memory",
    "DETACH DATABASE {database}",
    "DROP DATABASE {database}",
    "EXCHANGE TABLES people AND people",
    "RENAME TABLE {database}.people TO {database}.persons",
    "GRANT ALL ON *.* TO evil",
    "SYSTEM DROP DNS CACHE",
    "SYSTEM FLUSH LOGS",
    "SET max_memory_usage = 123456789",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT 1 SETTINGS max_memory_usage = 123456789, readonly = 0",
    "SELECT 1 SETTINGS readonly = 2",
    "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
    "SELECT * FROM file('/etc/passwd', 'TSV', 'a String')",
    "SELECT * FROM file('../../../etc/passwd', 'TSV', 'a String')",
    "SELECT * FROM url('file:///etc/passwd', 'TSV', 'a String')",
    "SELECT (SELECT a FROM url('http://127.0.0.1:1/', 'TSV', 'a String'))",
    "SELECT * FROM remote('127.0.0.1:1', '{database}', 'people')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM odbc('DSN=evil', 'a', 'b')",
    "SELECT * FROM jdbc('evil', 'a', 'b')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'TSV', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:1/x', 'TSV', 'a String')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM people INTO OUTFILE '/tmp/evil.tsv' FORMAT TSV",
    "SELECT 1; INSERT INTO people VALUES (4, 'Ed')",
    "SELECT 1 /* ; */ ; DROP TABLE people",
    "SELECT 'a\\'; DROP TABLE people; --'; DROP TABLE people",
];

/// The rows and the structure of the test's database, and whether the other has come to be; each is one text.
const STATE: [&str; 3] = [
    "SELECT arrayStringConcat(arraySort(groupArray(concat(toString(id), '=', name))), ';') FROM people",
    "SELECT arrayStringConcat(arraySort(groupArray(concat(table, '.', name, ' ', type))), ';') \
     FROM system.columns WHERE database = '{database}'",
    "SELECT toString(count()) FROM system.databases WHERE name = '{evil}'",
];

/// How to reach the test run's server.
fn server() -> Connection {
    let url = std::env::var_os("TIDEGATE_TEST_CLICKHOUSE").expect(
        "TIDEGATE_TEST_CLICKHOUSE is not set: run the tests by `cargo xtask test`, or name a server in it \
         (clickhouse://USER:PASSWORD@HOST:PORT/DATABASE)",
    );
    let url = Url::parse(&url.to_string_lossy()).expect("TIDEGATE_TEST_CLICKHOUSE is an address");
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

async fn connected(connection: &Connection) -> ClickHouse {
    ClickHouse::connect("small", connection, TIMEOUT)
        .await
        .expect("connects")
}

/// Everything that could have changed, as text; the words of the server if it cannot be read any more.
async fn state(driver: &ClickHouse, spelled: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    for sql in STATE {
        let told = driver.run(&spelled(sql), Limits::default()).await;
        found.push(match told {
            Ok(set) => {
                let cell = set.rows.first().and_then(|row| row.first());
                cell.and_then(Cell::to_text).unwrap_or_default()
            }
            Err(error) => error.to_string(),
        });
    }
    found
}

#[tokio::test]
async fn past_the_guard_the_session_alone_refuses() {
    let database = format!("guarded_{}", std::process::id());
    let evil = format!("evil_{}", std::process::id());
    let spelled = |sql: &str| {
        sql.replace("{database}", &database)
            .replace("{evil}", &evil)
    };
    let admin = connected(&server()).await;
    admin
        .write(&format!("CREATE DATABASE {database}"), TIMEOUT)
        .await
        .expect("made");
    let driver = connected(&Connection {
        database: database.clone(),
        ..server()
    })
    .await;
    for sql in [
        "CREATE TABLE people (id UInt8, name String) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO people VALUES (1, 'Bo'), (2, 'Cy'), (3, 'Di')",
    ] {
        driver.write(sql, TIMEOUT).await.expect(sql);
    }
    let before = state(&driver, spelled).await;
    assert_eq!(before[0], "1=Bo;2=Cy;3=Di");
    let mut faults = Vec::new();
    // Twice: what one statement might set must not let the next one through.
    for sql in REFUSED.iter().chain(REFUSED) {
        let sql = spelled(sql);
        match driver.run(&sql, Limits::default()).await {
            Ok(set) => faults.push(format!("{sql:?} answered {:?}", set.rows)),
            Err(error @ Error::Internal { .. }) => {
                faults.push(format!("{sql:?}: {}", error.log_chain()));
            }
            Err(_) => {}
        }
        let now = state(&driver, spelled).await;
        assert_eq!(
            now, before,
            "{sql:?} changed something; before it: {faults:?}"
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    admin
        .write(&format!("DROP DATABASE {database}"), TIMEOUT)
        .await
        .expect("removed");
}
