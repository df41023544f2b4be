//! Sending to one of the processes that offer a model, and to another where one fails before it has answered.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    wire::cluster::{PEER_HEADER, PeerError, says_no_worker},
};
use tokio::time::Instant;

use super::{
    Peers,
    pool::{Call, Pool},
};
use crate::workers::ModelMetadata;

/// Processes asked for one answer at most.
const MOST_TRIES: usize = 4;
/// Most of an answer that is no stream.
const ANSWER_BYTES: usize = 1 << 28;
/// Most of a refusal that is read, and most of its text that is passed on.
const REFUSAL_BYTES: usize = 1 << 16;
const REFUSAL_CHARS: usize = 600;
/// When to try again where a process does not say.
const SOON: Duration = Duration::from_secs(1);
/// Longest wait for what a model says of itself.
const METADATA_WAIT: Duration = Duration::from_secs(2);

/// What is said of a model that nobody offers.
pub(super) const NOBODY: &str =
    "no worker of the cluster offers it at the moment; start one with `tidegate worker`";

/// One model of the cluster.
pub struct Link {
    pool: Arc<Pool>,
    peers: Peers,
    metadata: RwLock<ModelMetadata>,
}

/// Why one process did not answer.
pub(super) struct Setback {
    pub(super) error: Error,
    /// Whether another could do better.
    pub(super) elsewhere: bool,
    /// Whether it is the process that is at fault, so that it is to be avoided.
    pub(super) broken: bool,
}

impl Setback {
    /// The process is not there, or broke off.
    pub(super) fn broken(error: Error) -> Self {
        Self {
            error,
            elsewhere: true,
            broken: true,
        }
    }

    /// The process was silent for too long: its fault, unless it is the request's own time that is over.
    pub(super) fn silent(until: Option<Instant>, error: Error) -> Self {
        let over = until.is_some_and(|until| until <= Instant::now());
        Self {
            error,
            elsewhere: !over,
            broken: !over,
        }
    }

    /// The process answered with a failure.
    pub(super) fn told(error: Error) -> Self {
        let elsewhere = !matches!(error, Error::Invalid { .. } | Error::Unsupported { .. });
        Self {
            error,
            elsewhere,
            broken: false,
        }
    }
}

/// The processes asked for one answer so far.
pub(super) struct Tries<'a> {
    link: &'a Link,
    tried: Vec<String>,
    last: Option<Error>,
}

impl Tries<'_> {
    /// The next process to ask.
    ///
    /// # Errors
    /// What the last one said, when there is no other to ask.
    pub(super) fn next(&mut self) -> Result<Call> {
        let call = if self.tried.len() < MOST_TRIES {
            self.link.pool.choose(&self.tried)
        } else {
            None
        };
        match (call, self.last.take()) {
            (Some(call), _) => {
                self.tried.push(call.address());
                Ok(call)
            }
            (None, Some(error)) => Err(error),
            (None, None) => Err(self.link.failure(NOBODY)),
        }
    }

    /// The process asked last did not do it.
    ///
    /// # Errors
    /// Where no other could do better.
    pub(super) fn failed(&mut self, setback: Setback) -> Result<()> {
        let address = self.tried.last().map_or("", String::as_str);
        tracing::debug!(
            model = self.link.pool.model(),
            address,
            error = %setback.error,
            "a worker did not answer"
        );
        if setback.broken {
            self.link.broke(address);
        }
        if !setback.elsewhere {
            return Err(setback.error);
        }
        self.last = Some(setback.error);
        Ok(())
    }
}

impl Link {
    pub(super) fn new(pool: Arc<Pool>, peers: Peers, metadata: ModelMetadata) -> Self {
        Self {
            pool,
            peers,
            metadata: RwLock::new(metadata),
        }
    }

    /// Who offers the model.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What is known of the model.
    pub fn metadata(&self) -> ModelMetadata {
        self.metadata
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks a process what the model is, once there is one to ask. Whether it is known afterwards.
    pub async fn learn(&self) -> bool {
        if self.metadata().context_length.is_some() {
            return true;
        }
        let Some(call) = self.pool.choose(&[]) else {
            return false;
        };
        let body = serde_json::json!({ "model": self.pool.model() });
        let asked = async {
            let sent = self
                .post(&call, "model_metadata", &body)
                .send()
                .await
                .ok()?;
            let bytes = read(sent.error_for_status().ok()?, REFUSAL_BYTES)
                .await
                .ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        let Ok(Some(told)) = tokio::time::timeout(METADATA_WAIT, asked).await else {
            return false;
        };
        let length = told["context_length"]
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok());
        self.metadata
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .context_length = length;
        true
    }

    /// Goes through the processes, one after another, until one does what it is asked. Each has to fail before the next
    /// is asked, so that nobody hears two answers.
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries {
            link: self,
            tried: Vec::new(),
            last: None,
        }
    }

