//! How fast a local language model reads and writes, beside transformers and llama.cpp on the same random weights.
//!
//! Ours runs in this process behind the seam that every skin uses, scheduler and all; the others are Python programs
//! that measure themselves. All take turns, format by format and batch by batch, so that what else the machine does
//! meets each of them alike.

mod ours;
mod table;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::json;

use self::{
    ours::Ours,
    table::{Figures, Who},
};
use super::{
    peer::{Absent, Peer},
    rounds::REST,
    say,
};
use crate::checkpoint::{self, Dice, Sizes};

/// Tokens of a prompt whose reading is measured.
const PROMPT: usize = 256;
/// Tokens that stand before what is written, in each sequence: so few that all of a batch are read in one step.
const BEFORE: usize = 8;
/// Tokens of the beginning that prompts share.
const PREFIX: usize = 1000;
/// Tokens behind it that are a prompt's own.
const OWN: usize = 8;
/// Steps of a measurement that only warms up.
const WARM_STEPS: usize = 4;

/// Print tokens a second of a model of half a billion random weights: prompts of 256 tokens, then one token after the
/// other for so many sequences at once.
#[derive(Debug, Args)]
pub struct Decode {
    /// Threads of each engine.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds, of which the best and the median are told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Tokens that each sequence writes.
    #[arg(long, default_value_t = 32)]
    steps: usize,
    /// Sequences at once.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,32")]
    batches: Vec<usize>,
    /// What the weights are held as.
    #[arg(long, value_delimiter = ',', default_value = "bf16,int8,int4")]
    formats: Vec<Format>,
    /// Where they are computed with; beside `cuda` stands transformers alone.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// Measure ours alone.
    #[arg(long)]
    alone: bool,
    /// Where the random model and what others make of it are kept; `cargo xtask bench` names it here.
    #[arg(long, env = "TIDEGATE_BENCH_CACHE")]
    cache: PathBuf,
    /// Python with the others; `cargo xtask bench` makes it and names it here.
    #[arg(long, env = "TIDEGATE_BENCH_PYTHON")]
    python: Option<PathBuf>,
    /// Fail where a budget is missed.
    #[arg(long)]
    check: bool,
}

/// What weights are held as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Format {
    Bf16,
    Int8,
    Int4,
}

impl Format {
    /// As the configuration has it.
    fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// What comes nearest in llama.cpp.
    fn gguf(self) -> &'static str {
        match self {
            Self::Bf16 => "BF16",
            Self::Int8 => "Q8_0",
            Self::Int4 => "Q4_0",
        }
    }
}

/// Where is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Device {
    Cpu,
    Cuda,
}

impl Device {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Reading a prompt.
    Prefill,
    /// Writing, for so many sequences at once.
    Decode(usize),
}

impl Task {
    /// Tokens it is about, all sequences together.
    fn tokens(self, steps: usize) -> usize {
        match self {
            Self::Prefill => PROMPT,
            Self::Decode(batch) => batch * steps,
        }
    }
}

/// Measures and prints; with `--check`, fails where a budget is missed.
pub async fn run(options: Decode) -> Result<()> {
    options.check_arguments()?;
    let sizes = Sizes::HALF_BILLION;
    let model = options.cache.join("bench-half-billion-1");
    if !model.is_dir() {
        progress("making the random model (a gigabyte, once)");
    }
    let made = model.clone();
    tokio::task::spawn_blocking(move || checkpoint::make(&made, sizes)).await??;

    let (mut peers, absent) = options.peers(&model).await;
    let most = options.batches.iter().copied().max().unwrap_or(1);
    progress("loading");
    let names: Vec<&str> = options.formats.iter().map(|format| format.name()).collect();
    let device = options.device.name();
    let ours = Ours::start(&model, &names, device, options.threads, most).await?;
    options.head(&peers, &absent);

    let mut bench = Bench {
        ours: &ours,
        dice: Dice::new(7),
        vocabulary: sizes.vocabulary,
    };
    let mut figures = Figures::default();
    for round in 0..=options.rounds {
        // The first of each fills caches and is not counted.
        let warms_up = round == 0;
        progress(&if warms_up {
            "warming up".to_owned()
        } else {
            format!("round {round} of {}", options.rounds)
        });
        for &format in &options.formats {
            for task in options.tasks(warms_up) {
                let steps = if warms_up { WARM_STEPS } else { options.steps };
                for who in turns(round, &peers, format) {
                    tokio::time::sleep(REST).await;
                    let seconds = match who {
                        Who::Ours => bench.ours(format, task, steps).await?,
                        Who::Peer(name) => {
                            let peer = peers
                                .iter_mut()
                                .find(|peer| peer.name == name)
                                .context("a peer that was started")?;
                            ask(peer, format, task, steps).await?
                        }
                    };
                    if !warms_up {
                        figures.add(format, task, who, task.tokens(steps), seconds);
                    }
                }
            }
            if !warms_up {
                tokio::time::sleep(REST).await;
                let (cold, warm) = bench.prefix(format).await?;
                figures.add_prefix(format, cold, warm);
            }
        }
    }
    ours.stop().await;
    let with_llama = options.device == Device::Cpu;
    let missed = figures.report(&options.formats, &options.batches, with_llama);
    for line in &missed {
        say(&format!("missed  {line}"));
    }
    ensure!(
        !options.check || missed.is_empty(),
        "{} of the budgets above were missed",
        missed.len()
    );
    Ok(())
}

