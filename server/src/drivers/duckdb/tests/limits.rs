//! Rows, bytes and time: what is cut, what is stopped, and what is free again afterwards.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tidegate_schema::{Error, model::Cell};

use super::{PEOPLE, opened, texts};
use crate::drivers::{Batch, Driver as _, Limits, ROWS_PER_BATCH, duckdb::file::CONNECTIONS};

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        bytes: 1 << 20,
        time: Duration::from_millis(time_ms),
    }
}

/// Counts for minutes unless it is stopped.
const ENDLESS: &str = "SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) % 7 = 3";
/// Sends rows for as long.
const ENDLESS_ROWS: &str = "SELECT i FROM range(1000000000000) t(i)";

#[tokio::test]
async fn caps_cut_and_say_so() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let many = "SELECT i FROM range(1000) t(i)";
    let set = driver.run(many, within(300, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(many, within(1_000, 5_000)).await.expect("runs");
    assert_eq!(
        (set.rows.len(), set.cut_at),
        (1_000, None),
        "exactly as many as allowed is not cut"
    );
    let long = "SELECT repeat('x', 10000) FROM range(1000)";
    let set = driver.run(long, within(1_000, 5_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "a megabyte is about a hundred rows, not {}",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
    let wide = vec!["s"; 20].join(", ");
    let sql = format!("SELECT {wide} FROM (SELECT repeat('x', 100000) AS s)");
    let set = driver.run(&sql, within(10, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_come_in_small_batches_and_in_order() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_mins(1),
    };
    for (sql, column) in [
        ("SELECT i FROM range(100000) t(i) ORDER BY i DESC", 0),
        // With a column that DuckDB has to write.
        (
            "SELECT to_days(1) AS d, i FROM range(100000) t(i) ORDER BY i DESC",
            1,
        ),
    ] {
        let mut stream = driver.stream(sql, limits).await.expect("begins");
        let (mut next, mut first) = (100_000, true);
        while let Some(batch) = stream.batches.next().await {
            let Batch::Rows(rows) = batch.expect("rows") else {
                panic!("it was cut");
            };
            assert!(rows.len() <= ROWS_PER_BATCH && (!first || rows.len() == 1));
            first = false;
            for row in rows {
                next -= 1;
                assert_eq!(row[column], Cell::Int(next));
            }
        }
        assert_eq!(next, 0, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out_and_the_connection_lives_on() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for _ in 0..2 * CONNECTIONS {
        let started = Instant::now();
        let error = driver
            .run(ENDLESS, within(10, 50))
            .await
            .expect_err("stopped");
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    let set = driver.run("SELECT 1", within(10, 5_000)).await;
    assert_eq!(texts(&set.expect("still works").rows[0]), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_stops_the_query() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for _ in 0..CONNECTIONS {
        let mut stream = driver
            .stream(ENDLESS_ROWS, within(usize::MAX, 60_000))
            .await
            .expect("begins");
        assert!(
            matches!(stream.batches.next().await, Some(Ok(Batch::Rows(rows))) if rows.len() == 1)
        );
    }
    for _ in 0..CONNECTIONS {
        drop(
            driver
                .stream(ENDLESS, within(10, 60_000))
                .await
                .expect("begins"),
        );
    }
    // Every connection was in use for minutes of work; all come back at once.
    let started = Instant::now();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = driver.stream("SELECT 1", within(10, 5_000)).await;
        held.push(stream.expect("a connection is free"));
    }
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_is_cut_off_and_told() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_millis(500),
    };
    let mut stream = driver.stream(ENDLESS_ROWS, limits).await.expect("begins");
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut last = None;
    while let Some(batch) = stream.batches.next().await {
        last = Some(batch);
    }
    assert!(matches!(last, Some(Err(Error::Timeout { .. }))), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_memory_than_allowed_is_refused_and_nothing_is_spilled() {
    let (folder, _, driver) = opened(PEOPLE).await;
    let sql = "SELECT count(*) FROM (SELECT DISTINCT repeat('x', 500) || i AS s FROM range(20000000) t(i))";
    let error = driver
        .run(sql, within(10, 60_000))
        .await
        .expect_err("too large");
    assert!(error.to_string().contains("fewer rows"), "{error}");
    let files = std::fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(files.count(), 1, "something was spilled");
    driver.ping().await.expect("still works");
}
