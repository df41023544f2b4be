//! What an upstream streams, read: pieces of several answers, with likelihoods and calls of tools.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use tidegate_schema::{Result, model::Usage};

use super::refusal::{Words, said};
use crate::workers::{Chunk, FinishReason, Likelihood, Piece, TokenLogprob};

#[derive(Deserialize)]
struct StreamChunk {
    #[serde(default)]
    choices: Vec<StreamChoice>,
    usage: Option<UpstreamUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct StreamChoice {
    #[serde(default)]
    index: u32,
    /// The message, of an answer that came whole.
    #[serde(default, alias = "message")]
    delta: Delta,
    /// Where plain completions have their text.
    text: Option<String>,
    logprobs: Option<Value>,
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
    /// The same by the name that newer vLLM and OpenRouter give it.
    reasoning: Option<Value>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    /// Missing where the answer came whole: then its place says it.
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
struct UpstreamUsage {
    // Some servers write null for what they did not count.
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct ChatLogprobs {
    content: Option<Vec<ChatLogprob>>,
}

#[derive(Deserialize)]
struct ChatLogprob {
    #[serde(flatten)]
    told: OneLogprob,
    top_logprobs: Option<Vec<OneLogprob>>,
}

#[derive(Deserialize)]
struct OneLogprob {
    token: String,
    logprob: Option<f32>,
    bytes: Option<Vec<u8>>,
}

/// The older form, of plain completions.
#[derive(Deserialize)]
struct PlainLogprobs {
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    token_logprobs: Vec<Option<f32>>,
    top_logprobs: Option<Vec<Option<BTreeMap<String, f32>>>>,
}

/// What has come of the answers to one request so far.
#[derive(Default)]
pub(super) struct Pieces {
    /// Answers seen, and why each is over where it is.
    seen: BTreeSet<u32>,
    over: BTreeMap<u32, FinishReason>,
    usage: Usage,
}

impl Pieces {
    /// Reads one event of the stream; `first` is the number of its first answer among all.
    pub(super) fn read(&mut self, data: &str, first: u32, words: &Words) -> Result<Vec<Chunk>> {
        let chunk: StreamChunk = serde_json::from_str(data)
            .map_err(|e| words.error(format!("sent a piece that is not a chunk: {e}")))?;
        if let Some(error) = chunk.error {
            return Err(words.error(said(&error)));
        }
        if let Some(seen) = chunk.usage {
            self.usage = Usage {
                prompt_tokens: seen.prompt_tokens.unwrap_or(0),
                completion_tokens: seen.completion_tokens.unwrap_or(0),
            };
        }
        let mut told = Vec::new();
        for choice in chunk.choices {
            self.take(choice, first, &mut told);
        }
        Ok(told)
    }

    fn take(&mut self, given: StreamChoice, first: u32, told: &mut Vec<Chunk>) {
        let choice = first.saturating_add(given.index);
        self.seen.insert(choice);
        let full = |text: Option<String>| text.filter(|text| !text.is_empty());
        let newer = || match given.delta.reasoning {
            Some(Value::String(text)) => full(Some(text)),
            _ => None,
        };
        if let Some(text) = full(given.delta.reasoning_content).or_else(newer) {
            told.push(Chunk::Thinking(Piece::of(choice, text)));
        }
        let text = full(given.delta.content).or_else(|| full(given.text));
        // What is in no known form is left out: the text is what was asked for first.
        let logprobs = given.logprobs.map_or_else(Vec::new, likelihoods);
        if text.is_some() || !logprobs.is_empty() {
            told.push(Chunk::Text(Piece {
                choice,
                text: text.unwrap_or_default(),
                logprobs,
            }));
        }
        for (at, call) in (0..).zip(given.delta.tool_calls.into_iter().flatten()) {
            let function = call.function.unwrap_or(FunctionDelta {
                name: None,
                arguments: None,
            });
            told.push(Chunk::ToolCall {
                choice,
                index: call.index.unwrap_or(at),
                id: full(call.id),
                name: full(function.name),
                arguments: function.arguments.unwrap_or_default(),
            });
        }
        if let Some(reason) = given.finish_reason.as_deref() {
            let reason = match reason {
                "length" => FinishReason::Length,
                "tool_calls" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::Filtered,
                _ => FinishReason::Stop,
            };
            self.over.insert(choice, reason);
        }
    }

    /// The stream said that it is over: what has no reason of its own ended by itself.
    pub(super) fn done(&mut self, first: u32) {
        if self.seen.is_empty() {
            self.seen.insert(first);
        }
        for choice in &self.seen {
            self.over.entry(*choice).or_insert(FinishReason::Stop);
        }
    }

    /// The answers with the reasons why they are over; nothing where one is not.
    pub(super) fn ended(&self) -> Option<Vec<(u32, FinishReason)>> {
        let whole = !self.over.is_empty() && self.seen.len() == self.over.len();
        whole.then(|| self.over.iter().map(|(at, why)| (*at, *why)).collect())
    }

    /// Tokens used, as the upstream counts them.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }
}

/// Likelihoods in either form.
fn likelihoods(value: Value) -> Vec<TokenLogprob> {
    if value.get("content").is_some() {
        let read: ChatLogprobs = match serde_json::from_value(value) {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%error, "likelihoods that cannot be read are left out");
                return Vec::new();
            }
        };
        return read
            .content
            .into_iter()
            .flatten()
            .map(|one| TokenLogprob {
                told: one.told.into(),
                top: one
                    .top_logprobs
                    .into_iter()
                    .flatten()
                    .map(Into::into)
                    .collect(),
            })
            .collect();
    }
    let Ok(read) = serde_json::from_value::<PlainLogprobs>(value) else {
        return Vec::new();
    };
    let mut tops = read.top_logprobs.into_iter().flatten();
    read.tokens
        .into_iter()
        .zip(read.token_logprobs)
        .map(|(token, logprob)| TokenLogprob {
            told: likelihood(token, logprob),
            top: best_first(tops.next().flatten().unwrap_or_default()),
        })
        .collect()
}

fn best_first(tokens: BTreeMap<String, f32>) -> Vec<Likelihood> {
    let mut best: Vec<(String, f32)> = tokens.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    best.into_iter()
        .map(|(token, logprob)| likelihood(token, Some(logprob)))
        .collect()
}

fn likelihood(token: String, logprob: Option<f32>) -> Likelihood {
    Likelihood {
        bytes: token.clone().into_bytes(),
        token,
        logprob,
    }
}

impl From<OneLogprob> for Likelihood {
    fn from(one: OneLogprob) -> Self {
        Self {
            bytes: one.bytes.unwrap_or_else(|| one.token.clone().into_bytes()),
            token: one.token,
            logprob: one.logprob,
        }
    }
}
