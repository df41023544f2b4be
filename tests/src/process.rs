//! The real server as a process of its own, to be started, asked, killed and started again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::client::User;

/// Longest a start may take before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program and the environment it runs in.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    config: PathBuf,
    environment: Vec<(String, PathBuf)>,
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    /// The web listener.
    pub web: SocketAddr,
    /// The OpenAI listener.
    pub openai: SocketAddr,
}

/// What a command came to.
#[derive(Debug)]
pub struct Finished {
    /// Whether it succeeded.
    pub success: bool,
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<&std::process::Output> for Finished {
    fn from(output: &std::process::Output) -> Self {
        Self {
            success: output.status.success(),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Program {
    /// A program with a configuration file over a data directory, both below `dir`.
    pub fn new(path: &str, dir: &Path, config: &str) -> Result<Self> {
        let file = dir.join("tidegate.toml");
        std::fs::write(&file, config)?;
        Ok(Self {
            path: PathBuf::from(path),
            config: file,
            environment: Vec::new(),
        })
    }

    /// The same with a path in its environment.
    pub fn with_path(mut self, name: &str, path: &Path) -> Self {
        self.environment.push((name.to_owned(), path.to_owned()));
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--config").arg(&self.config).args(arguments);
        // Only the file decides: what the caller's environment sets for a server of their own stays out.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TIDEGATE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, path)| (name, path)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Finished> {
        let output = self.command(arguments).stdin(Stdio::null()).output()?;
        Ok(Finished::from(&output))
    }

    /// Runs a command to its end with this on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<Finished> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut to = child.stdin.take().context("standard input was piped")?;
        to.write_all(input.as_bytes())?;
        drop(to);
        Ok(Finished::from(&child.wait_with_output()?))
    }

    /// Runs a command whose standard output nobody reads: the pipe is closed before it starts.
    pub fn run_unread(&self, arguments: &[&str]) -> Result<Finished> {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()?
            .wait_with_output()?;
        Ok(Finished::from(&output))
    }

    /// Starts `serve` on these ports and returns at once, for measuring the start itself.
    pub fn spawn(&self, web: u16, openai: u16) -> Result<Server> {
        let (web_text, openai_text) = (web.to_string(), openai.to_string());
        let child = self
            .command(&["serve", "--port", &web_text, "--openai-port", &openai_text])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Server {
            child,
            web: local(web),
            openai: local(openai),
        })
    }

    /// Starts `serve` on free ports and waits until it says where it listens.
    pub fn serve(&self, arguments: &[&str]) -> Result<Server> {
        let mut all = vec!["serve", "--port", "0"];
        let openai = free_port()?.to_string();
        all.extend(["--openai-port", &openai]);
        all.extend(arguments);
        let mut child = self
            .command(&all)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("standard output was piped")?;
        let err = child.stderr.take().context("standard error was piped")?;
        let (sender, lines) = mpsc::channel::<String>();
        let errors = sender.clone();
        std::thread::spawn(move || forward(out, &sender));
        std::thread::spawn(move || forward(err, &errors));
        let mut seen: Vec<String> = Vec::new();
        let (mut web, mut openai) = (None, None);
        let deadline = Instant::now() + PATIENCE;
        while web.is_none() || openai.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                let _ = child.kill();
                let _ = child.wait();
                bail!("the server did not start:\n{}", seen.join("\n"));
            };
            if let Some(address) = address(&line) {
                if line.contains("OpenAI") {
                    openai = Some(address);
                } else if line.contains("Web") {
                    web = Some(address);
                }
            }
            seen.push(line);
        }
        let (Some(web), Some(openai)) = (web, openai) else {
            bail!("no address was announced")
        };
        Ok(Server { child, web, openai })
    }
}

fn forward(from: impl std::io::Read, to: &mpsc::Sender<String>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        // The pipe is read to its end even when nobody listens any more, so that the server never blocks on it.
        let _ = to.send(line);
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}

/// A port nobody listens on just now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

impl Server {
    /// Someone without a key.
    pub fn anonymous(&self) -> User {
        User::anonymous(self.web, self.openai)
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
