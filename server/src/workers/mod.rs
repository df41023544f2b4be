//! Language models, embedders and rerankers: one seam over plain data, equal backends behind it.
//!
//! `torch` runs models in this process, `builtin` is the question-to-SQL model that comes along, `proxy` speaks to
//! other servers in OpenAI's dialect and its kin, `remote` to workers of the cluster, `dummy` is the tests' scripted
//! stand-in. No tensor crosses this line.
//!
//! [`request`] is what a model is asked, [`chunk`] what it answers; [`relay`] passes both on as bytes where the server
//! behind a model speaks as its callers do.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::redirect;
use tidegate_schema::{Error, Result};

#[cfg(feature = "torch")]
pub mod builtin;
pub mod chunk;
pub mod dummy;
pub mod grammar;
pub mod metrics;
mod patience;
pub mod proxy;
pub mod registry;
pub mod relay;
pub mod remote;
pub mod request;
#[cfg(feature = "torch")]
pub mod torch;

pub(crate) use self::patience::Patience;
pub use self::{
    chunk::{Alternative, Chunk, ChunkStream, FinishReason, Likelihood, Piece, TokenLogprob},
    relay::{Relay, RelayPath, RelayRequest, RelayResponse},
    request::{
        GenerateRequest, Prompt, PromptMessage, ResponseFormat, Speaker, SqlTask, Tool, ToolCall,
        ToolChoice,
    },
};

/// Longest wait for a connection where nothing else is configured.
const CONNECT: Duration = Duration::from_secs(10);
/// Most connections to one server that are kept open for the next requests.
const IDLE_CONNECTIONS: usize = 512;

/// How often a server may send a request on.
const MOST_REDIRECTS: usize = 10;

/// The one way to make an HTTP client for upstreams: pooled, keep-alive, ring for TLS. It limits connecting only:
/// how long an answer may take differs by model, so whoever sends says.
pub(crate) fn http_client() -> anyhow::Result<reqwest::Client> {
    http_client_within(CONNECT)
}

/// The same with another limit on connecting.
pub(crate) fn http_client_within(connect: Duration) -> anyhow::Result<reqwest::Client> {
    // A second install is refused and harmless: whoever came first chose ring too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .redirect(within_the_server())
        .build()?)
}

/// Goes where a server sends its callers as long as that is the same server. Keys travel in headers of many names, and
/// reqwest takes only those it knows off a request that leaves for another.
fn within_the_server() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let asked = attempt.previous();
        let next = attempt.url().origin();
        if asked.iter().any(|url| url.origin() != next) {
            let next = next.ascii_serialization();
            let what =
                format!("it sends its callers on to {next}, another server: name that one instead");
            attempt.error(what)
        } else if asked.len() > MOST_REDIRECTS {
            attempt.error("it sends its callers on without an end")
        } else {
            attempt.follow()
        }
    })
}

/// What a model is for, by DB-GPT's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Writes text.
    #[default]
    Llm,
    /// Turns text into vectors.
    Embedding,
    /// Judges how well documents fit a query.
    Reranker,
}

/// What of a request a model can keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Calls tools.
    pub tools: bool,
    /// Can be held to a form.
    pub forms: bool,
    /// Tells how likely its tokens were.
    pub logprobs: bool,
}

/// What a model says of itself.
#[derive(Debug, Clone, Default)]
pub struct ModelMetadata {
    /// Name it is asked for by.
    pub name: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Tokens it can take in all, if known.
    pub context_length: Option<u32>,
    /// Whether it answers structured tasks only and cannot chat.
    pub sql_only: bool,
    /// Bytes of memory its weights take in this process, once it is loaded.
    pub memory_bytes: Option<u64>,
    /// What its weights are held as, for models of this process: `bf16`, `int8`, …
    pub dtype: Option<String>,
    /// What of a request it can keep.
    pub capabilities: Capabilities,
}

impl ModelMetadata {
    /// A model of which only name and kind are known yet.
    pub fn new(name: impl Into<String>, kind: ModelKind) -> Self {
        Self {
            name: name.into(),
            kind,
            ..Self::default()
        }
    }
}

/// A model that writes.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// What it is.
    fn metadata(&self) -> ModelMetadata;

    /// Writes an answer, piece by piece. Refuses at once when its queue is full.
    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream>;

    /// Tokens of a text.
    async fn count_tokens(&self, text: &str) -> Result<u32>;

    /// The tokens of a text, in the model's own numbers, without marks around them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for models whose tokens are not known here.
    async fn tokenise(&self, text: &str) -> Result<Vec<u32>> {
        let _ = text;
        Err(no_tokens(&self.metadata().name))
    }

    /// The tokens that a request's prompt is read as: a conversation as the model's chat template writes it out, a
    /// text with the model's marks around it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for models whose tokens are not known here.
    async fn tokenise_request(&self, request: &GenerateRequest) -> Result<Vec<u32>> {
        let _ = request;
        Err(no_tokens(&self.metadata().name))
    }

    /// The text of tokens, marks left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for models whose tokens are not known here.
    async fn detokenise(&self, ids: &[u32]) -> Result<String> {
        let _ = ids;
        Err(no_tokens(&self.metadata().name))
    }

    /// Why it cannot answer any more, though it was loaded; `None` while it can.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The way to pass requests on as bytes, where the model's server speaks OpenAI's dialect.
    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        None
    }
}

fn no_tokens(model: &str) -> Error {
    Error::Unsupported {
        what: format!(
            "the tokens of '{model}' are not known here; ask a model that runs in this process (provider \"torch\")"
        ),
    }
}

/// Vectors, and what they cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embedded {
    /// One per text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, where the model counts them.
    pub prompt_tokens: Option<u32>,
}

/// A model that embeds.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// What it is.
    fn metadata(&self) -> ModelMetadata;

    /// One unit-length vector per text, in order. `dimensions` is for upstreams that can shorten vectors; what comes
    /// may be of another width, which is the caller's to check.
    async fn embed(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>>;

    /// The same with the model's prompt of this name before each text, `query` or `document`; models without prompts
    /// take the texts as they are.
    async fn embed_as(
        &self,
        texts: Vec<String>,
        prompt: Option<String>,
        dimensions: Option<u32>,
    ) -> Result<Vec<Vec<f32>>> {
        let _ = prompt;
        self.embed(texts, dimensions).await
    }

    /// The same as [`Embedder::embed`], with the tokens it took.
    async fn embed_counted(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Embedded> {
        Ok(Embedded {
            vectors: self.embed(texts, dimensions).await?,
            prompt_tokens: None,
        })
    }

    /// The way to pass requests on as bytes, where the model's server speaks OpenAI's dialect.
    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        None
    }
}

/// A model that judges how well documents fit a query.
#[async_trait]
pub trait Reranker: Send + Sync {
    /// What it is.
    fn metadata(&self) -> ModelMetadata;

    /// One score per document, in their order; the higher, the better it fits.
    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>>;

    /// The way to pass requests on as bytes, where the model's server speaks the shape of Jina and Cohere.
    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        None
    }
}
