//! The server's command line as a program of this package: what `tidegate` runs, under another name.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    tidegate_server::cli::run(tidegate_server::cli::Cli::parse())
}
