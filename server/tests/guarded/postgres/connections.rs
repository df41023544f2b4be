//! Connections: many at once, broken ones, and those that never come about.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use tidegate_schema::Error;
use tidegate_server::drivers::{Driver, postgres::Postgres};

use super::{TIMEOUT, within};
use crate::server::{PASSWORD, PostgresServer};

pub(super) async fn broken_connections_are_replaced(driver: &Postgres, server: &PostgresServer) {
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("works");
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidegate'";
    server
        .admin("postgres")
        .await
        .execute(kill, &[])
        .await
        .expect("kills");
    for attempt in 0.. {
        // The news may take a moment to arrive; the first to notice may fail, nobody after.
        match driver.run("SELECT 1", within(10, 1_000)).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 20, "{error}"),
        }
    }
}

pub(super) async fn many_at_once(driver: &Postgres) {
    let runs = (0..40).map(|n| driver.run("SELECT pg_sleep(0.02), 1", within(10, 10_000 + n)));
    for set in futures::future::join_all(runs).await {
        assert_eq!(set.expect("waits its turn").rows.len(), 1);
    }
}

pub(super) async fn wrong_ways_in(server: &PostgresServer) {
    let mut wrong = server.connection();
    wrong.password = SecretString::from("wrong-password-of-the-test");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("password authentication failed"), "{error}");
    assert!(
        !error.contains("wrong-password") && !error.contains(PASSWORD),
        "{error}"
    );
    let mut wrong = server.connection();
    wrong.database = "nowhere".into();
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("\"nowhere\" does not exist"), "{error}");
    let mut wrong = server.connection();
    wrong.port = 1;
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("refused"), "{error}");
    let mut wrong = server.connection();
    wrong.password = SecretString::from("${env:NO_SUCH_TEST_PASSWORD}");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("NO_SUCH_TEST_PASSWORD"), "{error}");
    wrong.password = SecretString::from("${env:HOME}");
    let error = Postgres::connect("shop", &wrong, TIMEOUT)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("ends in PASSWORD"), "{error}");
    let mut right = server.connection();
    right.password = SecretString::from(format!("${{env:NO_SUCH_TEST_PASSWORD:-{PASSWORD}}}"));
    Postgres::connect("shop", &right, TIMEOUT)
        .await
        .map(drop)
        .expect("the default is the password");
    // A server that accepts and says nothing.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let mut wrong = server.connection();
    wrong.port = silent.local_addr().expect("an address").port();
    let started = Instant::now();
    let error = Postgres::connect("shop", &wrong, Duration::from_millis(300))
        .await
        .err()
        .expect("gives up");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
}
