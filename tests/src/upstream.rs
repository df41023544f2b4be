//! A model server in OpenAI's dialect with scripted answers, for `provider = "proxy"`.
//!
//! A question with a script gets its answers turn by turn, so that repairs can be scripted; any other question
//! gets the same 64 words, as the stand-in behind the recorded exchanges gave them.

mod plain;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The words of an answer without a script, said twice.
const WORDS: &str = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau \
                     upsilon phi chi psi omega one two three four five six seven eight";

/// Whether a request body is the one meant.
pub type When = fn(&Value) -> bool;

/// What the server answers, by question.
#[derive(Debug, Clone, Default)]
pub struct Script {
    answers: HashMap<String, Vec<String>>,
    embeddings: HashMap<String, Vec<f64>>,
    faults: Vec<(When, Fault)>,
}

/// An answer that is none, or not a whole one.
#[derive(Debug, Clone)]
enum Fault {
    /// Another status than 200.
    Refuses {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Status and headers with the beginning of a body, where there is one, then silence.
    Stalls { begun: Option<String> },
}

impl Script {
    /// Answers `question` with these texts, one per turn; the last one again and again.
    #[must_use]
    pub fn answer(mut self, question: &str, texts: &[&str]) -> Self {
        self.answers.insert(
            question.to_owned(),
            texts.iter().map(|&text| text.to_owned()).collect(),
        );
        self
    }

    /// Answers `question` with this SQL in the form the prompt asks for.
    #[must_use]
    pub fn sql(self, question: &str, sql: &str) -> Self {
        let answer = sql_answer(sql);
        self.answer(question, &[&answer])
    }

    /// Embeds `text` as these numbers, filled up with noughts to 384, or to the dimensions asked for.
    #[must_use]
    pub fn embedding(mut self, text: &str, numbers: &[f64]) -> Self {
        self.embeddings.insert(text.to_owned(), numbers.to_vec());
        self
    }

    /// Refuses the bodies that `when` picks. The first fault that fits is the one that happens.
    #[must_use]
    pub fn refuse(self, when: When, status: u16, body: &str) -> Self {
        self.refuse_with(when, status, &[], body)
    }

    /// Refuses the bodies that `when` picks, with headers.
    #[must_use]
    pub fn refuse_with(
        mut self,
        when: When,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Self {
        let fault = Fault::Refuses {
            status,
            headers: headers
                .iter()
                .map(|&(name, value)| (name, value.to_owned()))
                .collect(),
            body: body.to_owned(),
        };
        self.faults.push((when, fault));
        self
    }

    /// Never answers the bodies that `when` picks: not at all, or not beyond what is `begun`.
    #[must_use]
    pub fn stall(mut self, when: When, begun: Option<&str>) -> Self {
        let begun = begun.map(str::to_owned);
        self.faults.push((when, Fault::Stalls { begun }));
        self
    }

    /// The fault that a body meets, if any.
    async fn fault(&self, body: &Value) -> Option<Response> {
        let (_, fault) = self.faults.iter().find(|(when, _)| when(body))?;
        match fault {
            Fault::Refuses {
                status,
                headers,
                body,
            } => {
                let mut response = Response::builder().status(*status);
                for (name, value) in headers {
                    response = response.header(*name, value);
                }
                let response = response.body(Body::from(body.clone()));
                Some(response.unwrap_or_else(|_| StatusCode::IM_A_TEAPOT.into_response()))
            }
            Fault::Stalls { begun: None } => std::future::pending().await,
            Fault::Stalls { begun: Some(text) } => {
                let begun = futures::stream::iter([Ok::<_, Infallible>(text.clone())]);
                let body = begun.chain(futures::stream::pending());
                Some(
                    (
                        [(CONTENT_TYPE, "text/event-stream")],
                        Body::from_stream(body),
                    )
                        .into_response(),
                )
            }
        }
    }
}

/// A model's answer that holds a query.
pub fn sql_answer(sql: &str) -> String {
    json!({"thoughts": "Here it is.", "direct_response": "", "sql": sql, "display_type": "response_table"}).to_string()
}

/// The words of an answer without a script.
pub fn default_answer() -> String {
    format!("{WORDS} {WORDS}")
}

/// A running model server; it ends with its test.
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Upstream {
    /// Starts one on a free port.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with the test"
    )]
    pub async fn start(script: Script) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            script: Arc::new(script),
            seen: Arc::clone(&seen),
        };
        let router = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/completions", post(plain::complete))
            .route("/v1/embeddings", post(embed))
            .with_state(shared);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                complain(&error);
            }
        });
        Ok(Self { address, seen })
    }

    /// The base URL a proxy model is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The `[[models]]` table of a language model behind this server. It answers with streams alone, and what our own
    /// surface makes of them is what its tests are about: nothing is passed on as bytes.
    pub fn model(&self, name: &str) -> String {
        format!(
            "[[models]]\nname = \"{name}\"\nprovider = \"proxy\"\nrelay = false\nretries = 0\nbase_url = \"{}\"\n",
            self.base_url()
        )
    }

    /// The `[[models]]` table of an embedding model behind this server.
    pub fn embedder(&self, name: &str) -> String {
        format!("{}kind = \"embedding\"\n", self.model(name))
    }

    /// The bodies received so far.
    ///
    /// # Panics
    /// When a handler panicked before.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().expect("no handler panics").clone()
    }
}

