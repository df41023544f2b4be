//! `/api/v1/tokenize` and `/api/v1/detokenize`: texts as a model counts them, in vLLM's shape.

use axum::{
    Json,
    extract::{Request, State},
};
use tidegate_schema::wire::openai::{
    ChatIn, DetokeniseIn, DetokeniseOut, ErrorBody, TokeniseIn, TokeniseOut, TokeniseWhat,
};

use super::{Caller, chat::request::request as asked, error::OpenAiError};
use crate::{
    api::extract::{body_bytes, parse},
    app::App,
    workers::{GenerateRequest, Prompt},
};

/// Turn a text or a conversation into tokens.
///
/// For models that run in the server; a model server keeps its tokens to itself. Also at `/v1/tokenize` and
/// `/tokenize`.
#[utoipa::path(post, path = "/api/v1/tokenize", tag = "tokens", request_body = TokeniseIn,
    responses((status = 200, body = TokeniseOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_tokens(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Json<TokeniseOut>, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    let wanted: TokeniseIn = parse(&bytes)?;
    let what = match wanted.what()? {
        TokeniseWhat::Text(text) => GenerateRequest {
            prompt: Prompt::Text(text),
            ..GenerateRequest::default()
        },
        TokeniseWhat::Turns(turns) => {
            let chat = ChatIn {
                tools: wanted.tools,
                chat_template_kwargs: wanted.chat_template_kwargs,
                ..ChatIn::default()
            };
            asked(&chat, &turns)?
        }
    };
    let marks = wanted.add_special_tokens.unwrap_or(true);
    let told = app
        .models()
        .tokenise(&caller, &wanted.model, what, marks)
        .await?;
    Ok(Json(TokeniseOut {
        count: told.tokens.len(),
        max_model_len: told.window,
        tokens: told.tokens,
    }))
}

/// Turn tokens into text.
///
/// For models that run in the server. Also at `/v1/detokenize` and `/detokenize`.
#[utoipa::path(post, path = "/api/v1/detokenize", tag = "tokens", request_body = DetokeniseIn,
    responses((status = 200, body = DetokeniseOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_text(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Json<DetokeniseOut>, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    let wanted: DetokeniseIn = parse(&bytes)?;
    let prompt = app
        .models()
        .detokenise(&caller, &wanted.model, &wanted.tokens)
        .await?;
    Ok(Json(DetokeniseOut { prompt }))
}
