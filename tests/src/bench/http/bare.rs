//! The raw limit: a server without anything behind it, which answers every request with the same bytes.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

use super::load::Process;

/// Serves the bytes of a file until it is killed; the first line on standard output says where.
pub async fn serve(answer: &Path) -> Result<()> {
    let bytes = Bytes::from(std::fs::read(answer).with_context(|| answer.display().to_string())?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let answer = move |_body: Bytes| {
        let bytes = bytes.clone();
        async move { json(bytes) }
    };
    axum::serve(listener, Router::new().fallback(answer)).await?;
    Ok(())
}

fn json(bytes: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// Such a server as a process of its own; it is killed when dropped.
pub(super) struct Bare {
    child: Child,
    process: Process,
}

impl Bare {
    /// Starts one that answers with these bytes, kept in a file in `dir`.
    pub(super) fn start(dir: &Path, answer: &[u8]) -> Result<Self> {
        let file = dir.join("answer.json");
        std::fs::write(&file, answer)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("bare")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the bare server")?;
        let id = child.id();
        let out = child.stdout.take().context("standard output was piped")?;
        let mut line = String::new();
        let read = BufReader::new(out).read_line(&mut line);
        let address = read.map_err(anyhow::Error::from).and_then(|_| {
            line.trim()
                .parse::<SocketAddr>()
                .with_context(|| format!("the bare server said {line:?}"))
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

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
