//! The `tidegate` binary: a thin shell around [`tidegate_server::cli`].

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    tidegate_server::cli::run(tidegate_server::cli::Cli::parse())
}
