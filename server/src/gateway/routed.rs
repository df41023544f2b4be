//! What the gateway gives out for a name: a model like any other, which asks the models behind it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use tidegate_schema::{Error, Result};

use super::{
    attempt::{Candidate, Deadline, Trial, attempt},
    cache::{Cache, Key, answer_key, vector_key},
    kind::Kind,
    policy::Span,
    relay::Relaying,
    retry::Waits,
    upstream::Upstream,
    watched::Watched,
};
use crate::workers::{
    Chunk, ChunkStream, Embedded, Embedder, GenerateRequest, LanguageModel, ModelMetadata, Relay,
    Reranker,
};

/// Candidates for one name, of which there is one at least, with the primary one first.
pub(super) struct Routed<M: ?Sized> {
    /// What was asked for.
    pub(super) name: String,
    pub(super) candidates: Vec<Candidate<M>>,
    pub(super) waits: Waits,
    pub(super) cache: Cache,
}

impl<M: Kind + ?Sized> Routed<M> {
    fn trial(&self, span: Span, deadline: Option<Duration>) -> Trial<'_> {
        Trial {
            name: &self.name,
            span,
            deadline: deadline.map(Deadline::within),
            waits: self.waits,
        }
    }

    fn description(&self) -> ModelMetadata {
        let models = self
            .candidates
            .iter()
            .map(|candidate| candidate.model.described());
        described_as(&self.name, models).unwrap_or_default()
    }

    /// The first one that keeps answers.
    fn keeper(&self) -> Option<&Arc<Upstream>> {
        self.candidates
            .iter()
            .map(|candidate| &candidate.upstream)
            .find(|upstream| upstream.policy.keeps.is_some())
    }

    /// A way for bytes, where every candidate has one. What is to be kept has to be read.
    fn relaying(&self) -> Option<Arc<dyn Relay>> {
        if self.keeper().is_some() {
            return None;
        }
        let candidates: Option<Vec<_>> = self
            .candidates
            .iter()
            .map(|candidate| {
                Some(Candidate {
                    model: Arc::clone(&candidate.model).bytes()?,
                    upstream: Arc::clone(&candidate.upstream),
                    weight: candidate.weight,
                    tier: candidate.tier,
                })
            })
            .collect();
        Some(Arc::new(Relaying {
            name: self.name.clone(),
            candidates: candidates?,
            waits: self.waits,
        }))
    }
}

/// What a name says of itself that stands for these models: what the first is, and what one of them can do at least.
pub(super) fn described_as(
    name: &str,
    mut models: impl Iterator<Item = ModelMetadata>,
) -> Option<ModelMetadata> {
    let mut all = models.next()?;
    name.clone_into(&mut all.name);
    for other in models {
        // Nobody knows which of them will answer: a prompt is to fit them all.
        all.context_length = match (all.context_length, other.context_length) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        all.dtype = all
            .dtype
            .filter(|dtype| other.dtype.as_ref() == Some(dtype));
        all.capabilities.tools |= other.capabilities.tools;
        all.capabilities.forms |= other.capabilities.forms;
        all.capabilities.logprobs |= other.capabilities.logprobs;
    }
    Some(all)
}

#[async_trait]
impl LanguageModel for Routed<dyn LanguageModel> {
    fn metadata(&self) -> ModelMetadata {
        self.description()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let key = self.keeper().and_then(|keeper| {
            let key = answer_key(&self.name, &request)?;
            Some((key, Arc::clone(keeper)))
        });
        if let Some((key, keeper)) = &key {
            if let Some(kept) = self.cache.answer(key).await {
                keeper.numbers.cached(1, 0);
                return Ok(kept);
            }
            keeper.numbers.cached(0, 1);
        }
        let answers = request.choices();
        let trial = self.trial(Span::FirstToken, request.deadline);
        let begin = |model: Arc<dyn LanguageModel>, left: Option<Duration>| {
            let request = GenerateRequest {
                deadline: left,
                ..request.clone()
            };
            begun(model, request)
        };
        let ((first, pieces), call) = attempt(&self.candidates, trial, begin).await?;
        let keeps = call.upstream().policy.keeps;
        let pieces = Watched::behind(first, pieces, call).boxed();
        Ok(match (key, keeps) {
            (Some((key, _)), Some(time)) => self.cache.keep(key, time, answers, pieces),
            _ => pieces,
        })
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        self.primary()?.count_tokens(text).await
    }

    async fn tokenise(&self, text: &str) -> Result<Vec<u32>> {
        self.primary()?.tokenise(text).await
    }

    async fn tokenise_request(&self, request: &GenerateRequest) -> Result<Vec<u32>> {
        self.primary()?.tokenise_request(request).await
    }

    async fn detokenise(&self, ids: &[u32]) -> Result<String> {
        self.primary()?.detokenise(ids).await
    }

    fn failure(&self) -> Option<String> {
        let mut faults = self
            .candidates
            .iter()
            .map(|candidate| candidate.model.failure());
        let first = faults.next()??;
        faults.all(|fault| fault.is_some()).then_some(first)
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relaying()
    }
}

