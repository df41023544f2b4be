//! `cargo xtask run`: from a fresh checkout to a running server.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
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
        let binary = build(provisioned.for_build(&mut cargo))?;
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

/// Runs a cargo build with its progress shown and returns the `tidegate` executable that it made.
pub fn build(cargo: &mut Command) -> Result<PathBuf> {
    let mut child = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let messages = child
        .stdout
        .take()
        .context("cargo's messages cannot be read")?;
    let mut binary = None;
    for line in BufReader::new(messages).lines() {
        if let Some(found) = executable(&line?) {
            binary = Some(found);
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "the build failed");
    binary.context("the build made no executable `tidegate`")
}

/// The executable in one of cargo's messages, if it is the server.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let ours = message["reason"] == "compiler-artifact"
        && message["target"]["name"] == "tidegate"
        && message["profile"]["test"] == false;
    ours.then(|| message["executable"].as_str().map(PathBuf::from))
        .flatten()
}

/// Runs a release executable of the workspace with what local models need, and further variables in its environment,
/// through cargo.
pub fn release(
    provisioned: &provision::Provisioned,
    cargo_arguments: &[&str],
    environment: &[(&str, OsString)],
    arguments: &[String],
) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--release"]).args(cargo_arguments);
    provisioned
        .for_build(&mut cargo)
        .env("TIDEGATE_BUILTIN_ENCODER", &provisioned.encoder)
        .envs(environment.iter().map(|(name, value)| (name, value)))
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
    fn takes_the_server_and_not_its_unit_tests() {
        let message = |test: bool, name: &str| {
            serde_json::json!({
                "reason": "compiler-artifact", "target": {"name": name}, "profile": {"test": test},
                "executable": "/build/tidegate",
            })
            .to_string()
        };
        assert_eq!(
            executable(&message(false, "tidegate")),
            Some(PathBuf::from("/build/tidegate"))
        );
        assert_eq!(executable(&message(true, "tidegate")), None);
        assert_eq!(executable(&message(false, "xtask")), None);
        assert_eq!(executable("not json"), None);
    }
}
