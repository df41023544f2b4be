//! Embeddings: texts in, vectors out.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use tidegate_schema::Result;

use super::{Proxy, describe, read};
use crate::workers::{Embedder, ModelMetadata};

/// Most of an answer with embeddings that is read.
const EMBEDDINGS_BYTES: usize = 1 << 28;

#[derive(Deserialize)]
struct EmbeddingAnswer {
    data: Vec<EmbeddingRow>,
}

#[derive(Deserialize)]
struct EmbeddingRow {
    index: usize,
    embedding: Vec<f32>,
}

#[async_trait]
impl Embedder for Proxy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn embed(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>> {
        let wanted = texts.len();
        let mut body =
            json!({"model": self.upstream_name, "input": texts, "encoding_format": "float"});
        if let Some(dimensions) = dimensions {
            body["dimensions"] = dimensions.into();
        }
        let response = self
            .send("/embeddings", &body)
            .await?
            .map_err(|refusal| refusal.into_error(&self.words))?;
        let bytes = self
            .in_time("the embeddings", read(response, EMBEDDINGS_BYTES))
            .await?
            .map_err(|e| self.words.error(describe(&e)))?;
        let mut answer: EmbeddingAnswer = serde_json::from_slice(&bytes).map_err(|e| {
            self.words
                .error(format!("sent embeddings that cannot be read: {e}"))
        })?;
        answer.data.sort_by_key(|row| row.index);
        if answer.data.len() != wanted {
            return Err(self.words.error(format!(
                "sent {} embeddings for {wanted} texts",
                answer.data.len()
            )));
        }
        Ok(answer.data.into_iter().map(|row| row.embedding).collect())
    }
}
