//! Dashboards: several charts that answer one wish, each with a query and a result of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ChartKind, ResultColumn, RowSet, Verdict, document::KEPT_ROWS, vega_lite};
use crate::{Error, Result, ids::ConversationId};

/// A chart as a model proposes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposedChart {
    /// What it shows, in a few words; one of a kind within its dashboard.
    pub title: String,
    /// Why, in a sentence.
    pub thoughts: String,
    /// Its query.
    pub sql: String,
    /// The display asked for, in whatever words.
    pub showcase: String,
}

/// A chart that was drawn, or why it could not be.
#[derive(Debug, Clone)]
pub struct DashboardChart {
    /// Id.
    pub id: String,
    /// What was proposed, with the query that was run last.
    pub proposed: ProposedChart,
    /// How it is shown.
    pub kind: ChartKind,
    /// What the guard said of the query, if it came before it.
    pub verdict: Option<Verdict>,
    /// The rows, or what kept them back.
    pub outcome: Result<RowSet>,
}

/// Several charts at once, in the order they stand in.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    /// The charts, those that could not be drawn among them.
    pub charts: Vec<DashboardChart>,
}

/// A chart to put in the place of another.
#[derive(Debug, Clone)]
pub struct ChartPatch {
    /// Title of the chart.
    pub title: String,
    /// Datasource its query is for.
    pub datasource: String,
    /// The new query.
    pub sql: String,
    /// The display asked for.
    pub showcase: String,
    /// The new words; those there are stay when empty.
    pub thoughts: String,
}

impl ProposedChart {
    /// `{thoughts, showcase, sql, title}`, as models write it and the editor reads it.
    pub fn document(&self) -> Value {
        json!({
            "thoughts": self.thoughts,
            "showcase": self.showcase,
            "sql": self.sql,
            "title": self.title,
        })
    }
}

impl DashboardChart {
    /// `{id, title, thoughts, sql, showcase, chart, columns, rows, rows_read, cut_at, elapsed_ms, verdict, error,
    /// vega_lite}`; the first thousand rows.
    pub fn document(&self) -> Value {
        let proposed = &self.proposed;
        let result = self.outcome.as_ref().ok();
        let columns: Option<Vec<Value>> =
            result.map(|result| result.columns.iter().map(ResultColumn::document).collect());
        json!({
            "id": self.id,
            "title": proposed.title,
            "thoughts": proposed.thoughts,
            "sql": proposed.sql,
            "showcase": proposed.showcase,
            "chart": self.kind.name(),
            "columns": columns,
            "rows": result.map(|result| result.json_rows(KEPT_ROWS)),
            "rows_read": result.map(|result| result.rows.len()),
            "cut_at": result.and_then(|result| result.cut_at),
            "elapsed_ms": result.map(|result| result.elapsed_ms),
            "verdict": self.verdict.as_ref().map(Verdict::document),
            "error": self.error().map(ToString::to_string),
            "vega_lite": self.vega_lite(),
        })
    }

    /// What kept the chart from being drawn.
    pub fn error(&self) -> Option<&Error> {
        self.outcome.as_ref().err()
    }

    /// The chart as a Vega-Lite specification.
    pub fn vega_lite(&self) -> Option<Value> {
        let result = self.outcome.as_ref().ok()?;
        vega_lite(result, self.kind, Some(&self.proposed.title))
    }
}

impl Dashboard {
    /// `{conversation, charts}`.
    pub fn document(&self, conversation: &ConversationId) -> Value {
        let charts: Vec<Value> = self.charts.iter().map(DashboardChart::document).collect();
        json!({"conversation": conversation.as_str(), "charts": charts})
    }

    /// Its words for a person: what was drawn, and what was not and why.
    pub fn words(&self) -> String {
        words(self.charts.iter().map(|chart| {
            let error = chart.error().map(ToString::to_string);
            (chart.proposed.title.clone(), error)
        }))
    }

    /// What the guard said of all the queries as if they were one.
    pub fn verdict(&self) -> Option<Verdict> {
        let judged = self.charts.iter().filter_map(|chart| chart.verdict.clone());
        Verdict::of_all(judged.collect())
    }
}

