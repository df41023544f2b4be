//! Charts of dashboards as `/api/v1/editor/chart/*` and `/api/v1/chart/editor/submit` write them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    all_missing,
    editor::{RoundChart, SqlRunOut},
};
use crate::{
    Result,
    ids::ConversationId,
    model::{Cell, ChartPatch, ProposedChart, RowSet},
    wire::{
        lenient::{conversation, conversation_if_any},
        view::report::{ReportChartOut, ValueItem, value_items},
    },
};

impl From<ProposedChart> for RoundChart {
    fn from(chart: ProposedChart) -> Self {
        Self {
            sql: chart.sql,
            title: chart.title,
            thoughts: chart.thoughts,
            showcase: chart.showcase,
        }
    }
}

/// The charts of a dashboard, as the model proposed them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"round": 1, "db_name": "shop", "charts": [{
    "sql": "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status", "title": "Orders by status",
    "thoughts": "Order volume per status.", "showcase": "BarChart",
}]}))]
pub struct ChartsOut {
    /// The round that made it, from 1.
    pub round: i32,
    /// The datasource.
    pub db_name: String,
    /// The charts.
    pub charts: Vec<RoundChart>,
}

/// Which chart.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "con_uid": "0198c0de-0000-7000-8000-000000000001", "chart_title": "Orders by status",
}))]
pub struct ChartIn {
    /// Conversation.
    #[serde(default)]
    pub con_uid: Option<String>,
    /// The same.
    #[serde(default)]
    pub conv_uid: Option<String>,
    /// Title of the chart.
    pub chart_title: String,
}

impl ChartIn {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two.
    pub fn conversation(&self) -> Result<ConversationId> {
        conversation(
            "body",
            ("con_uid", self.con_uid.as_deref()),
            ("conv_uid", self.conv_uid.as_deref()),
        )
    }
}

/// A chart in detail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "chart_uid": "0f0e8b9a-0000-4000-8000-000000000001", "chart_type": "BarChart", "chart_desc": "Sales by city",
    "chart_sql": "SELECT city, SUM(amount) AS total FROM orders GROUP BY city", "db_name": "shop",
    "chart_name": "City sales", "chart_value": [{"name": "Oslo", "type": "total", "value": "120.5"}],
    "table_value": [["city", "total"], ["Oslo", 120.5]],
}))]
pub struct ChartOut {
    /// Id.
    pub chart_uid: String,
    /// Its display.
    pub chart_type: String,
    /// What it shows and why.
    pub chart_desc: String,
    /// Its query.
    pub chart_sql: String,
    /// The datasource.
    pub db_name: String,
    /// Title.
    pub chart_name: String,
    /// The values, as they were when it was drawn.
    pub chart_value: Vec<ValueItem>,
    /// What the query gives now: the names of the columns, then the rows.
    pub table_value: Vec<Vec<Value>>,
}

impl ChartOut {
    /// A chart of a dashboard's document, with its datasource and what its query gives now.
    pub fn of(chart: &Value, datasource: String, table: &RowSet) -> Self {
        let drawn = ReportChartOut::of(chart);
        let names = table
            .columns
            .iter()
            .map(|column| Value::from(column.name.clone()));
        let rows = table
            .rows
            .iter()
            .map(|row| row.iter().map(Cell::to_json).collect());
        Self {
            chart_uid: drawn.chart_uid,
            chart_type: drawn.chart_type,
            chart_desc: drawn.chart_desc,
            chart_sql: drawn.chart_sql,
            db_name: datasource,
            chart_name: drawn.chart_name,
            chart_value: drawn.values,
            table_value: std::iter::once(names.collect()).chain(rows).collect(),
        }
    }
}

/// SQL to run for a chart.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "db_name": "shop", "sql": "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status",
    "chart_type": "BarChart",
}))]
#[serde(default)]
pub struct ChartRunIn {
    /// Datasource; when empty, the one the conversation was last asked of.
    pub db_name: Option<String>,
    /// One query.
    pub sql: Option<String>,
    /// The display asked for; said back.
    pub chart_type: Option<String>,
    /// Conversation, to find the datasource by.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
}

