//! A sentence encoder behind the seam.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};

use async_trait::async_trait;
use tidegate_schema::{Error, Result};
use tokio::sync::oneshot;

use super::{
    load::Loaded,
    network::Network,
    turns::{Ask, Job, serve},
};
use crate::workers::{
    Embedded, Embedder, ModelMetadata,
    torch::{
        Owner,
        error::{self, ModelError},
        llm::Options,
    },
};

/// A loaded encoder and the thread that owns it.
pub(super) struct Model {
    metadata: ModelMetadata,
    owner: Owner<Job>,
}

impl Model {
    /// Starts the thread.
    pub(super) fn start(
        metadata: ModelMetadata,
        network: Network,
        options: &Options,
    ) -> error::Result<Self> {
        let metadata = network.describe(metadata);
        let name = metadata.name.clone();
        let serve = move |jobs: &mpsc::Receiver<Job>| serve(&name, network, jobs);
        let owner = Owner::start(&metadata.name, options.queue, serve)
            .map_err(|error| ModelError::Text(format!("no thread could be started: {error}")))?;
        Ok(Self { metadata, owner })
    }

    /// What it is.
    pub(super) fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    /// Hands a request to the thread and waits for the numbers of each text.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Vec<Vec<f32>>> {
        Ok(self.ask_counted(ask).await?.0)
    }

    /// The same with the tokens of all texts, marks included.
    async fn ask_counted(&self, ask: Ask) -> Result<(Vec<Vec<f32>>, u32)> {
        let (told, answer) = oneshot::channel();
        let tokens = Arc::<AtomicU32>::default();
        self.owner.submit(|admission| Job {
            ask,
            told,
            tokens: Arc::clone(&tokens),
            _admission: admission,
        })?;
        let numbers = answer.await.unwrap_or_else(|_| {
            Err(Error::upstream(
                &self.metadata.name,
                "the model was stopped",
            ))
        })?;
        Ok((numbers, tokens.load(Ordering::Relaxed)))
    }
}

/// An encoder of texts.
pub(in crate::workers) struct TorchEmbedder(Model);

impl TorchEmbedder {
    /// Loads a directory and starts the thread that owns it. `window` is the one it was published with, for a directory
    /// that came without `sentence_bert_config.json`.
    ///
    /// # Errors
    /// Says which file and field cannot be used, and what would do.
    pub(in crate::workers::torch) fn load(
        metadata: ModelMetadata,
        directory: &Path,
        options: &Options,
        window: Option<i64>,
    ) -> error::Result<Self> {
        let network = Network::load(Loaded::Embedder, directory, options, window)?;
        Model::start(metadata, network, options).map(Self)
    }

    /// The same of the encoder that comes with the product, on the CPU.
    ///
    /// # Errors
    /// As [`TorchEmbedder::load`].
    pub(in crate::workers) fn load_published(
        metadata: ModelMetadata,
        directory: &Path,
        threads: usize,
        window: Option<i64>,
    ) -> error::Result<Self> {
        let options = Options {
            threads,
            ..Options::default()
        };
        Self::load(metadata, directory, &options, window)
    }

    /// One unit-length vector per text, in order, with the prompt of this name before each: `query` and `document`
    /// where a model has such. Without a name, its default prompt.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names there are, when there is none of that name.
    pub(in crate::workers) async fn embed_with(
        &self,
        texts: Vec<String>,
        prompt: Option<String>,
    ) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.0.ask(Ask::Vectors { texts, prompt }).await
    }
}

#[async_trait]
impl Embedder for TorchEmbedder {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata()
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        self.embed_with(texts, None).await
    }

    async fn embed_as(
        &self,
        texts: Vec<String>,
        prompt: Option<String>,
        _: Option<u32>,
    ) -> Result<Vec<Vec<f32>>> {
        self.embed_with(texts, prompt).await
    }

    async fn embed_counted(&self, texts: Vec<String>, _: Option<u32>) -> Result<Embedded> {
        if texts.is_empty() {
            return Ok(Embedded {
                vectors: Vec::new(),
                prompt_tokens: Some(0),
            });
        }
        let ask = Ask::Vectors {
            texts,
            prompt: None,
        };
        let (vectors, tokens) = self.0.ask_counted(ask).await?;
        Ok(Embedded {
            vectors,
            prompt_tokens: Some(tokens),
        })
    }
}
