//! Answers of an upstream, piece by piece.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use tidegate_schema::{Error, Result, model::Usage};

use super::{
    Proxy,
    events::{DONE, Events},
    pieces::Pieces,
    server::Deadline,
};
use crate::workers::{Chunk, ChunkStream, GenerateRequest, LanguageModel, ModelMetadata, Relay};

/// What is said of a stream that ends too early.
pub(super) const CUT_SHORT: &str = "the stream ended before the answer did";
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
        let wanted = answers(&request)?;
        let proxy = Arc::clone(&self.0);
        let deadline = Deadline::within(proxy.server.limits.first);
        let response = proxy.begin(&request, 0, wanted, deadline).await?;
        let mut begun = Some(Events::of(response, deadline));
        let stream = async_stream::try_stream! {
            let mut usage = Usage::default();
            let mut first = 0;
            // Many servers write one answer whatever `n` says: the others are asked for one by one.
            while first < wanted {
                let mut events = if let Some(events) = begun.take() {
                    events
                } else {
                    let deadline = Deadline::within(proxy.server.limits.first);
                    let response = proxy.begin(&request, first, wanted - first, deadline).await?;
                    Events::of(response, deadline)
                };
                let words = &proxy.server.words;
                let mut pieces = Pieces::default();
                while let Some(data) = events.next(&proxy.server).await? {
                    if data == DONE {
                        pieces.done(first);
                        break;
                    }
                    for chunk in pieces.read(&data, first, words)? {
                        yield chunk;
                    }
                }
                let Some(ended) = pieces.ended() else {
                    Err(words.error(CUT_SHORT))?;
                    return;
                };
                let used = pieces.usage();
                usage.prompt_tokens = usage.prompt_tokens.saturating_add(used.prompt_tokens);
                usage.completion_tokens =
                    usage.completion_tokens.saturating_add(used.completion_tokens);
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
        Ok(estimate(text))
    }

    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.0.relays.then(|| Arc::clone(&self.0) as Arc<dyn Relay>)
    }
}

/// Answers wanted.
///
/// # Errors
/// [`Error::Invalid`] for none, or for more than anybody can mean.
pub(super) fn answers(request: &GenerateRequest) -> Result<u32> {
    let wanted = request.choices();
    if wanted == 0 || wanted > MOST_ANSWERS {
        return Err(Error::invalid(
            "n",
            format!("is {wanted}; it must be from 1 to {MOST_ANSWERS}"),
        ));
    }
    Ok(wanted)
}

/// Tokens of a text, about. Upstreams have no common way to count; four characters a token is the usual estimate.
pub(super) fn estimate(text: &str) -> u32 {
    (text.chars().count() as u32).div_ceil(4)
}
