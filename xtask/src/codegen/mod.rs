//! `cargo xtask codegen`: every generated file, in the order in which one follows from another.

use anyhow::Result;
use clap::Args;

/// Write every generated file, or with `--check` fail where one is stale.
#[derive(Debug, Args)]
pub struct Codegen {
    /// Change nothing; fail when a file is not what would be written.
    #[arg(long)]
    check: bool,
}

impl Codegen {
    /// The form that `cargo xtask check` runs.
    pub fn check() -> Self {
        Self { check: true }
    }

    /// Runs the steps.
    pub fn run(self) -> Result<()> {
        anyhow::ensure!(!self.check, "to come");
        Ok(())
    }
}
