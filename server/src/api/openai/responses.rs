//! `/api/v1/responses`: OpenAI's newer route for conversations, over the services `models` and `responses`.

mod written;

use axum::{
    Json,
    extract::{Path, Request, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use tidegate_schema::{
    Result, model,
    wire::openai::{ErrorBody, ResponseDeleted, ResponseIn, ResponseOut, ResponseWriter},
};

use self::written::{Keeping, gather, stream};
use super::{
    Caller,
    chat::{
        pieces::generated,
        request::{message, request as asked},
    },
    error::OpenAiError,
};
use crate::{
    api::extract::{body_bytes, parse},
    app::App,
    services::metering::Operation,
    workers::{Prompt, PromptMessage},
};

/// Answer a conversation, and remember it for a while.
///
/// Functions may be called; tools that a provider runs itself are not there. With `previous_response_id` it goes on
/// from a response of the same caller that this process made within the hour. A stream ends with `response.completed`,
/// `response.incomplete` or `response.failed`.
#[utoipa::path(post, path = "/api/v1/responses", tag = "responses", request_body = ResponseIn,
    responses((status = 200, body = ResponseOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_response(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    Ok(answered(app, caller, &bytes).await?)
}

async fn answered(app: App, caller: model::Caller, bytes: &[u8]) -> Result<Response> {
    let wanted: ResponseIn = parse(bytes)?;
    app.models().writer(&wanted.model).await?;
    let choosing = wanted.choosing()?;
    let messages = conversation(&app, &caller, &wanted).await?;
    let mut request = asked(&choosing, &[])?;
    // Said anew with each response, and so no part of what is kept.
    let instructions = wanted.instructions.iter().map(PromptMessage::system);
    request.prompt = Prompt::Messages(instructions.chain(messages.iter().cloned()).collect());
    let streamed = wanted.stream.unwrap_or(false);
    let pieces = generated(
        &app,
        &caller,
        &wanted.model,
        request,
        Operation::Responses,
        streamed,
    )
    .await?;
    let id = format!("resp_{}", app.clock.new_id());
    let begun = ResponseOut::begun(&wanted, id, app.clock.now().timestamp());
    let keeping = Keeping {
        messages: begun.store.then_some(messages),
        app,
        caller,
        logprobs: wanted.tells_likelihoods(),
    };
    let writer = ResponseWriter::new(begun);
    if streamed {
        return Ok(stream(writer, pieces, keeping));
    }
    gather(writer, pieces, keeping)
        .await
        .map(|whole| Json(whole).into_response())
}

/// What was said so far, and what is said now.
async fn conversation(
    app: &App,
    caller: &model::Caller,
    wanted: &ResponseIn,
) -> Result<Vec<PromptMessage>> {
    let turns = wanted.turns()?;
    let mut messages = match wanted.previous_response_id.as_deref() {
        None | Some("") => Vec::new(),
        Some(id) => app.responses().previous(caller, id).await?.messages.clone(),
    };
    messages.extend(turns.iter().map(message));
    Ok(messages)
}

/// Show a response that is kept.
#[utoipa::path(get, path = "/api/v1/responses/{response_id}", tag = "responses",
    params(("response_id" = String, Path, description = "`resp_…`")),
    responses((status = 200, body = ResponseOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get_response(
    State(app): State<App>,
    Caller(caller): Caller,
    Path(response_id): Path<String>,
) -> Result<Response, OpenAiError> {
    let kept = app.responses().get(&caller, &response_id).await?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, kept.body.clone()).into_response())
}

/// Forget a response that is kept.
#[utoipa::path(delete, path = "/api/v1/responses/{response_id}", tag = "responses",
    params(("response_id" = String, Path, description = "`resp_…`")),
    responses((status = 200, body = ResponseDeleted), (status = "4XX", body = ErrorBody)))]
pub(super) async fn delete_response(
    State(app): State<App>,
    Caller(caller): Caller,
    Path(response_id): Path<String>,
) -> Result<Json<ResponseDeleted>, OpenAiError> {
    app.responses().delete(&caller, &response_id).await?;
    Ok(Json(ResponseDeleted {
        id: response_id,
        object: "response".to_owned(),
        deleted: true,
    }))
}
