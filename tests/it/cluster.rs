//! Controllers, workers and API servers as processes of their own: killed, frozen, started again, asked to leave.

mod controllers;
mod workers;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use reqwest::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tests::{Reply, User, child::Part, client::http, process::free_port, roles::Roles};

use crate::{gateway_faults::CHAT, support::eventually};

const MODEL: &str = "dummy/slow";
const SLOW: &str = "[[models]]\nname = \"dummy/slow\"\nprovider = \"dummy\"\n";
/// How long an API server may go on with what it knew of its controllers.
const STALE: Duration = Duration::from_secs(6);

/// A controller, and what belongs to it.
struct Cluster {
    roles: Roles,
    controller: Part,
    _dir: TempDir,
}

impl Cluster {
    /// A controller alone.
    async fn start() -> Result<Self> {
        let dir = TempDir::new()?;
        let roles = roles(dir.path());
        let controller = roles.controller("controller", free_port()?, "").await?;
        Ok(Self {
            roles,
            controller,
            _dir: dir,
        })
    }

    /// A worker with the model, on this port, listed as healthy already.
    async fn worker(&self, name: &str, port: u16) -> Result<Part> {
        let url = self.controller.url();
        let worker = self.roles.worker(name, port, &url, SLOW).await?;
        until_healthy(&url, port, true).await?;
        Ok(worker)
    }

    async fn apiserver(&self) -> Result<Part> {
        self.roles
            .apiserver("apiserver", &self.controller.url(), MODEL)
            .await
    }
}

fn roles(dir: &Path) -> Roles {
    Roles::new(env!("CARGO_BIN_EXE_tidegate-under-test"), dir)
}

/// Someone who asks this server.
fn user(part: &Part) -> User {
    User::anonymous(part.address, part.address)
}

/// So many words, of which the model takes its time with each.
fn words(count: usize) -> String {
    let words: Vec<String> = (0..count).map(|nth| format!("word{nth}")).collect();
    words.join(" ")
}

fn asked(text: &str, stream: bool) -> Value {
    json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

/// The instances of the model that a controller lists.
async fn instances(controller: &str) -> Result<Vec<Value>> {
    let url = format!("{controller}/api/controller/models");
    let query = [("model_name", format!("{MODEL}@llm"))];
    let response = http().get(url).query(&query).send().await?;
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{status} {text}");
    serde_json::from_str(&text).with_context(|| text.clone())
}

/// Waits until a controller says of the worker on this port that it is healthy, or that it is not, be it that it lists
/// it no more.
async fn until_healthy(controller: &str, port: u16, healthy: bool) -> Result<()> {
    eventually(&format!("{port} healthy: {healthy}"), || async {
        let listed = instances(controller).await?;
        let found = listed
            .iter()
            .any(|instance| instance["port"] == port && instance["healthy"] == true);
        Ok((found == healthy).then_some(()))
    })
    .await
}

/// Asks for a few words, whole.
async fn ask(user: &User, text: &str) -> Result<Reply> {
    user.openai_post(CHAT, &asked(text, false)).await
}

/// Asks, and says what went wrong where it is not answered.
async fn answered(user: &User, text: &str) -> Result<()> {
    let reply = ask(user, text).await?;
    ensure!(reply.status == 200, "{} {}", reply.status, reply.text);
    let body = reply.json();
    let said = body.pointer("/choices/0/message/content");
    ensure!(said == Some(&json!(text)), "{}", reply.text);
    Ok(())
}

/// A stream of which so many events are read already.
struct Begun {
    pieces: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: Vec<u8>,
}

impl Begun {
    async fn read(response: Response, events: usize) -> Result<Self> {
        let mut begun = Self {
            pieces: response.bytes_stream().boxed(),
            text: Vec::new(),
        };
        while begun.events() < events {
            let piece = begun
                .pieces
                .next()
                .await
                .context("the stream ended early")??;
            begun.text.extend_from_slice(&piece);
        }
        Ok(begun)
    }

    fn events(&self) -> usize {
        self.text.windows(2).filter(|two| two == b"\n\n").count()
    }

    /// All of it, to its proper end.
    async fn rest(mut self) -> Result<String> {
        while let Some(piece) = self.pieces.next().await {
            self.text
                .extend_from_slice(&piece.context("the stream was cut")?);
        }
        Ok(String::from_utf8(self.text)?)
    }
}

/// A failure with the last words of those that took part in it.
fn with_words<T>(outcome: Result<T>, parts: &[&Part]) -> Result<T> {
    outcome.with_context(|| {
        let words: Vec<String> = parts.iter().map(|part| part.child.last_words()).collect();
        words.join("\n")
    })
}
