//! Processes of this program that the bench needs beside the server.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::bench::http::load::Process;

/// A server of this program as a process of its own; it is killed when dropped.
pub(super) struct Helper {
    child: Child,
    process: Process,
}

impl Helper {
    /// Starts one; the first line it says is the address it listens on.
    pub(super) fn start(arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {arguments:?}"))?;
        let id = child.id();
        let said = child.stdout.take().context("standard output was piped");
        let address = said.and_then(|out| {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line)?;
            line.trim()
                .parse::<SocketAddr>()
                .with_context(|| format!("{arguments:?} said {line:?}"))
        });
        match address {
            Ok(address) => Ok(Self {
                child,
                process: Process { id, address },
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub(super) fn process(&self) -> Process {
        self.process
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
