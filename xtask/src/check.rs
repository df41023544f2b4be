//! `cargo xtask check`: what must hold before a change is merged, in the order of how soon it fails.

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{codegen, process, progress, tidy, workspace};

/// Format, lints, tidy rules, fresh generated files. Needs no libtorch, no database and no network.
#[derive(Debug, Args)]
pub struct Check {}

impl Check {
    /// Runs every check; the first that fails ends it and names the remedy.
    pub fn run(self) -> Result<()> {
        progress::say("format");
        process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
            .context("run `cargo fmt --all`")?;
        progress::say("tidy");
        tidy::Tidy {}.run()?;
        progress::say("lints");
        process::run(workspace::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--no-default-features",
            "--",
            "--deny",
            "warnings",
        ]))
        .context("clippy has something to say above")?;
        progress::say("generated files");
        codegen::Codegen::check().run()?;
        progress::say("all checks passed");
        Ok(())
    }
}
