//! Embeddings: texts in, vectors out.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::Result;

use super::{
    Proxy,
    refusal::said,
    server::{Deadline, read},
    wire::describe,
};
use crate::workers::{Embedded, Embedder, ModelMetadata, Relay, RelayPath};

/// Most of an answer with embeddings that is read.
const EMBEDDINGS_BYTES: usize = 1 << 28;

#[derive(Deserialize)]
struct EmbeddingAnswer {
    #[serde(default)]
    data: Vec<EmbeddingRow>,
    usage: Option<EmbeddingUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct EmbeddingRow {
    /// Some servers leave it out and keep the order.
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct EmbeddingUsage {
    prompt_tokens: Option<u32>,
    total_tokens: Option<u32>,
}

#[async_trait]
impl Embedder for Proxy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn embed(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>> {
        Ok(self.embed_counted(texts, dimensions).await?.vectors)
    }

    async fn embed_counted(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Embedded> {
        let wanted = texts.len();
        let mut body =
            json!({"model": self.upstream_name, "input": texts, "encoding_format": "float"});
        if let Some(dimensions) = dimensions {
            body["dimensions"] = dimensions.into();
        }
        let words = &self.server.words;
        let deadline = Deadline::within(self.server.limits.whole);
        let response = self
            .send(RelayPath::Embeddings, &body, deadline)
            .await?
            .map_err(|refusal| refusal.into_error(words))?;
        let bytes = self
            .server
            .in_time("the embeddings", deadline, read(response, EMBEDDINGS_BYTES))
            .await?
            .map_err(|e| words.error(describe(&e)))?;
        let answer: EmbeddingAnswer = serde_json::from_slice(&bytes)
            .map_err(|e| words.error(format!("sent embeddings that cannot be read: {e}")))?;
        if let Some(error) = answer.error {
            return Err(words.error(said(&error)));
        }
        let prompt_tokens = answer
            .usage
            .and_then(|usage| usage.prompt_tokens.or(usage.total_tokens));
        let mut data = answer.data;
        // The sort is stable: rows without a number stay as they came.
        data.sort_by_key(|row| row.index.unwrap_or(0));
        if data.len() != wanted {
            return Err(words.error(format!("sent {} embeddings for {wanted} texts", data.len())));
        }
        Ok(Embedded {
            vectors: data.into_iter().map(|row| row.embedding).collect(),
            prompt_tokens,
        })
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relays.then_some(self as Arc<dyn Relay>)
    }
}
