//! `/api/v1/chat/completions` in OpenAI's dialect, over the `models` service, or over the `chat` service when a
//! datasource is asked.

use std::convert::Infallible;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream::BoxStream};
use serde_json::Value;
use tidegate_schema::{
    Error, Result, model,
    model::{Answer, ChatEvent, ChatMode, Usage},
    wire::openai::{
        ChatChunk, ChatIn, ChatOut, Choice, ChunkChoice, ChunkDelta, ErrorBody, MessageOut, TurnIn,
        answer_markdown,
    },
};

use super::{
    Caller,
    error::{OpenAiError, body_of},
    target::{only_datasource, target},
};
use crate::{
    api::{
        extract::{body_bytes, parse},
        v1,
    },
    app::App,
    services::chat::TurnRequest,
    workers::{Chunk, FinishReason, GenerateRequest, PromptMessage, ResponseFormat, Speaker},
};

/// What comes of an answer under way, for both framings.
enum Piece {
    Thinking(String),
    Text(String),
    End {
        finish: &'static str,
        usage: Usage,
        document: Option<Value>,
    },
}

type Pieces = BoxStream<'static, Result<Piece>>;

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
    if datasource.is_some() && wanted.demanded_format()?.is_some() {
        return Err(Error::Unsupported {
            what: format!(
                "what '{name}' answers about a datasource cannot be held to a response_format: it comes as Markdown, \
                 and as JSON in the field 'tidegate'; leave response_format out"
            ),
        });
    }
    let count = wanted.n.unwrap_or(1) as u32;
    let mut answers: Vec<Pieces> = Vec::new();
    for index in 0..count {
        answers.push(match &datasource {
            Some(datasource) => ask(app, caller, &wanted, &name, datasource, &turns).await?,
            None => generate(app, caller, &wanted, &name, &turns, index).await?,
        });
    }
    let head = Head {
        id: format!("chatcmpl-{}", app.clock.new_id()),
        created: app.clock.now().timestamp(),
        model: wanted.model.clone(),
    };
    if wanted.stream.unwrap_or(false) {
        let include_usage = wanted
            .stream_options
            .is_some_and(|options| options.include_usage);
        return Ok(stream(head, answers, include_usage));
    }
    gather(head, answers)
        .await
        .map(|whole| Json(whole).into_response())
}

async fn generate(
    app: &App,
    caller: &model::Caller,
    wanted: &ChatIn,
    name: &str,
    turns: &[TurnIn],
    index: u32,
) -> Result<Pieces> {
    let messages = turns
        .iter()
        .map(|turn| PromptMessage {
            speaker: match turn.role {
                "system" => Speaker::System,
                "assistant" => Speaker::Assistant,
                _ => Speaker::User,
            },
            text: turn.text.clone(),
        })
        .collect();
    let request = GenerateRequest {
        messages,
        temperature: wanted.temperature,
        top_p: wanted.top_p,
        max_tokens: wanted.most_tokens(),
        stop: wanted.stops()?,
        // One seed for all would write the same answer several times.
        seed: wanted
            .seed
            .map(|seed| (seed as u64).wrapping_add(u64::from(index))),
        response_format: wanted.demanded_format()?.map(ResponseFormat::Demanded),
        task: None,
    };
    let (_, chunks) = app.models().generate(caller, name, request).await?;
    Ok(chunks
        .filter_map(|chunk| {
            std::future::ready(match chunk {
                Ok(Chunk::Thinking(text)) => Some(Ok(Piece::Thinking(text))),
                Ok(Chunk::Text(text)) => Some(Ok(Piece::Text(text))),
                Ok(Chunk::Alternatives(_)) => None,
                Ok(Chunk::End { finish, usage, .. }) => {
                    let finish = match finish {
                        FinishReason::Stop => "stop",
                        FinishReason::Length => "length",
                    };
                    Some(Ok(Piece::End {
                        finish,
                        usage,
                        document: None,
                    }))
                }
                Err(error) => Some(Err(error)),
            })
        })
        .boxed())
}

async fn ask(
    app: &App,
    caller: &model::Caller,
    wanted: &ChatIn,
    name: &str,
    datasource: &str,
    turns: &[TurnIn],
) -> Result<Pieces> {
    let question = turns
        .iter()
        .rev()
        .find(|turn| turn.role == "user")
        .ok_or_else(|| {
            Error::invalid(
                "body.messages",
                "must hold a user message with the question",
            )
        })?;
    let events = app
        .chat()
        .begin(
            caller,
            TurnRequest {
                text: question.text.clone(),
                mode: ChatMode::WithDbExecute.name().to_owned(),
                select_param: Some(datasource.to_owned()),
                model: Some(name.to_owned()),
                temperature: wanted.temperature,
                max_tokens: wanted.most_tokens(),
                ..TurnRequest::default()
            },
        )
        .await?;
    Ok(events
        .flat_map(|event| {
            let pieces = match event {
                ChatEvent::Thinking(text) => vec![Ok(Piece::Thinking(text))],
                ChatEvent::Done(answer) => answered(&answer),
                ChatEvent::Error(error) => vec![Err(error)],
                _ => Vec::new(),
            };
            futures::stream::iter(pieces)
        })
        .boxed())
}

