//! Requests passed on as bytes, and answers passed back as they come.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use memchr::memmem;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::Value;
use tidegate_schema::{Error, Result};

use super::{
    Proxy, limit_name,
    lines::{Lines, Told, speaks_of_error},
    server::{Deadline, is_of, read},
    wire::{Answer, describe},
};
use crate::workers::{Relay, RelayPath, RelayRequest, RelayResponse};

/// Most bytes of an answer that is read whole before it is passed on; a longer one is passed on as it comes.
const WHOLE_BYTES: usize = 1 << 23;
/// Most bytes that are read of an answer that is no stream though one was asked for.
const FAILURE_BYTES: usize = 1 << 16;

#[async_trait]
impl Relay for Proxy {
    async fn relay(&self, request: &RelayRequest) -> Result<RelayResponse> {
        let limits = self.server.limits;
        // What comes whole begins when it is over.
        let deadline = Deadline::within(if request.stream {
            limits.first
        } else {
            limits.whole
        });
        let response = self.pass_on(request, deadline).await?;
        if request.stream {
            self.streamed(request.path, response, deadline).await
        } else {
            self.whole(response, deadline).await
        }
    }
}

impl Proxy {
    /// Sends a request, and once more where the most new tokens go by another name there.
    async fn pass_on(&self, request: &RelayRequest, deadline: Deadline) -> Result<Answer> {
        let to = self.urls.of(request.path);
        let id = request.request_id.as_deref();
        let is_chat = request.path == RelayPath::ChatCompletions;
        let newer = is_chat && self.newer_limit.load(Ordering::Relaxed);
        let (sent, other) = (limit_name(newer), limit_name(!newer));
        let mut body = self.named(request)?;
        if newer && let Some(renamed) = renamed(&body, other, sent) {
            body = renamed;
        }
        let words = &self.server.words;
        let refusal = match self.server.send(to, body.clone(), deadline, id).await? {
            Ok(response) => return Ok(response),
            Err(refusal) => refusal,
        };
        if is_chat
            && refusal.prefers(sent, other)
            && let Some(renamed) = renamed(&body, sent, other)
        {
            let response = self
                .server
                .send(to, renamed, deadline, id)
                .await?
                .map_err(|refusal| refusal.into_error(words))?;
            self.newer_limit.store(!newer, Ordering::Relaxed);
            return Ok(response);
        }
        Err(refusal.into_error(words))
    }

    /// The body with the upstream's name of the model.
    fn named(&self, request: &RelayRequest) -> Result<Bytes> {
        let (body, model) = (&request.body, &request.model);
        let (Some(before), Some(given), Some(behind)) = (
            body.get(..model.start),
            body.get(model.clone()),
            body.get(model.end..),
        ) else {
            return Err(Error::invalid("model", "stands outside the body"));
        };
        if given == &self.upstream_json[..] {
            return Ok(body.clone());
        }
        let mut named =
            BytesMut::with_capacity(before.len() + self.upstream_json.len() + behind.len());
        named.extend_from_slice(before);
        named.extend_from_slice(&self.upstream_json);
        named.extend_from_slice(behind);
        Ok(named.freeze())
    }

    /// An answer that comes whole. It is read to its end where it is no longer than usual, so that half of one, or
    /// none, is found out while another server can still be asked.
    async fn whole(&self, response: Answer, deadline: Deadline) -> Result<RelayResponse> {
        let words = &self.server.words;
        if is_of(&response, "text/event-stream") {
            let mut lines = self.lines(response, true);
            // An error may be what it streams.
            while let Some(piece) = self
                .server
                .in_time("the answer", deadline, lines.next())
                .await?
            {
                piece?;
            }
            return Err(words.error("answered with a stream, which was not asked for"));
        }
        let announced = response.body().size_hint().exact();
        let begun = self.begun(&response);
        let mut pieces = response.into_body().into_data_stream().boxed();
        if announced.is_some_and(|length| length > WHOLE_BYTES as u64) {
            return Ok(begun.with(announced, self.guarded(pieces)));
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(piece) = self
            .server
            .in_time("the answer", deadline, pieces.next())
            .await?
        {
            let piece = piece.map_err(|e| words.error(describe(&e)))?;
            if first.is_empty() {
                first = piece;
                continue;
            }
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&piece);
            if all.len() > WHOLE_BYTES {
                let read = stream::iter([Ok(all.freeze())]);
                return Ok(begun.with(None, read.chain(self.guarded(pieces)).boxed()));
            }
        }
        let body = if all.is_empty() { first } else { all.freeze() };
        self.check(&body)?;
        let length = body.len() as u64;
        Ok(begun.with(Some(length), stream::iter([Ok(body)]).boxed()))
    }

