//! The fast path: a request for a model whose server speaks this dialect goes on as bytes, and its answer comes back as
//! bytes.
//!
//! A request is looked at once, no deeper than to see whom it is for and that nothing in it needs us: what is ours
//! alone, what upstreams read in several ways, and what is wrong is left to the handlers, which read all of it. What
//! comes back is searched for its usage alone.

mod head;
mod passing;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::Response,
};
use futures::StreamExt as _;
use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use self::{head::Head, passing::Passing};
use crate::{
    app::App,
    services::metering::{Call, Meter, Operation},
    workers::{Relay, RelayPath, RelayRequest, RelayResponse},
};

/// The answer to a request that can be passed on; nothing for one that must be read.
///
/// # Errors
/// Whatever goes wrong before the first byte of the answer; behind it, the stream says so itself.
pub(super) async fn try_relay(
    app: &App,
    caller: &Caller,
    path: RelayPath,
    body: &Bytes,
) -> Result<Option<Response>> {
    let Some(head) = Head::of(path, body) else {
        return Ok(None);
    };
    let Some(relay) = way(app, path, &head.name).await else {
        return Ok(None);
    };
    caller.may(Act::Ask)?;
    let call = Call {
        model: head.name.clone(),
        operation: operation(path),
        streamed: head.stream,
    };
    let mut meter = app.metering().admit(caller, call).await?;
    meter.expect(body.len(), head.most_tokens);
    let request = RelayRequest {
        path,
        body: body.clone(),
        model: head.model,
        stream: head.stream,
        // The trace context goes along, which tells them apart.
        request_id: None,
    };
    let response = match relay.relay(&request).await {
        Ok(response) => response,
        Err(error) => {
            meter.failed(&error);
            return Err(error);
        }
    };
    meter.served_by(&response.served_by);
    passed_on(response, head.stream, meter).await.map(Some)
}

/// The way for bytes to a model, where there is one. Whoever reads the request tells of a model that cannot be had.
async fn way(app: &App, path: RelayPath, name: &str) -> Option<Arc<dyn Relay>> {
    let models = app.models();
    match path {
        RelayPath::ChatCompletions | RelayPath::Completions | RelayPath::Responses => {
            models.language(Some(name)).await.ok()?.relay()
        }
        RelayPath::Embeddings => models.embedder(name).await.ok()?.relay(),
        RelayPath::Rerank => models.reranker(name).await.ok()?.relay(),
    }
}

fn operation(path: RelayPath) -> Operation {
    match path {
        RelayPath::ChatCompletions => Operation::Chat,
        RelayPath::Completions => Operation::Completion,
        RelayPath::Embeddings => Operation::Embeddings,
        RelayPath::Rerank => Operation::Rerank,
        RelayPath::Responses => Operation::Responses,
    }
}

/// The answer as it came.
async fn passed_on(
    mut answer: RelayResponse,
    is_stream: bool,
    mut meter: Meter,
) -> Result<Response> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status)
        .map_err(|e| Error::internal("passing an answer on", e))?;
    let headers = response.headers_mut();
    *headers = answer.headers;
    let usual = if is_stream {
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    headers.insert(
        CONTENT_TYPE,
        answer
            .content_type
            .unwrap_or(HeaderValue::from_static(usual)),
    );
    if is_stream {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        *response.body_mut() = Body::from_stream(Passing::new(answer.body, true, meter));
        return Ok(response);
    }
    // Nearly every answer is one piece, which needs no stream around it.
    let first = match answer.body.next().await {
        Some(Ok(first)) => first,
        Some(Err(error)) => {
            meter.failed(&error);
            return Err(error);
        }
        None => Bytes::new(),
    };
    meter.first_token();
    if answer.length == Some(first.len() as u64) {
        if let Some(used) = usage::last_in(&first) {
            used.tell(&mut meter);
        }
        meter.done();
        *response.body_mut() = Body::from(first);
        return Ok(response);
    }
    if let Some(length) = answer.length {
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let pieces = futures::stream::iter([Ok(first)])
        .chain(answer.body)
        .boxed();
    *response.body_mut() = Body::from_stream(Passing::new(pieces, false, meter));
    Ok(response)
}