    /// Notes that a process broke, and has the list read again.
    pub(super) fn broke(&self, address: &str) {
        tracing::warn!(
            model = self.pool.model(),
            address,
            "a worker is avoided until it is heard of again"
        );
        self.pool.failed(address);
        self.peers.trouble.notify_one();
    }

    fn post(&self, call: &Call, act: &str, body: &impl Serialize) -> RequestBuilder {
        let url = format!("http://{}/api/worker/{act}", call.address());
        let request = self
            .peers
            .client
            .post(url)
            .header(PEER_HEADER, "1")
            .json(body);
        let key = self.peers.key.expose_secret();
        if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        }
    }

    /// Sends, and waits for the answer to begin.
    pub(super) async fn send(
        &self,
        call: &Call,
        act: &str,
        body: &impl Serialize,
        until: Option<Instant>,
    ) -> Result<Response, Setback> {
        let sent = self.in_time(until, self.post(call, act, body).send()).await;
        let response = sent
            .map_err(|late| Setback::silent(until, late))?
            .map_err(|error| Setback::broken(self.failure(&describe(&error))))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = match self.in_time(until, read(response, REFUSAL_BYTES)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        Err(Setback::told(self.refusal(status, &text)))
    }

    /// Sends, and reads the whole answer as JSON.
    pub(super) async fn ask(&self, act: &str, body: &impl Serialize) -> Result<Value> {
        let mut tries = self.tries();
        loop {
            let call = tries.next()?;
            match self.ask_one(&call, act, body).await {
                Ok(told) => return Ok(told),
                Err(setback) => tries.failed(setback)?,
            }
        }
    }

    async fn ask_one(
        &self,
        call: &Call,
        act: &str,
        body: &impl Serialize,
    ) -> Result<Value, Setback> {
        let response = self.send(call, act, body, None).await?;
        let bytes = self
            .in_time(None, read(response, ANSWER_BYTES))
            .await
            .map_err(Setback::broken)?
            .map_err(|error| Setback::broken(self.failure(&describe(&error))))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Setback::told(self.failure(&format!("a worker sent what is no JSON: {error}")))
        })
    }

    /// Waits for one thing a process is to do, no longer than patience and the request's own time allow.
    pub(super) async fn in_time<F: Future>(
        &self,
        until: Option<Instant>,
        doing: F,
    ) -> Result<F::Output> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let limit = left.map_or(self.peers.patience, |left| left.min(self.peers.patience));
        tokio::time::timeout(limit, doing)
            .await
            .map_err(|_| Error::Timeout {
                what: format!("a worker of '{}'", self.pool.model()),
                limit,
            })
    }

    /// The model's failure, in words that name no address: those stand in the log.
    pub(super) fn failure(&self, message: &str) -> Error {
        Error::upstream(self.pool.model(), message)
    }

    /// What a refusal means: between our own processes of the same kind, from others by its status.
    fn refusal(&self, status: StatusCode, text: &[u8]) -> Error {
        let body: Value = serde_json::from_slice(text).unwrap_or_default();
        let said = || {
            let detail = &body["detail"];
            let words = match detail.as_str() {
                Some(words) => words.to_owned(),
                None if detail.is_null() => String::from_utf8_lossy(text).trim().to_owned(),
                None => detail.to_string(),
            };
            words.chars().take(REFUSAL_CHARS).collect::<String>()
        };
        if let Some(error) = body.get("error").and_then(PeerError::read)
            && !matches!(error.kind.as_str(), "unauthenticated" | "forbidden")
        {
            return error.into_error(self.pool.model());
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.failure(
                "the worker wants another key; set cluster.key to the same on every process of the cluster",
            ),
            StatusCode::TOO_MANY_REQUESTS => Error::Overloaded { retry_after: SOON },
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Error::invalid("body", format!("{}: {}", self.pool.model(), said()))
            }
            other => self.failure(&format!("a worker answered {other}: {}", said())),
        }
    }

    /// What a failed answer of a process means.
    pub(super) fn told(&self, text: &str, error: Option<PeerError>) -> Setback {
        if let Some(error) = error {
            return Setback::told(error.into_error(self.pool.model()));
        }
        let words: String = text
            .trim()
            .trim_start_matches(tidegate_schema::wire::cluster::FAILED)
            .chars()
            .take(REFUSAL_CHARS)
            .collect();
        // It was listed with a model that it does not have any more.
        let gone = says_no_worker(&words);
        Setback {
            broken: gone,
            ..Setback::told(self.failure(&words))
        }
    }
}

/// A body up to `most` bytes; a longer one is an error of its reader, since it is cut there.
async fn read(mut response: Response, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < most
        && let Some(piece) = response.chunk().await?
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(most);
    Ok(bytes)
}

/// A reqwest error without its URL: addresses are the log's matter.
pub(super) fn describe(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "its worker cannot be reached".to_owned()
    } else if error.is_timeout() {
        "its worker did not answer in time".to_owned()
    } else {
        "its worker broke off before the answer ended".to_owned()
    }
}
