//! OpenAI-style upstreams: chat completions and embeddings over HTTP.

mod refusal;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::{Result, model::Usage};

use self::refusal::{Refusal, Words};
use super::{
    Chunk, ChunkStream, Embedder, FinishReason, GenerateRequest, LanguageModel, ModelKind,
    ModelMetadata, ResponseFormat, Speaker, registry::Model,
};
use crate::config;

/// Most of a refusal that is read.
const REFUSAL_BYTES: usize = 1 << 16;
/// Most of an answer with embeddings that is read.
const EMBEDDINGS_BYTES: usize = 1 << 28;

/// One model of an upstream.
struct Proxy {
    client: Client,
    metadata: ModelMetadata,
    base_url: String,
    upstream_name: String,
    api_key: SecretString,
    words: Words,
    /// Longest wait for the beginning of an answer, and for each piece of it.
    timeout: Duration,
    /// Whether `max_tokens` turned out to go by its newer name there.
    newer_limit: AtomicBool,
    /// Whether a wished form of answers turned out to be refused there.
    writes_freely: AtomicBool,
}

/// Makes the client of a configured proxy model; nothing is sent yet.
pub fn open(model: &config::Model) -> anyhow::Result<(ModelMetadata, Model)> {
    let client = crate::workers::http_client()?;
    let kind = match model.kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
    };
    let metadata = ModelMetadata {
        name: model.name.clone(),
        kind,
        context_length: None,
        sql_only: false,
    };
    let proxy = Arc::new(Proxy {
        client,
        metadata: metadata.clone(),
        base_url: model.base_url.trim_end_matches('/').to_owned(),
        upstream_name: if model.model.is_empty() {
            model.name.clone()
        } else {
            model.model.clone()
        },
        api_key: model.api_key.clone(),
        words: Words::new(&model.name, model.api_key.clone()),
        timeout: Duration::from_secs(model.timeout_seconds),
        newer_limit: AtomicBool::new(false),
        writes_freely: AtomicBool::new(false),
    });
    let model = match kind {
        ModelKind::Llm => Model::Language(proxy),
        ModelKind::Embedding => Model::Embedder(proxy),
    };
    Ok((metadata, model))
}

#[derive(Deserialize)]
struct StreamChunk {
    #[serde(default)]
    choices: Vec<StreamChoice>,
    usage: Option<UpstreamUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct StreamChoice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct UpstreamUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

#[derive(Deserialize)]
struct EmbeddingAnswer {
    data: Vec<EmbeddingRow>,
}

#[derive(Deserialize)]
struct EmbeddingRow {
    index: usize,
    embedding: Vec<f32>,
}

impl Proxy {
    fn request(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self
            .client
            .post(format!("{}{path}", self.base_url))
            .json(body);
        let key = self.api_key.expose_secret();
        if key.is_empty() {
            request
        } else {
            request.bearer_auth(key)
        }
    }

    /// Waits for one thing the upstream is to do, for as long as the configuration allows.
    async fn in_time<F: Future>(&self, what: &str, doing: F) -> Result<F::Output> {
        tokio::time::timeout(self.timeout, doing)
            .await
            .map_err(|_| self.words.late(what, self.timeout))
    }