    /// Whether a whole answer is one.
    fn check(&self, body: &[u8]) -> Result<()> {
        let words = &self.server.words;
        let not_json = |e| words.error(format!("sent an answer that is not JSON: {e}"));
        let may_be_failure = match body.trim_ascii_start().first() {
            None => return Err(words.error("answered with nothing")),
            // text-embeddings-inference answers with lists.
            Some(b'[') => false,
            Some(b'{') => speaks_of_error(body),
            Some(_) => true,
        };
        if !may_be_failure {
            return serde_json::from_slice::<IgnoredAny>(body)
                .map(drop)
                .map_err(not_json);
        }
        let told: Told<'_> = serde_json::from_slice(body).map_err(not_json)?;
        told.failure()
            .map_or(Ok(()), |failure| Err(words.error(failure)))
    }

    /// The rest of a long answer, each piece in its time.
    fn guarded(
        &self,
        pieces: BoxStream<'static, reqwest::Result<Bytes>>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let words = Arc::clone(&self.server.words);
        let limit = self.server.limits.between;
        stream::try_unfold((pieces, words), move |(mut pieces, words)| async move {
            let piece = tokio::time::timeout(limit, pieces.next())
                .await
                .map_err(|_| words.late("a piece of the answer", limit))?
                .transpose()
                .map_err(|e| words.error(describe(&e)))?;
            Ok::<_, Error>(piece.map(|piece| (piece, (pieces, words))))
        })
        .boxed()
    }

    /// A stream, of which the first piece has come.
    async fn streamed(
        &self,
        path: RelayPath,
        response: Answer,
        deadline: Deadline,
    ) -> Result<RelayResponse> {
        let words = &self.server.words;
        let begun = self.begun(&response);
        if is_of(&response, "application/json") {
            let body = self
                .server
                .in_time("the answer", deadline, read(response, FAILURE_BYTES))
                .await?
                .map_err(|e| words.error(describe(&e)))?;
            let failure = serde_json::from_slice::<Told<'_>>(&body)
                .ok()
                .and_then(|told| told.failure());
            return Err(words.error(failure.unwrap_or_else(|| {
                "answered whole where a stream was asked for; ask without stream".to_owned()
            })));
        }
        let has_chunks = matches!(path, RelayPath::ChatCompletions | RelayPath::Completions);
        let mut lines = self.lines(response, has_chunks);
        loop {
            let first = self
                .server
                .in_time("the first piece of the answer", deadline, lines.next())
                .await?
                .ok_or_else(|| words.error("answered with nothing"))??;
            // Comments are no beginning: another server can still be asked.
            if lines.has_data() {
                let body = stream::iter([Ok(first)]).chain(lines).boxed();
                return Ok(begun.with(None, body));
            }
        }
    }

    fn begun(&self, response: &Answer) -> Begun {
        Begun {
            served_by: self.metadata.name.clone(),
            status: response.status().as_u16(),
            content_type: response.headers().get(CONTENT_TYPE).cloned(),
            headers: response
                .headers()
                .iter()
                .filter(|(name, _)| may_pass(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    fn lines(&self, response: Answer, has_chunks: bool) -> Lines {
        Lines::of(
            response.into_body().into_data_stream().boxed(),
            Arc::clone(&self.server.words),
            self.server.limits.between,
            has_chunks,
        )
    }
}

/// What an answer begins with.
struct Begun {
    served_by: String,
    status: u16,
    content_type: Option<HeaderValue>,
    headers: HeaderMap,
}

impl Begun {
    fn with(self, length: Option<u64>, body: BoxStream<'static, Result<Bytes>>) -> RelayResponse {
        RelayResponse {
            served_by: self.served_by,
            status: self.status,
            content_type: self.content_type,
            length,
            headers: self.headers,
            body,
        }
    }
}

/// Whether a header is of use to whoever asked us.
fn may_pass(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "openai-processing-ms" || name.starts_with("x-ratelimit-")
}

/// A body with a field under its other name; nothing where it has no such field, or has both.
fn renamed(body: &[u8], from: &str, to: &str) -> Option<Bytes> {
    memmem::find(body, from.as_bytes())?;
    let mut body: serde_json::Map<String, Value> = serde_json::from_slice(body).ok()?;
    if body.contains_key(to) {
        return None;
    }
    let value = body.shift_remove(from)?;
    body.insert(to.to_owned(), value);
    serde_json::to_vec(&body).ok().map(Bytes::from)
}
