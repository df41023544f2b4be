//! Rows, bytes and time: what is cut, what is stopped, and what is free again afterwards.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tidegate_schema::{Error, model::Cell};

use super::{PEOPLE, opened};
use crate::drivers::{Batch, Driver as _, Limits, sqlite::CONNECTIONS};

fn within(rows: usize, time_ms: u64) -> Limits {
    Limits {
        rows,
        bytes: 1 << 20,
        time: Duration::from_millis(time_ms),
    }
}

/// Counts for minutes unless it is stopped.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

#[tokio::test]
async fn caps_cut_and_say_so() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n";
    let set = driver.run(many, within(300, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(many, within(1_000, 5_000)).await.expect("runs");
    assert_eq!(
        (set.rows.len(), set.cut_at),
        (1_000, None),
        "exactly as many as allowed is not cut"
    );
    let long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000)
                SELECT printf('%.10000c', 'x') FROM n";
    let set = driver.run(long, within(1_000, 5_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "a megabyte is about a hundred rows, not {}",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
}

#[tokio::test]
async fn a_row_is_weighed_before_it_is_copied() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let wide = vec!["s"; 200].join(", ");
    let sql = format!(
        "WITH x AS MATERIALIZED (SELECT printf('%.1000000c', 'a') AS s) SELECT {wide} FROM x"
    );
    let set = driver.run(&sql, within(10, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)));
    let pair = "WITH x AS MATERIALIZED (SELECT printf('%.100000c', 'a') AS s) SELECT s, s FROM x";
    let set = driver.run(pair, within(10, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1, None));
}

#[tokio::test]
async fn what_one_function_can_do_is_bounded() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for (sql, part) in [
        ("SELECT length(printf('%.60000000c', 'a'))", "too big"),
        (
            "SELECT 'a' LIKE '%' || printf('%.200c', 'a') || 'b'",
            "pattern too complex",
        ),
    ] {
        let error = driver.run(sql, within(10, 5_000)).await.expect_err(sql);
        assert!(error.to_string().contains(part), "{error}");
    }
    let sql = "SELECT instr(printf('%.4000000c', 'a'), printf('%.2000000c', 'a') || 'b'),
        replace(1.50, '.', ',')";
    let set = driver.run(sql, within(10, 10_000)).await.expect("runs");
    assert_eq!(set.rows[0], [Cell::Int(0), Cell::Text("1,5".into())]);
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
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_stops_the_query() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let endless = ENDLESS.replace("count(*)", "i");
    for _ in 0..CONNECTIONS {
        let mut stream = driver
            .stream(&endless, within(usize::MAX, 60_000))
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
    // Every connection was in use for a minute's work; all come back at once.
    let again = driver
        .run("SELECT 1", within(10, 5_000))
        .await
        .expect("a connection is free");
    assert_eq!(again.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_is_cut_off_and_told() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let endless = ENDLESS.replace("count(*)", "i");
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_millis(300),
    };
    let mut stream = driver.stream(&endless, limits).await.expect("begins");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut last = None;
    while let Some(batch) = stream.batches.next().await {
        last = Some(batch);
    }
    assert!(matches!(last, Some(Err(Error::Timeout { .. }))), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writers_lock_is_waited_for_and_not_for_ever() {
    let (_folder, path, driver) = opened(PEOPLE).await;
    let writer = rusqlite::Connection::open(&path).expect("opens");
    writer.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let error = driver
        .run("SELECT * FROM people", within(10, 300))
        .await
        .expect_err("locked");
    assert!(
        matches!(error, Error::Upstream { .. } | Error::Timeout { .. }),
        "{error:?}"
    );
    writer.execute_batch("COMMIT").expect("unlocks");
    driver
        .run("SELECT * FROM people", within(10, 2_000))
        .await
        .expect("unlocked");
}
