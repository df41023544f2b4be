//! Rows, bytes and time: what is cut, what is stopped, what is cancelled at the server, what breaks in the middle.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tidegate_schema::{Error, model::Cell};
use tidegate_server::drivers::{Batch, Driver, Limits, clickhouse::ClickHouse};

use super::{connected, connection, one, within};

#[tokio::test]
async fn caps_cut_and_say_so() {
    let driver = connected(&connection()).await;
    let sql = "SELECT number FROM system.numbers LIMIT 1000";
    let set = driver.run(sql, within(300, 30_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(sql, within(1_000, 30_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1_000, None));
    let long = "SELECT arrayStringConcat(arrayMap(x -> 'xxxxxxxxxx', range(1000))) FROM system.numbers LIMIT 1000";
    let set = driver.run(long, within(1_000, 30_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "{} rows",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
    for length in [200_000, 1_000_000] {
        let sql =
            format!("SELECT arrayStringConcat(arrayMap(x -> 'xxxxxxxxxx', range({length}))) AS s");
        let set = driver.run(&sql, within(10, 30_000)).await.expect("runs");
        assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)), "{length}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_rows_stream_whole_and_in_order() {
    let driver = connected(&connection()).await;
    let sql = "SELECT number, concat('row ', toString(number)) FROM system.numbers LIMIT 200000";
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_mins(1),
    };
    let mut stream = driver.stream(sql, limits).await.expect("begins");
    let (mut next, mut first) = (0_i64, None);
    while let Some(batch) = stream.batches.next().await {
        let Batch::Rows(rows) = batch.expect("rows") else {
            panic!("nothing was to be cut");
        };
        first.get_or_insert(rows.len());
        assert!(rows.len() <= 256, "{}", rows.len());
        for row in rows {
            assert_eq!(row, [Cell::Int(next), Cell::Text(format!("row {next}"))]);
            next += 1;
        }
    }
    assert_eq!((next, first), (200_000, Some(1)));
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back() {
    let driver = connected(&connection()).await;
    let limits = Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: Duration::from_mins(1),
    };
    // Endless: it only comes to an end because somebody stops it.
    let sql = "SELECT number, 'back-pressure' FROM system.numbers";
    let mut stream = driver.stream(sql, limits).await.expect("begins");
    for _ in 0..10 {
        let batch = stream.batches.next().await.expect("more").expect("rows");
        assert!(matches!(batch, Batch::Rows(_)));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let batch = stream.batches.next().await.expect("more").expect("rows");
    assert!(matches!(batch, Batch::Rows(_)));
    drop(stream);
    ended(&driver, "back-pressure").await;
}

#[tokio::test]
async fn time_runs_out() {
    let driver = connected(&connection()).await;
    for sql in [
        "SELECT count() FROM system.numbers WHERE 'out-of-time' != ''",
        "SELECT number, 'out-of-time' FROM system.numbers",
    ] {
        let started = Instant::now();
        let limits = Limits {
            rows: usize::MAX,
            bytes: usize::MAX,
            time: Duration::from_millis(500),
        };
        let end = match driver.stream(sql, limits).await {
            Err(error) => Some(error),
            Ok(mut stream) => {
                let mut end = None;
                while let Some(batch) = stream.batches.next().await {
                    end = batch.err();
                }
                end
            }
        };
        assert!(matches!(end, Some(Error::Timeout { .. })), "{sql}: {end:?}");
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
    }
    ended(&driver, "out-of-time").await;
    assert_eq!(one(&driver, "SELECT 1").await, "1");
}

#[tokio::test]
async fn dropping_cancels() {
    let driver = connected(&connection()).await;
    for _ in 0..5 {
        let sql = "SELECT number, 'let go' FROM system.numbers";
        let mut stream = driver
            .stream(sql, within(usize::MAX, 60_000))
            .await
            .expect("begins");
        let first = stream.batches.next().await;
        assert!(matches!(first, Some(Ok(Batch::Rows(rows))) if rows.len() == 1));
        drop(stream);
        // Before its answer has begun.
        let silent = "SELECT count() FROM system.numbers WHERE 'let go' != ''";
        let begun = driver.stream(silent, within(10, 60_000));
        let begun = tokio::time::timeout(Duration::from_millis(200), begun).await;
        assert!(begun.is_err(), "an endless count has no answer");
    }
    ended(&driver, "let go").await;
}

#[tokio::test]
async fn an_error_in_the_middle_is_an_error_and_no_row() {
    let driver = connected(&connection()).await;
    // The server sends a megabyte at a time: the first rows are on their way when it fails.
    for sql in [
        "SELECT number, intDiv(1, number - 500000) FROM system.numbers LIMIT 1000000",
        "SELECT concat('row ', toString(number), ' ', toString(intDiv(1, number - 500000))) \
         FROM system.numbers LIMIT 1000000",
    ] {
        let limits = Limits {
            rows: usize::MAX,
            bytes: usize::MAX,
            time: Duration::from_mins(1),
        };
        let mut stream = driver.stream(sql, limits).await.expect("begins");
        let (mut rows, mut end) = (0, None);
        while let Some(batch) = stream.batches.next().await {
            assert!(end.is_none(), "nothing follows an error");
            match batch {
                Ok(Batch::Rows(batch)) => {
                    for row in &batch {
                        let first = row[0].to_text().unwrap_or_default();
                        assert!(!first.contains("Exception"), "{first}");
                    }
                    rows += batch.len();
                }
                Ok(Batch::Cut(at)) => panic!("cut at {at}"),
                Err(error) => end = Some(error),
            }
        }
        assert!(rows > 0 && rows < 500_001, "{rows} rows");
        let error = end.expect("an error");
        assert!(matches!(&error, Error::Upstream { .. }), "{error:?}");
        assert!(error.to_string().contains("by zero"), "{error}");
    }
    assert_eq!(one(&driver, "SELECT 1").await, "1");
}

/// Until no query with this mark is at work.
async fn ended(driver: &ClickHouse, mark: &str) {
    let sql = format!(
        "SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
    );
    for attempt in 0.. {
        let left = one(driver, &sql).await;
        if left == "0" {
            return;
        }
        assert!(attempt < 100, "{left} queries still run");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
