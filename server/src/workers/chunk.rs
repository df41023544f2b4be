//! What a model answers, piece by piece.

use futures::stream::BoxStream;
use tidegate_schema::{Result, model::Usage};

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// By itself, or at a stop text.
    Stop,
    /// At the token limit.
    Length,
    /// With calls of tools, which wait for their answers.
    ToolCalls,
    /// The upstream would not tell (more of) it.
    Filtered,
}

impl FinishReason {
    /// OpenAI's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Filtered => "content_filter",
        }
    }
}

/// Another query that a structured task could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The query.
    pub sql: String,
    /// What it asks, in words.
    pub thoughts: String,
}

/// A token and how likely the model found it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Likelihood {
    /// As text; bytes that are no whole character show as a replacement character.
    pub token: String,
    /// The bytes it writes.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its share, by the model's own scores, before anything was done to them. `None` for the
    /// first token of a prompt, before which nothing stands.
    pub logprob: Option<f32>,
}

/// A token that was told, with the likeliest in its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub told: Likelihood,
    /// The likeliest, best first; as many as were asked for.
    pub top: Vec<Likelihood>,
}

/// Text of one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// Which answer, from 0.
    pub choice: u32,
    /// The text; empty where only tokens are told of that will show later.
    pub text: String,
    /// Its tokens, where they were asked for. Text held back comes later than its tokens at most.
    pub logprobs: Vec<TokenLogprob>,
}

impl Piece {
    /// Plain text of one of several answers.
    pub fn of(choice: u32, text: impl Into<String>) -> Self {
        Self {
            choice,
            text: text.into(),
            logprobs: Vec::new(),
        }
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::of(0, text)
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self::of(0, text)
    }
}

/// A piece of a generation.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    /// Reasoning text.
    Thinking(Piece),
    /// Answer text.
    Text(Piece),
    /// A call of a tool, or more of one: `id` and `name` come with its first piece, `arguments` are added up.
    ToolCall {
        /// Which answer.
        choice: u32,
        /// Which call of that answer, from 0.
        index: u32,
        /// Its own name, with its first piece.
        id: Option<String>,
        /// The tool, with its first piece.
        name: Option<String>,
        /// More of its arguments: a JSON object as text.
        arguments: String,
    },
    /// What else a structured task could mean, likeliest first, to be tried when the answer's own fails or finds
    /// nothing.
    Alternatives(Vec<Alternative>),
    /// The end of one answer; nothing of that answer follows. The last one is the last chunk.
    End {
        /// Which answer.
        choice: u32,
        /// Why.
        finish: FinishReason,
        /// Tokens used by all answers so far, so that the last end counts everything.
        usage: Usage,
        /// How sure the model is, 0 to 1, where it says.
        confidence: Option<f32>,
    },
}

impl Chunk {
    /// Answer text of the only answer.
    pub fn text(text: impl Into<Piece>) -> Self {
        Self::Text(text.into())
    }
}

/// A stream of pieces. Dropping it cancels the generation.
pub type ChunkStream = BoxStream<'static, Result<Chunk>>;
