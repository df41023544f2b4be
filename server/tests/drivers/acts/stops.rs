//! What ends a query before its time: nobody listens, the clock, the server.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, future::join_all};
use tidegate_schema::{
    Error,
    model::{Cell, Engine},
};
use tidegate_server::drivers::{Batch, RowStream};

use crate::{
    alone::say,
    bed::{Bed, endless, endless_rows, within},
};

/// For a query nobody waits for.
const LONG: Duration = Duration::from_mins(5);
/// For a query somebody waits for.
const SHORT: Duration = Duration::from_secs(30);
/// A dropped stream's query is gone within a tenth of a second; a machine that is busy with other tests takes longer,
/// and now and then much longer, so that most rounds are to keep to this and not each.
const CANCELLED: Duration = Duration::from_secs(1);
/// Rounds of which the quickest and the slowest are told.
const ROUNDS: usize = 5;

pub(crate) async fn a_dropped_stream_is_cancelled(engine: Engine) {
    let bed = Bed::of(engine).await;
    for (what, sends) in [("that counts", false), ("that sends rows", true)] {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            times.push(if bed.ground().is_server() {
                gone_from_the_server(&bed, sends, &format!("cancelled_{round}")).await
            } else {
                connections_are_free(&bed, sends).await
            });
        }
        times.sort();
        say(&format!(
            "{}: a query {what} is gone after {:?} to {:?}",
            engine.title(),
            times[0],
            times[ROUNDS - 1]
        ));
        assert!(times[ROUNDS / 2] < CANCELLED, "{what}: {times:?}");
    }
    bed.answers().await;
}

async fn begun(bed: &Bed, sends: bool, word: &str) -> RowStream {
    let sql = if sends {
        endless_rows(word)
    } else {
        endless(word)
    };
    let mut stream = bed
        .driver()
        .stream(&sql, within(LONG))
        .await
        .expect("begins");
    if sends {
        let first = stream.batches.next().await;
        assert!(
            matches!(&first, Some(Ok(Batch::Rows(rows))) if rows.len() == 1),
            "{first:?}"
        );
    }
    stream
}

/// From the drop until the server itself no longer shows the query.
async fn gone_from_the_server(bed: &Bed, sends: bool, word: &str) -> Duration {
    let stream = begun(bed, sends, word).await;
    let started = Instant::now();
    while bed.ground().running(word).await.is_empty() {
        assert!(started.elapsed() < SHORT, "the server does not show it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let dropped = Instant::now();
    drop(stream);
    while !bed.ground().running(word).await.is_empty() {
        assert!(dropped.elapsed() < SHORT, "the query still runs");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    dropped.elapsed()
}

/// From the drop of as many as there are connections until as many others have answered.
async fn connections_are_free(bed: &Bed, sends: bool) -> Duration {
    let count = bed.ground().connections();
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(begun(bed, sends, "held").await);
    }
    // In the middle of it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let dropped = Instant::now();
    drop(held);
    let runs = (0..count).map(|_| bed.driver().run("SELECT 1", within(SHORT)));
    for set in join_all(runs).await {
        assert_eq!(set.expect("a connection is free").rows.len(), 1);
    }
    dropped.elapsed()
}

pub(crate) async fn time_runs_out(engine: Engine) {
    let bed = Bed::of(engine).await;
    let time = Duration::from_millis(400);
    for sql in [endless("late"), endless_rows("late")] {
        for _ in 0..2 {
            let started = Instant::now();
            let last = match bed.driver().stream(&sql, within(time)).await {
                Ok(stream) => {
                    let keep = |_, batch| std::future::ready(Some(batch));
                    stream.batches.fold(None, keep).await
                }
                // The clock includes what comes before the first row.
                Err(error) => Some(Err(error)),
            };
            let took = started.elapsed();
            assert!(
                matches!(&last, Some(Err(Error::Timeout { limit, .. })) if *limit == time),
                "{last:?}"
            );
            assert!(
                took > time / 2 && took < Duration::from_secs(10),
                "{took:?}"
            );
        }
    }
    let started = Instant::now();
    while !bed.ground().running("late").await.is_empty() {
        assert!(started.elapsed() < SHORT, "the query still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bed.answers().await;
}

pub(crate) async fn sixteen_readers_are_served(engine: Engine) {
    let bed = Bed::of(engine).await;
    let sql = "SELECT a.n AS n, b.d AS d FROM thousand a, digits b";
    let runs = (0..16).map(|_| bed.driver().run(sql, within(SHORT)));
    for set in join_all(runs).await {
        let set = set.expect("waits its turn");
        let sum: i64 = set
            .rows
            .iter()
            .map(|row| match row[0] {
                Cell::Int(n) => n,
                _ => 0,
            })
            .sum();
        assert_eq!((set.rows.len(), sum), (10_000, 10 * 499_500));
    }
    bed.answers().await;
}

/// The end of a connection is no end of the rows.
pub(crate) async fn a_killed_session_is_an_error_in_the_stream(engine: Engine) {
    let bed = Bed::of(engine).await;
    for (sends, word) in [(true, "killed_sending"), (false, "killed_counting")] {
        let mut stream = begun(&bed, sends, word).await;
        let started = Instant::now();
        let session = loop {
            if let Some(session) = bed.ground().running(word).await.first() {
                break *session;
            }
            assert!(started.elapsed() < SHORT, "the server does not show it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        bed.ground().kill(session).await;
        let mut last = None;
        while let Some(batch) = stream.batches.next().await {
            assert!(started.elapsed() < 2 * SHORT, "it goes on");
            last = Some(batch);
        }
        let Some(Err(error @ Error::Upstream { .. })) = last else {
            panic!("{word}: the rows just ended: {last:?}");
        };
        assert!(error.to_string().starts_with("suite: "), "{error}");
        drop(stream);
        bed.answers().await;
    }
}
