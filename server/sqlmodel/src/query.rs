//! The query form: everything the built-in model can say, and nothing that is not valid SQL.
//!
//! It names columns and values, never joins or groups: joins follow from the tables used, over foreign keys
//! ([`Query::via`] settles which key where two lead to the same table), and rows are grouped by the plain
//! items whenever an aggregate stands in `select`, `having` or `order`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::schema::{ColumnId, TableId};

/// A question as a query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// What is shown, in order; one to four items.
    pub select: Vec<Item>,
    /// `SELECT DISTINCT`; only without aggregates.
    pub distinct: bool,
    /// Conditions: the outer list is joined by AND, each inner list by OR.
    pub filter: Vec<Vec<Predicate>>,
    /// A condition on a group.
    pub having: Option<Having>,
    /// The sort key.
    pub order: Option<Order>,
    /// At most so many rows.
    pub limit: Option<u32>,
    /// Foreign-key columns to join by where more than one leads to the same table; else empty.
    pub via: Vec<ColumnId>,
}

/// One thing to show or sort by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// A column as it is.
    Column(ColumnId),
    /// Every column of a table ("list all products").
    AllOf(TableId),
    /// A date column cut to a calendar unit.
    Bucket(Bucket, ColumnId),
    /// An aggregate.
    Aggregate(Aggregate),
}

/// Calendar units of [`Item::Bucket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bucket {
    /// `2024`
    Year,
    /// `2024-Q1`
    Quarter,
    /// `2024-03`
    Month,
    /// `2024-03-05`
    Day,
    /// Weekday, 0 (Sunday) to 6.
    Weekday,
}

/// A function over a group's rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Which function.
    pub function: Function,
    /// Over what.
    pub argument: Argument,
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// Number of rows.
    Count,
    /// Number of different values.
    CountDistinct,
    /// Total.
    Sum,
    /// Mean.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// What an aggregate is taken over. `Count` goes with `Rows`, `CountDistinct` with `Column`, the others with
/// `Column` or `Product`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Argument {
    /// Rows of a table.
    Rows(TableId),
    /// Values of a column.
    Column(ColumnId),
    /// Product of two number columns (quantity × unit price); the smaller id first.
    Product(ColumnId, ColumnId),
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// How a date column stands to a span of days `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum When {
    /// `start <= d AND d < end`: in, during, on.
    During,
    /// `d < start`
    Before,
    /// `d >= end`: after.
    After,
    /// `d >= start`: since, from.
    Since,
    /// `d < end`: until, by.
    Until,
}

/// How a text column matches a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Like {
    /// Anywhere.
    Contains,
    /// At the start.
    StartsWith,
    /// At the end.
    EndsWith,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Predicate {
    /// A number, id or text column against a literal. Text takes `Eq` and `Ne` only.
    Compare(ColumnId, Comparison, Value),
    /// A number column between two, both included.
    Between(ColumnId, Value, Value),
    /// A text column against a pattern, ignoring case.
    Like(ColumnId, Like, Value),
    /// A date column against one span.
    Date(ColumnId, When, Value),
    /// A date column from the start of the first span to the end of the second.
    DateBetween(ColumnId, Value, Value),
    /// `IS NULL` (`true`) or `IS NOT NULL` (`false`).
    Null(ColumnId, bool),
    /// A flag column that is set (`true`) or not.
    Flag(ColumnId, bool),
    /// A number column above (`true`) or below the average of its own table's column.
    AverageOf(ColumnId, bool),
    /// There is (`true`) or is no row of the table that belongs to this one (directly or over other
    /// tables) and meets all inner conditions. Inner conditions do not nest further.
    Exists(TableId, bool, Vec<Predicate>),
}

/// A condition on a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Having {
    /// The aggregate compared.
    pub aggregate: Aggregate,
    /// How.
    pub comparison: Comparison,
    /// With which number.
    pub value: Value,
}

/// The sort key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// A column, bucket or aggregate.
    pub by: Item,
    /// Largest first.
    pub descending: bool,
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Text as the database spells it, where known.
    Text(String),
    /// A number.
    Number(f64),
    /// Days from `start` up to, not including, `end`: a year, a month, a day, "last week".
    Dates {
        /// First day.
        start: NaiveDate,
        /// First day after.
        end: NaiveDate,
    },
}
