//! The OpenAI surface: sealed, with its own extractor and errors.
//!
//! Its listener has it at `/api/v1` and `/v1`, and what other servers have without a version at the root; the web
//! listener has it at `/v1`, and at `/api/v1/chat/completions` for bodies with `messages`.

pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error;
pub mod models;
pub mod rerank;
pub mod responses;
pub mod tokens;

mod relay;
mod stream;
mod target;

use axum::{
    Router,
    extract::FromRequestParts,
    http::request::Parts,
    routing::{get, post},
};
use tidegate_schema::model;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::error::OpenAiError;
use super::extract::identify;
use crate::app::App;

/// Routes at `/api/v1`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .route(
            "/api/v1/models/{owner}/{*name}",
            get(models::get_owned_model),
        )
        .routes(routes!(chat::create_chat_completion))
        .routes(routes!(completions::create_completion))
        .routes(routes!(responses::create_response))
        .routes(routes!(responses::get_response, responses::delete_response))
        .routes(routes!(embeddings::create_embedding))
        .routes(routes!(rerank::create_relevance))
        .routes(routes!(rerank::create_rerank))
        .routes(routes!(tokens::create_tokens))
        .routes(routes!(tokens::create_text))
}

/// The same handlers at `/v1`, where most SDK users look for them.
pub fn alias_routes() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models::list_models))
        .route("/v1/models/{model}", get(models::get_model))
        .route("/v1/models/{owner}/{*name}", get(models::get_owned_model))
        .route("/v1/chat/completions", post(chat::create_chat_completion))
        .route("/v1/completions", post(completions::create_completion))
        .route("/v1/responses", post(responses::create_response))
        .route(
            "/v1/responses/{response_id}",
            get(responses::get_response).delete(responses::delete_response),
        )
        .route("/v1/embeddings", post(embeddings::create_embedding))
        .route("/v1/beta/relevance", post(rerank::create_relevance))
        .route("/v1/rerank", post(rerank::create_rerank))
        .route("/v1/tokenize", post(tokens::create_tokens))
        .route("/v1/detokenize", post(tokens::create_text))
}

/// The handlers that other servers have without a version, on the OpenAI listener alone.
pub fn root_routes() -> Router<App> {
    Router::new()
        .route("/rerank", post(rerank::create_rerank))
        .route("/tokenize", post(tokens::create_tokens))
        .route("/detokenize", post(tokens::create_text))
}

/// Whoever calls; rejects in OpenAI's shape.
pub struct Caller(pub model::Caller);

impl FromRequestParts<App> for Caller {
    type Rejection = OpenAiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, OpenAiError> {
        Ok(Self(identify(parts, app).await?))
    }
}
