//! `cargo xtask bench`: measurements on an optimised build.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use clap::Args;

use crate::{
    process, provision, run,
    test::{mariadb, postgres},
    workspace,
};

/// Measure: `ask` prints the pass rate of the committed questions, `http` what routes serve and take, `idle` the memory
/// of an idle server, `sql` what databases cost through Tidegate beside their own client libraries.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure, then its arguments; `help` lists what there is.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    /// Builds and runs the measuring program, with the server and the databases that it asks for.
    pub fn run(self) -> Result<()> {
        let provisioned = provision::provision(false)?;
        let [server, program] = build(&provisioned)?;
        let mut command = Command::new(program);
        command
            .args(&self.arguments)
            .env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder)
            .env("TIDEGATE_BENCH_SERVER", server);
        run::libraries(&mut command, &provisioned);
        if self.arguments.first().is_none_or(|act| act != "sql") {
            return process::run(&mut command);
        }
        let postgres = postgres::Binaries::find_or_install()?;
        let mariadb = mariadb::Binaries::find_or_install()?;
        let postgres = postgres.start()?;
        let mariadb = mariadb.start()?;
        command.env("TIDEGATE_TEST_POSTGRES", postgres.url());
        command.env("TIDEGATE_TEST_MARIADB", mariadb.url());
        let measured = process::run(&mut command);
        mariadb.stop();
        postgres.stop();
        measured
    }
}

/// The server and the measuring program. In one go: each alone has other features, and the server would be built twice.
fn build(provisioned: &provision::Provisioned) -> Result<[PathBuf; 2]> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release"]);
    cargo.args(["--package", "tidegate-server", "--bin", "tidegate"]);
    cargo.args(["--package", "tidegate-tests", "--bin", "tidegate-bench"]);
    run::build(
        provisioned.for_build(&mut cargo),
        ["tidegate", "tidegate-bench"],
    )
}
