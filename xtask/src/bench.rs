//! `cargo xtask bench`: measurements on an optimised build.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;
use clap::Args;

use crate::{
    provision, run,
    test::{mariadb, postgres},
    workspace,
};

/// Measure: `ask` prints the pass rate of the committed questions, `idle` the memory of an idle server, `sql` what
/// databases cost through Tidegate beside their own client libraries.
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
        let act = self.arguments.first().map_or("", String::as_str);
        let mut environment: Vec<(&str, OsString)> = Vec::new();
        if matches!(act, "idle" | "sql") {
            let server = server(&provisioned)?;
            environment.push(("TIDEGATE_BENCH_SERVER", server.into_os_string()));
        }
        let bench = ["--package", "tidegate-tests", "--bin", "tidegate-bench"];
        if act != "sql" {
            return run::release(&provisioned, &bench, &environment, &self.arguments);
        }
        let postgres = postgres::Binaries::find_or_install()?;
        let mariadb = mariadb::Binaries::find_or_install()?;
        let postgres = postgres.start()?;
        let mariadb = mariadb.start()?;
        environment.push(("TIDEGATE_TEST_POSTGRES", postgres.url().into()));
        environment.push(("TIDEGATE_TEST_MARIADB", mariadb.url().into()));
        let measured = run::release(&provisioned, &bench, &environment, &self.arguments);
        mariadb.stop();
        postgres.stop();
        measured
    }
}

/// The server's program, built now so that it is not an old one.
fn server(provisioned: &provision::Provisioned) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release"]);
    cargo.args(["--package", "tidegate-server", "--bin", "tidegate"]);
    run::build(provisioned.for_build(&mut cargo))
}
