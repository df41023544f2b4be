//! `cargo xtask bench`: measurements on an optimised build.

use anyhow::Result;
use clap::Args;

use crate::run;

/// Measure: `ask` prints the pass rate of the committed questions, `idle` the memory of an idle server.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure, then its arguments; `help` lists what there is.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    /// Builds and runs the measuring program.
    pub fn run(self) -> Result<()> {
        run::release(
            &["--package", "tidegate-tests", "--bin", "tidegate-bench"],
            &self.arguments,
        )
    }
}
