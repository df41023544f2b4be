//! The relay: a request that is passed on as bytes, and the bytes that come back.
//!
//! For upstreams that speak OpenAI's dialect, so that nothing needs to be read but what routing asks for. Everything
//! else goes through [`super::LanguageModel`] and its kin.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use reqwest::header::{HeaderMap, HeaderValue};
use tidegate_schema::Result;

/// What is asked of an upstream, in OpenAI's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelayPath {
    /// A conversation is gone on with.
    ChatCompletions,
    /// A text is gone on with.
    Completions,
    /// Texts become vectors.
    Embeddings,
    /// Documents are judged, in the shape that Jina and Cohere share.
    Rerank,
    /// A conversation in the newer shape.
    Responses,
}

impl RelayPath {
    /// The path behind the version of a base URL.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Rerank => "/rerank",
            Self::Responses => "/responses",
        }
    }
}

/// A request as its caller wrote it.
#[derive(Debug, Clone)]
pub struct RelayRequest {
    /// What is asked.
    pub path: RelayPath,
    /// The body: a JSON object.
    pub body: Bytes,
    /// The value of `model` in it, quotes included, so that the upstream's own name is put there without reading the
    /// rest.
    pub model: Range<usize>,
    /// Whether the answer is to come as a stream of events.
    pub stream: bool,
    /// Our name of the request, for the upstream's logs.
    pub request_id: Option<String>,
}

/// An answer that has begun: nothing of it is lost by then, and what fails after it is told in `body`.
pub struct RelayResponse {
    /// The model that answers, by our name.
    pub served_by: String,
    /// 200 and its like; anything else is an error of [`Relay::relay`].
    pub status: u16,
    /// As the upstream says it.
    pub content_type: Option<HeaderValue>,
    /// Bytes of the body in all, where that is known: of every answer that is no stream.
    pub length: Option<u64>,
    /// What the upstream says of its limits and its time, and may be passed on.
    pub headers: HeaderMap,
    /// The body. Pieces of a stream of events end where a line ends, and the last one says `[DONE]`.
    pub body: BoxStream<'static, Result<Bytes>>,
}

/// Passes requests on.
#[async_trait]
pub trait Relay: Send + Sync {
    /// Passes a request on and waits until its answer begins; whoever drops the body ends the request upstream.
    ///
    /// # Errors
    /// The upstream's refusals and failures before the first byte, of the same kinds as the model's own methods give.
    async fn relay(&self, request: &RelayRequest) -> Result<RelayResponse>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_behind_the_version() {
        assert_eq!(RelayPath::ChatCompletions.suffix(), "/chat/completions");
        assert_eq!(RelayPath::Rerank.suffix(), "/rerank");
    }
}
