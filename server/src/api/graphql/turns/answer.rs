//! A finished turn as it is shown: words, rows, chart, and why it can be believed.

mod dashboard;

use async_graphql::{Enum, ID, Json, Object, SimpleObject};
use serde_json::Value;
use tidegate_schema::{Error, model};

use self::dashboard::Dashboard;
use crate::api::graphql::error::to_graphql;

/// What kept a request from being met.
#[derive(SimpleObject)]
pub struct Problem {
    /// The kind, stable: `not_found`, `invalid`, `forbidden`, `upstream`, `timeout`, …
    code: String,
    /// For a person.
    message: String,
    /// The field at fault, where there is one.
    field: Option<String>,
    /// What the guard said of the statement, where it came before it.
    verdict: Option<Verdict>,
}

impl Problem {
    /// An outcome of a mutation: what a caller can act on is data, the rest an error.
    pub fn expected(error: &Error) -> async_graphql::Result<Self> {
        match error {
            Error::Internal { .. } | Error::Unauthenticated { .. } => Err(to_graphql(error)),
            _ => Ok(Self::from(error)),
        }
    }

    /// The same with what the guard said.
    pub fn with_verdict(self, verdict: Option<model::Verdict>) -> Self {
        Self {
            verdict: verdict.map(Verdict),
            ..self
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let field = match error {
            Error::Invalid { field, .. } => Some(field.clone()),
            _ => None,
        };
        Self {
            code: error.kind().to_owned(),
            message: error.to_string(),
            field,
            verdict: None,
        }
    }
}

/// How a result is best shown.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chart {
    /// Rows and columns.
    Table,
    /// Values over an ordered axis.
    Line,
    /// Values per category.
    Bar,
    /// Shares of a whole.
    Pie,
    /// Two numbers against each other.
    Scatter,
    /// Filled line.
    Area,
    /// One number.
    Number,
    /// A pie with a hole.
    Donut,
    /// Two numbers against each other, a third as the size.
    Bubble,
    /// A number as the colour of a cell, per two categories.
    Heatmap,
}

impl From<model::ChartKind> for Chart {
    fn from(kind: model::ChartKind) -> Self {
        match kind {
            model::ChartKind::Table => Self::Table,
            model::ChartKind::Line => Self::Line,
            model::ChartKind::Bar => Self::Bar,
            model::ChartKind::Pie => Self::Pie,
            model::ChartKind::Scatter => Self::Scatter,
            model::ChartKind::Area => Self::Area,
            model::ChartKind::Number => Self::Number,
            model::ChartKind::Donut => Self::Donut,
            model::ChartKind::Bubble => Self::Bubble,
            model::ChartKind::Heatmap => Self::Heatmap,
        }
    }
}

/// A column of a result.
#[derive(SimpleObject)]
pub struct ResultColumn {
    /// Name as the query gives it.
    name: String,
    /// What its cells are: `int`, `float`, `decimal`, `text`, `date`, …
    kind: String,
    /// The engine's type name, may be empty.
    data_type: String,
}

impl From<&model::ResultColumn> for ResultColumn {
    fn from(column: &model::ResultColumn) -> Self {
        Self {
            name: column.name.clone(),
            kind: format!("{:?}", column.kind).to_lowercase(),
            data_type: column.data_type.clone(),
        }
    }
}

/// Rows of a result.
pub struct Rows(pub model::RowSet);

/// Rows of a result.
#[Object(name = "ResultSet")]
impl Rows {
    /// Columns, present even when there is no row.
    async fn columns(&self) -> Vec<ResultColumn> {
        self.0.columns.iter().map(Into::into).collect()
    }

    /// Rows as arrays of cells, from `offset`, at most `first` (all when not given).
    async fn rows(&self, offset: Option<u32>, first: Option<u32>) -> Json<Vec<Value>> {
        let offset = offset.unwrap_or(0) as usize;
        let first = first.map_or(usize::MAX, |n| n as usize);
        let cells =
            |row: &Vec<model::Cell>| Value::Array(row.iter().map(model::Cell::to_json).collect());
        Json(
            self.0
                .rows
                .iter()
                .skip(offset)
                .take(first)
                .map(cells)
                .collect(),
        )
    }

    /// How many rows there are here.
    async fn row_count(&self) -> usize {
        self.0.rows.len()
    }

    /// Set when a cap cut the result: after so many rows.
    async fn cut_at(&self) -> Option<usize> {
        self.0.cut_at
    }

