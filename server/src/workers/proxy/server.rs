//! The server behind a proxy model: what it is told with every request, how long it may take, and whether what it
//! answers can be read at all.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tidegate_schema::{Error, Result};
use tokio::time::Instant;

use super::{
    refusal::{Refusal, Words},
    wire::{Address, Answer, Wire},
};
use crate::{config, telemetry::propagation};

/// Most of a refusal that is read.
const REFUSAL_BYTES: usize = 1 << 16;
/// The longest limit there is.
const LONGEST_SECONDS: u64 = 86_400;

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For an answer that comes whole.
    pub(super) whole: Duration,
    /// For the first piece of a stream.
    pub(super) first: Duration,
    /// For each piece after it.
    pub(super) between: Duration,
}

/// A limit, and when it is passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    limit: Duration,
    at: Instant,
}

impl Deadline {
    /// So long from now on.
    pub(super) fn within(limit: Duration) -> Self {
        Self {
            limit,
            at: Instant::now() + limit,
        }
    }
}

/// How the key is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    /// As OpenAI has it.
    Bearer,
    /// In a header of this name.
    Header(&'static str),
}

/// A server that answers for a model.
pub(super) struct Server {
    wire: Wire,
    /// Sent with every request.
    headers: HeaderMap,
    /// Makes errors of what it says.
    pub(super) words: Arc<Words>,
    /// How long it may take.
    pub(super) limits: Limits,
}

impl Server {
    /// The server of a configured model, told its key by `auth`, and `more` with every request. Nothing is sent yet.
    pub(super) fn open(
        model: &config::Model,
        auth: Auth,
        more: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // Bytes are passed on and looked at as they are.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let key = model.api_key.expose_secret();
        if !key.is_empty() {
            let (name, text) = match auth {
                Auth::Bearer => ("authorization", format!("Bearer {key}")),
                Auth::Header(name) => (name, key.to_owned()),
            };
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                anyhow::anyhow!(
                    "models: the api_key of '{}' has characters that no header carries; copy it again",
                    model.name
                )
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        for &(name, value) in more {
            let value = HeaderValue::from_str(value).map_err(|_| {
                anyhow::anyhow!(
                    "models: '{}' has an api_version that no header carries; write it as the upstream's pages do",
                    model.name
                )
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let seconds = |seconds: u64| Duration::from_secs(seconds.clamp(1, LONGEST_SECONDS));
        let or_whole = |given: u64| match given {
            0 => seconds(model.timeout_seconds),
            given => seconds(given),
        };
        Ok(Self {
            wire: Wire::open(&model.base_url, seconds(model.connect_seconds))?,
            headers,
            words: Arc::new(Words::new(&model.name, model.api_key.clone())),
            limits: Limits {
                whole: seconds(model.timeout_seconds),
                first: or_whole(model.first_token_seconds),
                between: or_whole(model.between_tokens_seconds),
            },
        })
    }

    /// Waits for one thing the server is to do.
    pub(super) async fn in_time<F: Future>(
        &self,
        what: &str,
        deadline: Deadline,
        doing: F,
    ) -> Result<F::Output> {
        tokio::time::timeout_at(deadline.at, doing)
            .await
            .map_err(|_| self.words.late(what, deadline.limit))
    }

    /// Sends a value.
    pub(super) async fn send_value(
        &self,
        to: &Address,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Result<Answer, Refusal>> {
        let body = serde_json::to_vec(body).map_err(|e| Error::internal("writing a request", e))?;
        self.send(to, body.into(), deadline, None).await
    }

    /// Sends. A refusal comes back read, for whoever can ask differently.
    pub(super) async fn send(
        &self,
        to: &Address,
        body: Bytes,
        deadline: Deadline,
        request_id: Option<&str>,
    ) -> Result<Result<Answer, Refusal>> {
        let traced = propagation::headers();
        let named = request_id.map(|id| ("x-request-id", id));
        let headers = || {
            let mut headers = self.headers.clone();
            let all = traced
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .chain(named);
            for (name, value) in all {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
            headers
        };
        let posting = self.wire.post(to, headers, body);
        let response = self
            .in_time("the model server", deadline, posting)
            .await?
            .map_err(|what| self.words.error(what))?;
        let status = response.status();
        if status.is_success() {
            return self.readable(response).map(Ok);
        }
        let headers = response.headers().clone();
        // The status is worth telling even when its words do not come.
        let text = match self
            .in_time("a refusal", deadline, read(response, REFUSAL_BYTES))
            .await
        {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        Ok(Err(Refusal::read(
            status,
            &headers,
            &String::from_utf8_lossy(&text),
        )))
    }

    /// A success, unless it is in a form that no API answers in.
    fn readable(&self, response: Answer) -> Result<Answer> {
        let text = |name: HeaderName| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        if let Some(encoding) = text(CONTENT_ENCODING)
            && !encoding.eq_ignore_ascii_case("identity")
        {
            return Err(self.words.error(format!(
                "answered in the encoding '{encoding}', which was not asked for; switch compression off there"
            )));
        }
        if is_of(&response, "text/html") {
            return Err(self.words.error(
                "answered with a web page in place of an answer; base_url must lead to its API, often with /v1 at its end",
            ));
        }
        Ok(response)
    }
}

/// Whether an answer says that it is of this type.
pub(super) fn is_of(response: &Answer, kind: &str) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .and_then(|value| value.get(..kind.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
}

/// A body up to `most` bytes, cut there.
pub(super) async fn read(response: Answer, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < most
        && let Some(piece) = body.frame().await
    {
        if let Some(data) = piece?.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes.truncate(most);
    Ok(bytes)
}
