//! Roles of the server as processes of their own: controllers, workers, API servers, each with its files below one
//! directory and its words in a log there.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;

use crate::{
    child::{Child, Part},
    process::free_port,
};

/// Longest one may take until it answers.
const STARTING: Duration = Duration::from_mins(1);
/// Seconds between two signs of life of a worker.
pub const BEAT: u64 = 2;
/// Seconds without one after which an instance is taken for dead.
pub const EXPIRY: u64 = 6;

/// The server's program, and where its processes have their files.
#[derive(Debug, Clone)]
pub struct Roles {
    program: PathBuf,
    dir: PathBuf,
}

impl Roles {
    /// The program at this path, with `dir` for its files.
    pub fn new(program: &str, dir: &Path) -> Self {
        Self {
            program: PathBuf::from(program),
            dir: dir.to_owned(),
        }
    }

    /// Starts a controller on this port, with further sections. It answers already.
    pub async fn controller(&self, name: &str, port: u16, sections: &str) -> Result<Part> {
        let mut part = self.start("controller", name, port, &[], sections)?;
        answers(&mut part).await?;
        Ok(part)
    }

    /// Starts a worker on this port for these `[[models]]` tables, which registers with the controllers at these URLs
    /// (comma separated). It answers already.
    pub async fn worker(
        &self,
        name: &str,
        port: u16,
        controllers: &str,
        models: &str,
    ) -> Result<Part> {
        let arguments = ["--controller", controllers];
        let mut part = self.start("worker", name, port, &arguments, models)?;
        answers(&mut part).await?;
        Ok(part)
    }

    /// Starts an API server over the controllers at these URLs (comma separated). It lists this model already.
    pub async fn apiserver(&self, name: &str, controllers: &str, model: &str) -> Result<Part> {
        let arguments = ["--controller", controllers];
        let mut part = self.start("apiserver", name, free_port()?, &arguments, "")?;
        let listed = format!("{}/v1/models", part.url());
        part.until(&listed, STARTING, |models| {
            models["data"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|known| known["id"] == model)
        })
        .await?;
        Ok(part)
    }

    fn start(
        &self,
        role: &str,
        name: &str,
        port: u16,
        arguments: &[&str],
        sections: &str,
    ) -> Result<Part> {
        let data = self.dir.join(format!("{name}-data"));
        let config = self.dir.join(format!("{name}.toml"));
        std::fs::write(
            &config,
            format!(
                "[data]\ndir = {:?}\nsample = false\n[builtin]\nenabled = false\n[log]\nfilter = \"info\"\n\
                 [server]\nshutdown_seconds = 30\n[cluster]\nheartbeat_seconds = {BEAT}\n\
                 expiry_seconds = {EXPIRY}\n{sections}",
                data.display().to_string()
            ),
        )?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&config).arg(role);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(arguments);
        // Only the file decides: what the caller's environment sets for a server of their own stays out.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("TIDEGATE_") {
                command.env_remove(variable);
            }
        }
        Ok(Part {
            child: Child::start(name, &self.dir, &mut command)?,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }
}

async fn answers(part: &mut Part) -> Result<()> {
    let health = format!("{}/api/health", part.url());
    part.child.until_answers(&health, STARTING).await
}
