//! `cargo xtask train`: the trainer of the built-in model, optimised, with libtorch found.

use anyhow::Result;
use clap::Args;

use crate::{provision, run};

/// Train the built-in question-to-SQL model: arguments go to the trainer.
#[derive(Debug, Args)]
pub struct Train {
    /// Arguments of the trainer; `--help` lists them.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Train {
    /// Builds and runs the trainer.
    pub fn run(self) -> Result<()> {
        let package = [
            "--package",
            "tidegate-sqlmodel",
            "--features",
            "train",
            "--bin",
            "tidegate-train",
        ];
        run::release(&provision::provision(false)?, &package, &self.arguments)
    }
}