fn answered(answer: &Answer) -> Vec<Result<Piece>> {
    vec![
        Ok(Piece::Text(answer_markdown(answer))),
        Ok(Piece::End {
            finish: "stop",
            usage: answer.usage,
            document: Some(answer.document()),
        }),
    ]
}

/// What every chunk and the whole answer begin with.
#[derive(Clone)]
struct Head {
    id: String,
    created: i64,
    model: String,
}

async fn gather(head: Head, answers: Vec<Pieces>) -> Result<ChatOut> {
    let mut total = Usage::default();
    let mut choices = Vec::new();
    let mut tidegate = None;
    for (index, mut pieces) in answers.into_iter().enumerate() {
        let (mut content, mut thinking, mut reason) = (String::new(), String::new(), None);
        while let Some(piece) = pieces.next().await {
            match piece? {
                Piece::Thinking(text) => thinking.push_str(&text),
                Piece::Text(text) => content.push_str(&text),
                Piece::End {
                    finish,
                    usage,
                    document,
                } => {
                    reason = Some(finish.to_owned());
                    total.prompt_tokens += usage.prompt_tokens;
                    total.completion_tokens += usage.completion_tokens;
                    tidegate = tidegate.or(document);
                }
            }
        }
        let reasoning_content = (!thinking.is_empty()).then_some(thinking);
        choices.push(Choice {
            index: index as u32,
            message: MessageOut {
                role: "assistant".to_owned(),
                content,
                reasoning_content,
            },
            finish_reason: reason,
        });
    }
    Ok(ChatOut {
        id: head.id,
        object: "chat.completion".to_owned(),
        created: head.created,
        model: head.model,
        choices,
        usage: total.into(),
        tidegate,
    })
}

fn stream(head: Head, answers: Vec<Pieces>, include_usage: bool) -> Response {
    let frames = async_stream::stream! {
        let mut total = Usage::default();
        for (index, mut pieces) in answers.into_iter().enumerate() {
            let index = index as u32;
            let role = ChunkDelta { role: Some("assistant".to_owned()), ..ChunkDelta::default() };
            yield chunk(&head, Some((index, role, None)), None, None);
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(Piece::Thinking(text)) => {
                        let delta = ChunkDelta { reasoning_content: Some(text), ..ChunkDelta::default() };
                        yield chunk(&head, Some((index, delta, None)), None, None);
                    }
                    Ok(Piece::Text(text)) => {
                        let delta = ChunkDelta { content: Some(text), ..ChunkDelta::default() };
                        yield chunk(&head, Some((index, delta, None)), None, None);
                    }
                    Ok(Piece::End { finish, usage, document }) => {
                        total.prompt_tokens += usage.prompt_tokens;
                        total.completion_tokens += usage.completion_tokens;
                        yield chunk(&head, Some((index, ChunkDelta::default(), Some(finish))), None, document);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a stream failed after its first byte");
                        let body: ErrorBody = body_of(&error);
                        yield format!("data: {}\n\ndata: [DONE]\n\n", serde_json::to_string(&body).unwrap_or_default());
                        return;
                    }
                }
            }
        }
        if include_usage {
            yield chunk(&head, None, Some(total), None);
        }
        yield "data: [DONE]\n\n".to_owned();
    };
    (
        [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        Body::from_stream(frames.map(Ok::<_, Infallible>)),
    )
        .into_response()
}

fn chunk(
    head: &Head,
    choice: Option<(u32, ChunkDelta, Option<&'static str>)>,
    usage: Option<Usage>,
    tidegate: Option<Value>,
) -> String {
    let choices = choice.map(|(index, delta, finish)| ChunkChoice {
        index,
        delta,
        finish_reason: finish.map(str::to_owned),
    });
    let chunk = ChatChunk {
        id: head.id.clone(),
        object: "chat.completion.chunk".to_owned(),
        created: head.created,
        model: head.model.clone(),
        choices: choices.into_iter().collect(),
        usage: usage.map(Into::into),
        tidegate,
    };
    format!(
        "data: {}\n\n",
        serde_json::to_string(&chunk).unwrap_or_default()
    )
}
