//! Many rows: in small pieces, held back by a slow reader, cut where told to.

use std::time::Duration;

use futures::StreamExt as _;
use tidegate_schema::model::{Cell, Engine};
use tidegate_server::drivers::{Batch, Limits, RowStream};

use crate::{
    alone,
    bed::{Bed, EXPORT, EXPORT_ROWS, endless_rows, within},
};

/// For reading everything, in an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long the reader sleeps while the database would like to send.
const SLEEP: Duration = Duration::from_millis(1_500);
/// What reading two hundred megabytes may take; the least of what is taken is a batch, half a megabyte.
const MOST_MEMORY: usize = 96 << 20;

/// The next rows; none at the end.
async fn rows(stream: &mut RowStream) -> Option<Vec<Vec<Cell>>> {
    match stream.batches.next().await? {
        Ok(Batch::Rows(rows)) => Some(rows),
        other => panic!("neither rows nor the end: {other:?}"),
    }
}

pub(crate) async fn a_hundred_thousand_rows_come_in_small_batches(engine: Engine) {
    let bed = Bed::of(engine).await;
    let limits = within(PATIENCE);
    let mut stream = bed.driver().stream(EXPORT, limits).await.expect("begins");
    let names: Vec<&str> = stream.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["n", "word"]);
    let (mut count, mut sum, mut first) = (0, 0, true);
    while let Some(batch) = rows(&mut stream).await {
        assert!(
            batch.len() <= 256 && (!first || batch.len() == 1),
            "{} rows at once",
            batch.len()
        );
        first = false;
        for row in batch {
            let (Cell::Int(n), Cell::Text(word)) = (&row[0], &row[1]) else {
                panic!("{row:?}");
            };
            assert_eq!(word.len(), 2_000);
            count += 1;
            sum += n;
        }
    }
    // Every number below a thousand, a hundred times.
    assert_eq!((count, sum), (EXPORT_ROWS, 100 * 499_500));
    bed.answers().await;
}

pub(crate) async fn large_cells_come_a_few_at_a_time(engine: Engine) {
    let bed = Bed::of(engine).await;
    // Two kilobytes, each letter five hundred times.
    let sql = format!(
        "SELECT replace(f.t, 'x', '{}') AS word FROM thousand a, filler f WHERE a.n < 40",
        "x".repeat(500)
    );
    let limits = within(PATIENCE);
    let mut stream = bed.driver().stream(&sql, limits).await.expect("begins");
    let mut count = 0;
    while let Some(batch) = rows(&mut stream).await {
        let mut bytes = 0;
        for row in &batch {
            let Cell::Text(word) = &row[0] else {
                panic!("{row:?}");
            };
            assert_eq!(word.len(), 1_000_000);
            bytes += word.len();
        }
        assert!(bytes <= 4_000_000, "{bytes} bytes at once");
        count += batch.len();
    }
    assert_eq!(count, 40);
    bed.answers().await;
}

pub(crate) async fn memory_stays_flat(engine: Engine) {
    if !alone::is_alone() {
        return alone::run(&format!("{}::memory_stays_flat", engine.name())).await;
    }
    let bed = Bed::of(engine).await;
    let limits = within(PATIENCE);
    // What a first run takes for good: connections, threads, the library's own buffers.
    let few = Limits {
        rows: 20_000,
        ..limits
    };
    let mut warm = bed.driver().stream(EXPORT, few).await.expect("begins");
    while let Some(Ok(Batch::Rows(_))) = warm.batches.next().await {}
    drop(warm);
    let before = alone::resident().unwrap_or_default();
    let growth = || alone::resident().unwrap_or_default().saturating_sub(before);

    let sql = EXPORT.replace("AS word", "AS held_back");
    let mut stream = bed.driver().stream(&sql, limits).await.expect("begins");
    let mut count = rows(&mut stream).await.expect("rows").len();
    tokio::time::sleep(SLEEP).await;
    let mut most = growth();
    if bed.ground().is_server() {
        // It has not sent everything into our memory: it waits for us.
        let running = bed.ground().running("held_back").await;
        assert_eq!(running.len(), 1, "the server was not held back");
    }
    // A run in our own process would have read all 200 MB by now.
    assert!(most < MOST_MEMORY, "the run was not held back");
    let mut batches = 0_usize;
    while let Some(batch) = rows(&mut stream).await {
        count += batch.len();
        batches += 1;
        if batches.is_multiple_of(16) {
            most = most.max(growth());
        }
    }
    assert_eq!(count, EXPORT_ROWS);
    alone::say(&format!(
        "{}: 200 MB of rows took {:.1} MB of memory",
        engine.title(),
        most as f64 / 1e6
    ));
    assert!(most < MOST_MEMORY, "memory grew by {most} bytes");
}

pub(crate) async fn rows_and_bytes_are_cut_and_told(engine: Engine) {
    let bed = Bed::of(engine).await;
    let run = async |sql: &str, rows: usize, bytes: usize| {
        let limits = Limits {
            rows,
            bytes,
            time: PATIENCE,
        };
        let set = bed.driver().run(sql, limits).await.expect(sql);
        (set.rows.len(), set.cut_at)
    };
    let numbers = "SELECT n FROM thousand ORDER BY n";
    assert_eq!(run(numbers, 300, usize::MAX).await, (300, Some(300)));
    assert_eq!(run(numbers, 999, usize::MAX).await, (999, Some(999)));
    // Exactly as many as allowed is not cut.
    assert_eq!(run(numbers, 1_000, usize::MAX).await, (1_000, None));
    assert_eq!(run(numbers, 1, usize::MAX).await, (1, Some(1)));

    let (got, cut) = run(EXPORT, usize::MAX, 200_000).await;
    assert!((80..=100).contains(&got), "{got} rows of two kilobytes");
    assert_eq!(cut, Some(got));
    // A row that is larger than the whole result may be.
    assert_eq!(run("SELECT t FROM filler", 10, 1_000).await, (0, Some(0)));

    let limits = Limits {
        rows: 10,
        bytes: usize::MAX,
        time: PATIENCE,
    };
    let mut stream = bed.driver().stream(numbers, limits).await.expect("begins");
    let mut seen = Vec::new();
    while let Some(batch) = stream.batches.next().await {
        seen.push(batch.expect("no error"));
    }
    assert!(
        matches!(seen.last(), Some(Batch::Cut(10))),
        "the cut is told last: {seen:?}"
    );
    let cuts = seen.iter().filter(|batch| matches!(batch, Batch::Cut(_)));
    assert_eq!(cuts.count(), 1);
    // What was cut is stopped, and its connection is free.
    for _ in 0..2 * bed.ground().connections() {
        let run = run(&endless_rows("cut"), 5, usize::MAX).await;
        assert_eq!(run, (5, Some(5)));
    }
    bed.answers().await;
}
