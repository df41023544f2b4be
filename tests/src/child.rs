//! A program that runs beside a test or a measurement: its words go to a file, and it is killed when dropped.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::http;

/// Lines of its words that a failure shows.
const LAST_LINES: usize = 40;
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Longest wait for one answer while it starts.
const ONE_ANSWER: Duration = Duration::from_secs(10);

/// A running program.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    name: String,
    log: PathBuf,
}

impl Child {
    /// Starts a command. What it says goes to `NAME.log` in `dir`, behind what an earlier one of that name said.
    pub fn start(name: &str, dir: &Path, command: &mut Command) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let words = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| log.display().to_string())?;
        let process = command
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self {
            process,
            name: name.to_owned(),
            log,
        })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it is called in failures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its last words, under its name, for the message of a failure.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("--- {} said ---\n{}", self.name, last.join("\n"))
    }

    /// Waits until a GET of this URL is answered with a success.
    pub async fn until_answers(&mut self, url: &str, patience: Duration) -> Result<()> {
        let client = http();
        let deadline = Instant::now() + patience;
        loop {
            let asked = client.get(url).timeout(ONE_ANSWER).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("{} ended with {status}\n{}", self.name, self.last_words());
            }
            ensure!(
                Instant::now() < deadline,
                "{} did not answer at {url} within {} s\n{}",
                self.name,
                patience.as_secs(),
                self.last_words()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// SIGTERM: it may tidy up.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGSTOP: its connections stay open and nothing of it moves, until [`Child::go_on`].
    pub fn halt(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn go_on(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        // It was not waited for, so the number is still its own.
        kill_process(Pid::from_child(&self.process), signal)
            .with_context(|| format!("a signal to {}", self.name))
    }

    /// SIGKILL: no chance to tidy up.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub async fn until_ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "{} did not end within {} s\n{}",
                self.name,
                patience.as_secs(),
                self.last_words()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// A program that listens.
#[derive(Debug)]
pub struct Part {
    /// The program.
    pub child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Part {
    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the JSON at a URL, its own or another's, is as wanted.
    pub async fn until(
        &mut self,
        url: &str,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.child.until_answers(url, left).await?;
            let found: Value = http().get(url).send().await?.json().await?;
            if wanted(&found) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{url} did not show what was awaited of {} within {} s, but {found}\n{}",
                self.child.name,
                patience.as_secs(),
                self.child.last_words()
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_words_are_kept_and_its_end_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo second >&2; exit 3"]);
        let mut child = Child::start("speaker", dir.path(), &mut command).expect("started");
        let status = child.until_ended(Duration::from_secs(20)).await;
        assert_eq!(status.expect("ended").code(), Some(3));
        let words = child.last_words();
        assert!(
            words.contains("first") && words.contains("second"),
            "{words}"
        );
        let error = child
            .until_answers("http://127.0.0.1:1/", Duration::from_secs(20))
            .await
            .expect_err("nobody answers");
        assert!(error.to_string().contains("speaker ended"), "{error}");
    }

    #[tokio::test]
    async fn what_is_halted_goes_on_and_what_is_terminated_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sleep");
        let mut child = Child::start("sleeper", dir.path(), command.arg("60")).expect("started");
        child.halt().expect("halted");
        child.terminate().expect("told");
        child.go_on().expect("gone on");
        let status = child
            .until_ended(Duration::from_secs(20))
            .await
            .expect("ended");
        assert!(!status.success());
    }
}
