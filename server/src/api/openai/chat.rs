//! `/api/v1/chat/completions` in OpenAI's dialect, over the `models` service, or over the `chat` service when a
//! datasource is asked.

mod pieces;
mod request;
mod written;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use tidegate_schema::{
    Error, Result, model,
    wire::openai::{ChatIn, ChatOut, ErrorBody},
};

use self::{
    pieces::{ask, generate},
    written::{Head, gather, stream},
};
use super::{
    Caller,
    error::OpenAiError,
    target::{only_datasource, target},
};
use crate::{
    api::{
        extract::{body_bytes, parse},
        v1,
    },
    app::App,
};

/// Most answers to one question about a datasource: each is a turn, with a query of its own.
const MOST_TURNS: u32 = 8;

/// Answer a conversation, or a question about a datasource.
///
/// With `datasource` (or a model `NAME:DATASOURCE`) the last user message is asked of that database: the text has
/// the SQL and the first rows, the field `tidegate` has everything. A body with `user_input` is DB-GPT's and
/// answered in DB-GPT's framing.
#[utoipa::path(post, path = "/api/v1/chat/completions", tag = "chat", request_body = ChatIn,
    responses((status = 200, body = ChatOut), (status = "4XX", body = ErrorBody)))]
pub(super) async fn create_chat_completion(
    State(app): State<App>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, OpenAiError> {
    let bytes = body_bytes(request, &app).await?;
    let body: Value = parse(&bytes)?;
    if body.get("messages").is_none() && body.get("user_input").is_some() {
        let request = Request::new(Body::from(bytes));
        let answered = v1::chat::completions::create_turn_v1(
            State(app),
            crate::api::extract::Caller(caller),
            request,
        )
        .await;
        return Ok(answered.unwrap_or_else(axum::response::IntoResponse::into_response));
    }
    Ok(answer(&app, &caller, &bytes).await)
}

/// Answers a body in OpenAI's dialect, errors included.
pub(crate) async fn answer(app: &App, caller: &model::Caller, bytes: &[u8]) -> Response {
    match try_answer(app, caller, bytes).await {
        Ok(response) => response,
        Err(error) => OpenAiError::from(error).into_response(),
    }
}

async fn try_answer(app: &App, caller: &model::Caller, bytes: &[u8]) -> Result<Response> {
    let wanted: ChatIn = parse(bytes)?;
    let (name, datasource) = target(app, &wanted);
    let sql_only = app
        .models()
        .language(Some(&name))
        .await?
        .metadata()
        .sql_only;
    wanted.check()?;
    let turns = wanted.turns()?;
    let datasource = match datasource {
        None if sql_only => Some(only_datasource(app, caller).await?),
        other => other,
    };
    let count = wanted.n.map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX));
    if datasource.is_some() {
        check_question(&wanted, &name, count)?;
    }
    let pieces = match &datasource {
        // Boxed: a turn's and a generation's state would stand on one stack.
        Some(datasource) => {
            Box::pin(ask(app, caller, &wanted, &name, datasource, &turns, count)).await?
        }
        None => generate(app, caller, &wanted, &name, &turns).await?,
    };
    let head = Head {
        id: format!("chatcmpl-{}", app.clock.new_id()),
        created: app.clock.now().timestamp(),
        model: wanted.model.clone(),
        logprobs: wanted.logprobs.unwrap_or(false),
    };
    if wanted.stream.unwrap_or(false) {
        let include_usage = wanted
            .stream_options
            .is_some_and(|options| options.include_usage);
        return Ok(stream(head, pieces, include_usage));
    }
    gather(head, pieces)
        .await
        .map(|whole| Json(whole).into_response())
}

/// What a question about a datasource cannot be asked with.
fn check_question(wanted: &ChatIn, name: &str, count: u32) -> Result<()> {
    if wanted.demanded_format()?.is_some() {
        return Err(Error::Unsupported {
            what: format!(
                "what '{name}' answers about a datasource cannot be held to a response_format: it comes as Markdown, \
                 and as JSON in the field 'tidegate'; leave response_format out"
            ),
        });
    }
    if wanted.tool_choice()?.forces() {
        return Err(Error::Unsupported {
            what: format!(
                "'{name}' calls no tools when it answers about a datasource, so tool_choice cannot force a call; leave \
                 tool_choice out, or set it to 'auto' or 'none'"
            ),
        });
    }
    if count > MOST_TURNS {
        return Err(Error::invalid(
            "n",
            format!("{count} is greater than the maximum of {MOST_TURNS} about a datasource - 'n'"),
        ));
    }
    Ok(())
}
