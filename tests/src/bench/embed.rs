//! How fast the built-in encoder embeds, and a cross-encoder of its shape judges, beside sentence-transformers; and
//! how near its vectors are to theirs.

mod ours;
mod texts;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use self::ours::Ours;
use super::{
    decode::progress,
    peer::{Peer, floats},
    rounds::{Budget, REST, Rates, ratios},
    say,
};

/// What ours is measured against.
const PEER: &str = "sentence-transformers";
/// Texts of one measurement.
const TEXTS: usize = 32;
/// Least share of the peer's speed.
const LEAST: f64 = 2.0;
/// Least cosine between our vector of a text and theirs in f32.
const NEAR: f64 = 0.999;

/// Print texts a second of the built-in encoder, short and long, one at a time and 32 at a time; a cross-encoder of
/// its shape with random weights stands beside it.
#[derive(Debug, Args)]
pub struct Embed {
    /// Threads of each engine.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds, of which the best and the median are told.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The encoder's directory; `cargo xtask bench` names it here.
    #[arg(long, env = "TIDEGATE_BUILTIN_ENCODER")]
    encoder: PathBuf,
    /// Where the random cross-encoder is kept; `cargo xtask bench` names it here.
    #[arg(long, env = "TIDEGATE_BENCH_CACHE")]
    cache: PathBuf,
    /// Python with sentence-transformers; `cargo xtask bench` makes it and names it here.
    #[arg(long, env = "TIDEGATE_BENCH_PYTHON")]
    python: Option<PathBuf>,
    /// Fail where a budget is missed.
    #[arg(long)]
    check: bool,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// Embedding texts, so many at a time.
    Short(usize),
    Long(usize),
    /// Judging documents by a query.
    Rerank,
}

impl Task {
    const EMBEDS: [Self; 4] = [
        Self::Short(1),
        Self::Short(TEXTS),
        Self::Long(1),
        Self::Long(TEXTS),
    ];

    fn title(self) -> String {
        match self {
            Self::Short(batch) => format!("short texts, {batch} at a time"),
            Self::Long(batch) => format!("long texts, {batch} at a time"),
            Self::Rerank => format!("one query, {TEXTS} documents"),
        }
    }
}

/// Measures and prints; with `--check`, fails where a budget is missed.
pub async fn run(options: Embed) -> Result<()> {
    ensure!(options.rounds > 0, "--rounds is 0; one at least");
    std::fs::create_dir_all(&options.cache)
        .with_context(|| format!("{} cannot be made", options.cache.display()))?;
    let reranker = options.cache.join("bench-reranker-1");
    progress(&format!("starting {PEER}"));
    let (model, judge) = (
        options.encoder.display().to_string(),
        reranker.display().to_string(),
    );
    let threads = options.threads.to_string();
    let arguments = [
        "--model",
        &model,
        "--reranker",
        &judge,
        "--threads",
        &threads,
    ];
    let python = options.python.as_deref();
    let mut peer = Peer::start(PEER, python, "bench_embed.py", &arguments).await;
    let judged = reranker.is_dir();
    progress("loading");
    let ours = Ours::start(
        &options.encoder,
        judged.then_some(reranker.as_path()),
        options.threads,
    )
    .await?;
    say(&format!(
        "MiniLM, {} thread(s); best of {} rounds, median in brackets",
        options.threads, options.rounds
    ));
    match &peer {
        Ok(peer) => say(&format!("beside  {} {}", peer.name, peer.version)),
        Err(absent) => say(&format!("left out  {}: {}", absent.name, absent.reason)),
    }
    if !judged {
        say("left out  the cross-encoder, which only sentence-transformers makes");
    }
    say("");

    let mut tasks = Task::EMBEDS.to_vec();
    tasks.extend(judged.then_some(Task::Rerank));
    let mut rates: BTreeMap<(Task, bool), Rates> = BTreeMap::new();
    for round in 0..=options.rounds {
        // The first of each fills caches and is not counted.
        if round > 0 {
            progress(&format!("round {round} of {}", options.rounds));
        }
        for &task in &tasks {
            for turn in 0..2 {
                let is_ours = (turn == 0) == round.is_multiple_of(2);
                tokio::time::sleep(REST).await;
                let seconds = match (&mut peer, is_ours) {
                    (_, true) => measure(&ours, task).await?,
                    (Ok(peer), false) => ask(peer, task).await?,
                    (Err(_), false) => continue,
                };
                if round > 0 {
                    let rates = rates.entry((task, is_ours)).or_default();
                    rates.add(TEXTS as f64, seconds);
                }
            }
        }
    }
    let mut budget = Budget::default();
    table(&tasks, &rates, &mut budget);
    nearness(&ours, peer.as_mut().ok(), judged, &mut budget).await?;
    ours.stop().await;
    let missed = budget.missed();
    for line in missed {
        say(&format!("missed  {line}"));
    }
    ensure!(
        !options.check || missed.is_empty(),
        "{} of the budgets above were missed",
        missed.len()
    );
    Ok(())
}

