//! The servers that a file's exchanges were made with, as ours: a request goes to the one it was recorded with.

use anyhow::{Context as _, Result};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tidegate_schema::model::{Caller, NewDatasource};
use tidegate_tests::{
    Reply, TestApp, User, databases, json::Bindings, paths, sse::Frame, upstream::Upstream,
};

use super::{
    Case,
    processes::{Processes, WEB},
    script::script,
};

/// The servers of one file, and what their placeholders stand for.
pub(super) struct World {
    open: TestApp,
    keyed: TestApp,
    /// Those of a cluster, where they were recorded.
    processes: Option<Processes>,
    pub(super) bindings: Bindings,
    _upstream: Upstream,
}

impl World {
    /// Starts them with what the recorded ones brought along.
    pub(super) async fn start(file: &str) -> Result<Self> {
        let upstream = Upstream::start(script()).await?;
        let app = || {
            TestApp::builder()
                .model(&upstream.model("mock-gpt"))
                .model(&upstream.embedder("text-embedding-3-small"))
        };
        let open = app().known_at(WEB).start().await?;
        let keyed = app().start().await?;
        let mut bindings = Bindings::default();
        for name in ["GOOD_KEY", "OTHER_KEY"] {
            let user = keyed.keyed(name, false, None).await?;
            bindings.set(name, user.key().context("a key")?);
        }
        bindings.set("UPSTREAM", upstream.base_url());
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
        let shop = dir.join("data/shop.db");
        databases::make_recorded_shop(&shop)?;
        databases::make(&shop, &paths::text("fixtures/upstream/shop-after.sql"))?;
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
            open.register("shop", tidegate_tests::app::sqlite(&shop))
                .await?;
        }
        let processes = if file == "worker" {
            Some(Processes::start(&upstream).await?)
        } else {
            None
        };
        Ok(Self {
            open,
            keyed,
            processes,
            bindings,
            _upstream: upstream,
        })
    }

    fn user(&self, server: &str) -> (User, String) {
        match server {
            "webserver" => (self.open.anonymous(), self.open.anonymous().web()),
            "apiserver" => (self.open.anonymous(), self.open.anonymous().openai()),
            "apiserver-with-keys" => (self.keyed.anonymous(), self.keyed.anonymous().openai()),
            other => {
                let process = self.processes.as_ref().and_then(|all| all.named(other));
                let user = process.unwrap_or_else(|| panic!("no server '{other}' was recorded"));
                let base = user.web();
                (user, base)
            }
        }
    }

    /// Sends a recorded request; what was recorded and what came, in the same form.
    pub(super) async fn ask(&self, case: &Case) -> Result<(Value, Value)> {
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
            Some(body) => match body.get("multipart").and_then(Value::as_array) {
                Some(parts) => call.multipart(form(parts)?),
                None => call.body(self.bindings.fill_json(body).to_string()),
            },
        };
        let reply = user.send(call).await?;
        let mut expected =
            json!({"status": case.response.status, "content_type": case.response.content_type});
        let kind = reply.header("content-type");
        let mut got = json!({
            "status": reply.status, "content_type": (!kind.is_empty()).then_some(kind),
        });
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
    if let Some((first, _)) = reply.text.split_once('\0') {
        return frames_of(first, &reply.text);
    }
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

/// A worker's stream, whose frames end with a NUL, likewise.
fn frames_of(first: &str, all: &str) -> Value {
    let read = |frame: &str| serde_json::from_str(frame).unwrap_or_else(|_| json!(frame));
    let last = all.split('\0').rfind(|frame| !frame.is_empty());
    json!({
        "bare": false, "first": read(first), "last": last.map_or(Value::Null, read), "done": false,
    })
}

/// The files of a recorded form. What was in them was not kept: each is a file with the recorded totals.
fn form(parts: &[Value]) -> Result<Form> {
    let content = paths::text("fixtures/upstream/sales.csv").replace('\n', "\r\n");
    let mut form = Form::new();
    for part in parts {
        let said = |field: &str| part[field].as_str().unwrap_or_default().to_owned();
        let file = Part::text(content.clone())
            .file_name(said("filename"))
            .mime_str(&said("content_type"))?;
        form = form.part(said("field"), file);
    }
    Ok(form)
}