impl ChartRunIn {
    /// The conversation, if one is named.
    ///
    /// # Errors
    /// [`Error::Invalid`] when its spellings name different ones.
    pub fn conversation(&self) -> Result<Option<ConversationId>> {
        conversation_if_any(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )
    }
}

/// What a chart's SQL came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sql_data": {"result_info": "", "run_cost": 0.004, "colunms": ["city", "total"], "values": [["Oslo", "120.5"]]},
    "chart_values": [{"name": "Oslo", "type": "total", "value": "120.5"}], "chart_type": "BarChart",
}))]
pub struct ChartRunOut {
    /// The rows.
    pub sql_data: SqlRunOut,
    /// The rows as a chart's values.
    pub chart_values: Vec<ValueItem>,
    /// The display that was asked for.
    pub chart_type: Option<String>,
}

impl ChartRunOut {
    /// The rows for a chart of this display.
    pub fn of(rows: &RowSet, chart_type: Option<String>) -> Self {
        Self {
            sql_data: SqlRunOut::from(rows),
            chart_values: value_items(rows),
            chart_type,
        }
    }
}

/// A chart to store in the place of the one of its title.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "conv_uid": "0198c0de-0000-7000-8000-000000000001", "chart_title": "Orders by status", "db_name": "shop",
    "old_sql": "SELECT 1", "new_chart_type": "LineChart",
    "new_sql": "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status", "new_comment": "Volume.",
    "gmt_create": 0,
}))]
#[serde(default)]
pub struct ChartSubmitIn {
    /// Conversation.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
    /// Title of the chart.
    pub chart_title: Option<String>,
    /// Datasource of the dashboard.
    pub db_name: Option<String>,
    /// The query before; not looked at.
    pub old_sql: Option<String>,
    /// The display.
    pub new_chart_type: Option<String>,
    /// The query. It has to run.
    pub new_sql: Option<String>,
    /// The words; those before stay when empty.
    pub new_comment: Option<String>,
    /// When it was edited; not looked at.
    #[schema(value_type = Option<i64>)]
    pub gmt_create: Option<Value>,
}

impl ChartSubmitIn {
    /// The conversation and the change.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every field that is missing, as upstream does. Q-125: those that nothing is done with
    /// may be left out as long as the others are there.
    pub fn parts(self) -> Result<(ConversationId, ChartPatch)> {
        let id = conversation_if_any(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )?;
        let is_there = [
            ("conv_uid", id.is_some()),
            ("chart_title", self.chart_title.is_some()),
            ("db_name", self.db_name.is_some()),
            ("old_sql", self.old_sql.is_some()),
            ("new_chart_type", self.new_chart_type.is_some()),
            ("new_sql", self.new_sql.is_some()),
            ("new_comment", self.new_comment.is_some()),
            ("gmt_create", self.gmt_create.is_some()),
        ];
        match (id, self.chart_title, self.db_name, self.new_sql) {
            (Some(id), Some(title), Some(datasource), Some(sql)) => Ok((
                id,
                ChartPatch {
                    title,
                    datasource,
                    sql,
                    showcase: self.new_chart_type.unwrap_or_default(),
                    thoughts: self.new_comment.unwrap_or_default(),
                },
            )),
            _ => Err(all_missing(&is_there)),
        }
    }
}

/// Which dashboard.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct DashboardQuery {
    /// Conversation.
    #[param(example = "5e7100bc-9017-11ee-9876-8fe019728d79")]
    pub con_uid: Option<String>,
    /// The same.
    pub conv_uid: Option<String>,
    /// The round that made it; the latest when not given.
    pub round: Option<i32>,
}

impl DashboardQuery {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`] without one, or with two.
    pub fn conversation(&self) -> Result<ConversationId> {
        conversation(
            "query",
            ("con_uid", self.con_uid.as_deref()),
            ("conv_uid", self.conv_uid.as_deref()),
        )
    }
}

#[cfg(test)]
mod tests;
