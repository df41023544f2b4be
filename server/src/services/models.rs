//! Models: which there are, and finding one by name.

use std::sync::Arc;

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use crate::{
    app::App,
    workers::{
        ChunkStream, Embedded, Embedder, GenerateRequest, LanguageModel, ModelKind, ModelMetadata,
        Reranker,
        registry::{Standing, State},
    },
};

/// Most names that an error lists.
const MOST_LISTED: usize = 20;

/// The service.
pub struct Models<'a>(pub(crate) &'a App);

impl Models<'_> {
    /// Every model and route that is ready, in order of configuration, the built-in models and the routes last.
    pub fn list(&self, caller: &Caller) -> Result<Vec<ModelMetadata>> {
        caller.may(Act::Ask)?;
        Ok(self
            .states()
            .into_iter()
            .filter(|(_, state)| matches!(state, State::Ready))
            .map(|(metadata, _)| metadata)
            .collect())
    }

    /// What is known of one of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming those that are ready, the nearest first.
    pub fn one(&self, caller: &Caller, name: &str) -> Result<ModelMetadata> {
        let ready = self.list(caller)?;
        let names = ready.iter().map(|model| model.name.clone()).collect();
        let found = ready.into_iter().find(|model| model.name == name);
        found.ok_or_else(|| unknown(names, name))
    }

    /// Every model and route with its state: ready, loading, or failed and why.
    pub fn states(&self) -> Vec<(ModelMetadata, State)> {
        self.0.gateway.names()
    }

    /// The same of models alone, with how long loading took.
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
    /// [`Error::NotFound`] naming those there are, the nearest first.
    pub async fn language(&self, name: Option<&str>) -> Result<Arc<dyn LanguageModel>> {
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => self.default_name()?,
        };
        self.0
            .gateway
            .language(&name)
            .await
            .unwrap_or_else(|| Err(self.unknown(&name, ModelKind::Llm)))
    }

    /// The embedder of a name.
    pub async fn embedder(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        self.0
            .gateway
            .embedder(name)
            .await
            .unwrap_or_else(|| Err(self.unknown(name, ModelKind::Embedding)))
    }

    /// The reranker of a name.
    pub async fn reranker(&self, name: &str) -> Result<Arc<dyn Reranker>> {
        self.0
            .gateway
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

    /// Embeds texts with a model by name, as vectors of so many `dimensions` where that is asked for, and says what it
    /// took.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the model's vectors have another width.
    pub async fn embed_counted(
        &self,
        caller: &Caller,
        name: &str,
        texts: Vec<String>,
        dimensions: Option<u32>,
    ) -> Result<Embedded> {
        caller.may(Act::Ask)?;
        let embedder = self.embedder(name).await?;
        let embedded = embedder.embed_counted(texts, dimensions).await?;
        // Few models can shorten, and some servers ignore the wish: an index must not get vectors of a wrong width.
        if let Some(wanted) = dimensions
            && let Some(other) = embedded
                .vectors
                .iter()
                .find(|vector| vector.len() != wanted as usize)
        {
            let width = other.len();
            return Err(Error::invalid(
                "dimensions",
                format!(
                    "'{name}' makes vectors of {width} numbers, not {wanted}; leave dimensions out, or set it to \
                     {width}"
                ),
            ));
        }
        Ok(embedded)
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
        let states = self.states();
        self.default_among(&states).ok_or_else(|| {
            let failed = states.iter().find_map(|(metadata, state)| match state {
                State::Failed(reason) if metadata.kind == ModelKind::Llm => {
                    Some((metadata.name.as_str(), reason.as_str()))
                }
                _ => None,
            });
            let what = match failed {
                Some((name, reason)) => {
                    format!("no model is there to ask: '{name}' failed to load: {reason}")
                }
                None => "no model is configured; add one under [[models]] in the configuration"
                    .to_owned(),
            };
            Error::Unsupported { what }
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
            .states()
            .into_iter()
            .filter(|(metadata, _)| metadata.kind == kind)
            .map(|(metadata, _)| metadata.name)
            .collect();
        unknown(known, name)
    }
}

/// That no model has the name, with those that could be meant.
fn unknown(known: Vec<String>, name: &str) -> Error {
    Error::NotFound {
        what: "model",
        name: name.to_owned(),
        hint: Some(those_there_are(known, name)),
    }
}

/// The names of models that could be meant, the nearest first.
fn those_there_are(mut known: Vec<String>, wanted: &str) -> String {
    if known.is_empty() {
        return "none of that kind is configured".to_owned();
    }
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
    // Those that are as near as each other stay in their order.
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let more = match known.len().saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    known.truncate(MOST_LISTED);
    format!("there is: {}{more}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_first_and_no_more_than_can_be_read() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            those_there_are(names(&["llama", "gpt-4o-mini", "gpt-4o"]), "GPT-4"),
            "there is: gpt-4o, gpt-4o-mini, llama"
        );
        assert_eq!(
            those_there_are(Vec::new(), "x"),
            "none of that kind is configured"
        );
        let many = (0..30).map(|at| format!("m{at}")).collect();
        let told = those_there_are(many, "zzz");
        assert!(
            told.starts_with("there is: m0, m1") && told.ends_with("m19 and 10 more"),
            "{told}"
        );
    }
}
