//! A cross-encoder behind the seam.

use std::path::Path;

use async_trait::async_trait;
use tidegate_schema::Result;

use super::{embedder::Model, load::Loaded, network::Network, turns::Ask};
use crate::workers::{
    ModelMetadata, Reranker,
    torch::{error, llm::Options},
};

/// A judge of how well documents fit a query: both are read together, in the tokenizer's template for pairs.
pub(in crate::workers) struct TorchReranker(Model);

impl TorchReranker {
    /// Loads a directory and starts the thread that owns it.
    ///
    /// # Errors
    /// Says which file and field cannot be used, and what would do.
    pub(in crate::workers::torch) fn load(
        metadata: ModelMetadata,
        directory: &Path,
        options: &Options,
    ) -> error::Result<Self> {
        let network = Network::load(Loaded::Reranker, directory, options, None)?;
        Model::start(metadata, network, options).map(Self)
    }
}

#[async_trait]
impl Reranker for TorchReranker {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata()
    }

    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let scores = self.0.ask(Ask::Scores { query, documents }).await?;
        Ok(scores.into_iter().flatten().collect())
    }
}
