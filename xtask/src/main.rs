//! The repository's own commands. `cargo xtask help` lists them.
//!
//! Everything the product needs beyond Rust is found or provisioned here, so that a fresh checkout needs two
//! commands: `cargo xtask run` and `cargo xtask test`.
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool reads the environment and ends the process itself"
)]

mod bench;
mod check;
mod codegen;
mod fuzz;
mod process;
mod progress;
mod provision;
mod run;
mod soak;
mod test;
mod tidy;
mod train;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The repository's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provision what local models need, build the server and run it: `cargo xtask run -- --port 5671`.
    Run(run::Run),
    /// Provision what the tests need, then run all of them or those whose name holds FILTER.
    Test(test::Test),
    /// Write every generated file: tables, specs, client, routes and configuration pages.
    Codegen(codegen::Codegen),
    /// What must hold before a change is merged: format, lints, tidy rules, fresh generated files.
    Check(check::Check),
    /// Check the rules that the compiler does not know: layers, links, file length, route literals.
    Tidy(tidy::Tidy),
    /// Find or provision libtorch and the sentence encoder, and print where they are.
    Libtorch(provision::Libtorch),
    /// Train the built-in question-to-SQL model: arguments go to the trainer.
    Train(train::Train),
    /// Look for faults at random: `guard`.
    Fuzz(fuzz::Fuzz),
    /// Load a server with requests of every kind for as long as is asked.
    Soak(soak::Soak),
    /// Measure: `ask`, `idle`, `sql`, ….
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Test(test) => test.run(),
        Command::Codegen(codegen) => codegen.run(),
        Command::Check(check) => check.run(),
        Command::Tidy(tidy) => tidy.run(),
        Command::Libtorch(libtorch) => libtorch.run(),
        Command::Train(train) => train.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Soak(soak) => soak.run(),
        Command::Bench(bench) => bench.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
