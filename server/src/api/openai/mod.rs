//! The OpenAI surface: sealed, with its own extractor and errors.
//!
//! Its listener has it at `/api/v1` and `/v1`; the web listener has it at `/v1`, and at
//! `/api/v1/chat/completions` for bodies with `messages`.

pub mod chat;
pub mod embeddings;
pub mod error;
pub mod models;

mod target;

use axum::{
    Router,
    extract::{FromRequestParts, Request},
    http::request::Parts,
    routing::{get, post},
};
use tidegate_schema::model;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::error::OpenAiError;
use super::extract::{body_bytes, identify, parse};
use crate::app::App;

/// Routes at `/api/v1`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .routes(routes!(chat::create_chat_completion))
        .routes(routes!(embeddings::create_embedding))
}

/// The same handlers at `/v1`, where most SDK users look for them.
pub fn alias_routes() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models::list_models))
        .route("/v1/models/{model}", get(models::get_model))
        .route("/v1/chat/completions", post(chat::create_chat_completion))
        .route("/v1/embeddings", post(embeddings::create_embedding))
}

/// Whoever calls; rejects in OpenAI's shape.
pub struct Caller(pub model::Caller);

impl FromRequestParts<App> for Caller {
    type Rejection = OpenAiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, OpenAiError> {
        Ok(Self(identify(parts, app).await?))
    }
}

/// A JSON body; rejects in OpenAI's shape.
pub(super) async fn body<T: serde::de::DeserializeOwned>(
    request: Request,
    app: &App,
) -> Result<T, OpenAiError> {
    let bytes = body_bytes(request, app).await?;
    Ok(parse(&bytes)?)
}
