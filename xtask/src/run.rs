//! `cargo xtask run`: from a fresh checkout to a running server.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;

use crate::{process, progress, provision, workspace};

/// Provision what local models need, build the server and run it.
#[derive(Debug, Args)]
pub struct Run {
    /// Build with all optimisations. Without this the first build is several times quicker, and what is slow when
    /// unoptimised (libtorch, the tokeniser, the built-in model's features) is optimised all the same.
    #[arg(long)]
    release: bool,
    /// Arguments of the binary; those that start with a dash go to `serve`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Run {
    /// Provisions, builds, and becomes the server: its exit status and signals are ours.
    pub fn run(self) -> Result<()> {
        let provisioned = provision::provision(false)?;
        progress::say("building the server (the first build takes some minutes)");
        let mut cargo = workspace::cargo();
        cargo.args(["build", "--package", "tidegate-server", "--bin", "tidegate"]);
        if self.release {
            cargo.arg("--release");
        }
        let [binary] = build(provisioned.for_build(&mut cargo), ["tidegate"])?;
        let mut server = Command::new(&binary);
        server.env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder);
        if self
            .arguments
            .first()
            .is_none_or(|first| first.starts_with('-'))
        {
            server.arg("serve");
        }
        let error = server.args(&self.arguments).exec();
        Err(error).with_context(|| format!("{} cannot be started", binary.display()))
    }
}

/// Runs a cargo build with its progress shown and returns the executables of these names that it made.
pub fn build<const N: usize>(cargo: &mut Command, names: [&str; N]) -> Result<[PathBuf; N]> {
    let mut child = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let messages = child
        .stdout
        .take()
        .context("cargo's messages cannot be read")?;
    let mut made = BTreeMap::new();
    for line in BufReader::new(messages).lines() {
        made.extend(executable(&line?));
    }
    let status = child.wait()?;
    ensure!(status.success(), "the build failed");
    let mut found = Vec::with_capacity(N);
    for name in names {
        let binary = made.remove(name);
        found.push(binary.with_context(|| format!("the build made no executable `{name}`"))?);
    }
    found
        .try_into()
        .map_err(|_| anyhow!("the build made too few executables"))
}

/// The name and place of an executable, if one of cargo's messages tells of it. A test has its package's name.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != false {
        return None;
    }
    let name = message["target"]["name"].as_str()?.to_owned();
    Some((name, PathBuf::from(message["executable"].as_str()?)))
}

/// Runs a release executable of the workspace with what local models need, through cargo.
pub fn release(
    provisioned: &provision::Provisioned,
    cargo_arguments: &[&str],
    arguments: &[String],
) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--release"]).args(cargo_arguments);
    provisioned
        .for_build(&mut cargo)
        .env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder)
        .arg("--")
        .args(arguments);
    libraries(&mut cargo, provisioned);
    process::run(&mut cargo)
}

/// Lets executables other than the server, which knows itself, find libtorch.
pub fn libraries(command: &mut Command, provisioned: &provision::Provisioned) {
    let mut paths = provisioned.libraries();
    if let Some(set) = workspace::set("LD_LIBRARY_PATH") {
        paths.extend(std::env::split_paths(&set));
    }
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("LD_LIBRARY_PATH", joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_executables_and_not_their_unit_tests() {
        let message = |test: bool, name: &str| {
            serde_json::json!({
                "reason": "compiler-artifact", "target": {"name": name}, "profile": {"test": test},
                "executable": "/build/tidegate",
            })
            .to_string()
        };
        assert_eq!(
            executable(&message(false, "tidegate")),
            Some(("tidegate".to_owned(), PathBuf::from("/build/tidegate")))
        );
        assert_eq!(executable(&message(true, "tidegate")), None);
        assert_eq!(executable("not json"), None);
    }
}