impl Verdict {
    /// Several verdicts as one: what was let through, and every table that it read. The first, if none was let through.
    pub fn of_all(judged: Vec<Self>) -> Option<Self> {
        if !judged.iter().any(|verdict| verdict.allowed) {
            return judged.into_iter().next();
        }
        let allowed: Vec<&Self> = judged.iter().filter(|verdict| verdict.allowed).collect();
        let all = |names: fn(&Self) -> &Vec<String>| {
            let names: BTreeSet<String> = allowed
                .iter()
                .flat_map(|verdict| names(verdict).iter().cloned())
                .collect();
            names.into_iter().collect::<Vec<String>>()
        };
        Some(Self {
            allowed: true,
            reason: String::new(),
            statement: allowed
                .first()
                .map_or_else(String::new, |first| first.statement.clone()),
            statements: allowed
                .iter()
                .map(|verdict| verdict.statement.clone())
                .collect(),
            writes: allowed.iter().any(|verdict| verdict.writes),
            tables: all(|verdict| &verdict.tables),
            columns: all(|verdict| &verdict.columns),
            functions: all(|verdict| &verdict.functions),
            plan: None,
        })
    }
}

/// The words for a dashboard's charts as they are kept in its document.
pub fn dashboard_words(dashboard: &Value) -> String {
    let charts = dashboard["charts"].as_array().into_iter().flatten();
    words(charts.map(|chart| {
        let text = |name: &str| chart[name].as_str().map(str::to_owned);
        (text("title").unwrap_or_default(), text("error"))
    }))
}

fn words(charts: impl Iterator<Item = (String, Option<String>)>) -> String {
    let (mut drawn, mut failed) = (Vec::new(), Vec::new());
    for (title, error) in charts {
        match error {
            None => drawn.push(title),
            Some(error) => failed.push(format!("'{title}' could not be drawn: {error}")),
        }
    }
    let count = match drawn.len() {
        0 => "No chart could be drawn.".to_owned(),
        1 => format!("1 chart: {}.", drawn[0]),
        many => format!("{many} charts: {}.", drawn.join(", ")),
    };
    std::iter::once(count)
        .chain(failed)
        .collect::<Vec<String>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cell, CellKind};

    fn chart(title: &str, tables: &[&str], outcome: Result<RowSet>) -> DashboardChart {
        DashboardChart {
            id: title.to_lowercase(),
            proposed: ProposedChart {
                title: title.to_owned(),
                thoughts: "t".to_owned(),
                sql: "SELECT 1".to_owned(),
                showcase: "BarChart".to_owned(),
            },
            kind: ChartKind::Number,
            verdict: Some(Verdict {
                allowed: !tables.is_empty(),
                statement: "select".to_owned(),
                tables: tables.iter().map(|&table| table.to_owned()).collect(),
                ..Verdict::default()
            }),
            outcome,
        }
    }

    fn one() -> RowSet {
        RowSet {
            columns: vec![ResultColumn {
                name: "n".to_owned(),
                kind: CellKind::Int,
                data_type: "INTEGER".to_owned(),
            }],
            rows: vec![vec![Cell::Int(3)]],
            ..RowSet::default()
        }
    }

    #[test]
    fn a_chart_that_failed_is_told_and_drops_no_other() {
        let missing = Error::upstream("shop", "no such table: x");
        let dashboard = Dashboard {
            charts: vec![
                chart("Sales", &["orders"], Ok(one())),
                chart("Broken", &["x"], Err(missing)),
                chart("Cities", &["customers", "orders"], Ok(one())),
            ],
        };
        let words = "2 charts: Sales, Cities.\n'Broken' could not be drawn: shop: no such table: x";
        assert_eq!(dashboard.words(), words);
        let document = dashboard.document(&"c".into());
        assert_eq!(dashboard_words(&document), words);
        assert_eq!(document["conversation"], "c");
        assert_eq!(document["charts"][0]["rows"], json!([[3]]));
        assert_eq!(document["charts"][0]["vega_lite"]["title"], "Sales");
        assert_eq!(document["charts"][1]["error"], "shop: no such table: x");
        assert_eq!(document["charts"][1]["rows"], Value::Null);
        assert_eq!(RowSet::from_document(&document["charts"][0]), one());
    }

    #[test]
    fn the_verdicts_of_all_charts_name_every_table_that_was_read() {
        let refused = Error::Forbidden {
            reason: "no".to_owned(),
        };
        let dashboard = Dashboard {
            charts: vec![
                chart("Refused", &[], Err(refused.clone())),
                chart("A", &["orders"], Ok(one())),
                chart("B", &["customers", "orders"], Ok(one())),
            ],
        };
        let verdict = dashboard.verdict().expect("they were judged");
        assert!(verdict.allowed);
        assert_eq!(verdict.tables, ["customers", "orders"]);
        assert_eq!(verdict.statements, ["select", "select"]);
        let none = Dashboard {
            charts: vec![chart("Refused", &[], Err(refused))],
        };
        assert!(none.verdict().is_some_and(|verdict| !verdict.allowed));
        assert_eq!(Dashboard::default().verdict(), None);
        assert_eq!(Dashboard::default().words(), "No chart could be drawn.");
    }
}
