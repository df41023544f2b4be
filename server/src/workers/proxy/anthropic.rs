//! Upstreams that speak Anthropic's messages: the same conversations, tools and streams in other words.

mod body;
mod pieces;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{Result, model::Usage};

use self::{body::body, pieces::Pieces};
use super::{
    chat::{CUT_SHORT, answers, estimate},
    events::Events,
    server::{Auth, Deadline, Server},
    urls,
    wire::{Address, Answer},
};
use crate::{
    config,
    workers::{
        Capabilities, Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelKind, ModelMetadata,
    },
};

/// The version of the API that is spoken where none is configured.
const VERSION: &str = "2023-06-01";

/// A model behind Anthropic's messages.
pub(super) struct Anthropic(Arc<Upstream>);

struct Upstream {
    server: Server,
    messages: Address,
    metadata: ModelMetadata,
    name_there: String,
}

impl Anthropic {
    /// The client of a configured model, which is called `upstream_name` there.
    pub(super) fn open(
        model: &config::Model,
        upstream_name: &str,
    ) -> anyhow::Result<(ModelMetadata, Self)> {
        let metadata = ModelMetadata {
            capabilities: Capabilities {
                tools: true,
                forms: true,
                logprobs: false,
            },
            ..ModelMetadata::new(&model.name, ModelKind::Llm)
        };
        let version = match model.api_version.as_str() {
            "" => VERSION,
            version => version,
        };
        let auth = Auth::Header("x-api-key");
        let upstream = Upstream {
            server: Server::open(model, auth, &[("anthropic-version", version)])?,
            messages: urls::messages(model)?,
            metadata: metadata.clone(),
            name_there: upstream_name.to_owned(),
        };
        Ok((metadata, Self(Arc::new(upstream))))
    }
}

impl Upstream {
    async fn begin(&self, body: &Value, deadline: Deadline) -> Result<Answer> {
        self.server
            .send_value(&self.messages, body, deadline)
            .await?
            .map_err(|refusal| refusal.into_error(&self.server.words))
    }
}

#[async_trait]
impl LanguageModel for Anthropic {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let wanted = answers(&request)?;
        let upstream = Arc::clone(&self.0);
        let asked = body(&request, &upstream.name_there, &upstream.metadata.name)?;
        let deadline = Deadline::within(upstream.server.limits.first);
        let response = upstream.begin(&asked.body, deadline).await?;
        let mut begun = Some(Events::of(response, deadline));
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            // There is one answer to a request: the others are asked for one by one.
            for choice in 0..wanted {
                let mut events = if let Some(events) = begun.take() {
                    events
                } else {
                    let deadline = Deadline::within(upstream.server.limits.first);
                    let response = upstream.begin(&asked.body, deadline).await?;
                    Events::of(response, deadline)
                };
                let words = &upstream.server.words;
                let mut pieces = Pieces::new(choice, asked.form_is_a_tool);
                while let Some(data) = events.next(&upstream.server).await? {
                    if let Some(chunk) = pieces.read(&data, words)? {
                        yield chunk;
                    }
                    if pieces.is_over() {
                        break;
                    }
                }
                let Some((finish, used)) = pieces.ended() else {
                    Err(words.error(CUT_SHORT))?;
                    return;
                };
                usage.prompt_tokens = usage.prompt_tokens.saturating_add(used.prompt_tokens);
                usage.completion_tokens =
                    usage.completion_tokens.saturating_add(used.completion_tokens);
                yield Chunk::End { choice, finish, usage, confidence: None };
            }
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        Ok(estimate(text))
    }
}
