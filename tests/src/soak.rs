//! Mixed load on a server of its own with a tiny model: every kind of request at once, for as long as is asked, and
//! then whether it still answers, whether it failed anybody without cause, and whether its memory stayed flat.

mod acts;
mod requests;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use tempfile::TempDir;

use self::acts::Client;
pub use self::acts::Outcome;
use crate::{
    checkpoint::{self, Dice, Sizes},
    memory::resident,
    process::{Program, Server},
};

/// The model's name.
const MODEL: &str = "tiny";
/// Longest the model may take to load.
const LOADING: Duration = Duration::from_mins(2);
/// Faults that are kept word by word; the rest is counted.
const TOLD: usize = 20;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How long clients begin new requests.
    pub time: Duration,
    /// Clients at once.
    pub clients: usize,
    /// Where the dice begin.
    pub seed: u64,
    /// Bytes of memory that the server may add between a quarter of the time and its end.
    pub growth: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Requests by what came of them.
    outcomes: BTreeMap<Outcome, u64>,
    /// What went wrong without the caller's doing.
    faults: Vec<String>,
    /// How often.
    failed: u64,
    /// The server's memory at the start, after a quarter of the time and at the end, in bytes.
    memory: [u64; 3],
    growth: u64,
    took: Duration,
}

/// Starts the server of `program` on a tiny model, loads it as planned, and stops it.
///
/// # Errors
/// When the server does not start, or does not answer any more afterwards. What went wrong in between is in the
/// report.
pub async fn run(program: &Path, plan: &Plan) -> Result<Report> {
    let dir = TempDir::new()?;
    let model = dir.path().join("model");
    checkpoint::make(&model, Sizes::TINY)?;
    let program = Program::new(
        &program.display().to_string(),
        dir.path(),
        &configuration(dir.path(), &model),
    )?;
    let server = program.serve(&[])?;
    loaded(&server).await?;
    let started = Instant::now();
    let mut report = Report {
        growth: plan.growth,
        ..Report::default()
    };
    report.memory[0] = resident(server.id())?;
    let clients = join_all((0..plan.clients).map(|number| {
        let dice = Dice::new(
            plan.seed
                .wrapping_mul(1_000_003)
                .wrapping_add(number as u64),
        );
        Client::new(&server, MODEL, dice, number).load(started + plan.time)
    }));
    let quarter = async {
        tokio::time::sleep(plan.time / 4).await;
        resident(server.id())
    };
    let (told, quarter) = tokio::join!(clients, quarter);
    report.memory[1] = quarter.context("the server is gone")?;
    report.memory[2] = resident(server.id()).context("the server is gone")?;
    for counted in told {
        for (outcome, count) in counted.outcomes {
            *report.outcomes.entry(outcome).or_default() += count;
        }
        report.failed += counted.failed;
        let room = TOLD.saturating_sub(report.faults.len());
        report.faults.extend(counted.faults.into_iter().take(room));
    }
    report.took = started.elapsed();
    let mut last = Client::new(&server, MODEL, Dice::new(plan.seed), 0);
    last.still_answers()
        .await
        .context("the server does not answer after the load")?;
    Ok(report)
}

fn configuration(dir: &Path, model: &Path) -> String {
    format!(
        "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"warn\"\n\
         [[models]]\nname = \"{MODEL}\"\nprovider = \"torch\"\npath = {:?}\nmax_sequences = 8\nqueue = 64\n\
         kv_cache_mb = 64\nprefill_chunk = 128\n",
        dir.join("data").display().to_string(),
        model.display().to_string()
    )
}

/// Waits until the model is there.
async fn loaded(server: &Server) -> Result<()> {
    let user = server.anonymous();
    let until = Instant::now() + LOADING;
    loop {
        let body = user.get("/ready").await?.json();
        if body["ready"] == true {
            return Ok(());
        }
        let model = &body["models"][0];
        ensure!(
            model["state"] != "failed",
            "the tiny model could not be loaded: {}",
            model["reason"]
        );
        ensure!(
            Instant::now() < until,
            "the tiny model is still loading after {} s",
            LOADING.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Report {
    /// How many requests had this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }

    /// Nothing, or why the server did not hold.
    ///
    /// # Errors
    /// A request that failed without the caller's doing, or memory that grew beyond the plan's bound.
    pub fn verdict(&self) -> Result<()> {
        ensure!(
            self.failed == 0,
            "{} requests failed without the caller's doing, the first: {}",
            self.failed,
            self.faults.first().map_or("", String::as_str)
        );
        let grown = self.memory[2].saturating_sub(self.memory[1]);
        ensure!(
            grown <= self.growth,
            "the server's memory grew by {:.1} MB between a quarter of the time and its end, more than {:.1} MB",
            megabytes(grown),
            megabytes(self.growth)
        );
        Ok(())
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.outcomes.values().sum::<u64>() + self.failed;
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{all} requests in {seconds:.0} s, {:.1} a second",
            all as f64 / seconds.max(1e-3)
        )?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "  {:<32} {count:>9}", outcome.title())?;
        }
        writeln!(f, "  {:<32} {:>9}", "failed without cause", self.failed)?;
        for fault in &self.faults {
            writeln!(f, "    {fault}")?;
        }
        let [start, quarter, end] = self.memory.map(megabytes);
        write!(
            f,
            "memory: {start:.1} MB at the start, {quarter:.1} MB after a quarter, {end:.1} MB at the end"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_about_faults_and_growth() {
        let mut report = Report {
            memory: [1 << 20, 10 << 20, 12 << 20],
            growth: 2 << 20,
            ..Report::default()
        };
        report.outcomes.insert(Outcome::Answered, 3);
        report.verdict().expect("two megabytes are allowed");
        assert!(report.to_string().contains("answered"), "{report}");
        report.memory[2] += 1;
        assert!(report.verdict().is_err());
        report.memory[2] = 0;
        report.failed = 1;
        report.faults.push("500".to_owned());
        let said = report.verdict().expect_err("a fault").to_string();
        assert!(said.contains("the first: 500"), "{said}");
    }
}
