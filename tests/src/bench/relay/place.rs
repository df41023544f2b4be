//! Who is measured: the server over the upstream, and others of its trade.

use std::{any::Any, fmt, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::upstream::{SLOWLY, TOKEN, TOKENS};
use crate::{
    bench::http::load::{Process, Request},
    child::Child,
    client::http,
    dbgpt::Dbgpt,
    process::{Program, free_port},
};

/// Longest LiteLLM may take until it answers.
const STARTING: Duration = Duration::from_mins(3);
/// What the model is called everywhere.
const MODEL: &str = "relay";

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Whole,
    Stream,
}

impl Form {
    pub(super) const ALL: [Self; 2] = [Self::Whole, Self::Stream];

    /// The request of one that is answered at once.
    pub(super) fn request(self, path: &str) -> Request {
        chat(path, "Say the words.", self == Self::Stream)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "whole",
            Self::Stream => "stream",
        })
    }
}

/// The request of a stream that takes its time.
pub(super) fn slow(path: &str) -> Request {
    chat(path, SLOWLY, true)
}

fn chat(path: &str, text: &str, stream: bool) -> Request {
    let body = json!({
        "model": MODEL, "stream": stream,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text},
        ],
    });
    Request {
        path: path.to_owned(),
        body: Some(body),
    }
}

/// A running server, and where it answers chats.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) process: Process,
    pub(super) path: &'static str,
    /// The processes, which end with it.
    _running: Box<dyn Any + Send>,
    _dir: TempDir,
}

impl Place {
    /// Starts ours.
    pub(super) fn ours(program: &Path, base_url: &str) -> Result<Self> {
        let dir = TempDir::new()?;
        let config = format!(
            "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"error\"\n\
             [[models]]\nname = \"{MODEL}\"\nprovider = \"proxy\"\nbase_url = \"{base_url}\"\n",
            dir.path().join("data").display().to_string()
        );
        let program = Program::new(&program.display().to_string(), dir.path(), &config)?;
        let server = program.serve(&[])?;
        Ok(Self {
            name: "Tidegate",
            process: Process {
                id: server.id(),
                address: server.openai,
            },
            path: "/v1/chat/completions",
            _running: Box::new(server),
            _dir: dir,
        })
    }

    /// Starts LiteLLM's proxy.
    pub(super) async fn litellm(program: &Path, base_url: &str) -> Result<Self> {
        let dir = TempDir::new()?;
        let config = dir.path().join("litellm.yaml");
        std::fs::write(
            &config,
            format!(
                "model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n      \
                 api_base: {base_url}\n      api_key: none\n"
            ),
        )?;
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(&config)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--num_workers", "1"])
            .current_dir(dir.path())
            .env("HOME", dir.path())
            // Its prices come along with it; a proxy must not ask the network for them.
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_TELEMETRY", "False")
            .env("LITELLM_LOG", "ERROR")
            .env("NO_PROXY", "127.0.0.1,localhost");
        let mut child = Child::start("litellm", dir.path(), &mut command)?;
        let url = format!("http://127.0.0.1:{port}/health/liveliness");
        child.until_answers(&url, STARTING).await?;
        Ok(Self {
            name: "LiteLLM",
            process: Process {
                id: child.id(),
                address: ([127, 0, 0, 1], port).into(),
            },
            path: "/v1/chat/completions",
            _running: Box::new(child),
            _dir: dir,
        })
    }

    /// Starts DB-GPT's controller, worker and API server.
    pub(super) async fn dbgpt(program: &Path, base_url: &str) -> Result<Self> {
        let dir = TempDir::new()?;
        let dbgpt = Dbgpt::new(program, dir.path());
        let controller = dbgpt.controller().await?;
        let worker = dbgpt.worker(&controller.url(), MODEL, base_url).await?;
        let apiserver = dbgpt.apiserver(&controller.url(), MODEL).await?;
        Ok(Self {
            name: "DB-GPT",
            process: Process {
                // Of its three processes the one that is asked.
                id: apiserver.child.id(),
                address: apiserver.address,
            },
            path: "/api/v1/chat/completions",
            _running: Box::new([controller, worker, apiserver]),
            _dir: dir,
        })
    }

    /// Asks once and holds the answer against what the upstream says.
    pub(super) async fn prove(&self, form: Form) -> Result<()> {
        let request = form.request(self.path);
        let url = format!("http://{}{}", self.process.address, request.path);
        let response = http().post(url).json(&request.body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{}: {status} {text}", self.name);
        let said = match form {
            Form::Whole => {
                let body: Value = serde_json::from_str(&text).context("an answer in JSON")?;
                let said = body.pointer("/choices/0/message/content");
                said.and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            Form::Stream => deltas(&text),
        };
        // Some take the space at the end away.
        ensure!(
            said.trim_end() == TOKEN.repeat(TOKENS).trim_end(),
            "{} answers {text}",
            self.name
        );
        Ok(())
    }
}

/// The text of a stream, put together; what is no frame with text is passed over.
fn deltas(stream: &str) -> String {
    stream
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok())
        .filter_map(|frame| {
            let delta = frame.pointer("/choices/0/delta/content")?;
            Some(delta.as_str()?.to_owned())
        })
        .collect()
}

/// Why somebody is not measured.
pub(super) struct Absent {
    pub(super) name: &'static str,
    pub(super) reason: String,
}

/// The program of another, as `cargo xtask bench` names it.
pub(super) fn named<'a>(
    name: &'static str,
    variable: &str,
    program: Option<&'a Path>,
) -> Result<&'a Path, Absent> {
    program.ok_or_else(|| Absent {
        name,
        reason: format!(
            "{variable} is not set; `cargo xtask bench relay` installs {name} where it can be had"
        ),
    })
}
