//! Who gets in, and what the session lets nobody do.

use std::time::Duration;

use secrecy::SecretString;
use tidegate_schema::Error;
use tidegate_server::drivers::{Driver, Limits, clickhouse::ClickHouse};

use super::{Database, TIMEOUT, connected, connection, one, within};

#[tokio::test]
async fn wrong_ways_in_are_explained() {
    let right = connection();
    let mut wrong_password = connection();
    wrong_password.password = SecretString::from("s3cret-and-wrong");
    let mut nobody = connection();
    nobody.user = "nobody_at_all".into();
    let mut nowhere = connection();
    nowhere.database = "no_such_database".into();
    for (connection, part) in [
        (&wrong_password, "refused the user 'default'"),
        (&nobody, "refused the user 'nobody_at_all'"),
        (&nowhere, "no database 'no_such_database'"),
    ] {
        let error = ClickHouse::connect("shop", connection, TIMEOUT).await;
        let error = error.err().expect("refused").to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    connected(&right).await.ping().await.expect("answers");
}

#[tokio::test]
async fn profiles_that_only_read_are_served() {
    for user in ["reader", "setter"] {
        let mut connection = connection();
        connection.user = user.into();
        let driver = connected(&connection).await;
        assert_eq!(one(&driver, "SELECT 1").await, "1", "{user}");
        driver.dry_run("SELECT 1").await.expect(user);
        driver.introspect().await.expect(user);
        let error = driver
            .write("CREATE TABLE t (a UInt8) ENGINE = Memory", TIMEOUT)
            .await;
        assert!(
            matches!(error, Err(Error::Forbidden { .. })),
            "{user}: {error:?}"
        );
        let endless = "SELECT count() FROM system.numbers";
        let error = driver.run(endless, within(10, 300)).await.expect_err(user);
        assert!(matches!(error, Error::Timeout { .. }), "{user}: {error:?}");
    }
}

#[tokio::test]
async fn the_session_alone_writes_nothing() {
    let database = Database::with(&[
        "CREATE TABLE people (id UInt8, name String) ENGINE = MergeTree ORDER BY id",
        "INSERT INTO people VALUES (1, 'Bo'), (2, 'Cy'), (3, 'Di')",
    ])
    .await;
    let driver = &database.driver;
    for sql in [
        "INSERT INTO people VALUES (4, 'Ed')",
        "INSERT INTO people SELECT 5, 'Flo'",
        "DROP TABLE people",
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE t (a UInt8)",
        "CREATE DATABASE other_one",
        "ALTER TABLE people DELETE WHERE 1",
        "ALTER TABLE people DROP COLUMN name",
        "RENAME TABLE people TO persons",
        "OPTIMIZE TABLE people",
        "TRUNCATE TABLE people",
        "DETACH TABLE people",
        "SYSTEM RELOAD CONFIG",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1; DROP TABLE people",
        "SELECT * FROM people INTO OUTFILE 'people.tsv'",
        "SELECT * FROM url('http://127.0.0.1:1/', TSV, 'a String')",
    ] {
        let ran = driver.run(sql, Limits::default()).await;
        assert!(ran.is_err(), "{sql} was let through");
    }
    let error = driver.run("DROP TABLE people", Limits::default()).await;
    assert!(matches!(error, Err(Error::Forbidden { .. })), "{error:?}");
    assert_eq!(one(driver, "SELECT count() FROM people").await, "3");
    let tables = driver.introspect().await.expect("reads").tables;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["people"]);
    assert_eq!(tables[0].columns.len(), 2);
    database.remove().await;
}

#[tokio::test]
async fn many_at_once_share_a_few_places() {
    let driver = connected(&connection()).await;
    let asking = (0..40).map(|n| {
        let driver = &driver;
        async move { one(driver, &format!("SELECT {n}")).await }
    });
    let answers = futures::future::join_all(asking).await;
    let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(answers, expected);
    // Idle for longer than the server keeps a connection.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(one(&driver, "SELECT 1").await, "1");
}
