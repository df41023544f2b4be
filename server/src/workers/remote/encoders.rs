//! Models of the cluster that embed, and those that judge.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_schema::{Error, Result, model::DeployedKind, wire::cluster::EmbeddingsBody};

use super::link::Link;
use crate::workers::{Embedder, ModelMetadata, Reranker};

/// A model that embeds.
pub struct RemoteEmbedder(Arc<Link>);

impl RemoteEmbedder {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }
}

#[async_trait]
impl Embedder for RemoteEmbedder {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata()
    }

    /// The wire has no place for `dimensions`; whoever asks checks the width of what comes.
    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        let wanted = texts.len();
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let body = EmbeddingsBody {
            model: self.0.pool().model().to_owned(),
            input: texts,
            worker_type: DeployedKind::Embedding.worker_type().to_owned(),
            query: None,
        };
        let told = self.0.ask("embeddings", &body).await?;
        let vectors = numbers(told).ok_or_else(|| unreadable(&self.0, "vectors"))?;
        if vectors.len() != wanted {
            return Err(self.0.failure(&format!(
                "a worker sent {} vectors for {wanted} texts",
                vectors.len()
            )));
        }
        Ok(vectors)
    }
}

/// A model that judges.
pub struct RemoteReranker(Arc<Link>);

impl RemoteReranker {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }
}

#[async_trait]
impl Reranker for RemoteReranker {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata()
    }

    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>> {
        let wanted = documents.len();
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let body = EmbeddingsBody {
            model: self.0.pool().model().to_owned(),
            input: documents,
            worker_type: DeployedKind::Reranker.worker_type().to_owned(),
            query: Some(query),
        };
        let told = self.0.ask("embeddings", &body).await?;
        // One list of scores inside another.
        let scores = numbers(told).and_then(|mut lists| lists.pop());
        let scores = scores.ok_or_else(|| unreadable(&self.0, "scores"))?;
        if scores.len() != wanted {
            return Err(self.0.failure(&format!(
                "a worker sent {} scores for {wanted} documents",
                scores.len()
            )));
        }
        Ok(scores)
    }
}

fn numbers(value: Value) -> Option<Vec<Vec<f32>>> {
    serde_json::from_value(value).ok()
}

fn unreadable(link: &Link, what: &str) -> Error {
    link.failure(&format!("a worker sent {what} that cannot be read"))
}
