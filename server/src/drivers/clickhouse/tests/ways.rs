//! Ways in that lead nowhere, and one that is narrower than others.

use std::net::TcpListener;

use super::{
    scripted::{Scripted, refused, whole},
    *,
};

#[tokio::test]
async fn what_is_no_clickhouse_is_named() {
    for bytes in [
        whole("", "<html>\n<body>hello</body>\n</html>\n"),
        refused("404 Not Found", "<html>no such page</html>"),
        refused(
            "400 Bad Request",
            "Port 9000 is for clickhouse-client program\n",
        ),
        refused("502 Bad Gateway", ""),
    ] {
        let server = Scripted::start(vec![("SELECT", bytes)]);
        let error = ClickHouse::connect("logs", &server.connection(), PATIENCE).await;
        let error = error.err().expect("refused").to_string();
        assert!(
            error.contains("no ClickHouse server's HTTP port"),
            "{error}"
        );
        assert!(
            error.contains("8123") && !error.contains(PASSWORD),
            "{error}"
        );
    }
}

#[tokio::test]
async fn wrong_ways_in_are_explained() {
    let wrong = "Code: 516. DB::Exception: ann: Authentication failed: password is incorrect. (version 24.1)";
    let gone =
        "Code: 81. DB::Exception: Database web does not exist. (UNKNOWN_DATABASE) (version 24.1)";
    for (answer, part) in [
        (refused("401 Unauthorized", wrong), "refused the user 'ann'"),
        (refused("404 Not Found", gone), "no database 'web'"),
    ] {
        let server = Scripted::start(vec![("SELECT", answer)]);
        let error = ClickHouse::connect("logs", &server.connection(), PATIENCE).await;
        let error = error.err().expect("refused").to_string();
        assert!(error.contains(part) && !error.contains(PASSWORD), "{error}");
    }

    let mut nobody = Scripted::start(Vec::new()).connection();
    // A port that was free a moment ago.
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    nobody.port = free.local_addr().expect("an address").port();
    drop(free);
    let error = ClickHouse::connect("logs", &nobody, PATIENCE).await;
    let error = error.err().expect("unreachable").to_string();
    assert!(error.contains("cannot be reached"), "{error}");

    // Accepts and never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    nobody.port = silent.local_addr().expect("an address").port();
    let error = ClickHouse::connect("logs", &nobody, Duration::from_millis(300)).await;
    let error = error.err().expect("too late");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_user_without_the_settings_is_served_all_the_same() {
    let denied =
        "Code: 497. DB::Exception: ann: Not enough privileges. (ACCESS_DENIED) (version 24.1)";
    let server = Scripted::start(vec![
        ("system.settings", refused("403 Forbidden", denied)),
        ("SELECT 1", whole("", "1\nUInt8\n1\n")),
    ]);
    let driver = server.driver().await;
    driver.ping().await.expect("answers");
    assert!(server.asked("SELECT 1").await.contains("readonly=1"));
}
