//! The `tidegate` binary: a thin shell around [`tidegate_server::cli`].

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Rows are made on one thread and let go on another, which costs the system's allocator a lock for each value.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tidegate_server::cli::run(tidegate_server::cli::Cli::parse())
}