    /// How long the database took, milliseconds.
    async fn elapsed_ms(&self) -> u64 {
        self.0.elapsed_ms
    }
}

/// What the guard said of a statement.
pub struct Verdict(pub model::Verdict);

/// What the guard said of a statement.
#[Object]
impl Verdict {
    /// Whether it may run.
    async fn allowed(&self) -> bool {
        self.0.allowed
    }

    /// Why not; empty when allowed.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What was recognised: `select`, `explain`, …
    async fn statement(&self) -> &str {
        &self.0.statement
    }

    /// Kinds of all the statements found, in order; one, unless it was refused for being several.
    async fn statements(&self) -> &[String] {
        &self.0.statements
    }

    /// Whether it would change rows.
    async fn writes(&self) -> bool {
        self.0.writes
    }

    /// Tables read.
    async fn tables(&self) -> &[String] {
        &self.0.tables
    }

    /// Columns named.
    async fn columns(&self) -> &[String] {
        &self.0.columns
    }

    /// Functions called.
    async fn functions(&self) -> &[String] {
        &self.0.functions
    }

    /// The engine's plan from the dry run.
    async fn plan(&self) -> Option<&str> {
        self.0.plan.as_deref()
    }
}

/// Why an answer can be believed.
pub struct Evidence(model::Evidence);

/// Why an answer can be believed.
#[Object]
impl Evidence {
    /// The datasource asked.
    async fn datasource(&self) -> &str {
        &self.0.datasource
    }

    /// The model that wrote the SQL.
    async fn model(&self) -> &str {
        &self.0.model
    }

    /// The SQL that ran, or was refused.
    async fn sql(&self) -> Option<&str> {
        self.0.sql.as_deref()
    }

    /// What the guard said of it.
    async fn verdict(&self) -> Option<Verdict> {
        self.0.verdict.clone().map(Verdict)
    }

    /// Tables whose schema was shown to the model.
    async fn tables_shown(&self) -> &[String] {
        &self.0.tables_shown
    }

    /// Rows read.
    async fn rows_read(&self) -> usize {
        self.0.rows_read
    }

    /// Set when the result was cut after so many rows.
    async fn cut_at(&self) -> Option<usize> {
        self.0.cut_at
    }

    /// How sure the model is, 0 to 1, where it says.
    async fn confidence(&self) -> Option<f32> {
        self.0.confidence
    }

    /// How often the model was asked again after an error.
    async fn repairs(&self) -> u32 {
        self.0.repairs
    }

    /// Milliseconds per stage.
    async fn stages(&self) -> Vec<StageTime> {
        self.0
            .times
            .iter()
            .map(|time| StageTime {
                stage: time.stage.name().to_owned(),
                elapsed_ms: time.elapsed_ms,
            })
            .collect()
    }
}

/// How long a stage took.
#[derive(SimpleObject)]
struct StageTime {
    /// Which.
    stage: String,
    /// Milliseconds.
    elapsed_ms: f64,
}

/// A finished turn.
pub struct Answer(pub(super) model::Answer);

/// A finished turn.
#[Object]
impl Answer {
    /// Conversation it belongs to.
    async fn conversation(&self) -> ID {
        ID(self.0.conversation.0.clone())
    }

    /// Round in the conversation, from 1.
    async fn round(&self) -> i32 {
        self.0.round
    }

    /// Words for the person.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// The SQL, when a datasource was asked.
    async fn sql(&self) -> Option<&str> {
        self.0.evidence.sql.as_deref()
    }

    /// The rows, when a datasource was asked.
    async fn result(&self) -> Option<Rows> {
        self.0.result.clone().map(Rows)
    }

    /// How to show them.
    async fn chart(&self) -> Option<Chart> {
        self.0.chart.map(Into::into)
    }

    /// The rows as they are shown, as a Vega-Lite specification with the first thousand of them; null for a table.
    async fn vega_lite(&self) -> Option<Json<Value>> {
        self.0.vega_lite().map(Json)
    }

    /// The charts, when a dashboard was asked for.
    async fn dashboard(&self) -> Option<Dashboard> {
        self.0.dashboard.clone().map(Dashboard)
    }

    /// What kept the question from being answered, when it was not.
    async fn problem(&self) -> Option<Problem> {
        self.0.problem.as_ref().map(Problem::from)
    }

    /// Why it can be believed.
    async fn evidence(&self) -> Evidence {
        Evidence(self.0.evidence.clone())
    }
}
