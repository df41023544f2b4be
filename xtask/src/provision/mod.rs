//! What the product needs beyond Rust: libtorch, the sentence encoder and GraphiQL, found or fetched into the user's
//! cache.
//!
//! Everything is made in a temporary directory and renamed into place, so a directory that exists is whole.
//! A lock file keeps two commands from fetching the same thing.

pub mod duckdb;
pub mod encoder;
pub mod gateways;
mod graphiql;
pub mod lazy;
pub mod libtorch;
pub mod peers;
pub mod stubs;
pub mod wheel;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{process, progress, workspace};

/// Find or provision libtorch and the sentence encoder, and print where they are.
#[derive(Debug, Args)]
pub struct Libtorch {
    /// Keep the downloaded packages beside what was taken from them.
    #[arg(long)]
    keep: bool,
}

impl Libtorch {
    /// Finds or provisions, then prints lines a shell can read.
    pub fn run(self) -> Result<()> {
        let found = provision(self.keep)?;
        println!("export LIBTORCH={}", quoted(&found.libtorch));
        println!("export TIDEGATE_BUILTIN_ENCODER={}", quoted(&found.encoder));
        Ok(())
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Where the provisioned things are.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// Root of libtorch: `lib` and `include` are in it.
    pub libtorch: PathBuf,
    /// Stubs that load libtorch at its first call, where this machine has them.
    pub stubs: Option<lazy::torch::Stubs>,
    /// DuckDB's library, and its stubs where this machine has them.
    pub duckdb: lazy::duckdb::DuckDb,
    /// Directory of the sentence encoder.
    pub encoder: PathBuf,
    /// Directory of GraphiQL's files, where they could be had.
    pub graphiql: Option<PathBuf>,
}

impl Provisioned {
    /// Environment and arguments of a cargo command that builds with local models and GraphiQL. Its subcommand must
    /// be there already, and nothing after a `--`.
    pub fn for_build<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(stubs) = &self.stubs {
            stubs.apply(command);
        }
        self.duckdb.apply(command);
        // `LIBTORCH_USE_PYTORCH` would make torch-sys look elsewhere.
        command
            .env("LIBTORCH", &self.libtorch)
            .env_remove("LIBTORCH_USE_PYTORCH")
            .envs(
                self.graphiql
                    .iter()
                    .map(|dir| ("TIDEGATE_GRAPHIQL_DIR", dir)),
            )
    }

    /// Where the shared libraries are.
    pub fn libraries(&self) -> Vec<PathBuf> {
        let stubs = self.stubs.iter().map(|stubs| stubs.dir().to_owned());
        stubs
            .chain([self.libtorch.join("lib"), self.duckdb.lib().to_owned()])
            .collect()
    }
}

/// Finds or provisions everything that a build and a run with local models need.
pub fn provision(keep_packages: bool) -> Result<Provisioned> {
    let cache = workspace::cache()?;
    fs::create_dir_all(&cache).with_context(|| {
        format!(
            "{} cannot be made; set TIDEGATE_CACHE_DIR to a directory you may write",
            cache.display()
        )
    })?;
    let _lock = lock(&cache)?;
    compiler()?;
    let libtorch = libtorch::find_or_fetch(&cache, keep_packages)?;
    let stubs = lazy::torch::Stubs::find_or_make(&cache, &libtorch)?;
    let duckdb = lazy::duckdb::DuckDb::find_or_make(&cache)?;
    let encoder = encoder::find_or_fetch(&cache)?;
    let graphiql = graphiql::find_or_fetch(&cache);
    Ok(Provisioned {
        libtorch,
        stubs,
        duckdb,
        encoder,
        graphiql,
    })
}

/// Held until dropped; the file stays.
pub fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("lock");
    let file =
        File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    if file.try_lock().is_err() {
        progress::say("waiting for another xtask that is provisioning");
        file.lock().context("the cache's lock cannot be taken")?;
    }
    Ok(file)
}

/// The C++ compiler that torch-sys needs, and `nm` and `readelf` that come with it.
fn compiler() -> Result<()> {
    let there = || {
        ["gcc", "g++", "ar", "nm", "readelf"]
            .iter()
            .all(|program| process::find(program).is_some())
    };
    process::ensure_installed("a C++ compiler", there, &["gcc", "g++", "binutils"])
}

/// Python with pip, to fetch packages with.
pub fn python() -> Result<PathBuf> {
    let has_pip = || {
        process::find("python3").is_some()
            && process::output(Command::new("python3").args(["-m", "pip", "--version"])).is_ok()
    };
    process::ensure_installed(
        "Python 3 with pip",
        has_pip,
        &["python3", "python3-pip", "python3-venv"],
    )?;
    process::find("python3").context("python3 is not on the search path")
}

/// A fresh directory beside `target`, to be filled and then renamed onto it.
pub fn partial(target: &Path) -> Result<PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let partial = target.with_file_name(format!("{name}.part"));
    remove(&partial)?;
    fs::create_dir_all(&partial)
        .with_context(|| format!("{} cannot be made", partial.display()))?;
    Ok(partial)
}

/// Puts a filled directory in its place.
pub fn settle(partial: &Path, target: &Path) -> Result<()> {
    remove(target)?;
    fs::rename(partial, target)
        .with_context(|| format!("{} cannot be put in place", target.display()))
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    Ok(())
}
