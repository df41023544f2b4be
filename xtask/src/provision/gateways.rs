//! Gateways that others made, for `cargo xtask bench relay` and for the tests that speak with DB-GPT's own processes:
//! each in a Python environment of its own in the user's cache, as what they lean on contradicts each other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::lock;
use crate::{process, progress};

/// Longest an installation may take.
const INSTALLING: Duration = Duration::from_mins(15);
/// Between two looks whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A gateway of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    /// LiteLLM's proxy.
    LiteLlm,
    /// DB-GPT: its controller, worker and API server.
    DbGpt,
}

impl Gateway {
    fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "LiteLLM",
            Self::DbGpt => "DB-GPT",
        }
    }

    /// Its directory in the cache.
    fn dir(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm-python",
            Self::DbGpt => "dbgpt-python",
        }
    }

    /// The program that its package installs.
    fn program(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::DbGpt => "dbgpt",
        }
    }

    /// What is measured and spoken with is pinned. Some releases of LiteLLM were not its makers' own (1.82.7, 1.82.8,
    /// 1.107.0): never let this float.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::LiteLlm => &["litellm[proxy]==1.80.0"],
            // What its three processes read, without the web server and its documents' libraries.
            Self::DbGpt => &[
                "dbgpt[client,cli,agent,simple-framework,framework,proxy-openai]==0.8.2",
                "dbgpt-ext==0.8.2",
                "dbgpt-serve==0.8.2",
                "dbgpt-client==0.8.2",
                "requests",
            ],
        }
    }

    /// What proves that it works.
    fn proof(self) -> &'static str {
        match self {
            Self::LiteLlm => "import litellm.proxy.proxy_server",
            Self::DbGpt => {
                "import dbgpt.model.cluster, dbgpt.datasource.rdbms.base, dbgpt.model.proxy.llms.chatgpt, openai, \
                 dbgpt_serve.datasource.manages.connector_manager, prettytable"
            }
        }
    }

    /// The newest Python that its pinned packages come ready made for.
    fn newest_python(self) -> (u32, u32) {
        match self {
            Self::LiteLlm => (3, 13),
            Self::DbGpt => (3, 11),
        }
    }
}

/// The gateway's program, installed now where it is missing.
pub fn find_or_make(cache: &Path, gateway: Gateway) -> Result<PathBuf> {
    fs::create_dir_all(cache).with_context(|| format!("{} cannot be made", cache.display()))?;
    let _lock = lock(cache)?;
    let dir = cache.join(gateway.dir());
    let program = dir.join("bin").join(gateway.program());
    let stamp = dir.join("made-of");
    let made_of = gateway.packages().join("\n");
    if program.exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_of) {
        return Ok(program);
    }
    let host = host(gateway)?;
    progress::say(&format!(
        "installing {} in {} (some minutes)",
        gateway.name(),
        dir.display()
    ));
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("{} cannot be removed", dir.display()))?;
    }
    process::output(Command::new(host).args(["-m", "venv"]).arg(&dir))?;
    let python = dir.join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--prefer-binary"])
        .args(["--disable-pip-version-check", "--no-input", "--timeout=30"])
        .args(gateway.packages());
    run_within(&mut pip, INSTALLING)?;
    process::output(
        Command::new(&python)
            .args(["-c", gateway.proof()])
            .current_dir(&dir),
    )
    .with_context(|| format!("{} does not run once installed", gateway.name()))?;
    ensure!(
        program.exists(),
        "{}'s package brought no program `{}`",
        gateway.name(),
        gateway.program()
    );
    // Last: an environment without it is made anew.
    fs::write(&stamp, made_of)?;
    Ok(program)
}

/// A Python with the means to make an environment, for which there are packages.
fn host(gateway: Gateway) -> Result<PathBuf> {
    let python = super::python()?;
    let can =
        || process::output(Command::new(&python).args(["-c", "import venv, ensurepip"])).is_ok();
    process::ensure_installed("Python's venv module", can, &["python3-venv"])?;
    let (major, minor) = gateway.newest_python();
    let script =
        format!("import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= ({major}, {minor}))");
    ensure!(
        process::output(Command::new(&python).args(["-c", &script])).is_ok(),
        "{} needs Python 3.10 to {major}.{minor} as `python3`",
        gateway.name()
    );
    Ok(python)
}

/// Runs a command that is ended when it takes too long.
fn run_within(command: &mut Command, time: Duration) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        // Standard output belongs to results.
        .stdout(Stdio::from(std::io::stderr()))
        .spawn()
        .context("pip cannot be started")?;
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "pip ended with {status}");
            return Ok(());
        }
        if Instant::now() >= deadline {
            child.kill().ok();
            child.wait().ok();
            bail!("pip was not done within {} s", time.as_secs());
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_takes_too_long_is_ended() {
        let error = run_within(Command::new("sleep").arg("60"), Duration::from_millis(300))
            .expect_err("it takes a minute");
        assert!(error.to_string().contains("not done"), "{error}");
        assert!(run_within(&mut Command::new("true"), INSTALLING).is_ok());
        assert!(run_within(&mut Command::new("false"), INSTALLING).is_err());
    }

    #[test]
    fn what_is_measured_is_pinned() {
        for gateway in [Gateway::LiteLlm, Gateway::DbGpt] {
            assert!(gateway.packages()[0].contains("=="), "{}", gateway.name());
        }
    }
}
