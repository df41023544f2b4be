//! Chat completions: the request in the upstream's dialect, the answer piece by piece.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::{Result, model::Usage};

use super::{Proxy, describe};
use crate::workers::{
    Chunk, ChunkStream, FinishReason, GenerateRequest, LanguageModel, ModelMetadata,
    ResponseFormat, Speaker,
};

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

impl Proxy {
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
            } else if (refusal.blames_the_request() || refusal.names_the_form())
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
