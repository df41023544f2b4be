//! `/api/v1/chat/completions` in OpenAI's dialect, over the `models` service, or over the `chat` service when a
//! datasource is asked.

pub(super) mod pieces;
pub(super) mod request;
pub(super) mod written;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, de::IgnoredAny};
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
    relay,
    stream::fingerprint,
    target::{only_datasource, target},
};
use crate::{
    api::{
        extract::{body_bytes, parse},
        v1,
    },
    app::App,
    workers::RelayPath,
};

/// Most answers to one question about a datasource: each is a turn, with a query of its own.
const MOST_TURNS: u32 = 8;

/// What tells DB-GPT's body from OpenAI's.
#[derive(Deserialize)]
struct Dialect {
    messages: Option<IgnoredAny>,
    user_input: Option<IgnoredAny>,
}

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
    match relayed(&app, &caller, &bytes).await? {
        Some(relayed) => Ok(relayed),
        // Boxed: a request that is passed on would carry its room.
        None => Box::pin(read_here(app, caller, bytes)).await,
    }
}

/// The answer to a body that has to be read.
async fn read_here(app: App, caller: model::Caller, bytes: Bytes) -> Result<Response, OpenAiError> {
    // What is no JSON is told when it is read for good.
    let dialect = serde_json::from_slice::<Dialect>(&bytes).ok();
    if dialect.is_some_and(|body| body.messages.is_none() && body.user_input.is_some()) {
        let request = Request::new(Body::from(bytes));
        let answered = v1::chat::completions::create_turn_v1(
            State(app),
            crate::api::extract::Caller(caller),
            request,
        )
        .await;
        return Ok(answered.unwrap_or_else(axum::response::IntoResponse::into_response));
    }
    Ok(written_here(&app, &caller, &bytes).await?)
}

/// Answers a body in OpenAI's dialect, errors included.
pub(crate) async fn answer(app: &App, caller: &model::Caller, bytes: &Bytes) -> Response {
    let answered = match relayed(app, caller, bytes).await {
        Ok(Some(relayed)) => return relayed,
        // Boxed, as above.
        Ok(None) => Box::pin(written_here(app, caller, bytes)).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| OpenAiError::from(error).into_response())
}

/// The answer of a model whose server speaks this dialect itself, as it comes.
async fn relayed(app: &App, caller: &model::Caller, bytes: &Bytes) -> Result<Option<Response>> {
    relay::try_relay(app, caller, RelayPath::ChatCompletions, bytes).await
}

async fn written_here(app: &App, caller: &model::Caller, bytes: &[u8]) -> Result<Response> {
    let wanted: ChatIn = parse(bytes)?;
    let (name, datasource) = target(app, &wanted);
    let metadata = app.models().language(Some(&name)).await?.metadata();
    let older = wanted.is_older();
    let wanted = wanted.modern()?;
    wanted.check()?;
    let turns = wanted.turns()?;
    let datasource = match datasource {
        None if metadata.sql_only => Some(only_datasource(app, caller).await?),
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
        fingerprint: fingerprint(&metadata),
        older,
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
    if wanted.top_likelihoods()?.is_some() {
        return Err(Error::Unsupported {
            what: format!(
                "'{name}' tells no log probabilities when it answers about a datasource; leave logprobs out"
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
