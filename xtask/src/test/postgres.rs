//! One private PostgreSQL server for a test run: own directory, own port, own password, gone afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::private::{free_port, left_behind, password_seed, remove};
use crate::{process, progress};

const PREFIX: &str = "tidegate-test-postgres-";

/// PostgreSQL's own programs.
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// The newest installed, or the distribution's, installed now.
    pub fn find_or_install() -> Result<Self> {
        process::ensure_installed("PostgreSQL", || installed().is_some(), &["postgresql"])?;
        Ok(Self {
            dir: installed().context("PostgreSQL's programs are missing")?,
        })
    }

    /// Makes a database cluster in a temporary directory and starts it.
    pub fn start(self) -> Result<Server> {
        sweep(&self);
        let dir = env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        let password = format!("{:x}", password_seed());
        let secret = dir.join("password");
        fs::write(&secret, &password)?;
        if process::is_root() {
            // The server refuses to run as root.
            process::output(Command::new("chown").args(["-R", "postgres"]).arg(&dir))?;
        }
        let port = free_port()?;
        let server = Server {
            binaries: self,
            dir,
            port,
            password,
        };
        let data = server.data();
        server.binaries.output("initdb", |command| {
            command.args([
                "--username=tidegate",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]);
            command
                .arg(format!("--pwfile={}", secret.display()))
                .arg("-D")
                .arg(&data);
        })?;
        // Data that is thrown away need not survive a power cut.
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{}' -c fsync=off \
             -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB",
            server.dir.display()
        );
        let log = server.dir.join("log");
        server
            .binaries
            .output("pg_ctl", |command| {
                command.args(["start", "--wait", "--silent", "--timeout=60"]);
                command
                    .arg("-D")
                    .arg(&data)
                    .arg("-l")
                    .arg(&log)
                    .arg("-o")
                    .arg(&options);
            })
            .with_context(|| {
                fs::read_to_string(&log).unwrap_or_else(|_| "PostgreSQL left no log".to_owned())
            })?;
        progress::say(&format!("a private PostgreSQL listens on port {port}"));
        Ok(server)
    }

    /// Runs one of the programs as a user that the server accepts.
    fn output(&self, program: &str, arguments: impl FnOnce(&mut Command)) -> Result<String> {
        let path = self.dir.join(program);
        let mut command = if process::is_root() {
            let mut runuser = Command::new("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(path);
            runuser
        } else {
            Command::new(path)
        };
        // A directory its user can enter.
        command.current_dir(env::temp_dir());
        arguments(&mut command);
        process::output(&mut command)
    }
}

/// A running server; stopped when dropped.
pub struct Server {
    binaries: Binaries,
    dir: PathBuf,
    port: u16,
    password: String,
}

impl Server {
    /// Where its maintenance database answers; tests make databases of their own beside it.
    pub fn url(&self) -> String {
        format!(
            "postgres://tidegate:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    /// Stops it and removes its files.
    pub fn stop(self) {
        drop(self);
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&self.binaries, &self.dir);
    }
}

/// Stops the server of a directory, by the process number it wrote there, and removes the directory.
fn end(binaries: &Binaries, dir: &Path) {
    let data = dir.join("data");
    if data.join("postmaster.pid").exists() {
        let stopped = binaries.output("pg_ctl", |command| {
            command
                .args(["stop", "--mode=immediate", "--wait", "--silent"])
                .arg("-D")
                .arg(&data);
        });
        if let Err(error) = stopped {
            progress::say(&format!(
                "PostgreSQL in {} did not stop: {error:#}",
                dir.display()
            ));
            return;
        }
    }
    remove(dir);
}

/// Ends what a run that was killed outright has left behind.
fn sweep(binaries: &Binaries) {
    for dir in left_behind(PREFIX) {
        end(binaries, &dir);
    }
}

/// Directory of the newest installed server's programs.
fn installed() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, dir)| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, dir)| dir).or_else(|| {
        let initdb = process::find("initdb")?;
        Some(initdb.parent()?.to_path_buf())
    })
}
