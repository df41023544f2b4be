//! `cargo xtask codegen`: every generated file, in the order in which one follows from another.
//!
//! Migrations give the table definitions; handlers give the contract; the contract gives the client and the
//! list of routes; the defaults give the configuration page. With `--check` the same is computed and compared.

mod clients;
mod config;
mod lower;
mod routes;
mod specs;

use std::fs;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{process, progress, workspace};

/// The command that writes what `--check` found stale.
const REMEDY: &str = "cargo xtask codegen";

/// Write every generated file, or with `--check` fail where one is stale.
#[derive(Debug, Args)]
pub struct Codegen {
    /// Change nothing; fail when a file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// A generated file: its path in the repository, and its text.
pub struct Generated {
    path: String,
    text: String,
}

impl Generated {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

impl Codegen {
    /// The form that `cargo xtask check` runs.
    pub fn check() -> Self {
        Self { check: true }
    }

    /// Runs the steps: tables, specs, lowered specs and clients, pages.
    pub fn run(self) -> Result<()> {
        let mut stale = self.settle(vec![tables()?])?;
        // From here on the server is built, with the tables as they are now.
        let specs = specs::print()?;
        let files = specs.files()?;
        let mut rest = clients::generate(&specs)?;
        rest.push(routes::page(&specs)?);
        rest.push(config::page()?);
        stale.extend(self.settle(files)?);
        stale.extend(self.settle(rest)?);
        if stale.is_empty() {
            return Ok(());
        }
        bail!(
            "stale: {}; run `{REMEDY}` and commit what it writes",
            stale.join(", ")
        );
    }

    /// Writes the files, or names those that differ from what is there.
    fn settle(&self, files: Vec<Generated>) -> Result<Vec<String>> {
        let mut stale = Vec::new();
        for file in files {
            let path = workspace::root().join(&file.path);
            // A checkout may have turned line ends; that is no difference.
            let current = fs::read_to_string(&path)
                .unwrap_or_default()
                .replace("\r\n", "\n");
            if current == file.text {
                continue;
            }
            if self.check {
                stale.push(file.path);
                continue;
            }
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, &file.text)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            progress::say(&format!("wrote {}", file.path));
        }
        Ok(stale)
    }
}

/// `schema/src/tables.rs`, printed by the store's own migrations.
fn tables() -> Result<Generated> {
    let text = process::output(workspace::cargo().args([
        "run",
        "--quiet",
        "--package",
        "tidegate-schema",
        "--example",
        "print-tables",
    ]))
    .context("printing the tables")?;
    Ok(Generated::new("schema/src/tables.rs", text))
}
