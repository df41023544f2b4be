//! `tidegate-train`: trains, measures and calibrates the built-in model.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tch::{Cuda, Device, Kind};
use tidegate_sqlmodel::{
    generate::{Domain, Generator, Options, Split},
    net::{
        SqlModel,
        model::{Config, Regularisation},
        search::LENGTH,
    },
    question::Question,
    schema::Schema,
    train::{self, News, Plan, course::Course, examine},
};

#[derive(Debug, Parser)]
#[command(about = "Trains, measures and calibrates the built-in question-to-SQL model")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
enum Where {
    Cpu,
    Cuda,
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// Folder of the sentence encoder (config.json, tokenizer.json, model.safetensors).
    #[arg(long)]
    encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    domains: PathBuf,
    /// Where the weights go.
    #[arg(long)]
    out: PathBuf,
    /// Where the state to resume from goes [default: beside the weights, ending in .state].
    #[arg(long)]
    state: Option<PathBuf>,
    /// Go on from the state, or from the weights where there is no state.
    #[arg(long)]
    resume: bool,
    /// Minutes this run may take.
    #[arg(long)]
    minutes: Option<f64>,
    /// Minutes of the whole training over all runs; the learning rate falls to nothing by then
    /// [default: up to the end of this run].
    #[arg(long)]
    whole_minutes: Option<f64>,
    /// Steps this run may take.
    #[arg(long)]
    steps: Option<u64>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "cpu")]
    device: Where,
    /// Seed of weights and examples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Examples per step.
    #[arg(long, default_value_t = 512)]
    batch: usize,
    /// Threads that make examples [default: all cores but two].
    #[arg(long)]
    workers: Option<usize>,
    /// Times every drawn question is used, in different batches.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Most words, tables and columns together of a question that is learnt from.
    #[arg(long, default_value_t = 160)]
    items: usize,
    /// Compute in half precision (bfloat16) on the CPU too.
    #[arg(long)]
    half: bool,
    /// Ask an unchanging sentence encoder in half precision.
    #[arg(long)]
    half_reading: bool,
    /// Width of the network.
    #[arg(long, default_value_t = 192)]
    width: i64,
    /// Attention heads.
    #[arg(long, default_value_t = 6)]
    heads: i64,
    /// Encoder layers.
    #[arg(long, default_value_t = 3)]
    layers: usize,
    /// Rank of the changes learnt to the sentence encoder; at 0 it stays as published, which is far faster.
    #[arg(long, default_value_t = 0)]
    rank: i64,
    /// Share of hand-written questions, from 0 to 1.
    #[arg(long, default_value_t = 0.6)]
    written: f64,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-3)]
    peak: f64,
    /// Steps until it is reached.
    #[arg(long, default_value_t = 300)]
    warmup: u64,
    /// Dropout rate.
    #[arg(long, default_value_t = 0.1)]
    dropout: f64,
    /// Label smoothing.
    #[arg(long, default_value_t = 0.02)]
    smoothing: f64,
    /// Train on so many fixed questions again and again, to see that they can be learnt.
    #[arg(long)]
    overfit: Option<usize>,
    /// Questions set aside per generated set.
    #[arg(long, default_value_t = 500)]
    held: usize,
    /// Seconds between two evaluations.
    #[arg(long, default_value_t = 90.0)]
    evaluate: f64,
    /// Seconds between two saves.
    #[arg(long, default_value_t = 60.0)]
    save: f64,
    /// Steps between two progress lines.
    #[arg(long, default_value_t = 100)]
    report: u64,
}

#[derive(Debug, Args)]
struct EvalArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    domains: PathBuf,
    /// Weights to measure.
    #[arg(long)]
    weights: PathBuf,
    /// Questions per generated set.
    #[arg(long, default_value_t = 200)]
    held: usize,
    /// Seed of the questions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sequences followed at a time.
    #[arg(long, default_value_t = 8)]
    beam: usize,
    /// Power of the length that scores are divided by.
    #[arg(long, default_value_t = LENGTH)]
    lenience: f32,
    /// Show so many wrong answers of every set.
    #[arg(long, default_value_t = 0)]
    show: usize,
}

#[derive(Debug, Args)]
struct SampleArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    encoder: PathBuf,
    /// Folder of the domains.
    #[arg(long)]
    domains: PathBuf,
    /// Seed of the questions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many to draw.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// How many to show.
    #[arg(long, default_value_t = 20)]
    show: usize,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Folder of the domains.
    #[arg(long)]
    domains: PathBuf,
}

#[derive(Debug, Args)]
struct AskArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    encoder: PathBuf,
    /// Weights.
    #[arg(long)]
    weights: PathBuf,
    /// Schema as JSON.
    #[arg(long)]
    schema: PathBuf,
    /// Sequences followed at a time.
    #[arg(long, default_value_t = 8)]
    beam: usize,
    /// The question.
    question: String,
}

#[derive(Debug, Args)]
struct PackArgs {
    /// Folder of the sentence encoder.
    #[arg(long)]
    encoder: PathBuf,
    /// Folder to write.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Train(args) => train_command(args),
        Command::Eval(args) => eval(&args),
        Command::Calibrate(args) => calibrate(&args),
        Command::Sample(args) => sample(&args),
        Command::Check(args) => check(&args),
        Command::Ask(args) => ask(&args),
        Command::Pack(args) => Ok(examine::pack(&args.encoder, &args.out)?),
    }
}

