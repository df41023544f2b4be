//! The line to a server: it breaks, it falls silent, it is encrypted.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tidegate_schema::{Error, model::Engine};
use tidegate_server::drivers::{Batch, Driver, RowStream};

use crate::{
    bed::{Bed, EXPORT, connected, endless, endless_rows, within},
    relay::Relay,
};

/// For a query that somebody waits for.
const SHORT: Duration = Duration::from_secs(30);
/// For a query whose line breaks; the server ends it by itself after so long.
const LONG: Duration = Duration::from_mins(1);
/// For a query whose line falls silent: long enough to begin on a busy machine.
const TIME: Duration = Duration::from_secs(3);
/// What a driver may take beyond that, on such a machine.
const SLACK: Duration = Duration::from_secs(20);
/// Tries until a line that fell silent while idle is done with.
const TRIES: usize = 3;

fn query(sends: bool, word: &str) -> String {
    if sends {
        endless_rows(word)
    } else {
        endless(word)
    }
}

/// A query that is at work on the server, its first row read if it sends any.
async fn begun(
    bed: &Bed,
    driver: &dyn Driver,
    sends: bool,
    word: &str,
    time: Duration,
) -> RowStream {
    let sql = query(sends, word);
    let mut stream = driver.stream(&sql, within(time)).await.expect("begins");
    if sends {
        let first = stream.batches.next().await;
        assert!(matches!(first, Some(Ok(Batch::Rows(_)))), "{first:?}");
        return stream;
    }
    let started = Instant::now();
    while bed.ground().running(word).await.is_empty() {
        assert!(started.elapsed() < SHORT, "the server does not show it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream
}

/// How a stream ends; the rows that come before are let go of.
async fn end(mut stream: RowStream) -> Option<Error> {
    let mut last = None;
    let reading = async {
        while let Some(batch) = stream.batches.next().await {
            last = batch.err();
        }
    };
    tokio::time::timeout(2 * SHORT, reading)
        .await
        .expect("a stream ends");
    last
}

async fn answers(driver: &dyn Driver) {
    let set = driver.run("SELECT n FROM thousand", within(SHORT)).await;
    assert_eq!(set.expect("answers").rows.len(), 1_000);
}

async fn gone(bed: &Bed, word: &str) {
    let started = Instant::now();
    while !bed.ground().running(word).await.is_empty() {
        assert!(started.elapsed() < SHORT, "the query still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As when the server is killed: both ends of the connection are gone.
pub(crate) async fn a_line_that_breaks_is_an_error_in_the_stream(engine: Engine) {
    let bed = Bed::of(engine).await;
    let relay = Relay::to(&bed.ground().connection()).await;
    let driver = connected(relay.connection(&bed.ground().connection())).await;
    for (sends, word) in [(true, "broken_sending"), (false, "broken_counting")] {
        let stream = begun(&bed, &*driver, sends, word, LONG).await;
        relay.cut();
        let error = end(stream).await.expect("the rows just ended");
        assert!(matches!(error, Error::Upstream { .. }), "{word}: {error:?}");
        assert!(error.to_string().starts_with("suite: "), "{error}");
        answers(&*driver).await;
        if !sends {
            // A server that has nothing to send does not see that nobody is there.
            for session in bed.ground().running(word).await {
                bed.ground().kill(session).await;
            }
        }
    }
}

/// A half-open connection: neither end hears anything, and nothing says that it is over.
pub(crate) async fn a_line_that_falls_silent_is_given_up_by_the_clock(engine: Engine) {
    let bed = Bed::of(engine).await;
    let relay = Relay::to(&bed.ground().connection()).await;
    let driver = connected(relay.connection(&bed.ground().connection())).await;
    for (sends, word) in [(true, "silent_sending"), (false, "silent_counting")] {
        let started = Instant::now();
        let stream = begun(&bed, &*driver, sends, word, TIME).await;
        relay.hush();
        let error = end(stream).await.expect("the rows just ended");
        let took = started.elapsed();
        assert!(
            matches!(&error, Error::Timeout { limit, .. } if *limit == TIME),
            "{word}: {error:?}"
        );
        assert!(took < TIME + SLACK, "{word}: {took:?}");
        answers(&*driver).await;
        if !sends {
            gone(&bed, word).await;
        }
    }
}

/// Firewalls forget idle connections without a word. Whoever is lent such a one waits for a while and no longer, and
/// it is not lent again.
pub(crate) async fn an_idle_line_that_fell_silent_is_done_with_soon(engine: Engine) {
    let bed = Bed::of(engine).await;
    let relay = Relay::to(&bed.ground().connection()).await;
    let driver = connected(relay.connection(&bed.ground().connection())).await;
    answers(&*driver).await;
    relay.hush();
    let started = Instant::now();
    let mut answered = false;
    for _ in 0..TRIES {
        match driver.run("SELECT 1", within(SHORT)).await {
            Ok(set) => {
                assert_eq!(set.rows.len(), 1);
                answered = true;
                break;
            }
            Err(error) => assert!(
                matches!(error, Error::Timeout { .. } | Error::Upstream { .. }),
                "{error:?}"
            ),
        }
    }
    assert!(answered, "no try of {TRIES} was answered");
    assert!(started.elapsed() < SHORT, "{:?}", started.elapsed());
}

/// Rows, and the word that stops a query, which comes by a line of its own.
pub(crate) async fn all_is_encrypted_where_the_server_offers_it(engine: Engine) {
    let bed = Bed::of(engine).await;
    let relay = Relay::encrypting(&bed.ground().connection()).await;
    let driver = connected(relay.connection(&bed.ground().connection())).await;
    answers(&*driver).await;
    let mut stream = driver.stream(EXPORT, within(LONG)).await.expect("begins");
    let mut rows = 0;
    while rows < 20_000 {
        match stream.batches.next().await {
            Some(Ok(Batch::Rows(some))) => rows += some.len(),
            other => panic!("neither rows nor the end: {other:?}"),
        }
    }
    drop(stream);
    drop(begun(&bed, &*driver, false, "encrypted", LONG).await);
    gone(&bed, "encrypted").await;
    let (secured, plain) = relay.counts();
    assert!(
        secured > 1 && plain == 0,
        "{secured} lines with, {plain} without"
    );
}
