//! Language models and embedders: one seam over plain data, equal backends behind it.
//!
//! `torch` runs models in this process, `sql` is the built-in question-to-SQL model, `proxy` speaks to
//! OpenAI-style servers, `dummy` is the tests' scripted stand-in. No tensor crosses this line.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, Engine, Usage},
};

#[cfg(feature = "torch")]
pub mod builtin;
pub mod dummy;
pub mod grammar;
pub mod proxy;
pub mod registry;
#[cfg(feature = "torch")]
pub mod torch;

/// The one way to make an HTTP client for upstreams: pooled, keep-alive, ring for TLS. It limits connecting only:
/// how long an answer may take differs by model, so whoever sends says.
pub(crate) fn http_client() -> anyhow::Result<reqwest::Client> {
    // A second install is refused and harmless: whoever came first chose ring too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(10))
        .tcp_nodelay(true)
        .pool_max_idle_per_host(64)
        .build()?)
}

/// What a model is for, by DB-GPT's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Writes text.
    Llm,
    /// Turns text into vectors.
    Embedding,
}

/// Who says a message to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message to a model.
#[derive(Debug, Clone)]
pub struct PromptMessage {
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub text: String,
}

/// A question about a database, for models that answer those directly.
#[derive(Debug, Clone)]
pub struct SqlTask {
    /// The question in plain words.
    pub question: String,
    /// The schema to answer over.
    pub catalogue: Arc<Catalogue>,
    /// The dialect to write.
    pub engine: Engine,
    /// What "today" is.
    pub today: chrono::NaiveDate,
}

/// The form an answer is to have.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// A caller's own `response_format`: passed on as it stands, or refused.
    Demanded(serde_json::Value),
    /// A JSON schema that makes our own reading easier: a local model is held to it where it is of a fixed shape, an
    /// upstream is asked for it, and one that knows of none writes freely.
    Wished(serde_json::Value),
}

/// Everything a generation takes.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// The conversation, rendered by the caller.
    pub messages: Vec<PromptMessage>,
    /// 0 is greedy.
    pub temperature: Option<f32>,
    /// Nucleus.
    pub top_p: Option<f32>,
    /// At most so many new tokens.
    pub max_tokens: Option<u32>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Repeatable sampling.
    pub seed: Option<u64>,
    /// The form of the answer; `None` for free text.
    pub response_format: Option<ResponseFormat>,
    /// The structured task behind the messages, for models that take it.
    pub task: Option<SqlTask>,
}

impl GenerateRequest {
    /// For models that write freely.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the model, when a form is demanded.
    pub(crate) fn refuse_demands(&self, model: &str) -> Result<()> {
        let Some(ResponseFormat::Demanded(format)) = &self.response_format else {
            return Ok(());
        };
        let kind = format["type"].as_str().unwrap_or_default();
        Err(Error::Unsupported {
            what: format!(
                "'{model}' writes freely and cannot be held to response_format '{kind}'; leave response_format out, or \
                 ask a proxy model whose server knows it"
            ),
        })
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// By itself, or at a stop text.
    Stop,
    /// At the token limit.
    Length,
}

/// Another query that a [`SqlTask`] could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The query.
    pub sql: String,
    /// What it asks, in words.
    pub thoughts: String,
}

/// A piece of a generation.
#[derive(Debug, Clone)]
pub enum Chunk {
    /// Reasoning text.
    Thinking(String),
    /// Answer text.
    Text(String),
    /// What else a [`SqlTask`] could mean, likeliest first, to be tried when the answer's own fails or finds
    /// nothing.
    Alternatives(Vec<Alternative>),
    /// The end, always last.
    End {
        /// Why.
        finish: FinishReason,
        /// Tokens used.
        usage: Usage,
        /// How sure the model is, 0 to 1, where it says.
        confidence: Option<f32>,
    },
}

/// What a model says of itself.
#[derive(Debug, Clone)]
pub struct ModelMetadata {
    /// Name it is asked for by.
    pub name: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Tokens it can take in all, if known.
    pub context_length: Option<u32>,
    /// Whether it answers [`SqlTask`]s only and cannot chat.
    pub sql_only: bool,
}

/// A stream of pieces. Dropping it cancels the generation.
pub type ChunkStream = BoxStream<'static, Result<Chunk>>;

/// A model that writes.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// What it is.
    fn metadata(&self) -> ModelMetadata;

    /// Writes an answer, piece by piece. Refuses at once when its queue is full.
    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream>;

    /// Tokens of a text.
    async fn count_tokens(&self, text: &str) -> Result<u32>;
}

/// A model that embeds.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// What it is.
    fn metadata(&self) -> ModelMetadata;

    /// One unit-length vector per text, in order. `dimensions` is for upstreams that can shorten vectors; what comes
    /// may be of another width, which is the caller's to check.
    async fn embed(&self, texts: Vec<String>, dimensions: Option<u32>) -> Result<Vec<Vec<f32>>>;
}