fn complain(error: &std::io::Error) {
    // A test whose model server died fails on its own; this only says why.
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("the model server ended: {error}\n"),
    );
}

async fn chat(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    shared
        .seen
        .lock()
        .expect("no handler panics")
        .push(body.clone());
    if let Some(response) = shared.script.fault(&body).await {
        return response;
    }
    let said: Vec<(&str, &str)> = body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| {
            (
                m["role"].as_str().unwrap_or_default(),
                m["content"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let asked: Vec<&str> = said
        .iter()
        .filter(|(role, _)| *role == "user")
        .map(|&(_, text)| text)
        .collect();
    let scripted = asked.iter().enumerate().rev().find_map(|(i, text)| {
        let answers = shared.script.answers.get(*text)?;
        let turn = asked.len() - 1 - i;
        Some(answers[turn.min(answers.len() - 1)].clone())
    });
    let text = scripted.unwrap_or_else(default_answer);
    let prompt: usize = said
        .iter()
        .map(|(_, text)| text.split_whitespace().count())
        .sum();
    let pieces = pieces(&text);
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": pieces.len(), "total_tokens": prompt + pieces.len(),
    });
    if body["stream"] != true {
        return Json(json!({
            "id": "chatcmpl-mock", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop",
            }],
            "usage": usage,
        }))
        .into_response();
    }
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1, "model": body["model"],
            "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let mut frames: Vec<String> = pieces
        .iter()
        .map(|piece| {
            chunk(
                json!([{"index": 0, "delta": {"content": piece}, "finish_reason": null}]),
                Value::Null,
            )
        })
        .collect();
    frames.push(chunk(
        json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        Value::Null,
    ));
    frames.push(chunk(json!([]), usage));
    frames.push("data: [DONE]\n\n".to_owned());
    let stream = futures::stream::iter(frames.into_iter().map(Ok::<_, Infallible>));
    (
        [(CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(stream),
    )
        .into_response()
}

/// Words with the space before them, as the recorded stand-in cut its answers.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split_inclusive(' ') {
        let (word, space) = word
            .strip_suffix(' ')
            .map_or((word, ""), |word| (word, " "));
        match pieces.last_mut().filter(|last| last.ends_with(' ')) {
            Some(last) => {
                last.pop();
                pieces.push(format!(" {word}{space}"));
            }
            None => pieces.push(format!("{word}{space}")),
        }
    }
    pieces
}

async fn embed(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    shared
        .seen
        .lock()
        .expect("no handler panics")
        .push(body.clone());
    if let Some(response) = shared.script.fault(&body).await {
        return response;
    }
    let texts: Vec<String> = match &body["input"] {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let mut numbers = shared
                .script
                .embeddings
                .get(text)
                .cloned()
                .unwrap_or_else(|| vec![0.5]);
            let width = body["dimensions"].as_u64().unwrap_or(384);
            numbers.resize(width as usize, 0.0);
            json!({"object": "embedding", "index": index, "embedding": numbers})
        })
        .collect();
    let tokens = usize::from(!data.is_empty());
    Json(json!({
        "object": "list", "data": data, "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_with_the_space_before_them() {
        assert_eq!(pieces("alpha beta gamma"), ["alpha", " beta", " gamma"]);
        assert_eq!(pieces(&default_answer()).len(), 64);
        assert_eq!(pieces(&default_answer()).concat(), default_answer());
    }
}
