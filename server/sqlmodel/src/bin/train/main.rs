//! `tidegate-train`: trains, measures and calibrates the built-in model.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

mod args;
mod news;

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tch::{Cuda, Device, Kind};
use tidegate_sqlmodel::{
    generate::{Domain, Generator, Options, Split},
    net::{
        SqlModel,
        model::{Config, Regularisation},
    },
    question::Question,
    schema::Schema,
    train::{self, Plan, course::Course, examine},
};

use args::{AskArgs, CheckArgs, Cli, Command, EvalArgs, SampleArgs, TrainArgs, Where};
use news::tell;

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
