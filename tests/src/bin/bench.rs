//! `tidegate-bench`: figures, measured on the machine at hand. `cargo xtask bench` runs it.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use tidegate_tests::bench;
use tokio::signal::unix::{SignalKind, signal};

/// The server's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measure.
#[derive(Debug, Parser)]
#[command(name = "tidegate-bench")]
struct Cli {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Ask every question of tests/ask and print how many are answered rightly.
    Ask {
        /// Model to ask, as the configuration names it; the built-in one when not given.
        #[arg(long)]
        model: Option<String>,
        /// Configuration with that model.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Ask the first so many questions only.
        #[arg(long)]
        limit: Option<usize>,
        /// Fail below this share of right answers, in percent.
        #[arg(long)]
        at_least: Option<f64>,
    },
    /// Print memory at rest and the time from start to the first answer, of `tidegate serve`.
    Idle {
        /// The server's program; `cargo xtask bench` builds it and names it here.
        #[arg(long, env = "TIDEGATE_BENCH_SERVER")]
        program: PathBuf,
        /// Starts to take the median of.
        #[arg(long, default_value_t = 5)]
        starts: usize,
        /// Fail when the first answer takes longer, in milliseconds.
        #[arg(long)]
        start_within_ms: Option<f64>,
    },
    /// Print what databases cost through guard and driver beside their own client libraries, and requests per second.
    Sql {
        /// The server's program; `cargo xtask bench` builds it and names it here.
        #[arg(long, env = "TIDEGATE_BENCH_SERVER")]
        program: PathBuf,
        /// Rounds to take the fastest of.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
        /// Requests per engine and concurrency.
        #[arg(long, default_value_t = 2000)]
        requests: usize,
        /// Fail above so many times the library's time.
        #[arg(long, default_value_t = 1.15)]
        within: f64,
        /// Measure this engine alone: sqlite, postgresql, mariadb or duckdb.
        #[arg(long)]
        engine: Option<String>,
    },
    /// Print requests per second, latencies and processor time of the pages' routes, beside a bare server's.
    Http {
        /// The server's program; `cargo xtask bench` builds it and names it here.
        #[arg(long, env = "TIDEGATE_BENCH_SERVER")]
        program: PathBuf,
        /// Seconds per route, concurrency and server.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// Fail below so many answers a second of chat/db/list at sixteen at a time.
        #[arg(long)]
        at_least: Option<f64>,
    },
    /// Print how fast a local model reads and writes, beside other engines.
    Decode(bench::decode::Decode),
    /// Print how fast the built-in encoder embeds, beside sentence-transformers.
    Embed(bench::embed::Embed),
    /// Print what a relayed request costs beside the same request without anything between, and beside other gateways.
    Relay(bench::relay::Relay),
    /// Answer every request with the bytes of a file: the bare server of `http`, which starts it.
    #[command(hide = true)]
    Bare {
        /// The file.
        answer: PathBuf,
    },
    /// Answer chats at once: the upstream of `relay`, which starts it.
    #[command(hide = true)]
    Upstream,
    /// Stand before an upstream and do nothing: what `relay` holds the server against, and starts.
    #[command(hide = true)]
    Limit {
        limit: bench::relay::Limit,
        upstream: SocketAddr,
    },
}

/// Returns when this process is asked to end.
async fn stopped() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

fn main() -> ExitCode {
    let act = Cli::parse().act;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return bench::failed(&error.into()),
    };
    let measured = async {
        match act {
            Act::Ask {
                model,
                config,
                limit,
                at_least,
            } => bench::ask::run(model, config, limit, at_least).await,
            Act::Idle {
                program,
                starts,
                start_within_ms,
            } => bench::idle::run(&program, starts, start_within_ms).await,
            Act::Sql {
                program,
                rounds,
                requests,
                within,
                engine,
            } => bench::sql::run(&program, rounds, requests, within, engine.as_deref()).await,
            Act::Http {
                program,
                seconds,
                at_least,
            } => bench::http::run(&program, seconds, at_least).await,
            Act::Decode(options) => bench::decode::run(options).await,
            Act::Embed(options) => bench::embed::run(options).await,
            Act::Relay(options) => bench::relay::run(options).await,
            Act::Bare { answer } => bench::http::serve(&answer).await,
            Act::Upstream => bench::relay::serve().await,
            Act::Limit { limit, upstream } => bench::relay::pass_on(limit, upstream).await,
        }
    };
    let outcome = runtime.block_on(async {
        // What was started for a measurement ends with it, and so where it is stopped.
        tokio::select! {
            outcome = measured => outcome,
            stopped = stopped() => stopped.and(Err(anyhow!("stopped before the end"))),
        }
    });
    // Work on threads of its own may not have heard of that.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::failed(&error),
    }
}
