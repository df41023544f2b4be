//! What happens in a chat turn, as a stream of events: one enum, one encoder per surface.

use super::{ChartKind, Dashboard, ResultColumn, RowSet, Verdict};
use crate::{Error, ids::ConversationId, model::Cell};

/// Stages of a turn, for evidence and timings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Conversation memory, datasource, grants.
    Understand,
    /// Choosing tables.
    Schema,
    /// The model writes.
    Write,
    /// The guard judges.
    Guard,
    /// EXPLAIN.
    DryRun,
    /// The database runs.
    Run,
    /// Chart and words.
    Show,
    /// Writing the turn down.
    Store,
}

impl Stage {
    /// Lower-case name, stable on every surface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Understand => "understand",
            Self::Schema => "schema",
            Self::Write => "write",
            Self::Guard => "guard",
            Self::DryRun => "dry_run",
            Self::Run => "run",
            Self::Show => "show",
            Self::Store => "store",
        }
    }
}

/// How long a stage took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageTime {
    /// Which.
    pub stage: Stage,
    /// Milliseconds.
    pub elapsed_ms: f64,
}

/// Tokens used by a turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u32,
    /// Tokens written.
    pub completion_tokens: u32,
}

/// Why an answer can be believed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The datasource asked.
    pub datasource: String,
    /// Tables whose schema was shown to the model.
    pub tables_shown: Vec<String>,
    /// The SQL that ran (or was refused).
    pub sql: Option<String>,
    /// What the guard said of it.
    pub verdict: Option<Verdict>,
    /// Rows read.
    pub rows_read: usize,
    /// Set when the result was cut after so many rows.
    pub cut_at: Option<usize>,
    /// How sure the model is, 0 to 1, where it says.
    pub confidence: Option<f32>,
    /// How often the model was asked again after an error.
    pub repairs: u32,
    /// Milliseconds per stage.
    pub times: Vec<StageTime>,
    /// The model that wrote the SQL.
    pub model: String,
}

/// A finished turn.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Conversation it belongs to.
    pub conversation: ConversationId,
    /// Round in the conversation, from 1.
    pub round: i32,
    /// Words for the person.
    pub text: String,
    /// The result, when a database was asked.
    pub result: Option<RowSet>,
    /// How to show it.
    pub chart: Option<ChartKind>,
    /// Several charts, when a dashboard was asked for; each has a result of its own.
    pub dashboard: Option<Dashboard>,
    /// What kept the question from being answered: the guard's or the database's last word. `text` says it too.
    pub problem: Option<Error>,
    /// Why it can be believed.
    pub evidence: Evidence,
    /// Tokens used.
    pub usage: Usage,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum ChatEvent {
    /// The turn has begun; the question is stored.
    Started {
        /// Conversation, minted if the caller gave none.
        conversation: ConversationId,
        /// Round, from 1.
        round: i32,
        /// Model that will answer.
        model: String,
    },
    /// Reasoning text of the model, a piece.
    Thinking(String),
    /// Tables chosen to be shown to the model.
    Schema {
        /// Their names.
        tables: Vec<String>,
    },
    /// The SQL the model wrote. Of a dashboard this and what follows up to [`ChatEvent::Chart`] comes once for each
    /// chart, in the order they stand in; one that fails ends with its verdict.
    Sql(String),
    /// What the guard said.
    Verdict(Verdict),
    /// Columns of the result; rows follow.
    Columns(Vec<ResultColumn>),
    /// Some rows.
    Rows(Vec<Vec<Cell>>),
    /// How to show them.
    Chart(ChartKind),
    /// Words for the person, a piece.
    Text(String),
    /// Tokens used.
    Usage(Usage),
    /// The turn failed; nothing follows but [`ChatEvent::Done`] is not sent.
    Error(Error),
    /// The turn is stored; nothing follows.
    Done(Box<Answer>),
}
