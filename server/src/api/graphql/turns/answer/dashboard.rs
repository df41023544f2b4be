//! A dashboard as it is shown: its charts, each with its query, its rows and a drawing of them.

use async_graphql::{ID, Json, Object};
use serde_json::Value;
use tidegate_schema::model;

use super::{Chart, Problem, ResultColumn, Verdict};

/// A chart of a dashboard.
pub(super) struct DashboardChart(model::DashboardChart);

/// A chart of a dashboard.
#[Object]
impl DashboardChart {
    /// Id.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// Title; one of a kind within its dashboard.
    async fn title(&self) -> &str {
        &self.0.proposed.title
    }

    /// What it shows and why.
    async fn thoughts(&self) -> &str {
        &self.0.proposed.thoughts
    }

    /// How it is best shown.
    async fn kind(&self) -> Chart {
        self.0.kind.into()
    }

    /// Its query, the one that ran last.
    async fn sql(&self) -> &str {
        &self.0.proposed.sql
    }

    /// Columns of the result; none of a chart that could not be drawn.
    async fn columns(&self) -> Vec<ResultColumn> {
        let result = self.0.outcome.as_ref().ok();
        result.map_or_else(Vec::new, |result| {
            result.columns.iter().map(Into::into).collect()
        })
    }

    /// Rows as arrays of cells.
    async fn rows(&self) -> Json<Vec<Value>> {
        let result = self.0.outcome.as_ref().ok();
        Json(result.map_or_else(Vec::new, |result| result.json_rows(usize::MAX)))
    }

    /// Set when a cap cut the result: after so many rows.
    async fn cut_at(&self) -> Option<usize> {
        self.0.outcome.as_ref().ok()?.cut_at
    }

    /// The chart as a Vega-Lite specification with its rows; null for a table.
    async fn vega_lite(&self) -> Option<Json<Value>> {
        self.0.vega_lite().map(Json)
    }

    /// What the guard said of the query.
    async fn verdict(&self) -> Option<Verdict> {
        self.0.verdict.clone().map(Verdict)
    }

    /// Why it could not be drawn, when it was not.
    async fn error(&self) -> Option<String> {
        self.0.error().map(ToString::to_string)
    }

    /// The same for a program.
    async fn problem(&self) -> Option<Problem> {
        self.0.error().map(Problem::from)
    }
}

/// Several charts that answer one wish.
pub(super) struct Dashboard(pub(super) model::Dashboard);

/// Several charts that answer one wish.
#[Object]
impl Dashboard {
    /// The charts in their order, those that could not be drawn among them.
    async fn charts(&self) -> Vec<DashboardChart> {
        self.0.charts.iter().cloned().map(DashboardChart).collect()
    }
}
