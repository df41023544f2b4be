//! What comes of answers under way, from a model or about a datasource, for both framings.

use futures::{StreamExt as _, stream::BoxStream};
use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    model::{Answer, Caller, ChatEvent, ChatMode, Usage},
    wire::openai::{ChatIn, TurnIn, answer_markdown},
};

use super::request::request;
use crate::{
    app::App,
    services::chat::TurnRequest,
    workers::{Chunk, TokenLogprob},
};

/// A piece of one of several answers.
pub(super) struct Piece {
    /// Which.
    pub(super) choice: u32,
    /// What.
    pub(super) part: Part,
}

/// What a piece is.
pub(super) enum Part {
    Thinking(String),
    Text {
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    Call {
        index: u32,
        id: Option<String>,
        name: Option<String>,
        arguments: String,
    },
    End {
        finish: &'static str,
        /// Of all answers so far.
        usage: Usage,
        document: Option<Value>,
    },
}

/// Pieces of all answers, in the order they come.
pub(super) type Pieces = BoxStream<'static, Result<Piece>>;

/// Puts a conversation to a model.
pub(super) async fn generate(
    app: &App,
    caller: &Caller,
    wanted: &ChatIn,
    name: &str,
    turns: &[TurnIn],
) -> Result<Pieces> {
    let request = request(wanted, turns)?;
    let (_, chunks) = app.models().generate(caller, name, request).await?;
    Ok(chunks
        .filter_map(|chunk| std::future::ready(chunk.map(piece).transpose()))
        .boxed())
}

fn piece(chunk: Chunk) -> Option<Piece> {
    let (choice, part) = match chunk {
        Chunk::Thinking(piece) => (piece.choice, Part::Thinking(piece.text)),
        Chunk::Text(piece) => (
            piece.choice,
            Part::Text {
                text: piece.text,
                logprobs: piece.logprobs,
            },
        ),
        Chunk::ToolCall {
            choice,
            index,
            id,
            name,
            arguments,
        } => (
            choice,
            Part::Call {
                index,
                id,
                name,
                arguments,
            },
        ),
        Chunk::Alternatives(_) => return None,
        Chunk::End {
            choice,
            finish,
            usage,
            ..
        } => (
            choice,
            Part::End {
                finish: finish.word(),
                usage,
                document: None,
            },
        ),
    };
    Some(Piece { choice, part })
}

/// Asks a datasource, so many times; each is a turn of its own.
pub(super) async fn ask(
    app: &App,
    caller: &Caller,
    wanted: &ChatIn,
    name: &str,
    datasource: &str,
    turns: &[TurnIn],
    answers: u32,
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
    let mut asked = Vec::new();
    for choice in 0..answers {
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
        asked.push(events.map(move |event| (choice, event)));
    }
    let mut used = Usage::default();
    Ok(futures::stream::iter(asked)
        .flatten()
        .flat_map(move |(choice, event)| {
            let parts = match event {
                ChatEvent::Thinking(text) => vec![Ok(Part::Thinking(text))],
                ChatEvent::Done(answer) => answered(&answer, &mut used),
                ChatEvent::Error(error) => vec![Err(error)],
                _ => Vec::new(),
            };
            futures::stream::iter(parts).map(move |part| part.map(|part| Piece { choice, part }))
        })
        .boxed())
}

fn answered(answer: &Answer, used: &mut Usage) -> Vec<Result<Part>> {
    used.prompt_tokens += answer.usage.prompt_tokens;
    used.completion_tokens += answer.usage.completion_tokens;
    vec![
        Ok(Part::Text {
            text: answer_markdown(answer),
            logprobs: Vec::new(),
        }),
        Ok(Part::End {
            finish: "stop",
            usage: *used,
            document: Some(answer.document()),
        }),
    ]
}
