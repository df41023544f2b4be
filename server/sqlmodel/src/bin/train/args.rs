//! What the command line takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidegate_sqlmodel::net::search::LENGTH;

#[derive(Debug, Parser)]
#[command(about = "Trains, measures and calibrates the built-in question-to-SQL model")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train on generated questions.
    Train(TrainArgs),
    /// Measure weights on questions set aside.
    Eval(EvalArgs),
    /// Fit ranking and confidence on questions set aside and write them into the weights.
    Calibrate(EvalArgs),
    /// Draw examples, show some, and say how fast they come and how large they are.
    Sample(SampleArgs),
    /// Read a folder of domains and name every hand-written question that cannot be used.
    Check(CheckArgs),
    /// Ask one question over a schema given as JSON.
    Ask(AskArgs),
    /// Copy a sentence encoder's folder with its weights in half precision.
    Pack(PackArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Where {
    Cpu,
    Cuda,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folder of the sentence encoder (config.json, tokenizer.json, model.safetensors).
    #[arg(long)]
    pub(crate) encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    pub(crate) domains: PathBuf,
    /// Where the weights go.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Where the state to resume from goes [default: beside the weights, ending in .state].
    #[arg(long)]
    pub(crate) state: Option<PathBuf>,
    /// Go on from the state, or from the weights where there is no state.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Minutes this run may take.
    #[arg(long)]
    pub(crate) minutes: Option<f64>,
    /// Minutes of the whole training over all runs; the learning rate falls to nothing by then
    /// [default: up to the end of this run].
    #[arg(long)]
    pub(crate) whole_minutes: Option<f64>,
    /// Steps this run may take.
    #[arg(long)]
    pub(crate) steps: Option<u64>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "cpu")]
    pub(crate) device: Where,
    /// Seed of weights and examples.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Examples per step.
    #[arg(long, default_value_t = 512)]
    pub(crate) batch: usize,
    /// Threads that make examples [default: all cores but two].
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// Times every drawn question is used, in different batches.
    #[arg(long, default_value_t = 1)]
    pub(crate) repeat: usize,
    /// Most words, tables and columns together of a question that is learnt from.
    #[arg(long, default_value_t = 160)]
    pub(crate) items: usize,
    /// Compute in half precision (bfloat16) on the CPU too.
    #[arg(long)]
    pub(crate) half: bool,
    /// Ask an unchanging sentence encoder in half precision.
    #[arg(long)]
    pub(crate) half_reading: bool,
    /// Width of the network.
    #[arg(long, default_value_t = 192)]
    pub(crate) width: i64,
    /// Attention heads.
    #[arg(long, default_value_t = 6)]
    pub(crate) heads: i64,
    /// Encoder layers.
    #[arg(long, default_value_t = 3)]
    pub(crate) layers: usize,
    /// Rank of the changes learnt to the sentence encoder; at 0 it stays as published, which is far faster.
    #[arg(long, default_value_t = 0)]
    pub(crate) rank: i64,
    /// Share of hand-written questions, from 0 to 1.
    #[arg(long, default_value_t = 0.6)]
    pub(crate) written: f64,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-3)]
    pub(crate) peak: f64,
    /// Steps until it is reached.
    #[arg(long, default_value_t = 300)]
    pub(crate) warmup: u64,
    /// Dropout rate.
    #[arg(long, default_value_t = 0.1)]
    pub(crate) dropout: f64,
    /// Label smoothing.
    #[arg(long, default_value_t = 0.02)]
    pub(crate) smoothing: f64,
    /// Train on so many fixed questions again and again, to see that they can be learnt.
    #[arg(long)]
    pub(crate) overfit: Option<usize>,
    /// Questions set aside per generated set.
    #[arg(long, default_value_t = 500)]
    pub(crate) held: usize,
    /// Seconds between two evaluations.
    #[arg(long, default_value_t = 90.0)]
    pub(crate) evaluate: f64,
    /// Seconds between two saves.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) save: f64,
    /// Steps between two progress lines.
    #[arg(long, default_value_t = 100)]
    pub(crate) report: u64,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    pub(crate) encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    pub(crate) domains: PathBuf,
    /// Weights to measure.
    #[arg(long)]
    pub(crate) weights: PathBuf,
    /// Questions per generated set.
    #[arg(long, default_value_t = 200)]
    pub(crate) held: usize,
    /// Seed of the questions.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Sequences followed at a time.
    #[arg(long, default_value_t = 8)]
    pub(crate) beam: usize,
    /// Power of the length that scores are divided by.
    #[arg(long, default_value_t = LENGTH)]
    pub(crate) lenience: f32,
    /// Show so many wrong answers of every set.
    #[arg(long, default_value_t = 0)]
    pub(crate) show: usize,
}

#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    pub(crate) encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    pub(crate) domains: PathBuf,
    /// Seed of the questions.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many to draw.
    #[arg(long, default_value_t = 1000)]
    pub(crate) count: usize,
    /// How many to show.
    #[arg(long, default_value_t = 20)]
    pub(crate) show: usize,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder of the domains.
    #[arg(long)]
    pub(crate) domains: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    pub(crate) encoder: PathBuf,
    /// Weights.
    #[arg(long)]
    pub(crate) weights: PathBuf,
    /// Schema as JSON.
    #[arg(long)]
    pub(crate) schema: PathBuf,
    /// Sequences followed at a time.
    #[arg(long, default_value_t = 8)]
    pub(crate) beam: usize,
    /// The question.
    pub(crate) question: String,
}

#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    pub(crate) encoder: PathBuf,
    /// Folder to write.
    #[arg(long)]
    pub(crate) out: PathBuf,
}