fn train_command(args: TrainArgs) -> Result<()> {
    let (device, kind) = match args.device {
        Where::Cpu if args.half => (Device::Cpu, Kind::BFloat16),
        Where::Cpu => (Device::Cpu, Kind::Float),
        Where::Cuda if Cuda::is_available() => (Device::Cuda(0), Kind::BFloat16),
        Where::Cuda => bail!("--device cuda: libtorch sees no CUDA device; use --device cpu"),
    };
    if args.minutes.is_none() && args.steps.is_none() {
        bail!("say how long to train: --minutes or --steps");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let course =
        Course::load(&args.domains, args.seed, args.held, args.overfit)?.with_written(args.written);
    let plan = Plan {
        state: args
            .state
            .unwrap_or_else(|| args.out.with_extension("state")),
        encoder: args.encoder,
        out: args.out,
        resume: args.resume,
        seconds: args.minutes.map(|minutes| 60.0 * minutes),
        whole: args.whole_minutes.map(|minutes| 60.0 * minutes),
        steps: args.steps,
        seed: args.seed,
        config: Config {
            width: args.width,
            heads: args.heads,
            encoder_layers: args.layers,
            encoder_inner: 2 * args.width,
            decoder_inner: 2 * args.width,
            rank: args.rank,
            ..Config::default()
        },
        batch: args.batch,
        repeat: args.repeat,
        items: args.items,
        reading: if args.half_reading {
            Kind::BFloat16
        } else {
            Kind::Float
        },
        workers: args
            .workers
            .unwrap_or_else(|| cores.saturating_sub(2).max(1)),
        peak: args.peak,
        warmup: args.warmup,
        how: Regularisation {
            dropout: args.dropout,
            smoothing: args.smoothing,
            usage: 0.3,
        },
        device,
        kind,
        evaluate: args.evaluate,
        save: args.save,
        report: args.report,
    };
    Ok(train::train(&plan, &course, &mut tell)?)
}

fn tell(news: &News) {
    match news {
        News::Start {
            weights,
            held,
            refused,
            steps,
        } => {
            println!("{weights} weights, {steps} steps so far, set aside: {held:?}");
            for reason in refused.iter().take(12) {
                println!("  cannot be used: {reason}");
            }
            if refused.len() > 12 {
                println!("  and {} more", refused.len() - 12);
            }
        }
        News::Progress {
            steps,
            seconds,
            loss,
            right,
            rate,
            speed,
            waiting,
        } => println!(
            "step {steps:6}  {seconds:6.0} s  loss {loss:7.4}  right {right:.3}  rate {rate:.2e}  \
             {speed:7.0} questions/s  waiting {:.0} %",
            100.0 * waiting
        ),
        News::Evaluation { steps, tallies } => {
            print!("step {steps:6}  set aside:");
            for (name, tally) in tallies {
                print!(
                    "  {name} {:.3} ({}/{})",
                    tally.share(),
                    tally.right,
                    tally.asked
                );
            }
            println!();
        }
        News::Saved { path, bytes } => println!("saved {} ({bytes} bytes)", path.display()),
        News::Refused(reasons) => {
            let mut reasons: Vec<_> = reasons.iter().collect();
            reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (reason, count) in reasons.into_iter().take(20) {
                println!("  {count} generated questions not used: {reason}");
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn eval(args: &EvalArgs) -> Result<()> {
    let course = Course::load(&args.domains, args.seed, args.held, None)?;
    let model = SqlModel::load(&args.encoder, &read(&args.weights)?)?.with_lenience(args.lenience);
    let report = examine::examine(&model, &args.encoder, &course, args.beam)?;
    println!("{report}");
    for wrong in report.wrong(args.show) {
        println!("{wrong}");
    }
    Ok(())
}

fn calibrate(args: &EvalArgs) -> Result<()> {
    let course = Course::load(&args.domains, args.seed, args.held, None)?;
    let bytes = read(&args.weights)?;
    let fit = examine::calibrate(&args.encoder, &bytes, &course, args.beam)?;
    println!("{fit:#?}");
    let bytes = examine::with_fit(&bytes, &fit)?;
    Ok(train::write(&args.weights, &bytes)?)
}

fn sample(args: &SampleArgs) -> Result<()> {
    let course = Course::load(&args.domains, args.seed, 0, None)?;
    let report = examine::sample(&args.encoder, &course, args.seed, args.count)?;
    for line in report.shown.iter().take(args.show) {
        println!("{line}");
    }
    println!("{report}");
    Ok(())
}

fn check(args: &CheckArgs) -> Result<()> {
    let domains = Domain::read_all(&args.domains)?;
    let examples: usize = domains.iter().map(|domain| domain.examples.len()).sum();
    let mut refused = 0;
    for split in [Split::Train, Split::HeldOutDomains] {
        let generator = Generator::new(domains.clone(), Options::of(split));
        for reason in generator.refused() {
            println!("cannot be used: {reason}");
        }
        refused += generator.refused().len();
    }
    println!(
        "{} domains, {examples} questions, {refused} of them cannot be used",
        domains.len()
    );
    Ok(())
}

fn ask(args: &AskArgs) -> Result<()> {
    let model = SqlModel::load(&args.encoder, &read(&args.weights)?)?;
    let schema: Schema = serde_json::from_slice(&read(&args.schema)?)
        .with_context(|| args.schema.display().to_string())?;
    let prepared = model.prepare(&schema)?;
    let today = chrono::Local::now().date_naive();
    let question = Question::read_with(&args.question, prepared.values(), today);
    let answer = model.ask(&prepared, &question, args.beam)?;
    println!("confidence {:.3}", answer.confidence);
    for candidate in &answer.candidates {
        let sql = tidegate_sqlmodel::render::render(
            &candidate.query,
            &schema,
            tidegate_sqlmodel::render::Dialect::Sqlite,
        );
        println!(
            "{:8.3}  {}",
            candidate.signals.total,
            sql.unwrap_or_else(|e| e.to_string())
        );
    }
    Ok(())
}