/// Seconds that ours takes.
async fn measure(ours: &Ours, task: Task) -> Result<f64> {
    match task {
        Task::Short(batch) => ours.embed(&texts::short(TEXTS), batch).await,
        Task::Long(batch) => ours.embed(&texts::long(TEXTS), batch).await,
        Task::Rerank => ours.rerank(texts::QUERY, &texts::documents(TEXTS)).await,
    }
}

/// Seconds that the peer takes.
async fn ask(peer: &mut Peer, task: Task) -> Result<f64> {
    let request = match task {
        Task::Short(batch) => {
            json!({"act": "embed", "texts": texts::short(TEXTS), "batch": batch})
        }
        Task::Long(batch) => json!({"act": "embed", "texts": texts::long(TEXTS), "batch": batch}),
        Task::Rerank => json!({
            "act": "rerank", "query": texts::QUERY, "documents": texts::documents(TEXTS), "batch": TEXTS,
        }),
    };
    peer.seconds(&request).await
}

fn table(tasks: &[Task], rates: &BTreeMap<(Task, bool), Rates>, budget: &mut Budget) {
    say(&format!(
        "{:<30} {:>18} {:>22} {:>16}",
        "texts/s", "ours", PEER, "ratio"
    ));
    let none = Rates::default();
    for &task in tasks {
        let ours = rates.get(&(task, true)).unwrap_or(&none);
        let peer = rates.get(&(task, false)).unwrap_or(&none);
        say(&format!(
            "  {:<28} {:>18} {:>22} {:>16}",
            task.title(),
            ours.shown(),
            peer.shown(),
            ratios(ours, peer)
        ));
        // The cross-encoder stands beside it and has no budget of its own.
        if task != Task::Rerank {
            budget.at_least(
                &format!("{} against {PEER}", task.title()),
                ours.ratio(peer),
                LEAST,
            );
        }
    }
}

/// Holds our vectors and scores against theirs.
async fn nearness(
    ours: &Ours,
    peer: Option<&mut Peer>,
    judged: bool,
    budget: &mut Budget,
) -> Result<()> {
    let Some(peer) = peer else {
        budget.at_least("cosine", None, NEAR);
        return Ok(());
    };
    let dir = TempDir::new()?;
    let file = dir.path().join("numbers");
    let into = file.display().to_string();
    let texts = texts::various();
    peer.ask(&json!({"act": "embed", "texts": texts, "batch": 1, "into": into}))
        .await?;
    let theirs = floats(&file)?;
    let vectors = ours.vectors(texts.clone()).await?;
    let width = vectors.first().map_or(0, Vec::len);
    ensure!(
        theirs.len() == width * texts.len(),
        "{PEER} gave {} numbers for {} texts of width {width}",
        theirs.len(),
        texts.len()
    );
    let cosines = vectors
        .iter()
        .zip(theirs.chunks_exact(width.max(1)))
        .map(|(one, other)| cosine(one, other));
    let least = cosines.min_by(f64::total_cmp);
    say(&format!(
        "\nleast cosine over {} texts: {:.7}",
        texts.len(),
        least.unwrap_or(f64::NAN)
    ));
    budget.at_least("cosine", least, NEAR);
    if judged {
        let documents = texts::documents(TEXTS);
        peer.ask(&json!({
            "act": "rerank", "query": texts::QUERY, "documents": documents, "batch": 1, "into": into,
        }))
        .await?;
        let theirs = floats(&file)?;
        let scores = ours.scores(texts::QUERY, documents).await?;
        ensure!(
            theirs.len() == scores.len(),
            "{PEER} gave {} scores for {} documents",
            theirs.len(),
            scores.len()
        );
        let apart = scores
            .iter()
            .zip(&theirs)
            .map(|(one, other)| f64::from((one - other).abs()))
            .max_by(f64::total_cmp);
        say(&format!(
            "scores of the cross-encoder apart by at most {:.6}",
            apart.unwrap_or(f64::NAN)
        ));
    }
    Ok(())
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_is_one_for_the_same_direction_and_none_for_another() {
        assert!((cosine(&[1.0, 2.0], &[2.0, 4.0]) - 1.0).abs() < 1e-12);
        assert!(cosine(&[1.0, 0.0], &[0.0, 3.0]).abs() < 1e-12);
    }
}
