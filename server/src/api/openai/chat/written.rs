//! Answers in OpenAI's shape: whole, or as a stream of chunks.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_schema::{
    Result,
    model::Usage,
    wire::openai::{
        CallOut, CallPiece, ChatChunk, ChatOut, Choice, ChunkChoice, ChunkDelta, FunctionCall,
        FunctionPiece, LogprobOut, LogprobsOut, MessageOut, TopLogprobOut,
    },
};

use super::pieces::{Part, Pieces};
use crate::{
    api::openai::stream::{DONE, broken, event_stream, frame},
    workers::{Likelihood, TokenLogprob},
};

/// What every chunk and the whole answer begin with.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    /// Whether likelihoods were asked for: then they are there, if only as an empty list.
    pub(super) logprobs: bool,
    /// What answers.
    pub(super) fingerprint: String,
    /// Whether calls are told in the older form, one at most.
    pub(super) older: bool,
}

/// One answer, as far as it has come.
#[derive(Default)]
struct Whole {
    content: String,
    thinking: String,
    logprobs: Vec<TokenLogprob>,
    calls: BTreeMap<u32, CallOut>,
    finish: Option<&'static str>,
}

impl Whole {
    fn add_call(&mut self, index: u32, id: Option<String>, name: Option<String>, arguments: &str) {
        let call = self.calls.entry(index).or_insert_with(|| CallOut {
            id: String::new(),
            kind: "function".to_owned(),
            function: FunctionCall {
                name: String::new(),
                arguments: String::new(),
            },
        });
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(name) = name {
            call.function.name = name;
        }
        call.function.arguments.push_str(arguments);
    }

    fn choice(self, index: u32, head: &Head) -> Choice {
        let mut calls: Vec<CallOut> = self.calls.into_values().collect();
        let silent = self.content.is_empty() && !calls.is_empty();
        let older = head.older && !calls.is_empty();
        let function_call = older.then(|| calls.swap_remove(0).function);
        if older {
            calls.clear();
        }
        Choice {
            index,
            message: MessageOut {
                role: "assistant".to_owned(),
                content: (!silent).then_some(self.content),
                reasoning_content: (!self.thinking.is_empty()).then_some(self.thinking),
                tool_calls: (!calls.is_empty()).then_some(calls),
                function_call,
            },
            logprobs: head.logprobs.then(|| likelihoods(self.logprobs)),
            finish_reason: self.finish.map(|reason| head.reason(reason)),
        }
    }
}

/// All answers, whole.
pub(super) async fn gather(head: Head, mut pieces: Pieces) -> Result<ChatOut> {
    let mut total = Usage::default();
    let mut answers: BTreeMap<u32, Whole> = BTreeMap::new();
    let mut tidegate = None;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        let answer = answers.entry(piece.choice).or_default();
        match piece.part {
            Part::Thinking(text) => answer.thinking.push_str(&text),
            Part::Text { text, logprobs } => {
                answer.content.push_str(&text);
                answer.logprobs.extend(logprobs);
            }
            Part::Call {
                index,
                id,
                name,
                arguments,
            } => answer.add_call(index, id, name, &arguments),
            Part::End {
                finish,
                usage,
                document,
            } => {
                answer.finish = Some(finish);
                total = usage;
                tidegate = tidegate.or(document);
            }
        }
    }
    Ok(ChatOut {
        choices: answers
            .into_iter()
            .map(|(index, answer)| answer.choice(index, &head))
            .collect(),
        id: head.id,
        object: "chat.completion".to_owned(),
        created: head.created,
        model: head.model,
        usage: total.into(),
        system_fingerprint: Some(head.fingerprint),
        tidegate,
    })
}

/// All answers as they come, chunk by chunk.
pub(super) fn stream(head: Head, mut pieces: Pieces, include_usage: bool) -> Response {
    let frames = async_stream::stream! {
        let mut total = Usage::default();
        // The first answer opens at once: who waits for the first word sees that it is being written.
        let mut begun = BTreeSet::from([0]);
        yield head.role(0);
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    yield broken(&error);
                    return;
                }
            };
            if begun.insert(piece.choice) {
                yield head.role(piece.choice);
            }
            let mut document = None;
            let mut choice = of(piece.choice, ChunkDelta::default());
            match piece.part {
                Part::Thinking(text) => choice.delta.reasoning_content = Some(text),
                Part::Text { text, logprobs } => {
                    choice.delta.content = Some(text);
                    choice.logprobs = head.logprobs.then(|| likelihoods(logprobs));
                }
                // The older form has a place for one call.
                Part::Call { index, .. } if head.older && index > 0 => continue,
                Part::Call { name, arguments, .. } if head.older => {
                    choice.delta.function_call = Some(FunctionPiece { name, arguments });
                }
                Part::Call { index, id, name, arguments } => {
                    choice.delta.tool_calls = Some(vec![call_piece(index, id, name, arguments)]);
                }
                Part::End { finish, usage, document: told } => {
                    choice.finish_reason = Some(head.reason(finish));
                    (total, document) = (usage, told);
                }
            }
            yield head.chunk(Some(choice), None, document);
        }
        if include_usage {
            yield head.chunk(None, Some(total), None);
        }
        yield DONE.to_owned();
    };
    event_stream(frames)
}

fn of(index: u32, delta: ChunkDelta) -> ChunkChoice {
    ChunkChoice {
        index,
        delta,
        logprobs: None,
        finish_reason: None,
    }
}

fn call_piece(
    index: u32,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
) -> CallPiece {
    CallPiece {
        index,
        kind: id.is_some().then(|| "function".to_owned()),
        id,
        function: FunctionPiece { name, arguments },
    }
}

impl Head {
    /// Why an answer ended, in the words of the form that is told.
    fn reason(&self, finish: &str) -> String {
        match finish {
            "tool_calls" if self.older => "function_call".to_owned(),
            other => other.to_owned(),
        }
    }

    /// The chunk that opens an answer.
    fn role(&self, choice: u32) -> String {
        let delta = ChunkDelta {
            role: Some("assistant".to_owned()),
            ..ChunkDelta::default()
        };
        self.chunk(Some(of(choice, delta)), None, None)
    }

    fn chunk(
        &self,
        choice: Option<ChunkChoice>,
        usage: Option<Usage>,
        tidegate: Option<Value>,
    ) -> String {
        let chunk = ChatChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk".to_owned(),
            created: self.created,
            model: self.model.clone(),
            choices: choice.into_iter().collect(),
            usage: usage.map(Into::into),
            system_fingerprint: Some(self.fingerprint.clone()),
            tidegate,
        };
        frame(&chunk)
    }
}

fn likelihoods(told: Vec<TokenLogprob>) -> LogprobsOut {
    LogprobsOut {
        content: likelihoods_of(told),
    }
}

/// Tokens with their likelihoods, as chats and responses tell them.
pub(in crate::api::openai) fn likelihoods_of(told: Vec<TokenLogprob>) -> Vec<LogprobOut> {
    let one = |one: Likelihood| TopLogprobOut::new(one.token, one.bytes, one.logprob);
    told.into_iter()
        .map(|token| LogprobOut::new(one(token.told), token.top.into_iter().map(one).collect()))
        .collect()
}
