//! Models that do as they are told, step by step.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use reqwest::header::HeaderValue;
use tidegate_schema::{Error, Result, model::Usage};

use crate::{
    config::Config,
    gateway::{Gateway, Traffic},
    workers::{
        Chunk, ChunkStream, Embedder, FinishReason, GenerateRequest, LanguageModel, ModelKind,
        ModelMetadata, Relay, RelayPath, RelayRequest, RelayResponse,
        registry::{Model, Registry},
    },
};

/// What a model does when it is asked.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Answers so.
    Says(&'static str),
    /// Refuses.
    Fails(Error),
    /// Says nothing for ever.
    Hangs,
    /// Says so much, then nothing for ever.
    Stalls(&'static str),
    /// Says so much, then fails.
    BreaksOff(&'static str, Error),
}

/// A model with a script; at its end it says `well`.
pub(super) struct Scripted {
    name: String,
    script: Mutex<VecDeque<Step>>,
    asked: AtomicUsize,
    relays: bool,
}

impl Scripted {
    fn next(&self) -> Step {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.pop_front().unwrap_or(Step::Says("well"))
    }
}

#[async_trait]
impl LanguageModel for Scripted {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata::new(&self.name, ModelKind::Llm)
    }

    async fn generate(&self, _: GenerateRequest) -> Result<ChunkStream> {
        let end = Chunk::End {
            choice: 0,
            finish: FinishReason::Stop,
            usage: Usage::default(),
            confidence: None,
        };
        Ok(match self.next() {
            Step::Says(text) => stream::iter([Ok(Chunk::text(text)), Ok(end)]).boxed(),
            Step::Fails(error) => return Err(error),
            Step::Hangs => std::future::pending().await,
            Step::Stalls(text) => stream::iter([Ok(Chunk::text(text))])
                .chain(stream::pending())
                .boxed(),
            Step::BreaksOff(text, error) => {
                stream::iter([Ok(Chunk::text(text)), Err(error)]).boxed()
            }
        })
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        Ok(text.len() as u32)
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        if self.relays { Some(self) } else { None }
    }
}

#[async_trait]
impl Relay for Scripted {
    async fn relay(&self, request: &RelayRequest) -> Result<RelayResponse> {
        let body: BoxStream<'static, Result<Bytes>> = match self.next() {
            Step::Says(text) => stream::iter([Ok(Bytes::from(text))]).boxed(),
            Step::Fails(error) => return Err(error),
            Step::Hangs => std::future::pending().await,
            Step::Stalls(text) => stream::iter([Ok(Bytes::from(text))])
                .chain(stream::pending())
                .boxed(),
            Step::BreaksOff(text, error) => {
                stream::iter([Ok(Bytes::from(text)), Err(error)]).boxed()
            }
        };
        Ok(RelayResponse {
            served_by: self.name.clone(),
            status: 200,
            content_type: request
                .stream
                .then(|| HeaderValue::from_static("text/event-stream")),
            length: None,
            headers: reqwest::header::HeaderMap::new(),
            body,
        })
    }
}

/// An embedder that counts the texts it was sent; a text's vector is its length.
#[derive(Default)]
pub(super) struct Counting {
    pub(super) texts: AtomicUsize,
}

#[async_trait]
impl Embedder for Counting {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata::new("e", ModelKind::Embedding)
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
    }
}

/// A gateway over scripted models.
pub(super) struct Setup {
    pub(super) gateway: Gateway,
    pub(super) registry: Registry,
    models: HashMap<&'static str, Arc<Scripted>>,
}

/// A gateway over models with scripts, which are configured as upstreams with these bounds, and `more` configuration.
pub(super) fn over(bounds: &str, more: &str, scripts: Vec<(&'static str, Vec<Step>)>) -> Setup {
    over_some("proxy", bounds, more, scripts, false)
}

/// The same with models that pass bytes on.
pub(super) fn over_relays(
    bounds: &str,
    more: &str,
    scripts: Vec<(&'static str, Vec<Step>)>,
) -> Setup {
    over_some("proxy", bounds, more, scripts, true)
}

/// The same with models that run in this process.
pub(super) fn over_local(
    bounds: &str,
    more: &str,
    scripts: Vec<(&'static str, Vec<Step>)>,
) -> Setup {
    over_some("dummy", bounds, more, scripts, false)
}

fn over_some(
    provider: &str,
    bounds: &str,
    more: &str,
    scripts: Vec<(&'static str, Vec<Step>)>,
    relays: bool,
) -> Setup {
    let configured: Vec<String> = scripts
        .iter()
        .map(|(name, _)| {
            format!(
                "[[models]]\nname='{name}'\nprovider='{provider}'\nbase_url='http://127.0.0.1:1/v1'\n{bounds}\n"
            )
        })
        .collect();
    let config = Config::from_toml(&format!("{}{more}", configured.concat())).expect("valid");
    let registry = Registry::new();
    let mut models = HashMap::new();
    for (name, script) in scripts {
        let model = Arc::new(Scripted {
            name: name.to_owned(),
            script: Mutex::new(script.into()),
            asked: AtomicUsize::new(0),
            relays,
        });
        let language: Arc<dyn LanguageModel> = Arc::clone(&model) as Arc<dyn LanguageModel>;
        registry
            .add(model.metadata(), Model::Language(language))
            .expect("is free");
        models.insert(name, model);
    }
    Setup {
        gateway: Gateway::new(&config, registry.clone()),
        registry,
        models,
    }
}

impl Setup {
    /// How often a model was asked.
    pub(super) fn asked(&self, name: &str) -> usize {
        self.models[name].asked.load(Ordering::Relaxed)
    }

    /// A model's numbers.
    pub(super) fn traffic(&self, name: &str) -> Traffic {
        self.gateway
            .traffic()
            .into_iter()
            .find(|traffic| traffic.model == name)
            .expect("has numbers")
    }

    /// Begins an answer.
    pub(super) async fn begin(&self, name: &str, request: GenerateRequest) -> Result<ChunkStream> {
        let model = self.gateway.language(name).await.expect("is known")?;
        model.generate(request).await
    }

    /// An answer's text, and what it broke off with.
    pub(super) async fn listen(
        &self,
        name: &str,
        request: GenerateRequest,
    ) -> Result<(String, Option<Error>)> {
        let mut pieces = self.begin(name, request).await?;
        let mut text = String::new();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(Chunk::Text(piece)) => text.push_str(&piece.text),
                Ok(_) => {}
                Err(error) => return Ok((text, Some(error))),
            }
        }
        Ok((text, None))
    }

    /// An answer to a greeting that ends well.
    pub(super) async fn say(&self, name: &str) -> Result<String> {
        match self.listen(name, super::request()).await? {
            (text, None) => Ok(text),
            (_, Some(error)) => Err(error),
        }
    }

    /// Bytes passed on, as they come back.
    pub(super) async fn pass(&self, name: &str, stream: bool) -> Result<RelayResponse> {
        let model = self.gateway.language(name).await.expect("is known")?;
        let relay = model.relay().expect("passes bytes on");
        let request = RelayRequest {
            path: RelayPath::ChatCompletions,
            body: Bytes::from_static(br#"{"model":"x"}"#),
            model: 9..12,
            stream,
            request_id: None,
        };
        relay.relay(&request).await
    }
}
