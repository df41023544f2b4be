//! OpenAI-style upstreams: chat completions and embeddings over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::{Error, Result, model::Usage};

use super::{
    Chunk, ChunkStream, Embedder, FinishReason, GenerateRequest, LanguageModel, ModelKind,
    ModelMetadata, Speaker, registry::Model,
};
use crate::config;

/// Longest silence inside a stream before the upstream counts as stalled.
const IDLE: Duration = Duration::from_mins(1);
/// Most of an upstream's error text that is passed on.
const ERROR_CHARS: usize = 600;

/// One model of an upstream.
struct Proxy {
    client: Client,
    metadata: ModelMetadata,
    base_url: String,
    upstream_name: String,
    api_key: SecretString,
    timeout: Duration,
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
        timeout: Duration::from_secs(model.timeout_seconds),
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

    fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::upstream(&self.metadata.name, message.to_string())
    }

    /// Sends, and turns a refusal into an error with the upstream's own words.
    async fn send(&self, path: &str, body: &Value) -> Result<reqwest::Response> {
        let sent = tokio::time::timeout(self.timeout, self.request(path, body).send())
            .await
            .map_err(|_| Error::Timeout {
                what: format!("the model server of '{}'", self.metadata.name),
                limit: self.timeout,
            })?;
        let response = sent.map_err(|e| self.error(describe(&e)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .unwrap_or(1);
            return Err(Error::Overloaded {
                retry_after: Duration::from_secs(seconds),
            });
        }
        let text = response.text().await.unwrap_or_default();
        let message = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|body| {
                body.pointer("/error/message")
                    .or_else(|| body.get("message"))?
                    .as_str()
                    .map(str::to_owned)
            })
            .unwrap_or(text);
        let message: String = message.chars().take(ERROR_CHARS).collect();
        Err(self.error(format!("answered {status}: {message}")))
    }

    fn body(&self, request: &GenerateRequest, with_schema: bool) -> Value {
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
        set("max_tokens", request.max_tokens.map(Value::from));
        set("seed", request.seed.map(Value::from));
        set(
            "stop",
            (!request.stop.is_empty()).then(|| json!(request.stop)),
        );
        let schema = request.json_schema.as_ref().filter(|_| with_schema).map(|schema| {
            json!({"type": "json_schema", "json_schema": {"name": "answer", "strict": true, "schema": schema}})
        });
        set("response_format", schema);
        body
    }
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
        let response = match self
            .send("/chat/completions", &self.body(&request, true))
            .await
        {
            // Many OpenAI-style servers do not know response_format: ask again without it.
            Err(Error::Upstream { message, .. })
                if request.json_schema.is_some() && message.starts_with("answered 400") =>
            {
                self.send("/chat/completions", &self.body(&request, false))
                    .await?
            }
            other => other?,
        };
        let name = self.metadata.name.clone();
        let mut events = response
            .bytes_stream()
            .map_err(std::io::Error::other)
            .eventsource();
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            let mut finish = None;
            loop {
                let next = tokio::time::timeout(IDLE, events.next()).await.map_err(|_| Error::Timeout {
                    what: format!("a piece of the answer of '{name}'"),
                    limit: IDLE,
                })?;
                let Some(event) = next else { break };
                let event = event.map_err(|e| Error::upstream(&name, format!("the stream broke: {e}")))?;
                if event.data == "[DONE]" {
                    finish.get_or_insert(FinishReason::Stop);
                    break;
                }
                let chunk: StreamChunk = serde_json::from_str(&event.data)
                    .map_err(|e| Error::upstream(&name, format!("sent a piece that is not a chunk: {e}")))?;
                if let Some(error) = chunk.error {
                    let message = error.get("message").and_then(Value::as_str).map_or(error.to_string(), str::to_owned);
                    Err(Error::upstream(&name, message))?;
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
                Err(Error::upstream(&name, "the stream ended before the answer did"))?;
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

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let wanted = texts.len();
        let body = json!({"model": self.upstream_name, "input": texts, "encoding_format": "float"});
        let response = self.send("/embeddings", &body).await?;
        let mut answer: EmbeddingAnswer = response
            .json()
            .await
            .map_err(|e| self.error(format!("sent embeddings that cannot be read: {e}")))?;
        answer.data.sort_by_key(|row| row.index);
        if answer.data.len() != wanted {
            return Err(self.error(format!(
                "sent {} embeddings for {wanted} texts",
                answer.data.len()
            )));
        }
        Ok(answer.data.into_iter().map(|row| row.embedding).collect())
    }
}
