//! Rows, bytes and time: what is cut, what is stopped, and what is cancelled at the server.

use std::time::{Duration, Instant};

use futures::StreamExt;
use tidegate_schema::{Error, model::Cell};
use tidegate_server::drivers::{Batch, Driver, Limits, postgres::Postgres};

use super::within;

pub(super) async fn caps(driver: &Postgres) {
    let sql = "SELECT i FROM generate_series(1, 1000) i";
    let set = driver.run(sql, within(300, 5_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (300, Some(300)));
    let set = driver.run(sql, within(1_000, 5_000)).await.expect("runs");
    assert_eq!(
        (set.rows.len(), set.cut_at),
        (1_000, None),
        "exactly as many as allowed is not cut"
    );
    let long = "SELECT repeat('x', 10000) FROM generate_series(1, 1000)";
    let set = driver.run(long, within(1_000, 5_000)).await.expect("runs");
    assert!(
        (90..110).contains(&set.rows.len()),
        "{} rows",
        set.rows.len()
    );
    assert_eq!(set.cut_at, Some(set.rows.len()));
}

pub(super) async fn large_rows_stay_at_the_server(driver: &Postgres) {
    // Several megabytes each, cut at one.
    for cell in [
        "repeat(repeat('x', 10000), 10000)",
        "repeat(repeat('x', 10000), 1000)::bytea",
        "string_to_array(repeat(repeat('x,', 10000), 250), ',')",
        "(SELECT json_agg(i) FROM generate_series(1, 1000000) i)",
        "ROW(1, repeat(repeat('x', 10000), 1000))",
    ] {
        let sql = format!("SELECT i, CASE i WHEN 3 THEN {cell} END FROM generate_series(1, 9) i");
        let set = driver.run(&sql, within(100, 60_000)).await.expect(cell);
        assert_eq!((set.rows.len(), set.cut_at), (2, Some(2)), "{cell}");
    }
    let many = vec!["repeat(repeat('x', 10000), 100)"; 50].join(", ");
    let sql = format!("SELECT {many}");
    let set = driver.run(&sql, within(100, 60_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (0, Some(0)));
    let just = "SELECT repeat(repeat('x', 1000), 1000)";
    let set = driver.run(just, within(100, 60_000)).await.expect("runs");
    assert_eq!((set.rows.len(), set.cut_at), (1, None));
    let long = "SELECT json_agg(i) FROM generate_series(1, 300000) i";
    let set = driver.run(long, Limits::default()).await.expect("runs");
    assert!(
        matches!(&set.rows[0][0], Cell::Text(text) if text.len() > 1 << 20),
        "a long document stays text"
    );
}

pub(super) async fn time_runs_out(driver: &Postgres) {
    let started = Instant::now();
    let error = driver
        .run("SELECT pg_sleep(60)", within(10, 100))
        .await
        .expect_err("stopped");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    driver
        .run("SELECT 1", within(10, 1_000))
        .await
        .expect("still works");
}

pub(super) async fn dropping_cancels(driver: &Postgres, owner: &tokio_postgres::Client) {
    // In the select list, where rows come one by one: in FROM the server would make them all first.
    let sql = "SELECT generate_series(1, 1000000000)";
    for _ in 0..10 {
        let mut stream = driver
            .stream(sql, within(usize::MAX, 60_000))
            .await
            .expect("begins");
        assert!(
            matches!(stream.batches.next().await, Some(Ok(Batch::Rows(rows))) if rows.len() == 1)
        );
        drop(stream);
        drop(
            driver
                .stream("SELECT pg_sleep(60)", within(10, 60_000))
                .await
                .expect("begins"),
        );
    }
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'tidegate' AND state = 'active' AND query NOT LIKE 'SELECT 1%'";
    for attempt in 0.. {
        let left: i64 = owner.query_one(running, &[]).await.expect("counts").get(0);
        if left == 0 {
            break;
        }
        assert!(attempt < 100, "{left} queries still run");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    driver
        .run("SELECT 1", within(10, 5_000))
        .await
        .expect("a connection is free");
}
