//! `cargo xtask fuzz`: programs that look for faults at random, on an optimised build.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{process, workspace};

/// Look for faults at random, for as long as is asked: `guard` tears up statements and has the guard judge them.
#[derive(Debug, Args)]
pub struct Fuzz {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Statements of the guard's case lists, torn up and joined.
    Guard {
        /// How long.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Where the dice begin; the same seed gives the same statements.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Fuzz {
    /// Builds and runs the program; its verdict is ours.
    pub fn run(self) -> Result<()> {
        let Target::Guard { seconds, seed } = self.target;
        let mut cargo = workspace::cargo();
        // No model and no database file is looked at: nothing has to be provisioned.
        cargo
            .args(["run", "--release", "--no-default-features"])
            .args(["--package", "tidegate-tests", "--bin", "fuzz_guard", "--"])
            .args(["--seconds", &seconds.to_string()])
            .args(["--seed", &seed.to_string()]);
        process::run(&mut cargo)
    }
}
