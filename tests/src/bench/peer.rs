//! Another engine to be measured beside ours: a Python program that is told what to do in lines of JSON and answers
//! each with one.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::paths;

/// Longest a peer may take to start, which for some means turning a checkpoint into its own files.
const STARTING: Duration = Duration::from_mins(15);
/// Longest one measurement may take.
const MEASURING: Duration = Duration::from_mins(5);
/// Lines a peer may print that are no answers.
const NOISE: usize = 10_000;

/// A running peer; it ends when dropped.
pub(super) struct Peer {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// Its version, as it tells.
    pub(super) version: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

/// Why a peer is not measured.
pub(super) struct Absent {
    /// What it would be called.
    pub(super) name: &'static str,
    /// The reason.
    pub(super) reason: String,
}

impl Peer {
    /// Starts a script of `tests/python` and waits until it says that it is ready.
    pub(super) async fn start(
        name: &'static str,
        python: Option<&Path>,
        script: &str,
        arguments: &[&str],
    ) -> Result<Self, Absent> {
        let started = match python {
            Some(python) => Self::begin(name, python, script, arguments).await,
            None => Err(anyhow::anyhow!(
                "TIDEGATE_BENCH_PYTHON is not set; `cargo xtask bench` provisions it"
            )),
        };
        started.map_err(|error| Absent {
            name,
            reason: format!("{error:#}"),
        })
    }

    async fn begin(
        name: &'static str,
        python: &Path,
        script: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let script: PathBuf = paths::file("python").join(script);
        let mut child = Command::new(python)
            .arg(&script)
            .args(arguments)
            // A hub must not be asked for what lies on the disk.
            .envs([("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1")])
            .env("TOKENIZERS_PARALLELISM", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", python.display()))?;
        let input = child.stdin.take().context("its input was piped")?;
        let output = child.stdout.take().context("its output was piped")?;
        let mut peer = Self {
            name,
            version: String::new(),
            input,
            output: BufReader::new(output).lines(),
            _child: child,
        };
        let ready = peer.answer(STARTING).await?;
        ready["version"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut peer.version);
        Ok(peer)
    }

    /// Has one thing done.
    pub(super) async fn ask(&mut self, request: &Value) -> Result<Value> {
        let line = format!("{request}\n");
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await?;
        self.answer(MEASURING)
            .await
            .with_context(|| format!("{} on {request}", self.name))
    }

    /// Has one thing done and gives the seconds that it took, as the peer measured them.
    pub(super) async fn seconds(&mut self, request: &Value) -> Result<f64> {
        let answer = self.ask(request).await?;
        answer["seconds"]
            .as_f64()
            .with_context(|| format!("{} gave no time: {answer}", self.name))
    }

    /// The next line that is an object; libraries print other things too.
    async fn answer(&mut self, patience: Duration) -> Result<Value> {
        let until = Instant::now() + patience;
        for _ in 0..NOISE {
            let left = until.saturating_duration_since(Instant::now());
            let line = timeout(left, self.output.next_line())
                .await
                .with_context(|| format!("no answer within {} s", patience.as_secs()))??
                .context("it ended; what it said of that stands above")?;
            let Ok(answer) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if !answer.is_object() {
                continue;
            }
            if let Some(error) = answer["error"].as_str() {
                bail!("{error}");
            }
            return Ok(answer);
        }
        bail!("it prints and does not answer")
    }
}

/// A file that a peer wrote its numbers into: 32-bit floats, one after the other.
pub(super) fn floats(path: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect())
}
