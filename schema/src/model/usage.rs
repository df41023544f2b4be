//! What calls of models used: one entry a call, and sums of them.

use chrono::{DateTime, Utc};

use crate::ids::KeyId;

/// What was asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An answer to messages that the caller keeps.
    Chat,
    /// The continuation of a text.
    Completion,
    /// Vectors of texts.
    Embeddings,
    /// How well documents fit a query.
    Rerank,
    /// An answer by the shape of responses.
    Responses,
    /// A turn of a conversation that is kept here, with all that the model is asked for it.
    Turn,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Chat,
        Self::Completion,
        Self::Embeddings,
        Self::Rerank,
        Self::Responses,
        Self::Turn,
    ];

    /// Its name, as it is stored, shown and counted: OpenTelemetry's where that has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Responses => "responses",
            Self::Turn => "turn",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallStatus {
    /// With its answer.
    Done,
    /// With an error.
    Failed,
    /// Its caller left.
    Cancelled,
}

impl CallStatus {
    /// Its name, as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|one| one.name() == name)
    }
}

/// A place in the list of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageId(pub i64);

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEntry {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The key, where one was used.
    pub key: Option<KeyId>,
    /// What the key was called then; empty where none was used.
    pub key_name: String,
    /// The model asked for: a model's name, or a route's.
    pub model: String,
    /// The model that answered; empty where none did.
    pub served_by: String,
    /// What was asked.
    pub operation: Operation,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Of the tokens read, those that the model had kept from before, as far as it tells.
    pub cached_tokens: u64,
    /// How it ended.
    pub status: CallStatus,
    /// The kind of its error; empty where it has none.
    pub error: String,
    /// From its beginning to the first of its answer, milliseconds; none where nothing came.
    pub first_token_ms: Option<u64>,
    /// From its beginning to its end, milliseconds.
    pub duration_ms: u64,
    /// Whether the answer was streamed.
    pub streamed: bool,
}

/// Which calls are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Those of this key alone.
    pub key: Option<KeyId>,
    /// Those that began then or later.
    pub since: Option<DateTime<Utc>>,
}

/// By what calls are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageGroup {
    /// By the key's name.
    Key,
    /// By the model asked for.
    Model,
    /// By day, in UTC.
    Day,
}

/// What several calls used together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageTotal {
    /// The key's name, the model, or the day as `2026-11-27`.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Of them, those that failed.
    pub failed: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back() {
        for operation in Operation::ALL {
            assert_eq!(Operation::from_name(operation.name()), Some(operation));
        }
        for status in [CallStatus::Done, CallStatus::Failed, CallStatus::Cancelled] {
            assert_eq!(CallStatus::from_name(status.name()), Some(status));
        }
        assert_eq!(Operation::from_name("sing"), None);
    }
}
