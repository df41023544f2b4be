//! Wrong ways to a database: each ends in bounded time with an error that helps and tells no secret.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use tidegate_schema::{
    Error,
    model::{Connection, Engine},
};
use tidegate_server::drivers;
use tokio::net::TcpListener;

use crate::{bed::Bed, ground::at};

/// What connecting may take here.
const LIMIT: Duration = Duration::from_secs(2);
/// What it may take on a machine that is busy with other tests.
const BOUND: Duration = Duration::from_secs(10);
const WRONG: &str = "wrong-password-of-the-test";

async fn refused(connection: &Connection) -> Error {
    let started = Instant::now();
    let error = drivers::connect("suite", connection, LIMIT, &std::env::temp_dir())
        .await
        .err()
        .expect("no such way");
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    let text = error.to_string();
    for secret in [WRONG, connection.password.expose_secret()] {
        assert!(secret.is_empty() || !text.contains(secret), "{text}");
    }
    error
}

#[track_caller]
fn says(error: &Error, parts: &[&str]) {
    assert!(matches!(error, Error::Upstream { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("suite: "), "{text}");
    assert!(parts.iter().any(|part| text.contains(part)), "{text}");
}

pub(crate) async fn wrong_ways_to_a_server_end_in_time(engine: Engine) {
    let bed = Bed::of(engine).await;
    let right = bed.ground().connection();

    let mut wrong = right.clone();
    wrong.password = SecretString::from(WRONG);
    says(
        &refused(&wrong).await,
        &["password authentication failed", "check user and password"],
    );

    let mut wrong = right.clone();
    "nowhere_at_all".clone_into(&mut wrong.database);
    says(&refused(&wrong).await, &["nowhere_at_all"]);

    // Nobody listens there any more.
    let mut wrong = right.clone();
    wrong.port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        listener.local_addr().expect("an address").port()
    };
    "127.0.0.1".clone_into(&mut wrong.host);
    let error = refused(&wrong).await;
    says(&error, &["refused"]);
    let address = format!("{}:{}", wrong.host, wrong.port);
    assert!(error.to_string().contains(&address), "{error}");

    // The other side accepts and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    wrong.port = silent.local_addr().expect("an address").port();
    let error = refused(&wrong).await;
    assert!(
        matches!(&error, Error::Timeout { what, limit } if *limit == LIMIT && what.contains(&wrong.host)),
        "{error:?}"
    );

    // The other side accepts and hangs up.
    let rude = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    wrong.port = rude.local_addr().expect("an address").port();
    let hanging_up = async { while rude.accept().await.is_ok() {} };
    let error = tokio::select! {
        error = refused(&wrong) => error,
        () = hanging_up => panic!("the listener is gone"),
    };
    assert!(
        matches!(error, Error::Upstream { .. } | Error::Timeout { .. }),
        "{error:?}"
    );

    let mut wrong = right.clone();
    " ".clone_into(&mut wrong.host);
    let error = refused(&wrong).await;
    assert!(
        matches!(&error, Error::Invalid { field, .. } if field == "host"),
        "{error:?}"
    );
    // None of it was the driver's undoing.
    bed.answers().await;
}

pub(crate) async fn wrong_ways_to_a_file_name_the_path(engine: Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.db");
    let letter = folder.path().join("letter.db");
    std::fs::write(
        &letter,
        "this is a letter and no database, as anyone can see",
    )
    .expect("written");
    let nothing = std::path::PathBuf::new();
    for path in [
        missing.as_path(),
        folder.path(),
        &letter,
        &nothing,
        std::path::Path::new(":memory:"),
    ] {
        let error = refused(&at(engine, path)).await;
        assert!(
            matches!(&error, Error::Invalid { field, .. } if field == "path"),
            "{}: {error:?}",
            path.display()
        );
    }
    assert!(!missing.exists(), "a missing file was made");
}