    /// Sends. A refusal comes back read, for whoever can ask differently.
    async fn send(&self, path: &str, body: &Value) -> Result<Result<Response, Refusal>> {
        let response = self
            .in_time("the model server", self.request(path, body).send())
            .await?
            .map_err(|e| self.words.error(describe(&e)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let headers = response.headers().clone();
        // The status is worth telling even when its words do not come.
        let text = match self
            .in_time("a refusal", read(response, REFUSAL_BYTES))
            .await
        {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        Ok(Err(Refusal::read(
            status,
            &headers,
            &String::from_utf8_lossy(&text),
        )))
    }

    /// Asks for an answer, and again in other words where the upstream's dialect turns out to differ.
    async fn begin(&self, request: &GenerateRequest) -> Result<Response> {
        let mut newer = self.newer_limit.load(Ordering::Relaxed);
        let mut renamed = false;
        let mut format = request.response_format.as_ref().filter(|format| {
            matches!(format, ResponseFormat::Demanded(_))
                || !self.writes_freely.load(Ordering::Relaxed)
        });
        let mut dropped = false;
        loop {
            let body = self.body(request, limit_name(newer), format);
            let refusal = match self.send("/chat/completions", &body).await? {
                Ok(response) => {
                    if renamed {
                        self.newer_limit.store(newer, Ordering::Relaxed);
                    }
                    if dropped {
                        self.writes_freely.store(true, Ordering::Relaxed);
                        tracing::info!(
                            model = self.metadata.name,
                            "refuses response_format; it is asked without from now on"
                        );
                    }
                    return Ok(response);
                }
                Err(refusal) => refusal,
            };
            if request.max_tokens.is_some()
                && !renamed
                && refusal.prefers(limit_name(newer), limit_name(!newer))
            {
                (newer, renamed) = (!newer, true);
            } else if refusal.blames_the_request()
                && matches!(format, Some(ResponseFormat::Wished(_)))
            {
                // Many OpenAI-style servers do not know response_format, and we can read free text as well.
                (format, dropped) = (None, true);
            } else {
                return Err(refusal.into_error(&self.words));
            }
        }
    }

    fn body(
        &self,
        request: &GenerateRequest,
        limit_name: &str,
        format: Option<&ResponseFormat>,
    ) -> Value {
        let messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| {
                let role = match message.speaker {
                    Speaker::System => "system",
                    Speaker::User => "user",
                    Speaker::Assistant => "assistant",
                };
                json!({"role": role, "content": message.text})
            })
            .collect();
        let mut body = json!({
            "model": self.upstream_name,
            "messages": messages,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                body.insert(name.to_owned(), value);
            }
        };
        set("temperature", request.temperature.map(Value::from));
        set("top_p", request.top_p.map(Value::from));
        set(limit_name, request.max_tokens.map(Value::from));
        // Seeds are signed in OpenAI's dialect.
        set("seed", request.seed.map(|seed| Value::from(seed as i64)));
        set(
            "stop",
            (!request.stop.is_empty()).then(|| json!(request.stop)),
        );
        let format = format.map(|format| match format {
            ResponseFormat::Demanded(format) => format.clone(),
            ResponseFormat::Wished(schema) => json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": true, "schema": schema},
            }),
        });
        set("response_format", format);
        body
    }
}

/// The name of the most new tokens: OpenAI's reasoning models know the newer one alone, most other servers the older.
fn limit_name(newer: bool) -> &'static str {
    if newer {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

/// A body up to `most` bytes, cut there.
async fn read(mut response: Response, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < most
        && let Some(piece) = response.chunk().await?
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(most);
    Ok(bytes)
}

/// A reqwest error without its URL, which may carry secrets.
fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() {
        "cannot be reached".to_owned()
    } else if error.is_timeout() {
        "did not answer in time".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.source().is_none() {
            text = format!("{text}: {inner}");
        }
        source = inner.source();
    }
    text
}

#[async_trait]
impl LanguageModel for Proxy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let response = self.begin(&request).await?;
        let (words, timeout) = (self.words.clone(), self.timeout);
        let mut events = response
            .bytes_stream()
            .map_err(|e| std::io::Error::other(describe(&e)))
            .eventsource();
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            let mut finish = None;
            loop {
                let next = tokio::time::timeout(timeout, events.next())
                    .await
                    .map_err(|_| words.late("a piece of the answer", timeout))?;
                let Some(event) = next else { break };
                let event = event.map_err(|e| words.error(format!("the stream broke: {e}")))?;
                if event.data == "[DONE]" {
                    finish.get_or_insert(FinishReason::Stop);
                    break;
                }
                let chunk: StreamChunk = serde_json::from_str(&event.data)
                    .map_err(|e| words.error(format!("sent a piece that is not a chunk: {e}")))?;
                if let Some(error) = chunk.error {
                    let message = error.get("message").and_then(Value::as_str).map_or(error.to_string(), str::to_owned);
                    Err(words.error(message))?;
                }
                if let Some(seen) = chunk.usage {
                    usage = Usage { prompt_tokens: seen.prompt_tokens, completion_tokens: seen.completion_tokens };
                }
                for choice in chunk.choices {
                    if let Some(text) = choice.delta.reasoning_content.filter(|text| !text.is_empty()) {
                        yield Chunk::Thinking(text);
                    }
                    if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
                        yield Chunk::Text(text);
                    }
                    match choice.finish_reason.as_deref() {
                        None => {}
                        Some("length") => finish = Some(FinishReason::Length),
                        Some(_) => finish = Some(FinishReason::Stop),
                    }
                }
            }
            let Some(finish) = finish else {
                Err(words.error("the stream ended before the answer did"))?;
                return;
            };
            yield Chunk::End { finish, usage, confidence: None };
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        // Upstreams have no common way to count; four characters a token is the usual estimate.
        Ok((text.chars().count() as u32).div_ceil(4))
    }
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
