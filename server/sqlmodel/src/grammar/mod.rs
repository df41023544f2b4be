//! The query form as a sequence of steps: fixed actions, and pointers at columns, tables and literal candidates.
//!
//! A sequence reads like the query it stands for: keys to join by, what is shown, conditions, a condition on
//! groups, the sort key, the limit, and the end. Within a condition the operator comes before the column and
//! the column before the value, so that each choice narrows the next. [`State`] says after every step what may
//! follow; whatever it admits up to the end decodes to a query that renders and runs. It knows nothing of
//! wording and nothing of SQL.

mod encode;
mod forms;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::{
    query::Query,
    question::Question,
    schema::{ColumnId, Schema, TableId},
};

pub use state::State;

/// Most items one query may show.
pub const MAX_ITEMS: usize = 4;
/// Most conditions of one query, not counting those inside an existence test.
pub const MAX_PREDICATES: usize = 5;
/// Most conditions inside one existence test.
pub const MAX_INNER: usize = 2;
/// Most keys to join by.
pub const MAX_VIA: usize = 2;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A fixed choice of the decoder, as opposed to a pointer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action, in the order of their indices.
            pub const ALL: [Action; ACTIONS] = [$(Action::$name,)*];
        }

        /// How many actions there are.
        pub const ACTIONS: usize = [$(stringify!($name),)*].len();
    };
}

actions! {
    /// Ends the query.
    End,
    /// Join by the foreign key that follows.
    Via,
    /// Show different rows only.
    Distinct,
    /// A column as it is follows.
    Show,
    /// All columns of the table that follows.
    ShowAll,
    /// The year of a date column.
    Year,
    /// The quarter of a date column.
    Quarter,
    /// The month of a date column.
    Month,
    /// The day of a date column.
    Day,
    /// The weekday of a date column.
    Weekday,
    /// The number of rows of a table.
    Count,
    /// The number of different values of a column.
    CountDistinct,
    /// The total of a column.
    Sum,
    /// The mean of a column.
    Avg,
    /// The smallest value of a column.
    Min,
    /// The largest value of a column.
    Max,
    /// The total of the product of two columns.
    SumProduct,
    /// The mean of the product of two columns.
    AvgProduct,
    /// The smallest product of two columns.
    MinProduct,
    /// The largest product of two columns.
    MaxProduct,
    /// The next condition is an alternative to the one before.
    Or,
    /// The next condition is on the rows of the existence test before.
    With,
    /// Column, value: equal.
    Eq,
    /// Column, value: not equal.
    Ne,
    /// Column, value: less.
    Lt,
    /// Column, value: less or equal.
    Le,
    /// Column, value: greater.
    Gt,
    /// Column, value: greater or equal.
    Ge,
    /// Column, two values: a number between both.
    Between,
    /// Column, value: text that contains it.
    Contains,
    /// Column, value: text that starts with it.
    StartsWith,
    /// Column, value: text that ends with it.
    EndsWith,
    /// Column, dates: within the span.
    During,
    /// Column, dates: before the span.
    Before,
    /// Column, dates: after the span.
    After,
    /// Column, dates: in the span or after it.
    Since,
    /// Column, dates: before the end of the span.
    Until,
    /// Column, two dates: from the start of the first to the end of the second.
    DateBetween,
    /// Column: no value.
    IsNull,
    /// Column: any value.
    NotNull,
    /// Column: a flag that is set.
    Yes,
    /// Column: a flag that is not set.
    No,
    /// Column: above its average.
    AboveAverage,
    /// Column: below its average.
    BelowAverage,
    /// Table: there is a row of it.
    Has,
    /// Table: there is no row of it.
    HasNo,
    /// A condition on groups: comparison, aggregate, value.
    Having,
    /// Sort by the item that follows, smallest first.
    Asc,
    /// Sort by the item that follows, largest first.
    Desc,
    /// The first row only.
    One,
    /// As many rows as the value that follows says.
    Limit,
}

impl Action {
    /// The action with this index.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// Its position among the actions, stable as long as the list is.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its bit in [`Legal::actions`].
    pub fn bit(self) -> u128 {
        1 << self.index()
    }
}

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A fixed action.
    Act(Action),
    /// A pointer at a column.
    Column(ColumnId),
    /// A pointer at a table.
    Table(TableId),
    /// A pointer at a literal candidate of the question, by its index.
    Value(usize),
}

/// What may come next. Where a pointer is due, `actions` is zero, and only one of the lists has a `true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legal {
    /// One bit per action, see [`Action::bit`].
    pub actions: u128,
    /// One entry per column of the schema.
    pub columns: Vec<bool>,
    /// One entry per table of the schema.
    pub tables: Vec<bool>,
    /// One entry per literal candidate of the question.
    pub values: Vec<bool>,
}

impl Legal {
    /// Whether this step is among them.
    pub fn admits(&self, step: Step) -> bool {
        match step {
            Step::Act(action) => self.actions & action.bit() != 0,
            Step::Column(column) => self.columns.get(column).copied().unwrap_or(false),
            Step::Table(table) => self.tables.get(table).copied().unwrap_or(false),
            Step::Value(value) => self.values.get(value).copied().unwrap_or(false),
        }
    }
}

/// Why a query has no step sequence, or a step sequence no query.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GrammarError {
    /// A literal of the query does not stand in the question.
    #[error("the question has no literal candidate for {0}")]
    MissingValue(String),
    /// The step may not come here.
    #[error("{step:?} may not come as step {position}, after {before:?}")]
    Illegal {
        /// Which step, from 0.
        position: usize,
        /// The refused step.
        step: Step,
        /// The step before, if any.
        before: Option<Step>,
    },
    /// The sequence stops before its end.
    #[error("the sequence stops after {0} steps without an end")]
    Unfinished(usize),
    /// The form can hold it, the sequence cannot.
    #[error("the query cannot be written as steps: {0}")]
    Unsupported(String),
}

/// The steps that stand for a query.
///
/// Conditions are put in the order in which their literals stand in the question, so that one meaning has
/// one sequence; otherwise `decode` gives the query back.
pub fn encode(
    query: &Query,
    schema: &Schema,
    question: &Question,
) -> Result<Vec<Step>, GrammarError> {
    encode::encode(query, schema, question)
}

/// The query that a complete sequence of steps stands for.
pub fn decode(steps: &[Step], schema: &Schema, question: &Question) -> Result<Query, GrammarError> {
    let mut state = State::new(schema, question);
    for &step in steps {
        state.advance(step)?;
    }
    state.into_query()
}
