//! Replays what a DB-GPT client sent and compares our answers with those it got.
//!
//! A difference needs an entry in `fixtures/differences.toml` that names a quirk of `docs/quirks.md`; an entry that
//! no longer meets a difference has to go. `fixtures/upstream/README.md` says how the recordings were cut.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::model::{Caller, NewDatasource};
use tidegate_tests::{
    Reply, TestApp, User, databases,
    json::{Bindings, compare},
    paths,
    sse::Frame,
    upstream::{Script, Upstream},
};

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

/// The recorded exchanges of one file, in their order.
pub(super) fn cases(file: &str) -> Vec<Case> {
    paths::text(&format!("fixtures/upstream/{file}.jsonl"))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}: {line}")))
        .collect()
}

/// The files there are.
pub(super) const FILES: [&str; 4] = ["chat", "editor", "model", "openai"];

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

async fn replay(file: &str) -> Result<()> {
    let differences = differences::all();
    let mut used: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut complaints = Vec::new();
    let mut world = World::start(file).await?;
    for case in cases(file) {
        let name = format!("{file}/{}", case.name);
        let (expected, got) = world.ask(&case).await.with_context(|| name.clone())?;
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

/// The servers a file's exchanges were made with, as ours.
struct World {
    open: TestApp,
    keyed: TestApp,
    bindings: Bindings,
    _upstream: Upstream,
}

impl World {
    async fn start(file: &str) -> Result<Self> {
        let upstream = Upstream::start(script()).await?;
        let app = || {
            TestApp::builder()
                .model(&upstream.model("mock-gpt"))
                .model(&upstream.embedder("text-embedding-3-small"))
        };
        let (open, keyed) = (app().start().await?, app().start().await?);
        let mut bindings = Bindings::default();
        for name in ["GOOD_KEY", "OTHER_KEY"] {
            let user = keyed.keyed(name, false, None).await?;
            bindings.set(name, user.key().context("a key")?);
        }
        let dir = open.dir();
        bindings.set("DATA_DIR", dir.join("data").display().to_string());
        bindings.set("WORKSPACE", dir.display().to_string());
        // What the recorded server brought along.
        let examples = dir.join("pilot/examples");
        std::fs::create_dir_all(&examples)?;
        std::fs::create_dir_all(dir.join("data"))?;
        databases::make(
            &examples.join("Walmart_Sales.db"),
            "CREATE TABLE sales (id INTEGER PRIMARY KEY)",
        )?;
        databases::make_recorded_shop(&dir.join("data/shop.db"))?;
        let new = NewDatasource {
            name: "Walmart_Sales".to_owned(),
            connection: tidegate_tests::app::sqlite(&examples.join("Walmart_Sales.db")),
            comment: "Default Walmart Sales example database".to_owned(),
            owner: None,
        };
        open.app
            .datasources()
            .create(&Caller::local("001"), new)
            .await?;
        if file == "editor" {
            open.register(
                "shop",
                tidegate_tests::app::sqlite(&dir.join("data/shop.db")),
            )
            .await?;
        }
        Ok(Self {
            open,
            keyed,
            bindings,
            _upstream: upstream,
        })
    }

    fn user(&self, server: &str) -> (User, String) {
        match server {
            "webserver" => (self.open.anonymous(), self.open.anonymous().web()),
            "apiserver" => (self.open.anonymous(), self.open.anonymous().openai()),
            "apiserver-with-keys" => (self.keyed.anonymous(), self.keyed.anonymous().openai()),
            other => panic!("no server '{other}' was recorded"),
        }
    }

    /// Sends a recorded request; what was recorded and what came, in the same form.
    async fn ask(&self, case: &Case) -> Result<(Value, Value)> {
        let (user, base) = self.user(&case.server);
        let request = &case.request;
        let mut call = user.request(
            Method::from_bytes(request.method.as_bytes())?,
            &format!("{base}{}", request.path),
        );
        let plain = |value: &Value| match value {
            Value::String(text) => self.bindings.fill(text),
            other => other.to_string(),
        };
        for (name, value) in &request.query {
            call = call.query(&[(name, plain(value))]);
        }
        for (name, value) in &request.headers {
            call = call.header(name, plain(value));
        }
        call = match &request.body {
            None => call,
            Some(Value::String(text)) => call.body(self.bindings.fill(text)),
            Some(body) => call.body(self.bindings.fill_json(body).to_string()),
        };
        let reply = user.send(call).await?;
        let mut expected =
            json!({"status": case.response.status, "content_type": case.response.content_type});
        let mut got = json!({"status": reply.status, "content_type": reply.header("content-type")});
        if let Some(stream) = &case.response.stream {
            expected["stream"] = json!({
                "bare": stream.bare, "first": stream.first, "last": stream.last, "done": stream.done,
            });
            got["stream"] = stream_of(&reply);
        } else {
            expected["body"] = case.response.body.clone().unwrap_or(Value::Null);
            got["body"] = reply.json();
        }
        Ok((expected, got))
    }
}

/// A stream as the recordings keep it.
fn stream_of(reply: &Reply) -> Value {
    if !reply
        .header("content-type")
        .starts_with("text/event-stream")
    {
        return reply.json();
    }
    let frames = reply.frames();
    let plain = |frame: Option<&Frame>| match frame {
        Some(Frame::Json(value)) => value.clone(),
        Some(Frame::Text(text)) => json!(text),
        Some(Frame::Done) | None => Value::Null,
    };
    let done = frames.last() == Some(&Frame::Done);
    let told = &frames[..frames.len() - usize::from(done)];
    json!({
        "bare": reply.text.starts_with("data:") && !reply.text.starts_with("data: "),
        "first": plain(told.first()),
        "last": plain(told.last()),
        "done": done,
    })
}

/// What the recorded model server answered.
fn script() -> Script {
    let answer = |thoughts: &str, direct: &str, sql: &str, display: &str| {
        // In the order and spacing of the recorded answers: they are stored as they come.
        format!(
            "{{\"thoughts\": \"{thoughts}\", \"direct_response\": \"{direct}\", \"sql\": \"{sql}\", \
             \"display_type\": \"{display}\"}}"
        )
    };
    let months = "SELECT strftime('%Y-%m', o.order_date) AS month, COUNT(*) AS orders, \
                  ROUND(SUM(o.total_amount), 2) AS revenue FROM orders o GROUP BY month ORDER BY month LIMIT 50";
    let statuses = "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status ORDER BY orders DESC LIMIT 50";
    let bad = "SELECT nope FROM missing_table LIMIT 5";
    Script::default()
        .answer(
            "Orders per month",
            &[&answer(
                "Aggregate orders per month.",
                "",
                months,
                "response_line_chart",
            )],
        )
        .answer(
            "Orders by status",
            &[&answer(
                "Count orders per status.",
                "",
                statuses,
                "response_pie_chart",
            )],
        )
        .answer(
            "hello",
            &[&answer(
                "No SQL is needed.",
                "Hello, how can I help with this database?",
                "",
                "",
            )],
        )
        .answer(
            "run bad sql",
            &[&answer(
                "Query a table that does not exist.",
                "",
                bad,
                "response_table",
            )],
        )
        .embedding("hello", &[0.034659, 0.059924, -0.062641, 0.077147])
        .embedding("world", &[-0.001087, 0.043952, 0.081978, 0.070294])
        .embedding("a", &[0.085923, -0.054212, 0.061329, -0.024437])
        .embedding("b", &[0.084119, 0.056165, -0.06835, 0.069274])
        .embedding("c", &[-0.010449, 0.024908, 0.067158, 0.025412])
        .embedding("d", &[0.044025, -0.031573, 0.073055, -0.06465])
        .embedding("e", &[-0.021353, -0.028275, -0.080042, -0.064376])
        .embedding("f", &[0.071474, -0.035297, 0.050524, 0.052556])
}
