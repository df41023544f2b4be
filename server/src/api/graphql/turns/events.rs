//! What happens in a turn, as its watchers are told.

use async_graphql::{ID, Json, SimpleObject, Union};
use serde_json::Value;
use tidegate_schema::model::{self, ChatEvent};

use super::answer::{Answer, Chart, Problem, ResultColumn, Verdict};

/// The turn has begun; the question is stored.
#[derive(SimpleObject)]
pub(super) struct TurnStarted {
    /// Conversation.
    conversation: ID,
    /// Round, from 1.
    round: i32,
    /// Model that will answer.
    model: String,
}

/// A piece of the model's reasoning.
#[derive(SimpleObject)]
pub(super) struct TurnThinking {
    /// What is new.
    piece: String,
}

/// Tables chosen to be shown to the model.
#[derive(SimpleObject)]
pub(super) struct TurnSchema {
    /// Their names.
    tables: Vec<String>,
}

/// The SQL the model wrote.
#[derive(SimpleObject)]
pub(super) struct TurnSql {
    /// The statement.
    sql: String,
}

/// What the guard said.
#[derive(SimpleObject)]
pub(super) struct TurnVerdict {
    /// The verdict.
    verdict: Verdict,
}

/// Columns of the result; rows follow.
#[derive(SimpleObject)]
pub(super) struct TurnColumns {
    /// The columns.
    columns: Vec<ResultColumn>,
}

/// Some rows.
#[derive(SimpleObject)]
pub(super) struct TurnRows {
    /// Arrays of cells.
    rows: Json<Vec<Value>>,
}

/// How to show the rows.
#[derive(SimpleObject)]
pub(super) struct TurnChart {
    /// The display.
    chart: Chart,
}

/// A piece of the words for the person.
#[derive(SimpleObject)]
pub(super) struct TurnText {
    /// What is new.
    piece: String,
}

/// Tokens used.
#[derive(SimpleObject)]
pub(super) struct TurnUsage {
    /// Read.
    prompt_tokens: u32,
    /// Written.
    completion_tokens: u32,
}

/// The turn failed; nothing follows.
#[derive(SimpleObject)]
pub(super) struct TurnFailed {
    /// Why.
    problem: Problem,
}

/// The turn is stored; nothing follows.
#[derive(SimpleObject)]
pub(super) struct TurnDone {
    /// The whole answer.
    answer: Answer,
}

/// Something that happened in a turn.
#[derive(Union)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once, moved once, and GraphQL wants its members bare"
)]
pub(super) enum TurnEvent {
    Started(TurnStarted),
    Thinking(TurnThinking),
    Schema(TurnSchema),
    Sql(TurnSql),
    Verdict(TurnVerdict),
    Columns(TurnColumns),
    Rows(TurnRows),
    Chart(TurnChart),
    Text(TurnText),
    Usage(TurnUsage),
    Failed(TurnFailed),
    Done(TurnDone),
}

impl From<ChatEvent> for TurnEvent {
    fn from(event: ChatEvent) -> Self {
        match event {
            ChatEvent::Started {
                conversation,
                round,
                model,
            } => Self::Started(TurnStarted {
                conversation: ID(conversation.0),
                round,
                model,
            }),
            ChatEvent::Thinking(piece) => Self::Thinking(TurnThinking { piece }),
            ChatEvent::Schema { tables } => Self::Schema(TurnSchema { tables }),
            ChatEvent::Sql(sql) => Self::Sql(TurnSql { sql }),
            ChatEvent::Verdict(verdict) => Self::Verdict(TurnVerdict {
                verdict: Verdict(verdict),
            }),
            ChatEvent::Columns(columns) => Self::Columns(TurnColumns {
                columns: columns.iter().map(Into::into).collect(),
            }),
            ChatEvent::Rows(rows) => {
                let cells = |row: Vec<model::Cell>| {
                    Value::Array(row.iter().map(model::Cell::to_json).collect())
                };
                Self::Rows(TurnRows {
                    rows: Json(rows.into_iter().map(cells).collect()),
                })
            }
            ChatEvent::Chart(chart) => Self::Chart(TurnChart {
                chart: chart.into(),
            }),
            ChatEvent::Text(piece) => Self::Text(TurnText { piece }),
            ChatEvent::Usage(usage) => Self::Usage(TurnUsage {
                prompt_tokens: usage.prompt_tokens,
                completion_tokens: usage.completion_tokens,
            }),
            ChatEvent::Error(error) => Self::Failed(TurnFailed {
                problem: Problem::from(&error),
            }),
            ChatEvent::Done(answer) => Self::Done(TurnDone {
                answer: Answer(*answer),
            }),
        }
    }
}
