//! `/api/v1/chat/completions`: one turn, streamed in DB-GPT's framings; OpenAI's body is answered as OpenAI's.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{Request, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{
    Error,
    ids::ConversationId,
    wire::{
        stream::{Framing, V1Encoder},
        v1::chat::DialogueIn,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::Problem,
        extract::{Caller, body_bytes, parse},
        openai,
    },
    app::App,
    services::chat::{EventStream, TurnRequest},
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_turn_v1))
}

/// Ask, and get the answer as server-sent events.
///
/// With `incremental: false` every event carries the whole text so far and the stream just ends; with `true`
/// events are OpenAI chunks and the last one is `[DONE]`. Where `server.plain_frames` is set, whole texts come
/// as they are, without JSON, for DB-GPT's pages up to 0.7.2. The final text holds a `chart-view` element with the
/// SQL and the rows. A body with `messages` is OpenAI's and answered in OpenAI's shapes. A conversation answers one
/// question at a time: another is refused meanwhile, and nothing of it is stored.
#[utoipa::path(post, path = "/api/v1/chat/completions", tag = "chat", request_body = DialogueIn,
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn create_turn_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let bytes = body_bytes(request, &app).await?;
    let body: Value = parse(&bytes)?;
    if body.get("messages").is_some() {
        return Ok(openai::chat::answer(&app, &caller, &bytes).await);
    }
    let body: DialogueIn = parse(&bytes)?;
    let framing = match (body.incremental, app.config.server.plain_frames) {
        (true, _) => Framing::Incremental,
        (false, true) => Framing::Plain,
        (false, false) => Framing::Whole,
    };
    let conversation = body
        .conv_uid
        .clone()
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let turn = turn_request(body, &conversation)?;
    match app.chat().begin(&caller, turn).await {
        Ok(events) => Ok(stream(
            events,
            framing,
            format!("chatcmpl-{}", uuid::Uuid::new_v4()),
        )),
        Err(
            error @ (Error::Unauthenticated { .. }
            | Error::Forbidden { .. }
            | Error::Overloaded { .. }
            | Error::RateLimited { .. }
            | Error::QuotaExceeded { .. }),
        ) => Err(error.into()),
        Err(error) => Ok(refused(&error, framing)),
    }
}

fn turn_request(body: DialogueIn, conversation: &str) -> Result<TurnRequest, Error> {
    body.check()?;
    Ok(TurnRequest {
        conversation: Some(ConversationId::from(conversation)),
        text: body.text()?,
        mode: body.chat_mode.unwrap_or_default(),
        select_param: body.select_param.filter(|text| !text.is_empty()),
        model: body.model_name.filter(|name| !name.is_empty()),
        sys_code: body.sys_code,
        app_code: body.app_code.filter(|code| !code.is_empty()),
        prompt_code: body.prompt_code.filter(|code| !code.is_empty()),
        ext_info: body.ext_info,
        temperature: body.temperature,
        max_tokens: body.max_new_tokens,
    })
}

/// a request that cannot be begun is answered with status 200 and one bare frame, which the pages show.
fn refused(error: &Error, framing: Framing) -> Response {
    if matches!(error, Error::Internal { .. }) {
        tracing::error!(error = error.log_chain(), "a turn could not begin");
    }
    let frames = match error {
        Error::NotFound {
            what: "datasource",
            name,
            hint,
        } => {
            let hint = hint
                .as_ref()
                .map_or(String::new(), |hint| format!("; {hint}"));
            V1Encoder::refused(&format!("Database config not found for: {name}{hint}"))
        }
        Error::Invalid { field, reason } if field == "user_input" => V1Encoder::refused(reason),
        Error::NotFound { what: "model", .. } => V1Encoder::failed(framing, &error.to_string()),
        other => V1Encoder::refused(&other.to_string()),
    };
    event_stream(Body::from(frames))
}

fn stream(events: EventStream, framing: Framing, id: String) -> Response {
    let mut encoder = V1Encoder::new(framing, id);
    let frames = events.filter_map(move |event| {
        let frames = encoder.encode(&event);
        std::future::ready((!frames.is_empty()).then_some(Ok::<_, Infallible>(frames)))
    });
    event_stream(Body::from_stream(frames))
}

/// The exact headers the pages compare.
fn event_stream(body: Body) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
            (header::CONNECTION, "keep-alive"),
        ],
        body,
    )
        .into_response()
}