impl Routed<dyn LanguageModel> {
    /// The model whose tokens are meant.
    fn primary(&self) -> Result<&Arc<dyn LanguageModel>> {
        self.candidates
            .first()
            .map(|candidate| &candidate.model)
            .ok_or_else(|| Error::not_found("model", &self.name))
    }
}

/// An answer with its first piece.
async fn begun(
    model: Arc<dyn LanguageModel>,
    request: GenerateRequest,
) -> Result<(Chunk, ChunkStream)> {
    let mut pieces = model.generate(request).await?;
    match pieces.next().await {
        Some(first) => Ok((first?, pieces)),
        None => Err(Error::upstream(
            model.metadata().name,
            "ended its answer before it began",
        )),
    }
}

#[async_trait]
impl Embedder for Routed<dyn Embedder> {
    fn metadata(&self) -> ModelMetadata {
        self.description()
    }

    async fn embed(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>> {
        Ok(self.vectors(texts, None, dimensions).await?.vectors)
    }

    async fn embed_as(
        &self,
        texts: Vec<String>,
        prompt: Option<String>,
        dimensions: Option<u32>,
    ) -> Result<Vec<Vec<f32>>> {
        Ok(self.vectors(texts, prompt, dimensions).await?.vectors)
    }

    async fn embed_counted(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Embedded> {
        self.vectors(texts, None, dimensions).await
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relaying()
    }
}

impl Routed<dyn Embedder> {
    /// The texts' vectors: those that are kept, and the others of a model.
    async fn vectors(
        &self,
        texts: Vec<String>,
        prompt: Option<String>,
        dimensions: Option<u32>,
    ) -> Result<Embedded> {
        let Some(keeper) = self.keeper() else {
            return Ok(self.ask(&texts, prompt.as_ref(), dimensions).await?.0);
        };
        let mut keys: Vec<Option<Key>> = Vec::with_capacity(texts.len());
        let mut kept: Vec<Option<Vec<f32>>> = Vec::with_capacity(texts.len());
        for text in &texts {
            let key = vector_key(&self.name, text, prompt.as_deref(), dimensions);
            kept.push(match &key {
                Some(key) => self.cache.vector(key).await,
                None => None,
            });
            keys.push(key);
        }
        let (missing, new): (Vec<usize>, Vec<String>) = texts
            .into_iter()
            .enumerate()
            .filter(|(at, _)| kept[*at].is_none())
            .unzip();
        keeper
            .numbers
            .cached(kept.len() - missing.len(), missing.len());
        let mut prompt_tokens = Some(0);
        if !missing.is_empty() {
            let (embedded, upstream) = self.ask(&new, prompt.as_ref(), dimensions).await?;
            if embedded.vectors.len() != missing.len() {
                return Err(Error::upstream(
                    &upstream.name,
                    format!(
                        "sent {} vectors for {} texts",
                        embedded.vectors.len(),
                        missing.len()
                    ),
                ));
            }
            prompt_tokens = embedded.prompt_tokens;
            for (at, vector) in missing.into_iter().zip(embedded.vectors) {
                if let (Some(key), Some(time)) = (keys[at], upstream.policy.keeps) {
                    self.cache.keep_vector(key, &vector, time).await;
                }
                kept[at] = Some(vector);
            }
        }
        Ok(Embedded {
            vectors: kept.into_iter().flatten().collect(),
            prompt_tokens,
        })
    }

    /// The vectors of a model, and which one that was.
    async fn ask(
        &self,
        texts: &[String],
        prompt: Option<&String>,
        dimensions: Option<u32>,
    ) -> Result<(Embedded, Arc<Upstream>)> {
        let trial = self.trial(Span::Whole, None);
        let embed = |model: Arc<dyn Embedder>, _| {
            embedded(model, texts.to_vec(), prompt.cloned(), dimensions)
        };
        let (vectors, call) = attempt(&self.candidates, trial, embed).await?;
        Ok((vectors, Arc::clone(call.upstream())))
    }
}

async fn embedded(
    model: Arc<dyn Embedder>,
    texts: Vec<String>,
    prompt: Option<String>,
    dimensions: Option<u32>,
) -> Result<Embedded> {
    if prompt.is_none() {
        return model.embed_counted(texts, dimensions).await;
    }
    Ok(Embedded {
        vectors: model.embed_as(texts, prompt, dimensions).await?,
        prompt_tokens: None,
    })
}

#[async_trait]
impl Reranker for Routed<dyn Reranker> {
    fn metadata(&self) -> ModelMetadata {
        self.description()
    }

    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>> {
        let trial = self.trial(Span::Whole, None);
        let judge = |model: Arc<dyn Reranker>, _| {
            let (query, documents) = (query.clone(), documents.clone());
            async move { model.rerank(query, documents).await }
        };
        let (scores, _) = attempt(&self.candidates, trial, judge).await?;
        Ok(scores)
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relaying()
    }
}
