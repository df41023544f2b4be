//! Models: which there are, and finding one by name.

use std::sync::Arc;

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use crate::{
    app::App,
    workers::{
        ChunkStream, Embedder, GenerateRequest, LanguageModel, ModelKind, ModelMetadata, Reranker,
        registry::{Standing, State},
    },
};

/// The service.
pub struct Models<'a>(pub(crate) &'a App);

impl Models<'_> {
    /// Every model that is ready, in order of configuration, the built-in one last.
    pub fn list(&self, caller: &Caller) -> Result<Vec<ModelMetadata>> {
        caller.may(Act::Ask)?;
        Ok(self
            .0
            .registry
            .states()
            .into_iter()
            .filter(|(_, state)| matches!(state, State::Ready))
            .map(|(metadata, _)| metadata)
            .collect())
    }

    /// Every model with its state: ready, loading, or failed and why.
    pub fn states(&self) -> Vec<(ModelMetadata, State)> {
        self.0.registry.states()
    }

    /// The same with how long loading took.
    pub fn standings(&self) -> Vec<Standing> {
        self.0.registry.standings()
    }

    /// Whether a question that names no model is answered: no model is being loaded any more, and the one it would be
    /// put to did not fail. Where no model writes at all, one that embeds will do.
    pub fn can_answer(&self) -> bool {
        let states = self.states();
        let is_ready = |state: &State| matches!(state, State::Ready);
        if states.iter().all(|(_, state)| is_ready(state)) {
            return true;
        }
        if states
            .iter()
            .any(|(_, state)| matches!(state, State::Loading))
        {
            return false;
        }
        if let Some(name) = self.default_among(&states) {
            return states
                .iter()
                .any(|(metadata, state)| metadata.name == name && is_ready(state));
        }
        let writes = |metadata: &ModelMetadata| metadata.kind == ModelKind::Llm;
        !states.iter().any(|(metadata, _)| writes(metadata))
            && states.iter().any(|(_, state)| is_ready(state))
    }

    /// The language model of a name, or the default one for no or an empty name.
    ///
    /// Waits for a model that is still loading.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming those there are.
    pub async fn language(&self, name: Option<&str>) -> Result<Arc<dyn LanguageModel>> {
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => self.default_name()?,
        };
        self.0
            .registry
            .language(&name)
            .await
            .unwrap_or_else(|| Err(self.unknown(&name, ModelKind::Llm)))
    }

    /// The embedder of a name.
    pub async fn embedder(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        self.0
            .registry
            .embedder(name)
            .await
            .unwrap_or_else(|| Err(self.unknown(name, ModelKind::Embedding)))
    }

    /// The reranker of a name.
    pub async fn reranker(&self, name: &str) -> Result<Arc<dyn Reranker>> {
        self.0
            .registry
            .reranker(name)
            .await
            .unwrap_or_else(|| Err(self.unknown(name, ModelKind::Reranker)))
    }

    /// Generates with a model by name, outside any conversation.
    pub async fn generate(
        &self,
        caller: &Caller,
        name: &str,
        request: GenerateRequest,
    ) -> Result<(ModelMetadata, ChunkStream)> {
        caller.may(Act::Ask)?;
        let model = self.language(Some(name)).await?;
        Ok((model.metadata(), model.generate(request).await?))
    }

    /// Embeds texts with a model by name, as vectors of so many `dimensions` where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the model's vectors have another width.
    pub async fn embed(
        &self,
        caller: &Caller,
        name: &str,
        texts: Vec<String>,
        dimensions: Option<u32>,
    ) -> Result<Vec<Vec<f32>>> {
        caller.may(Act::Ask)?;
        let vectors = self.embedder(name).await?.embed(texts, dimensions).await?;
        // Few models can shorten, and some servers ignore the wish: an index must not get vectors of a wrong width.
        if let Some(wanted) = dimensions
            && let Some(other) = vectors
                .iter()
                .find(|vector| vector.len() != wanted as usize)
        {
            let width = other.len();
            return Err(Error::invalid(
                "dimensions",
                format!(
                    "'{name}' makes vectors of {width} numbers, not {wanted}; leave dimensions out, or set it to {width}"
                ),
            ));
        }
        Ok(vectors)
    }

    /// Scores documents by how well they fit a query, with a model by name: one score per document, in their order.
    pub async fn rerank(
        &self,
        caller: &Caller,
        name: &str,
        query: String,
        documents: Vec<String>,
    ) -> Result<Vec<f32>> {
        caller.may(Act::Ask)?;
        self.reranker(name).await?.rerank(query, documents).await
    }

    /// The name of the model asked when the caller names none.
    pub fn default_name(&self) -> Result<String> {
        self.default_among(&self.states())
            .ok_or_else(|| Error::Unsupported {
                what: "no model is configured; add one under [[models]] in the configuration"
                    .to_owned(),
            })
    }

    /// The same of models in these states; nothing where none writes that did not fail.
    fn default_among(&self, states: &[(ModelMetadata, State)]) -> Option<String> {
        let configured = &self.0.config.ask.default_model;
        if !configured.is_empty() {
            return Some(configured.clone());
        }
        states
            .iter()
            .find(|(metadata, state)| {
                metadata.kind == ModelKind::Llm && !matches!(state, State::Failed(_))
            })
            .map(|(metadata, _)| metadata.name.clone())
    }

    fn unknown(&self, name: &str, kind: ModelKind) -> Error {
        let known: Vec<String> = self
            .0
            .registry
            .states()
            .into_iter()
            .filter(|(metadata, _)| metadata.kind == kind)
            .map(|(metadata, _)| metadata.name)
            .collect();
        let hint = if known.is_empty() {
            "none of that kind is configured".to_owned()
        } else {
            format!("there is: {}", known.join(", "))
        };
        Error::NotFound {
            what: "model",
            name: name.to_owned(),
            hint: Some(hint),
        }
    }
}
