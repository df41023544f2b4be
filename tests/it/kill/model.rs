//! A model server that takes its time, so that a turn can be met in each of its stages.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Result;
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use tidegate_tests::upstream::sql_answer;
use tokio::net::TcpListener;

use crate::support::{SQL, eventually};

/// What a question is answered with; its first word says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing, for ever.
    Held,
    /// A query that never ends.
    Endless,
    /// A query with its rows.
    Rows,
    /// A few words.
    Short,
    /// Words without an end, one by one.
    Slow,
}

const PLANS: [Plan; 5] = [
    Plan::Held,
    Plan::Endless,
    Plan::Rows,
    Plan::Short,
    Plan::Slow,
];
const ENDLESS: &str =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
const WORDS: &str = "one two three four";
/// Between two of the slow words.
const PAUSE: Duration = Duration::from_millis(10);

impl Plan {
    /// A question that is answered so.
    pub(super) fn question(self, number: usize) -> String {
        format!("{} {number}", self.word())
    }

    fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Endless => "endless",
            Self::Rows => "rows",
            Self::Short => "short",
            Self::Slow => "slow",
        }
    }

    fn of(question: &str) -> Option<Self> {
        let word = question.split(' ').next()?;
        PLANS.into_iter().find(|plan| plan.word() == word)
    }

    /// Whether a view shows the whole answer. Of the plans that never end there is none.
    pub(super) fn is_answer(self, view: &str) -> bool {
        match self {
            Self::Held | Self::Endless | Self::Slow => false,
            Self::Short => view == WORDS,
            Self::Rows => view.starts_with("Here it is.\n<chart-view ") && view.ends_with("/>"),
        }
    }
}

/// A running model server; it ends with its test.
pub(super) struct SlowModel {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl SlowModel {
    /// Starts one on a free port.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(Arc::clone(&asked));
        tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("a listener on loopback does not fail");
        });
        Ok(Self { base_url, asked })
    }

    /// The `[[models]]` table of the model `scripted` behind it.
    pub(super) fn table(&self) -> String {
        let url = &self.base_url;
        format!("[[models]]\nname = \"scripted\"\nprovider = \"proxy\"\nbase_url = \"{url}\"\n")
    }

    /// Waits until a question has come.
    pub(super) async fn asked(&self, question: &str) -> Result<()> {
        eventually("the model's turn", || async {
            let asked = self.asked.lock().expect("no handler panics");
            Ok(asked.iter().any(|known| known == question).then_some(()))
        })
        .await
    }
}

async fn answer(State(asked): State<Arc<Mutex<Vec<String>>>>, Json(body): Json<Value>) -> Response {
    let question = body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .rev()
        .find(|message| message["role"] == "user")
        .and_then(|message| message["content"].as_str())
        .unwrap_or_default()
        .to_owned();
    let plan = Plan::of(&question);
    asked.lock().expect("no handler panics").push(question);
    let pieces: Vec<String> = match plan {
        None | Some(Plan::Held) => Vec::new(),
        Some(Plan::Endless) => vec![sql_answer(ENDLESS)],
        Some(Plan::Rows) => vec![sql_answer(SQL)],
        Some(Plan::Short) => WORDS.split_inclusive(' ').map(str::to_owned).collect(),
        Some(Plan::Slow) => (0..2_000).map(|i| format!("word{i} ")).collect(),
    };
    let frames = async_stream::stream! {
        for piece in pieces {
            if plan == Some(Plan::Slow) {
                tokio::time::sleep(PAUSE).await;
            }
            let delta = json!({"content": piece});
            yield Ok::<_, Infallible>(frame(&delta, &Value::Null));
        }
        if plan == Some(Plan::Held) {
            std::future::pending::<()>().await;
        }
        yield Ok(frame(&json!({}), &json!("stop")));
        yield Ok("data: [DONE]\n\n".to_owned());
    };
    (
        [(CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(frames),
    )
        .into_response()
}

fn frame(delta: &Value, finish: &Value) -> String {
    let chunk = json!({
        "id": "chatcmpl-slow", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}
