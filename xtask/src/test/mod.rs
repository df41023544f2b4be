//! `cargo xtask test`: provisions what the tests need, runs them, ends in the runner's summary.

mod clickhouse;
mod doctests;
pub mod environments;
pub mod mariadb;
mod node;
pub mod postgres;
mod private;
pub mod python;

use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    process, progress,
    provision::{self, gateways},
    run, workspace,
};

/// Features beyond the defaults whose code has tests.
const FEATURES: [&str; 2] = ["--features", "tidegate-sqlmodel/train"];

/// Provision what the tests need, then run all of them or those whose name holds FILTER.
#[derive(Debug, Args)]
pub struct Test {
    /// Run only tests whose name holds this; documentation tests are then left out.
    filter: Option<String>,
    /// Further arguments of the runner.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Test {
    /// Everything the tests talk to is private to this run and gone after it.
    pub fn run(self) -> Result<()> {
        // Kept until Python has taken its part from it.
        let provisioned = provision::provision(true)?;
        let cache = workspace::cache()?;
        let python = python::find_or_make(&cache)?;
        let langchain = environments::LANGCHAIN.find_or_make(&cache)?;
        let llama_index = environments::LLAMA_INDEX.find_or_make(&cache)?;
        let node = node::find_or_make(&cache)?;
        let dbgpt = gateways::find_or_make(&cache, gateways::Gateway::DbGpt)
            .inspect_err(|error| {
                progress::say(&format!(
                    "DB-GPT cannot be installed; the tests that speak with it will say so: {error:#}"
                ));
            })
            .ok();
        let postgres = postgres::Binaries::find_or_install()?;
        let mariadb = mariadb::Binaries::find_or_install()?;
        let clickhouse = clickhouse::Binary::find_or_install()?;

        progress::say("building");
        let mut cargo = workspace::cargo();
        // The tests with it: without them cargo joins fewer features, and everything would be built once more for them.
        cargo
            .args(["build", "--workspace", "--lib", "--bins", "--tests"])
            .args(FEATURES);
        let [binary] = run::build(provisioned.for_build(&mut cargo), ["tidegate"])?;

        let server = postgres.start()?;
        let url = server.url();
        let mariadb = mariadb.start()?;
        let mariadb_url = mariadb.url();
        let clickhouse = clickhouse.start()?;
        let clickhouse_url = clickhouse.url();
        let prepare = |mut command: Command| {
            provisioned.for_build(&mut command);
            run::libraries(&mut command, &provisioned);
            command
                .env("TIDEGATE_TEST_POSTGRES", &url)
                .env("TIDEGATE_TEST_MARIADB", &mariadb_url)
                .env("TIDEGATE_TEST_CLICKHOUSE", &clickhouse_url)
                .env("TIDEGATE_TEST_PYTHON", &python)
                .env("TIDEGATE_TEST_LANGCHAIN", &langchain)
                .env("TIDEGATE_TEST_LLAMA_INDEX", &llama_index)
                .env("TIDEGATE_TEST_NODE", &node.program)
                .env("TIDEGATE_TEST_NODE_MODULES", &node.modules)
                .envs(dbgpt.iter().map(|program| ("TIDEGATE_TEST_DBGPT", program)))
                .env("TIDEGATE_TEST_BINARY", &binary)
                .env("TIDEGATE_ENCODER_DIR", &provisioned.encoder)
                .env("TIDEGATE_ENCODER", &provisioned.encoder)
                .env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder);
            command
        };
        let mut steps = Vec::new();
        if self.filter.is_none() && doctests::any_example()? {
            let mut cargo = workspace::cargo();
            // The whole workspace: one package alone would be built again, with other features.
            cargo
                .args(["test", "--quiet", "--workspace", "--doc"])
                .args(FEATURES);
            steps.push(prepare(cargo));
        }
        // Last, so that its summary ends the output.
        let mut runner = prepare(self.runner());
        if !self.arguments.is_empty() && !has_nextest() {
            runner.arg("--");
        }
        runner.args(&self.arguments);
        steps.push(runner);

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let outcome = runtime.block_on(async {
            for step in steps {
                let status = supervised(step).await?;
                if !status.success() {
                    return Ok(status);
                }
            }
            Ok::<_, anyhow::Error>(ExitStatus::default())
        });
        server.stop();
        mariadb.stop();
        clickhouse.stop();
        match outcome? {
            status if status.success() => Ok(()),
            // The runner has said what failed; a line of ours after its summary would bury it.
            status => std::process::exit(status.code().unwrap_or(1)),
        }
    }

    fn runner(&self) -> Command {
        let mut cargo = workspace::cargo();
        if has_nextest() {
            let profile = if workspace::set("CI").is_some() {
                "ci"
            } else {
                "default"
            };
            cargo
                .args(["nextest", "run", "--profile", profile, "--workspace"])
                .args(FEATURES)
                .args(&self.filter);
        } else {
            progress::say("cargo-nextest is not installed; using `cargo test`");
            cargo
                .args(["test", "--workspace", "--lib", "--bins", "--tests"])
                .args(FEATURES)
                .args(&self.filter);
        }
        cargo
    }
}

fn has_nextest() -> bool {
    process::output(workspace::cargo().args(["nextest", "--version"])).is_ok()
}

/// Runs a command to its end; a signal to us is passed on, and the command's end awaited, so that what the
/// run started is stopped in order.
async fn supervised(command: Command) -> Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .context("cargo cannot be started")?;
    let pid = child.id().map(|id| id.to_string()).unwrap_or_default();
    let asked = tokio::select! {
        status = child.wait() => return Ok(status?),
        // A terminal sends it to the whole group, the runner included.
        _ = interrupt.recv() => "interrupted",
        _ = terminate.recv() => {
            process::output(Command::new("kill").args(["-TERM", &pid]))?;
            "terminated"
        }
    };
    child.wait().await?;
    progress::say(asked);
    bail!("the tests were {asked}");
}
