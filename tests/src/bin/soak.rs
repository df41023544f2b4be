//! `soak`: mixed load on a server for as long as is asked. `cargo xtask soak` runs it.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use tidegate_tests::{bench, soak};

/// Load a server and see whether it holds.
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Cli {
    /// The server's program.
    #[arg(long)]
    program: PathBuf,
    /// How long.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Clients at once.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Where the dice begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Memory that may be added between a quarter of the time and its end, in bytes.
const GROWTH: u64 = 48 << 20;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::failed(&error),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn run(cli: &Cli) -> Result<()> {
    ensure!(
        cli.minutes > 0.0 && cli.minutes <= 1440.0,
        "--minutes lies between 0 and 1440"
    );
    ensure!(
        (1..=256).contains(&cli.clients),
        "--clients lies between 1 and 256"
    );
    let plan = soak::Plan {
        time: Duration::from_secs_f64(cli.minutes * 60.0),
        clients: cli.clients,
        seed: cli.seed,
        growth: GROWTH,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let report = runtime.block_on(soak::run(&cli.program, &plan))?;
    println!("{report}");
    report.verdict()
}
