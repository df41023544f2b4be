//! DB-GPT's own processes, started through its command line from its registry packages: what ours speak with in both
//! directions, and what they are measured beside.
//!
//! Everything listens on loopback, is configured by files of its own, and keeps what it writes in one directory.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    child::{Child, Part},
    process::{Finished, free_port},
};

/// Longest one of its processes may take until it answers: reading its own modules alone takes ten seconds of a
/// processor, and several start at once.
const STARTING: Duration = Duration::from_mins(2);
/// Longest a command of it may take.
const COMMAND: Duration = Duration::from_mins(2);

/// The program, and where its processes write.
#[derive(Debug, Clone)]
pub struct Dbgpt {
    program: PathBuf,
    dir: PathBuf,
}

impl Dbgpt {
    /// The program at this path, with `dir` to write in.
    pub fn new(program: &Path, dir: &Path) -> Self {
        Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
        }
    }

    /// A command of it, with nothing of the caller's own configuration in sight.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.dir);
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            // Its logs, its database and its caches.
            .env("HOME", &self.dir)
            .env("DBGPT_HOME", &self.dir)
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HF_HUB_OFFLINE", "1");
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Finished> {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(COMMAND, command.output())
            .await
            .with_context(|| {
                format!(
                    "`dbgpt {}` did not end within {} s",
                    arguments.join(" "),
                    COMMAND.as_secs()
                )
            })??;
        Ok(Finished::from(&output))
    }

    /// Starts a controller, whose instances expire after a minute without a sign of life. It answers already.
    pub async fn controller(&self) -> Result<Part> {
        let port = free_port()?;
        let config = format!(
            "[service.model.controller]\nhost = \"127.0.0.1\"\nport = {port}\nheartbeat_interval_secs = 5\n\
             heartbeat_timeout_secs = 60\n"
        );
        let mut part = self.start("controller", port, &config)?;
        let url = format!("{}/api/health", part.url());
        part.child.until_answers(&url, STARTING).await?;
        Ok(part)
    }

    /// Starts a worker with one language model behind an OpenAI-style upstream. The controller at this URL lists it
    /// as healthy already.
    pub async fn worker(&self, controller: &str, model: &str, api_base: &str) -> Result<Part> {
        let port = free_port()?;
        let config = format!(
            "[service.model.worker]\nhost = \"127.0.0.1\"\nport = {port}\nworker_type = \"llm\"\n\
             controller_addr = \"{controller}\"\nregister = true\nsend_heartbeat = true\nheartbeat_interval = 5\n\
             [models]\n[[models.llms]]\nname = \"{model}\"\nprovider = \"proxy/openai\"\napi_base = \"{api_base}\"\n\
             api_key = \"none\"\n"
        );
        let mut part = self.start("worker", port, &config)?;
        let listed = format!(
            "{controller}/api/controller/models?model_name={model}%40llm&healthy_only=true"
        );
        part.until(&listed, STARTING, |instances| {
            instances
                .as_array()
                .into_iter()
                .flatten()
                .any(|instance| instance["port"] == port)
        })
        .await?;
        Ok(part)
    }

    /// Starts an API server over the controller at this URL. It lists this model already.
    pub async fn apiserver(&self, controller: &str, model: &str) -> Result<Part> {
        let port = free_port()?;
        let config = format!(
            "[service.model.api]\nhost = \"127.0.0.1\"\nport = {port}\ncontroller_addr = \"{controller}\"\n"
        );
        let mut part = self.start("apiserver", port, &config)?;
        let listed = format!("{}/api/v1/models", part.url());
        part.until(&listed, STARTING, |models| {
            models["data"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|listed| listed["id"] == model)
        })
        .await?;
        Ok(part)
    }

    fn start(&self, role: &str, port: u16, config: &str) -> Result<Part> {
        let file = self.dir.join(format!("dbgpt-{role}.toml"));
        std::fs::write(&file, config)?;
        let mut command = self.command(&["start", role, "--config"]);
        command.arg(&file);
        let child = Child::start(&format!("dbgpt-{role}"), &self.dir, &mut command)?;
        Ok(Part {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }
}
