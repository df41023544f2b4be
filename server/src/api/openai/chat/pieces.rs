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
    services::{
        chat::TurnRequest,
        metering::{Call, Operation},
    },
    workers::{Chunk, ChunkStream, GenerateRequest, Prompt, TokenLogprob},
};

/// A piece of one of several answers.
pub(in crate::api::openai) struct Piece {
    /// Which.
    pub(in crate::api::openai) choice: u32,
    /// What.
    pub(in crate::api::openai) part: Part,
}

/// What a piece is.
pub(in crate::api::openai) enum Part {
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
pub(in crate::api::openai) type Pieces = BoxStream<'static, Result<Piece>>;

/// Puts a conversation to a model.
pub(super) async fn generate(
    app: &App,
    caller: &Caller,
    wanted: &ChatIn,
    name: &str,
    turns: &[TurnIn],
) -> Result<Pieces> {
    let request = request(wanted, turns)?;
    let streamed = wanted.stream.unwrap_or(false);
    generated(app, caller, name, request, Operation::Chat, streamed).await
}

/// Has a model write, and counts what it takes.
pub(in crate::api::openai) async fn generated(
    app: &App,
    caller: &Caller,
    name: &str,
    request: GenerateRequest,
    operation: Operation,
    streamed: bool,
) -> Result<Pieces> {
    let call = Call {
        model: name.to_owned(),
        operation,
        streamed,
    };
    let (prompt_bytes, most_tokens) = expected(std::slice::from_ref(&request));
    let mut meter = app.metering().admit(caller, call).await?;
    meter.expect(prompt_bytes, most_tokens);
    match app.models().generate(caller, name, request).await {
        Ok((metadata, chunks)) => {
            meter.served_by(&metadata.name);
            Ok(pieces(meter.around(chunks)))
        }
        Err(error) => {
            meter.failed(&error);
            Err(error)
        }
    }
}

/// What requests are going to take: bytes of their prompts, and the most tokens of all answers where that is said.
pub(in crate::api::openai) fn expected(requests: &[GenerateRequest]) -> (usize, Option<u32>) {
    let bytes = requests.iter().map(|request| match &request.prompt {
        Prompt::Messages(messages) => messages
            .iter()
            .map(|message| message.text.len())
            .sum::<usize>(),
        Prompt::Text(text) => text.len(),
        // As many bytes as are taken for a token.
        Prompt::Tokens(tokens) => tokens.len().saturating_mul(size_of::<u32>()),
    });
    let most = requests.iter().try_fold(0_u32, |sum, request| {
        let answers = request.best_of.unwrap_or(request.choices());
        let most = request.max_tokens?.saturating_mul(answers);
        Some(sum.saturating_add(most))
    });
    (bytes.sum(), most)
}

/// Chunks of a model as pieces of answers.
pub(in crate::api::openai) fn pieces(chunks: ChunkStream) -> Pieces {
    chunks
        .filter_map(|chunk| std::future::ready(chunk.map(piece).transpose()))
        .boxed()
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

/// Asks a datasource, so many times. Each is a turn of its own, counted as one.
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