impl Decode {
    fn check_arguments(&self) -> Result<()> {
        ensure!(self.rounds > 0, "--rounds is 0; one at least");
        ensure!(
            (1..=1024).contains(&self.steps),
            "--steps lies between 1 and 1024"
        );
        ensure!(
            !self.batches.is_empty() && self.batches.iter().all(|batch| (1..=64).contains(batch)),
            "--batches are numbers from 1 to 64"
        );
        ensure!(!self.formats.is_empty(), "--formats names one at least");
        Ok(())
    }

    fn tasks(&self, warms_up: bool) -> Vec<Task> {
        let batches: &[usize] = if warms_up { &[1] } else { &self.batches };
        let decodes = batches.iter().map(|&batch| Task::Decode(batch));
        std::iter::once(Task::Prefill).chain(decodes).collect()
    }

    /// Starts the others; those that cannot be are said so and left out.
    async fn peers(&self, model: &Path) -> (Vec<Peer>, Vec<Absent>) {
        let (mut peers, mut absent) = (Vec::new(), Vec::new());
        if self.alone {
            return (peers, absent);
        }
        let mut wanted = vec![table::TRANSFORMERS];
        if self.device == Device::Cpu {
            wanted.insert(0, table::LLAMA);
        }
        let directory = model.display().to_string();
        let threads = self.threads.to_string();
        let most = self.batches.iter().copied().max().unwrap_or(1).to_string();
        let tokens = (PROMPT.max(BEFORE + self.steps) + 1).to_string();
        let formats: Vec<&str> = self.formats.iter().map(|format| format.gguf()).collect();
        let formats = formats.join(",");
        for name in wanted {
            progress(&format!("starting {name}"));
            let arguments = [
                name,
                "--model",
                &directory,
                "--threads",
                &threads,
                "--batch",
                &most,
                "--tokens",
                &tokens,
                "--formats",
                &formats,
                "--device",
                self.device.name(),
            ];
            let python = self.python.as_deref();
            match Peer::start(name, python, "bench_decode.py", &arguments).await {
                Ok(peer) => peers.push(peer),
                Err(missing) => absent.push(missing),
            }
        }
        (peers, absent)
    }

    fn head(&self, peers: &[Peer], absent: &[Absent]) {
        say(&format!(
            "Qwen2-0.5B's shape, random weights, {} thread(s), {}; best of {} rounds, median in brackets",
            self.threads,
            self.device.name(),
            self.rounds
        ));
        for peer in peers {
            say(&format!("beside  {} {}", peer.name, peer.version));
        }
        for peer in absent {
            say(&format!("left out  {}: {}", peer.name, peer.reason));
        }
        if self.alone {
            say("left out  all others: --alone");
        }
        say("");
    }
}

/// Who is measured, now in this order and now in the other.
fn turns(round: usize, peers: &[Peer], format: Format) -> Vec<Who> {
    let mut turns = vec![Who::Ours];
    for peer in peers {
        // Its own int8 and int4 are for other hardware.
        if peer.name != table::TRANSFORMERS || format == Format::Bf16 {
            turns.push(Who::Peer(peer.name));
        }
    }
    if !round.is_multiple_of(2) {
        turns.reverse();
    }
    turns
}

async fn ask(peer: &mut Peer, format: Format, task: Task, steps: usize) -> Result<f64> {
    let request = match task {
        Task::Prefill => json!({"act": "prefill", "format": format.gguf(), "tokens": PROMPT}),
        Task::Decode(batch) => json!({
            "act": "decode", "format": format.gguf(), "batch": batch, "steps": steps, "tokens": BEFORE,
        }),
    };
    peer.seconds(&request).await
}

/// Ours, with prompts that it has not seen before.
struct Bench<'a> {
    ours: &'a Ours,
    dice: Dice,
    vocabulary: usize,
}

impl Bench<'_> {
    /// Seconds of one thing.
    async fn ours(&mut self, format: Format, task: Task, steps: usize) -> Result<f64> {
        let model = self.ours.model(format.name()).await?;
        match task {
            Task::Prefill => {
                let prompt = self.dice.tokens(PROMPT, self.vocabulary);
                Ok(ours::write(&model, vec![prompt], 1).await?.as_secs_f64())
            }
            Task::Decode(batch) => {
                // What reading and the first token take is taken off; it is measured on prompts of its own, which no
                // cache knows.
                let first = ours::write(&model, self.prompts(batch), 1).await?;
                let all = ours::write(&model, self.prompts(batch), steps + 1).await?;
                Ok(all.saturating_sub(first).as_secs_f64())
            }
        }
    }

    /// Times to the first token behind a long beginning: unknown, and known from the prompt before.
    async fn prefix(&mut self, format: Format) -> Result<(Duration, Duration)> {
        let model = self.ours.model(format.name()).await?;
        let beginning = self.dice.tokens(PREFIX, self.vocabulary);
        let mut times = [Duration::ZERO; 2];
        for time in &mut times {
            let mut prompt = beginning.clone();
            prompt.extend(self.dice.tokens(OWN, self.vocabulary));
            *time = ours::write(&model, vec![prompt], 1).await?;
        }
        Ok((times[0], times[1]))
    }

    fn prompts(&mut self, count: usize) -> Vec<Vec<u32>> {
        (0..count)
            .map(|_| self.dice.tokens(BEFORE, self.vocabulary))
            .collect()
    }
}

/// Says what is under way; the figures alone go to standard output.
#[expect(
    clippy::print_stderr,
    reason = "what is under way is told beside the figures, not among them"
)]
pub(super) fn progress(text: &str) {
    eprintln!("bench: {text}");
}
