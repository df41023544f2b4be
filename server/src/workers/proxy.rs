//! OpenAI-style upstreams: chat completions, completions, embeddings and scores of documents over HTTP.

mod ask;
mod body;
mod chat;
mod embeddings;
mod pieces;
mod refusal;
mod rerank;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tidegate_schema::Result;

use self::{
    chat::Asking,
    refusal::{Refusal, Words},
};
use super::{Capabilities, ModelKind, ModelMetadata, registry::Model};
use crate::config;

/// Most of a refusal that is read.
const REFUSAL_BYTES: usize = 1 << 16;

/// One model of an upstream.
struct Proxy {
    client: Client,
    metadata: ModelMetadata,
    base_url: String,
    upstream_name: String,
    api_key: SecretString,
    words: Words,
    /// Longest wait for the beginning of an answer, and for each piece of it.
    timeout: Duration,
    /// Whether `max_tokens` turned out to go by its newer name there.
    newer_limit: AtomicBool,
    /// Whether a wished form of answers turned out to be refused there.
    writes_freely: AtomicBool,
    /// Whether more than one answer to a request turned out not to come there.
    one_answer: AtomicBool,
}

/// Makes the client of a configured proxy model; nothing is sent yet.
pub fn open(model: &config::Model) -> anyhow::Result<(ModelMetadata, Model)> {
    let client = crate::workers::http_client()?;
    let kind = match model.kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
        config::Kind::Reranker => ModelKind::Reranker,
    };
    let metadata = ModelMetadata {
        // Everything is passed on; what the upstream does not know it refuses itself.
        capabilities: Capabilities {
            tools: true,
            forms: true,
            logprobs: true,
        },
        ..ModelMetadata::new(&model.name, kind)
    };
    let proxy = Arc::new(Proxy {
        client,
        metadata: metadata.clone(),
        base_url: model.base_url.trim_end_matches('/').to_owned(),
        upstream_name: if model.model.is_empty() {
            model.name.clone()
        } else {
            model.model.clone()
        },
        api_key: model.api_key.clone(),
        words: Words::new(&model.name, model.api_key.clone()),
        timeout: Duration::from_secs(model.timeout_seconds),
        newer_limit: AtomicBool::new(false),
        writes_freely: AtomicBool::new(false),
        one_answer: AtomicBool::new(false),
    });
    let model = match kind {
        ModelKind::Llm => Model::Language(Arc::new(Asking(proxy))),
        ModelKind::Embedding => Model::Embedder(proxy),
        ModelKind::Reranker => Model::Reranker(proxy),
    };
    Ok((metadata, model))
}

impl Proxy {
    fn request(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self
            .client
            .post(format!("{}{path}", self.base_url))
            .json(body);
        let key = self.api_key.expose_secret();
        if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        }
    }

    /// Waits for one thing the upstream is to do, for as long as the configuration allows.
    async fn in_time<F: Future>(&self, what: &str, doing: F) -> Result<F::Output> {
        tokio::time::timeout(self.timeout, doing)
            .await
            .map_err(|_| self.words.late(what, self.timeout))
    }

    /// Sends. A refusal comes back read, for whoever can ask differently.
    async fn send(&self, path: &str, body: &Value) -> Result<Result<Response, Refusal>> {
        let response = self
            .in_time("the model server", self.request(path, body).send())
            .await?
            .map_err(|e| self.words.error(describe(&e)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let headers = response.headers().clone();
        // The status is worth telling even when its words do not come.
        let text = match self
            .in_time("a refusal", read(response, REFUSAL_BYTES))
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
}

/// A body up to `most` bytes, cut there.
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

/// A reqwest error without its URL, which may carry secrets.
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "cannot be reached".to_owned()
    } else if error.is_timeout() {
        "did not answer in time".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.source().is_none() {
            text = format!("{text}: {inner}");
        }
        source = inner.source();
    }
    text
}
