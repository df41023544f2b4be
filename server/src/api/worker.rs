//! `/api/worker/…`: this process's models for other processes, in DB-GPT's shapes.
//!
//! Models of other processes are not passed on, and no route has the envelope.

mod deploy;
pub(super) mod peer;
mod prompt;
pub(super) mod refused;

use std::convert::Infallible;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use futures::{Stream, StreamExt as _};
use tidegate_schema::{
    Error, Result,
    model::DeployedKind,
    wire::cluster::{
        CountBody, EmbeddingsBody, MetadataOut, ModelBody, OutputBody, PromptBody, RefusalBody,
        Teller, frame,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    peer::{Fields, Peer},
    refused::{Refused, words},
};
use crate::{app::App, workers::Chunk};

/// Routes of this file and its folder.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(generate_stream))
        .routes(routes!(generate))
        .routes(routes!(embed_texts))
        .routes(routes!(count_tokens))
        .routes(routes!(get_model_metadata))
        .merge(deploy::routes())
}

/// Go on with a conversation, piece by piece.
///
/// One JSON object after another with a NUL behind each. Every object carries the whole text so far, or what is new
/// where `incremental` is true, which it is for callers that send `x-tidegate-peer`. An answer that fails ends with an
/// object whose `error_code` is not 0; so does one that cannot begin.
#[utoipa::path(post, path = "/api/worker/generate_stream", tag = "worker", request_body = PromptBody,
    responses((status = 200, content_type = "application/octet-stream", body = String),
        (status = 422, body = RefusalBody)))]
pub(super) async fn generate_stream(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Response, Refused> {
    let body = PromptBody::read(&body)?;
    let (model, teller) = (body.model.clone(), teller(&app, &peer, body.echo));
    let begun = app
        .cluster()
        .generate(&peer.peer, &model, prompt::request(body), true)
        .await;
    let body = match begun {
        Ok(chunks) => Body::from_stream(frames(app, chunks, teller)),
        Err(error) => Body::from(frame(&in_band(error, peer.ours)?)),
    };
    // DB-GPT sets no type here.
    Ok(body.into_response())
}

/// Go on with a conversation, answered in one piece.
///
/// What fails is told in the same shape, with an `error_code` that is not 0.
#[utoipa::path(post, path = "/api/worker/generate", tag = "worker", request_body = PromptBody,
    responses((status = 200, body = OutputBody), (status = 422, body = RefusalBody)))]
pub(super) async fn generate(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<OutputBody>, Refused> {
    let body = PromptBody::read(&body)?;
    let model = body.model.clone();
    // The whole text is wanted, whoever asks.
    let mut teller = Teller::cumulative(body.echo, now(&app));
    let begun = app
        .cluster()
        .generate(&peer.peer, &model, prompt::request(body), false)
        .await;
    let mut chunks = match begun {
        Ok(chunks) => chunks,
        Err(error) => return Ok(Json(in_band(error, peer.ours)?)),
    };
    let mut last = OutputBody::text("");
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => {
                if let Some(output) = prompt::output(&mut teller, chunk, now(&app)) {
                    last = output;
                }
            }
            Err(error) => return Ok(Json(in_band(error, peer.ours)?)),
        }
    }
    Ok(Json(last))
}

/// Turn texts into vectors; with `query`, judge how well they fit it.
///
/// Scores come as one list inside another.
#[utoipa::path(post, path = "/api/worker/embeddings", tag = "worker", request_body = EmbeddingsBody,
    responses((status = 200, body = Vec<Vec<f32>>), (status = 422, body = RefusalBody)))]
pub(super) async fn embed_texts(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<Vec<Vec<f32>>>, Refused> {
    let body = EmbeddingsBody::read(&body)?;
    let cluster = app.cluster();
    // Up to 0.6 rerankers went as embedders that were given a query.
    let judges = body.worker_type == DeployedKind::Reranker.worker_type()
        || (body.query.is_some() && cluster.has(&body.model, DeployedKind::Reranker));
    if !judges {
        let vectors = cluster.embed(&peer.peer, &body.model, body.input).await;
        return vectors
            .map(Json)
            .map_err(|error| Refused::about(error, DeployedKind::Embedding));
    }
    let Some(query) = body.query else {
        return Err(Error::invalid("query", "is needed to judge documents by").into());
    };
    let scores = cluster
        .rerank(&peer.peer, &body.model, query, body.input)
        .await
        .map_err(|error| Refused::about(error, DeployedKind::Reranker))?;
    Ok(Json(vec![scores]))
}

/// Count the tokens of a text; -1 where no model here can.
#[utoipa::path(post, path = "/api/worker/count_token", tag = "worker", request_body = CountBody,
    responses((status = 200, body = i64), (status = 422, body = RefusalBody)))]
pub(super) async fn count_tokens(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<i64>, Refused> {
    let body = CountBody::read(&body)?;
    let counted = app
        .cluster()
        .count_tokens(&peer.peer, body.model.as_deref(), &body.prompt)
        .await
        .map_err(|error| Refused::about(error, DeployedKind::Llm))?;
    Ok(Json(counted.map_or(-1, i64::from)))
}

/// Tell what a model is.
#[utoipa::path(post, path = "/api/worker/model_metadata", tag = "worker", request_body = ModelBody,
    responses((status = 200, body = MetadataOut), (status = 422, body = RefusalBody)))]
pub(super) async fn get_model_metadata(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<MetadataOut>, Refused> {
    let body = ModelBody::read(&body)?;
    let metadata = app
        .cluster()
        .metadata(&peer.peer, &body.model)
        .await
        .map_err(|error| Refused::about(error, DeployedKind::Llm))?;
    Ok(Json(MetadataOut::new(
        &metadata.name,
        metadata.context_length,
    )))
}

fn teller(app: &App, peer: &Peer, echo: bool) -> Teller {
    if peer.ours {
        Teller::incremental(now(app))
    } else {
        Teller::cumulative(echo, now(app))
    }
}

fn frames(
    app: App,
    mut chunks: impl Stream<Item = Result<Chunk>> + Send + Unpin + 'static,
    mut teller: Teller,
) -> impl Stream<Item = Result<Vec<u8>, Infallible>> + Send + 'static {
    async_stream::stream! {
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    if let Some(output) = prompt::output(&mut teller, chunk, now(&app)) {
                        yield Ok(frame(&output));
                    }
                }
                Err(error) => {
                    tracing::warn!(error = error.log_chain(), "an answer for a peer broke off");
                    yield Ok(frame(&teller.failed(&error)));
                    break;
                }
            }
        }
    }
}

/// A failure as it stands in an answer. Who may not ask is told so by the status.
fn in_band(error: Error, ours: bool) -> Result<OutputBody, Refused> {
    if matches!(
        error,
        Error::Unauthenticated { .. } | Error::Forbidden { .. }
    ) {
        return Err(error.into());
    }
    if matches!(error, Error::Internal { .. }) {
        tracing::error!(error = error.log_chain(), "a peer was not answered");
    }
    let text = words(&error, DeployedKind::Llm);
    Ok(OutputBody::failed(&error, &text, ours))
}

/// Milliseconds since 1970.
fn now(app: &App) -> i64 {
    app.clock.now().timestamp_millis()
}
