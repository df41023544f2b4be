//! Databases: what the way through guard and driver costs beside the engine's own client library, and how many
//! requests the editor's route serves.
//!
//! Both sides run in this process, by turns, on the same data, and both end with values a program can keep: texts that
//! are owned, numbers and times as the library or the driver has them.

mod data;
mod library;
mod place;
mod requests;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use futures::TryStreamExt as _;
use tidegate_schema::model::Cell;
use tidegate_server::{
    drivers::{self, Batch, Driver, Limits, RowStream},
    guard::{GuardOptions, GuardedDatabase},
};

use self::{
    data::{AGGREGATE, EXPORT, EXPORTED},
    library::Seen,
    place::Place,
};
use super::say;
use crate::memory::resident;

/// For connecting, and for one run.
const PATIENCE: Duration = Duration::from_mins(2);
/// Memory that an export may take beyond what was there, in bytes: it is not gathered anywhere.
const FLAT: u64 = 64 << 20;
/// Batches between two looks at the memory.
const BATCHES_PER_LOOK: usize = 32;

/// Measures, prints, and fails where the way through us takes more than `within` times as long as the library, or
/// memory grows. `server` is the program whose route is measured; `only` is the one engine, if not all are.
pub async fn run(
    server: &Path,
    rounds: usize,
    requests: usize,
    within: f64,
    only: Option<&str>,
) -> Result<()> {
    let mut places = Place::all().await?;
    let title = |place: &Place| place.connection.engine.title();
    if let Some(only) = only {
        let known: Vec<&str> = places.iter().map(title).collect();
        places.retain(|place| title(place).eq_ignore_ascii_case(only));
        ensure!(
            !places.is_empty(),
            "'{only}' is none of {}",
            known.join(", ")
        );
    }
    let mut faults = Vec::new();
    for place in &mut places {
        faults.extend(engine(place, rounds.max(1), within).await?);
    }
    requests::run(server, &places, requests).await?;
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

/// One engine; what is beyond the budget.
async fn engine(place: &mut Place, rounds: usize, within: f64) -> Result<Vec<String>> {
    let title = place.connection.engine.title();
    let driver =
        drivers::connect("bench", &place.connection, PATIENCE, &std::env::temp_dir()).await?;
    let guarded = GuardedDatabase::new("bench", driver.clone());
    say(&format!(
        "{title:<12} {:>12} {:>12} {:>8} {:>14}",
        "library ms", "guarded ms", "ratio", "driver alone"
    ));
    let mut faults = Vec::new();
    for (what, sql) in [("aggregate", AGGREGATE), ("export", EXPORT)] {
        let mut times = Times::default();
        // The first of each fills caches and is not counted.
        for round in 0..=rounds {
            let one = by_turns(round, place, &guarded, &*driver, sql).await?;
            if round > 0 {
                times.add(one);
            }
        }
        let [library, ours, alone] = times.fastest();
        let ratio = ours / library;
        say(&format!(
            "  {what:<10} {library:>12.2} {ours:>12.2} {ratio:>8.2} {alone:>14.2}"
        ));
        if ratio > within {
            faults.push(format!(
                "{title}, {what}: {ratio:.2} times the library's time"
            ));
        }
    }
    let grown = growth(&guarded).await?;
    say(&format!(
        "  memory during the export: {:.1} MB more\n",
        grown as f64 / 1e6
    ));
    if grown > FLAT {
        faults.push(format!("{title}: the export takes {grown} bytes of memory"));
    }
    Ok(faults)
}

/// Times of the library, of us, and of the driver without the guard.
#[derive(Default)]
struct Times([Vec<Duration>; 3]);

impl Times {
    fn add(&mut self, one: [Duration; 3]) {
        for (times, time) in self.0.iter_mut().zip(one) {
            times.push(time);
        }
    }

    /// In milliseconds. Whatever else the machine does meanwhile only makes a round slower.
    fn fastest(&self) -> [f64; 3] {
        self.0
            .each_ref()
            .map(|times| times.iter().min().map_or(0.0, Duration::as_secs_f64) * 1000.0)
    }
}

/// Each once, now in this order and now in the other, so that neither always finds what the other has warmed.
async fn by_turns(
    round: usize,
    place: &mut Place,
    guarded: &GuardedDatabase,
    driver: &dyn Driver,
    sql: &str,
) -> Result<[Duration; 3]> {
    let mut times = [Duration::ZERO; 3];
    let mut rows = [0; 3];
    for turn in 0..3 {
        let who = if round.is_multiple_of(2) {
            turn
        } else {
            2 - turn
        };
        let started = Instant::now();
        let seen = match who {
            0 => place.library.read(sql).await?,
            1 => {
                let options = GuardOptions::default();
                let stream = guarded
                    .stream(sql, &options, limits())
                    .await
                    .map_err(|refusal| refusal.error)?;
                read(stream.rows).await?
            }
            _ => read(driver.stream(sql, limits()).await?).await?,
        };
        times[who] = started.elapsed();
        rows[who] = std::hint::black_box(seen).rows;
    }
    ensure!(
        rows[0] == rows[1] && rows[0] == rows[2],
        "the library read {} rows, we {} and {}",
        rows[0],
        rows[1],
        rows[2]
    );
    Ok(times)
}

fn limits() -> Limits {
    Limits {
        rows: usize::MAX,
        bytes: usize::MAX,
        time: PATIENCE,
    }
}

/// A stream to its end, with a look at each value.
async fn read(stream: RowStream) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut batches = stream.batches;
    while let Some(batch) = batches.try_next().await? {
        take(&mut seen, batch)?;
    }
    Ok(seen)
}

fn take(seen: &mut Seen, batch: Batch) -> Result<()> {
    let Batch::Rows(rows) = batch else {
        anyhow::bail!("the result was cut");
    };
    for row in rows {
        seen.rows += 1;
        for cell in &row {
            seen.value(match cell {
                Cell::Null => 0,
                Cell::Bool(value) => u64::from(*value),
                Cell::Int(value) => *value as u64,
                Cell::Float(value) => value.to_bits(),
                Cell::Decimal(text) => text.len() as u64,
                Cell::Text(text) => text.len() as u64,
                Cell::Bytes(bytes) => bytes.len() as u64,
                Cell::Date(date) => u64::from(date.to_epoch_days() as u32),
                Cell::Time(_) | Cell::Json(_) => 1,
                Cell::Timestamp(at) => at.and_utc().timestamp() as u64,
                Cell::TimestampTz(at) => at.timestamp() as u64,
            });
        }
    }
    Ok(())
}

/// What memory grew by at most while everything was read.
async fn growth(guarded: &GuardedDatabase) -> Result<u64> {
    let before = resident(std::process::id())?;
    let mut most = before;
    let stream = guarded
        .stream(EXPORT, &GuardOptions::default(), limits())
        .await
        .map_err(|refusal| refusal.error)?;
    let mut batches = stream.rows.batches;
    let (mut seen, mut count) = (Seen::default(), 0_usize);
    while let Some(batch) = batches.try_next().await? {
        take(&mut seen, batch)?;
        count += 1;
        if count.is_multiple_of(BATCHES_PER_LOOK) {
            most = most.max(resident(std::process::id())?);
        }
    }
    ensure!(
        seen.rows == EXPORTED,
        "{} rows were exported, not {EXPORTED}",
        seen.rows
    );
    Ok(most - before)
}
