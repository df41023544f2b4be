//! Models of other servers: in OpenAI's dialect, as most speak it and as Azure does, and in Anthropic's.
//!
//! What their callers say in OpenAI's dialect too is passed on as bytes; everything else is put into words by `body`,
//! and read by `pieces`.

mod anthropic;
mod ask;
mod body;
mod chat;
mod connections;
mod embeddings;
mod events;
mod lines;
mod pieces;
mod refusal;
mod relay;
mod rerank;
mod server;
mod urls;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicBool};

use bytes::Bytes;
use serde_json::Value;
use tidegate_schema::Result;

use self::{
    anthropic::Anthropic,
    chat::Asking,
    refusal::Refusal,
    server::{Auth, Deadline, Server},
    urls::Urls,
    wire::Answer,
};
use super::{Capabilities, ModelKind, ModelMetadata, RelayPath, registry::Model};
use crate::config;

/// One model of an upstream in OpenAI's dialect.
struct Proxy {
    server: Server,
    urls: Urls,
    metadata: ModelMetadata,
    upstream_name: String,
    /// The upstream's name as it stands in a request.
    upstream_json: Bytes,
    /// Whether bytes may be passed on.
    relays: bool,
    /// Whether `max_tokens` turned out to go by its newer name there.
    newer_limit: AtomicBool,
    /// Whether a wished form of answers turned out to be refused there.
    writes_freely: AtomicBool,
    /// Whether more than one answer to a request turned out not to come there.
    one_answer: AtomicBool,
    /// Whether documents turned out to be called texts there.
    takes_texts: AtomicBool,
    /// Whether documents turned out to be known as such there.
    takes_documents: AtomicBool,
}

/// Makes the client of a configured proxy model; nothing is sent yet.
///
/// # Errors
/// Says which key of the configuration cannot be used, and what would do.
pub fn open(model: &config::Model) -> anyhow::Result<(ModelMetadata, Model)> {
    let kind = match model.kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
        config::Kind::Reranker => ModelKind::Reranker,
    };
    let upstream_name = match model.model.as_str() {
        "" => model.name.as_str(),
        name => name,
    };
    if model.wire == "anthropic" {
        anyhow::ensure!(
            kind == ModelKind::Llm,
            "models: '{}' has the wire 'anthropic', which knows no models but those that write; leave kind out, or set \
             another wire",
            model.name
        );
        let (metadata, model) = Anthropic::open(model, upstream_name)?;
        return Ok((metadata, Model::Language(Arc::new(model))));
    }
    let metadata = ModelMetadata {
        // Everything is passed on; what the upstream does not know it refuses itself.
        capabilities: Capabilities {
            tools: true,
            forms: true,
            logprobs: true,
        },
        ..ModelMetadata::new(&model.name, kind)
    };
    let (auth, urls) = if model.wire == "azure" {
        (Auth::Header("api-key"), Urls::azure(model, upstream_name)?)
    } else {
        (Auth::Bearer, Urls::openai(model)?)
    };
    let proxy = Arc::new(Proxy {
        server: Server::open(model, auth, &[])?,
        urls,
        metadata: metadata.clone(),
        upstream_name: upstream_name.to_owned(),
        upstream_json: Value::from(upstream_name).to_string().into(),
        relays: model.relay,
        newer_limit: AtomicBool::new(false),
        writes_freely: AtomicBool::new(false),
        one_answer: AtomicBool::new(false),
        takes_texts: AtomicBool::new(false),
        takes_documents: AtomicBool::new(false),
    });
    let model = match kind {
        ModelKind::Llm => Model::Language(Arc::new(Asking(proxy))),
        ModelKind::Embedding => Model::Embedder(proxy),
        ModelKind::Reranker => Model::Reranker(proxy),
    };
    Ok((metadata, model))
}

impl Proxy {
    async fn send(
        &self,
        path: RelayPath,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Result<Answer, Refusal>> {
        self.server
            .send_value(self.urls.of(path), body, deadline)
            .await
    }
}

/// The name of the most new tokens: OpenAI's reasoning models know the newer one alone, most other servers the older.
fn limit_name(newer: bool) -> &'static str {
    if newer {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}
