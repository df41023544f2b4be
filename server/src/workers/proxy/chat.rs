//! Answers of an upstream, piece by piece.

use std::sync::Arc;

use async_trait::async_trait;
use eventsource_stream::Eventsource as _;
use futures::{StreamExt as _, TryStreamExt as _};
use tidegate_schema::{Error, Result, model::Usage};

use super::{Proxy, describe, pieces::Pieces};
use crate::workers::{Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelMetadata};

/// Most answers to one request: each may be asked for by a request of its own.
const MOST_ANSWERS: u32 = 128;

/// A model that writes: a stream of its answer outlives the call that began it.
pub(super) struct Asking(pub(super) Arc<Proxy>);

#[async_trait]
impl LanguageModel for Asking {
    fn metadata(&self) -> ModelMetadata {
        self.0.metadata.clone()
    }

    async fn generate(&self, request: GenerateRequest) -> Result<ChunkStream> {
        let wanted = request.choices();
        if wanted == 0 || wanted > MOST_ANSWERS {
            return Err(Error::invalid(
                "n",
                format!("is {wanted}; it must be from 1 to {MOST_ANSWERS}"),
            ));
        }
        let proxy = Arc::clone(&self.0);
        let mut response = Some(proxy.begin(&request, 0, wanted).await?);
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            let mut first = 0;
            // Many servers write one answer whatever `n` says: the others are asked for one by one.
            while first < wanted {
                let response = match response.take() {
                    Some(response) => response,
                    None => proxy.begin(&request, first, wanted - first).await?,
                };
                let mut events = response
                    .bytes_stream()
                    .map_err(|e| std::io::Error::other(describe(&e)))
                    .eventsource();
                let mut pieces = Pieces::default();
                loop {
                    let next = proxy.in_time("a piece of the answer", events.next()).await?;
                    let Some(event) = next else { break };
                    let event = event.map_err(|e| proxy.words.error(format!("the stream broke: {e}")))?;
                    if event.data == "[DONE]" {
                        pieces.done(first);
                        break;
                    }
                    for chunk in pieces.read(&event.data, first, &proxy.words)? {
                        yield chunk;
                    }
                }
                let Some(ended) = pieces.ended() else {
                    Err(proxy.words.error("the stream ended before the answer did"))?;
                    return;
                };
                let used = pieces.usage();
                usage.prompt_tokens += used.prompt_tokens;
                usage.completion_tokens += used.completion_tokens;
                let mut behind = first;
                for (choice, finish) in ended {
                    behind = behind.max(choice.saturating_add(1));
                    yield Chunk::End { choice, finish, usage, confidence: None };
                }
                first = behind;
            }
        };
        Ok(stream.boxed())
    }

    async fn count_tokens(&self, text: &str) -> Result<u32> {
        // Upstreams have no common way to count; four characters a token is the usual estimate.
        Ok((text.chars().count() as u32).div_ceil(4))
    }
}
