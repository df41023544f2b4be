//! The writable path, and the file that is let go and taken again.

use std::time::{Duration, Instant};

use tidegate_schema::Error;

use super::{DuckDb, PEOPLE, at, made, opened, texts};
use crate::drivers::{Driver as _, Limits};

const TIME: Duration = Duration::from_secs(10);

async fn count(driver: &DuckDb, table: &str) -> String {
    let sql = format!("SELECT count(*) FROM {table}");
    let set = driver.run(&sql, Limits::default()).await.expect("runs");
    texts(&set.rows[0]).remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_counted_and_seen_by_everyone() {
    let (_folder, path, driver) = opened(PEOPLE).await;
    let other = DuckDb::open("the same", &at(&path)).await.expect("opens");
    for (sql, changed) in [
        ("INSERT INTO places VALUES (3, 'Bodø'), (4, 'Voss');", 2),
        ("UPDATE places SET name = upper(name) WHERE id > 2", 2),
        ("DELETE FROM people RETURNING id", 2),
        ("DELETE FROM people", 0),
    ] {
        assert_eq!(driver.write(sql, TIME).await.expect(sql), changed, "{sql}");
    }
    assert_eq!(count(&driver, "places").await, "4");
    assert_eq!(count(&other, "people").await, "0");
    drop((driver, other));
    let again = DuckDb::open("people", &at(&path)).await.expect("opens");
    assert_eq!(count(&again, "places").await, "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_about_a_query_is_forgotten_once_the_file_is_closed() {
    let (_folder, path, driver) = opened(PEOPLE).await;
    let all = "SELECT * FROM shop.\"order\"";
    for _ in 0..2 {
        let plan = driver.dry_run(all).await.expect("plans");
        assert!(!plan.is_empty());
        let set = driver.run(all, Limits::default()).await.expect("runs");
        assert_eq!((set.columns.len(), set.rows.len()), (2, 0));
    }
    let insert = "INSERT INTO shop.\"order\" VALUES ('here', 1)";
    assert_eq!(driver.write(insert, TIME).await.expect("writes"), 1);
    // Nobody has it open now.
    made(
        &path,
        "ALTER TABLE shop.\"order\" ADD COLUMN spent DECIMAL(4, 1)",
    );
    let set = driver.run(all, Limits::default()).await.expect("runs");
    assert_eq!((set.columns.len(), set.rows.len()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_takes_too_long_changes_nothing() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let twice = "INSERT INTO places VALUES (3, 'Bodø'), (1, 'Oslo again')";
    let error = driver.write(twice, TIME).await.expect_err("refused");
    assert!(error.to_string().contains("Constraint Error"), "{error}");
    let endless = "UPDATE places SET name = 'x'
        WHERE (SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) % 7 = 3) > 0";
    let started = Instant::now();
    let error = driver
        .write(endless, Duration::from_millis(200))
        .await
        .expect_err("stopped");
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(
        count(&driver, "places WHERE name IN ('Oslo', 'Bergen')").await,
        "2"
    );
    assert_eq!(count(&driver, "places").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rows_are_changed() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    for sql in [
        "DROP TABLE people",
        "CREATE TABLE t (a INTEGER)",
        "COMMIT",
        "ATTACH 'evil.duckdb' AS evil",
        "COPY places TO 'copy.csv'",
        "SET enable_external_access = true",
        "DELETE FROM people; DROP TABLE people",
        "INSERT INTO places SELECT 9, content FROM read_text('/etc/passwd')",
    ] {
        assert!(driver.write(sql, TIME).await.is_err(), "{sql}");
    }
    assert_eq!(count(&driver, "people").await, "2");
    assert_eq!(count(&driver, "places").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_readers_and_not_for_ever() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    let limits = Limits {
        time: Duration::from_mins(1),
        ..Limits::default()
    };
    let reading = driver
        .stream("SELECT i FROM range(1000000000) t(i)", limits)
        .await
        .expect("begins");
    let change = "DELETE FROM people WHERE id = 2";
    let error = driver
        .write(change, Duration::from_millis(300))
        .await
        .expect_err("somebody reads");
    assert!(matches!(error, Error::Overloaded { .. }), "{error:?}");
    drop(reading);
    assert_eq!(driver.write(change, TIME).await.expect("alone"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_let_go_is_opened_again() {
    let (_folder, _, driver) = opened(PEOPLE).await;
    driver.source.file.close();
    assert_eq!(count(&driver, "people").await, "2");
    driver.source.file.forget();
    assert_eq!(count(&driver, "people").await, "2");
}
