//! Models that run in other processes, asked over DB-GPT's worker wire.
//!
//! A model may be offered by several of them. [`pool`] knows which can be asked and chooses one, [`link`] sends and goes
//! elsewhere where one fails before the first token, [`language`] and [`encoders`] are the models.
//!
//! The wire is DB-GPT's: conversations and texts, the usual ways to choose tokens. What it has no place for is refused
//! and never left out in silence: tools, forms, seeds, likelihoods.

pub mod encoders;
mod frames;
pub mod language;
pub mod link;
pub mod pool;
mod said;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::sync::Notify;

pub use self::{
    encoders::{RemoteEmbedder, RemoteReranker},
    language::RemoteLanguage,
    link::Link,
    pool::Pool,
};
use super::{ModelKind, ModelMetadata, registry::Model};

/// What every call to another process has in common.
#[derive(Clone)]
pub struct Peers {
    /// The client.
    pub client: reqwest::Client,
    /// The key that workers are shown; empty for none.
    pub key: SecretString,
    /// Longest wait for an answer to begin, and for each piece of it.
    pub patience: Duration,
    /// Told when a process failed, so that the list of them is read again.
    pub trouble: Arc<Notify>,
}

/// The model that a pool of instances offers.
pub fn model(pool: Arc<Pool>, peers: Peers, kind: ModelKind) -> (Arc<Link>, Model) {
    let metadata = ModelMetadata::new(pool.model(), kind);
    let link = Arc::new(Link::new(pool, peers, metadata));
    let model = match kind {
        ModelKind::Llm => Model::Language(Arc::new(RemoteLanguage::new(Arc::clone(&link)))),
        ModelKind::Embedding => Model::Embedder(Arc::new(RemoteEmbedder::new(Arc::clone(&link)))),
        ModelKind::Reranker => Model::Reranker(Arc::new(RemoteReranker::new(Arc::clone(&link)))),
    };
    (link, model)
}
