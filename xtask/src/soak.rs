//! `cargo xtask soak`: mixed load on a running server for as long as is asked, on an optimised build.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{process, progress, provision, run, workspace};

/// Load a server with requests of every kind: lengths from 10 to 2,000 tokens, answers that are left, forms, tools and
/// bad requests, from several clients at once. It ends by itself, and fails on an error that is not the caller's and
/// on memory that grows.
#[derive(Debug, Args)]
pub struct Soak {
    /// How long.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Clients at once.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Where the dice begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Soak {
    /// Builds the server and the load, and runs them; the verdict is ours.
    pub fn run(self) -> Result<()> {
        let provisioned = provision::provision(false)?;
        progress::say("building");
        let mut cargo = workspace::cargo();
        cargo.args(["build", "--release"]);
        cargo.args(["--package", "tidegate-server", "--bin", "tidegate"]);
        cargo.args(["--package", "tidegate-tests", "--bin", "soak"]);
        let [server, program] =
            run::build(provisioned.for_build(&mut cargo), ["tidegate", "soak"])?;
        let mut command = Command::new(program);
        command
            .arg("--program")
            .arg(server)
            .args(["--minutes", &self.minutes.to_string()])
            .args(["--clients", &self.clients.to_string()])
            .args(["--seed", &self.seed.to_string()]);
        run::libraries(&mut command, &provisioned);
        process::run(&mut command)
    }
}
