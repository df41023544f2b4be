//! Connections: encrypted ones, ones that are sent on, and those that never come about.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use tidegate_schema::Error;
use tidegate_server::drivers::{Driver, mssql::SqlServer};

use crate::{
    PASSWORD, TIMEOUT, connected, connection, refused,
    said::Request,
    stand_in::{Answer, Greeting, StandIn},
    tokens::{self, kind},
    within,
};

const SHORT: Duration = Duration::from_millis(300);

fn nothing(_: &Request) -> Option<Answer> {
    None
}

#[tokio::test]
async fn the_login_says_who_what_for_and_nothing_of_the_machine() {
    let server = StandIn::start(nothing).await;
    connected(&server).await.ping().await.expect("answers");
    let login = server.heard().logins[0].clone();
    assert_eq!(login.user, "shop");
    assert_eq!(login.password, PASSWORD);
    assert_eq!(login.database, "store");
    assert_eq!(login.machine, "tidegate");
    assert!(login.only_reads);
}

#[tokio::test]
async fn a_server_that_encrypts_is_spoken_to_in_tls() {
    let server = StandIn::greeting(Greeting::Encrypted, |request: &Request| {
        let rows: Vec<Vec<Vec<u8>>> = (0..20_000_u32)
            .map(|n| vec![n.to_le_bytes().to_vec()])
            .collect();
        (request.text == "SELECT n FROM t")
            .then(|| Answer::rows(&[("n", kind::INT.to_vec())], &rows))
    })
    .await;
    let driver = connected(&server).await;
    for _ in 0..2 {
        let set = driver
            .run("SELECT n FROM t", within(50_000, 60_000))
            .await
            .expect("runs");
        assert_eq!(set.rows.len(), 20_000);
    }
    let heard = server.heard();
    assert_eq!(
        (heard.logins.len(), heard.logins[0].password.as_str()),
        (1, PASSWORD)
    );
}

#[tokio::test]
async fn a_reader_is_sent_on_to_the_server_for_readers() {
    let readers = StandIn::start(nothing).await;
    let answer = [
        tokens::login_ack(),
        tokens::routed("127.0.0.1", readers.port()),
    ]
    .concat();
    let first = StandIn::greeting(Greeting::LoginAnswered(answer), nothing).await;
    connected(&first).await.ping().await.expect("answers");
    assert_eq!(first.heard().logins.len(), 1);
    assert_eq!(readers.heard().logins.len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let server = StandIn::start(nothing).await;
    let mut wrong = connection(server.port());
    wrong.password = SecretString::from("wrong-password-of-the-test");
    let error = refused(&wrong, TIMEOUT).await;
    assert!(matches!(error, Error::Upstream { .. }), "{error:?}");
    let error = error.to_string();
    assert!(
        error.contains("Login failed for user 'shop'. (error 18456)"),
        "{error}"
    );
    assert!(
        error.contains("check the user name and the password"),
        "{error}"
    );
    assert!(!error.contains("wrong-password"), "{error}");
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_get_it_into_the_message() {
    let words = format!("The password {PASSWORD} is too old.");
    let answer = tokens::failed(18_487, 14, &words, 1);
    let server = StandIn::greeting(Greeting::LoginAnswered(answer), nothing).await;
    let error = refused(&connection(server.port()), TIMEOUT)
        .await
        .to_string();
    assert!(error.contains("The password *** is too old."), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let words = "Cannot open database \"store\" requested by the login. The login failed.";
    let answer = tokens::failed(4_060, 11, words, 1);
    let server = StandIn::greeting(Greeting::LoginAnswered(answer), nothing).await;
    let error = refused(&connection(server.port()), TIMEOUT)
        .await
        .to_string();
    assert!(error.contains("Cannot open database \"store\""), "{error}");
    assert!(error.contains("check the name of the database"), "{error}");
}

#[tokio::test]
async fn the_password_may_stand_in_the_environment() {
    let mut wrong = connection(1);
    wrong.password = SecretString::from("${env:NO_SUCH_TEST_PASSWORD}");
    let error = refused(&wrong, TIMEOUT).await.to_string();
    assert!(error.contains("NO_SUCH_TEST_PASSWORD"), "{error}");
}

#[tokio::test]
async fn another_protocol_is_recognised() {
    let words = b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice();
    let server = StandIn::greeting(Greeting::Other(words), nothing).await;
    let error = refused(&connection(server.port()), TIMEOUT)
        .await
        .to_string();
    assert!(
        error.contains("does not answer like a SQL Server"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let server = StandIn::greeting(Greeting::Silent, nothing).await;
    let started = Instant::now();
    let error = refused(&connection(server.port()), SHORT).await;
    assert!(
        matches!(error, Error::Timeout { limit, .. } if limit == SHORT),
        "{error}"
    );
    assert!(started.elapsed() < SHORT * 20);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = refused(&connection(1), TIMEOUT).await.to_string();
    assert!(error.contains("cannot connect to 127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_host_has_to_be_one() {
    for (host, expected) in [
        (" ", "is empty"),
        ("db\\SQLEXPRESS", "instance"),
        ("db,1444", "port"),
    ] {
        let mut wrong = connection(1433);
        wrong.host = host.into();
        let error = refused(&wrong, TIMEOUT).await;
        assert!(
            matches!(&error, Error::Invalid { field, reason } if field == "host" && reason.contains(expected)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn many_at_once_wait_their_turn() {
    let server = StandIn::start(nothing).await;
    let driver: SqlServer = connected(&server).await;
    let pings = (0..40).map(|_| driver.ping());
    for answer in futures::future::join_all(pings).await {
        answer.expect("waits its turn");
    }
    assert!(server.heard().logins.len() <= 8);
}
