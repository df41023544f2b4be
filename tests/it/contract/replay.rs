//! Replays what a DB-GPT client sent and compares our answers with those it got.
//!
//! A difference needs an entry in `fixtures/differences.toml` that names a quirk of `docs/quirks.md`; an entry that
//! no longer meets a difference has to go. `fixtures/upstream/README.md` says how the recordings were cut.

mod processes;
mod script;
mod world;

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use tidegate_tests::{json::compare, paths};

use self::world::World;
use super::differences;

/// One recorded exchange.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) server: String,
    pub(super) request: Request,
    response: Response,
}

/// What was sent.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    query: serde_json::Map<String, Value>,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    body: Option<Value>,
}

/// What came back: a body, or the first and last frame of a stream.
#[derive(Debug, Deserialize)]
struct Response {
    status: u16,
    content_type: Option<String>,
    body: Option<Value>,
    stream: Option<Stream>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    bare: bool,
    first: Value,
    last: Value,
    done: bool,
}

impl Case {
    /// Its status, and whether the answer was a success: no failure in the envelope, no stream of one bare frame.
    pub(super) fn outcome(&self) -> (u16, bool) {
        let told = match (&self.response.stream, &self.response.body) {
            (Some(stream), _) => stream.first.is_object(),
            (None, Some(body)) => body["success"] != false,
            (None, None) => true,
        };
        let status = self.response.status;
        (status, told && status == 200)
    }
}

/// The recorded exchanges of one file, in their order.
pub(super) fn cases(file: &str) -> Vec<Case> {
    paths::text(&format!("fixtures/upstream/{file}.jsonl"))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}: {line}")))
        .collect()
}

/// The files there are.
pub(super) const FILES: [&str; 5] = ["chat", "editor", "model", "openai", "worker"];

#[tokio::test]
async fn chat_routes_answer_as_recorded() -> Result<()> {
    replay("chat").await
}

#[tokio::test]
async fn editor_routes_answer_as_recorded() -> Result<()> {
    replay("editor").await
}

#[tokio::test]
async fn model_routes_answer_as_recorded() -> Result<()> {
    replay("model").await
}

#[tokio::test]
async fn openai_routes_answer_as_recorded() -> Result<()> {
    replay("openai").await
}

#[tokio::test]
async fn worker_and_controller_routes_answer_as_recorded() -> Result<()> {
    replay("worker").await
}

async fn replay(file: &str) -> Result<()> {
    let differences = differences::all();
    let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut complaints = Vec::new();
    let mut world = World::start(file).await?;
    for case in cases(file) {
        let name = format!("{file}/{}", case.name);
        let (mut expected, mut got) = world.ask(&case).await.with_context(|| name.clone())?;
        // Later requests name a file by the address that its upload was answered with.
        if let Some(path) = got.pointer("/body/data/file_path").and_then(Value::as_str) {
            world.bindings.set("FILE_PATH", path);
        }
        open_documents(&mut expected, &mut got);
        for mismatch in compare(&expected, &got, &mut world.bindings) {
            match differences::allowed(&differences, &name, &mismatch, &got, &world.bindings) {
                Some(entry) => {
                    used.insert(entry);
                }
                None => complaints.push(format!(
                    "{name} {}\n    recorded {}\n    ours     {}",
                    mismatch.path, mismatch.expected, mismatch.got
                )),
            }
        }
    }
    for (i, difference) in differences.iter().enumerate() {
        for (k, pattern) in difference.cases.iter().enumerate() {
            if pattern.starts_with(&format!("{file}/")) && !used.contains(&(i, k)) {
                complaints.push(format!(
                    "{pattern} {} ({}) no longer differs, or not as its entry says; correct or remove the entry",
                    difference.path, difference.quirk
                ));
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{} differences without an entry in fixtures/differences.toml:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    Ok(())
}

/// Texts that are JSON documents on both sides as these documents, so that neither their spacing nor the order of
/// their fields counts: a report, and what a model wrote.
fn open_documents(expected: &mut Value, got: &mut Value) {
    let documents = match (&mut *expected, &mut *got) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a.iter_mut() {
                if let Some(other) = b.get_mut(key) {
                    open_documents(value, other);
                }
            }
            None
        }
        (Value::Array(a), Value::Array(b)) => {
            for (value, other) in a.iter_mut().zip(b) {
                open_documents(value, other);
            }
            None
        }
        (Value::String(a), Value::String(b)) => document(a).zip(document(b)),
        _ => None,
    };
    if let Some((one, other)) = documents {
        *expected = one;
        *got = other;
    }
}

/// A text as the object or list that it is, if it is one.
fn document(text: &str) -> Option<Value> {
    text.starts_with(['{', '['])
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

#[test]
fn reports_are_compared_as_documents() {
    let mut recorded =
        serde_json::json!({"context": "{\"a\": 1, \"b\": \"{{UUID1}}\"}", "words": "[1"});
    let mut ours = serde_json::json!({"context": "{\"b\":\"x\",\"a\":1}", "words": "[1"});
    open_documents(&mut recorded, &mut ours);
    let found = compare(
        &recorded,
        &ours,
        &mut tidegate_tests::json::Bindings::default(),
    );
    let paths: Vec<&str> = found
        .iter()
        .map(|mismatch| mismatch.path.as_str())
        .collect();
    assert_eq!(paths, ["/context/b"]);
}
