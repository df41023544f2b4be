//! `cargo xtask bench`: measurements on an optimised build.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::Result;
use clap::Args;

use crate::{
    process, progress,
    provision::{self, gateways, gateways::Gateway, peers},
    run,
    test::{mariadb, postgres},
    workspace,
};

/// Measure: `ask` prints the pass rate of the committed questions, `decode` how fast a local language model reads and
/// writes beside transformers and llama.cpp, `embed` the encoder beside sentence-transformers, `http` what routes serve
/// and take, `idle` the memory of an idle server, `relay` what it costs to stand between a caller and an upstream, beside
/// other gateways, `sql` what databases cost through Tidegate beside their own client libraries.
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure, then its arguments; `help` lists what there is.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    /// Builds and runs the measuring program, with the server, the databases and the other engines that it asks for.
    pub fn run(self) -> Result<()> {
        let act = self.arguments.first().map_or("", String::as_str);
        let asks_for_help = self.asks("--help") || self.asks("-h");
        let provisioned = provision::provision(false)?;
        let cache = workspace::cache()?;
        let python = match act {
            _ if asks_for_help || self.asks("--alone") => None,
            "decode" => python_with(&cache, &[peers::Part::LlamaCpp])?,
            "embed" => python_with(&cache, &[peers::Part::SentenceTransformers])?,
            _ => None,
        };
        let others = if act == "relay" && !asks_for_help && !self.asks("--alone") {
            others(&cache)
        } else {
            Vec::new()
        };
        let [server, program] = build(&provisioned)?;
        let mut command = if act == "relay" {
            on_two_processors(&program)
        } else {
            Command::new(program)
        };
        command
            .args(&self.arguments)
            .env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder)
            .env("TIDEGATE_BENCH_SERVER", server)
            .env("TIDEGATE_BENCH_CACHE", cache.join("bench"))
            .envs(python.map(|python| ("TIDEGATE_BENCH_PYTHON", python)))
            .envs(others);
        run::libraries(&mut command, &provisioned);
        if act != "sql" {
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

    fn asks(&self, flag: &str) -> bool {
        self.arguments.iter().any(|argument| argument == flag)
    }
}

/// The Python with other engines: the one that is named, else our own. Without it ours is measured alone.
fn python_with(cache: &Path, parts: &[peers::Part]) -> Result<Option<PathBuf>> {
    if let Some(named) = workspace::set("TIDEGATE_BENCH_PYTHON") {
        return Ok(Some(PathBuf::from(named)));
    }
    std::fs::create_dir_all(cache)?;
    match peers::find_or_make(cache, parts) {
        Ok(python) => Ok(Some(python)),
        Err(error) => {
            progress::say(&format!(
                "there is no Python with other engines, so ours is measured alone: {error:#}"
            ));
            Ok(None)
        }
    }
}

/// Other gateways' programs, by the variables that name them. One that cannot be had is said and left out.
fn others(cache: &Path) -> Vec<(&'static str, PathBuf)> {
    let wanted = [
        ("TIDEGATE_BENCH_LITELLM", Gateway::LiteLlm),
        ("TIDEGATE_BENCH_DBGPT", Gateway::DbGpt),
    ];
    let mut found = Vec::new();
    for (variable, gateway) in wanted {
        // One that is named is in the environment already.
        if workspace::set(variable).is_some() {
            continue;
        }
        match gateways::find_or_make(cache, gateway) {
            Ok(program) => found.push((variable, program)),
            Err(error) => progress::say(&format!(
                "{gateway:?} cannot be installed and is left out: {error:#}"
            )),
        }
    }
    found
}

/// The measuring program, and everything that it starts, on two processors: that is what the budgets are for.
fn on_two_processors(program: &Path) -> Command {
    let more = thread::available_parallelism().map_or(1, NonZero::get) > 2;
    match process::find("taskset") {
        Some(taskset) if more => {
            let mut command = Command::new(taskset);
            command.args(["--cpu-list", "0,1"]).arg(program);
            command
        }
        _ => Command::new(program),
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
