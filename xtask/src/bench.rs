//! `cargo xtask bench`: measurements on an optimised build.

use anyhow::Result;
use clap::Args;

use crate::{provision, run, workspace};

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
        let bench = ["--package", "tidegate-tests", "--bin", "tidegate-bench"];
        let provisioned = provision::provision(false)?;
        if self.arguments.first().is_none_or(|act| act != "idle") {
            return run::release(&provisioned, &bench, &[], &self.arguments);
        }
        let mut cargo = workspace::cargo();
        cargo.args(["build", "--release"]);
        cargo.args(["--package", "tidegate-server", "--bin", "tidegate"]);
        let server = run::build(provisioned.for_build(&mut cargo))?;
        let server = [("TIDEGATE_BENCH_SERVER", server)];
        run::release(&provisioned, &bench, &server, &self.arguments)
    }
}
