//! `/api/v1/completions`: texts gone on with, over the `models` service.

mod prompts;
mod written;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use tidegate_schema::{
    Result, model,
    wire::openai::{CompletionIn, CompletionOut, ErrorBody},
};

use self::{
    prompts::generate,
    written::{Head, gather, stream},
};
use super::{Caller, error::OpenAiError, relay, stream::fingerprint};
use crate::{
    api::extract::{body_bytes, parse},
    app::App,
    workers::RelayPath,
};

/// Go on with a text, or with several.
///
/// A prompt is a text, or the tokens of one in the model's own numbers. Answers are numbered over all prompts: with
/// `n` of 2 the second prompt's are 2 and 3.
#[utoipa::path(post, path = "/api/v1/completions", tag = "completions", request_body = CompletionIn,
    responses((status = 200, body = CompletionOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_completion(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    if let Some(relayed) = relay::try_relay(&app, &caller, RelayPath::Completions, &bytes).await? {
        return Ok(relayed);
    }
    // Boxed: a request that is passed on would carry its room.
    Ok(Box::pin(written_here(&app, &caller, &bytes)).await?)
}

async fn written_here(app: &App, caller: &model::Caller, bytes: &[u8]) -> Result<Response> {
    let wanted: CompletionIn = parse(bytes)?;
    let metadata = app.models().writer(&wanted.model).await?;
    let prompts = wanted.prompts()?;
    wanted.check(prompts.len())?;
    let head = Head {
        id: format!("cmpl-{}", app.clock.new_id()),
        created: app.clock.now().timestamp(),
        model: wanted.model.clone(),
        logprobs: wanted.logprobs.is_some(),
        fingerprint: fingerprint(&metadata),
    };
    let streamed = wanted.stream.unwrap_or(false);
    let include_usage = wanted
        .stream_options
        .is_some_and(|options| options.include_usage);
    let pieces = generate(app, caller, &wanted, prompts).await?;
    if streamed {
        return Ok(stream(head, pieces, include_usage));
    }
    gather(head, pieces)
        .await
        .map(|whole| Json(whole).into_response())
}
