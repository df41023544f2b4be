//! An answer's document as DB-GPT's pages show it: words, then a `chart-view` element with SQL and rows; a dashboard as
//! the JSON text of its report.

pub mod report;

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::model::{ChartKind, cut_note, unique_names, without_values};

/// What the pages know a failed answer by.
const FAILED: &str = "<span style=\"color:red\">ERROR!</span>";

/// DB-GPT's name of a display.
pub fn display_name(chart: ChartKind) -> &'static str {
    match chart {
        ChartKind::Table | ChartKind::Number => "response_table",
        ChartKind::Line => "response_line_chart",
        ChartKind::Bar => "response_bar_chart",
        ChartKind::Pie => "response_pie_chart",
        ChartKind::Scatter => "response_scatter_chart",
        ChartKind::Area => "response_area_chart",
        ChartKind::Donut => "response_donut_chart",
        ChartKind::Bubble => "response_bubble_chart",
        // Q-120: the name that the pages draw, and not the one that the server knows.
        ChartKind::Heatmap => "response_heatmap_chart",
    }
}

/// The whole text the pages are given.
pub fn view_markup(document: &Value) -> String {
    View::of(document).markup()
}

/// The parts of that text, which the framings of a turn put together differently.
pub(super) struct View<'a> {
    /// The answer's words.
    pub(super) text: &'a str,
    problem: Option<&'a str>,
    /// A note when rows are missing, and the chart.
    tail: String,
    /// A report, which is all that the pages are given: they parse it.
    report: Option<String>,
}

impl<'a> View<'a> {
    /// The view of an answer's document.
    pub(super) fn of(document: &'a Value) -> Self {
        let text_of = |field: &str| document.get(field).and_then(Value::as_str);
        let text = text_of("text").unwrap_or_default();
        let bare = Self {
            text,
            problem: None,
            tail: String::new(),
            report: None,
        };
        if let Some(dashboard) = document.get("dashboard").filter(|it| it.is_object()) {
            return Self {
                report: Some(report::ReportOut::of(dashboard).text()),
                ..bare
            };
        }
        let Some(sql) = text_of("sql") else {
            return bare;
        };
        let chart = text_of("chart").and_then(ChartKind::from_name);
        let mut content = json!({
            "type": display_name(chart.unwrap_or(ChartKind::Table)),
            "sql": sql,
            "data": rows_by_name(document),
        });
        // Q-059: behind what the pages read stands what the answer can be believed by.
        if let Some(evidence) = evidence(document) {
            content["evidence"] = evidence;
        }
        let mut tail = cut_note(document).map_or(String::new(), |note| format!("\n{note}"));
        _ = write!(
            tail,
            "\n<chart-view content=\"{}\" />",
            escape(&report::without_breaks(&content.to_string()))
        );
        Self {
            problem: text_of("problem"),
            tail,
            ..bare
        }
    }

    /// Whether nothing may stand beside it.
    pub(super) fn stands_alone(&self) -> bool {
        self.report.is_some()
    }

    /// All of it. The mark of a failure stands behind the thoughts, where DB-GPT has it.
    pub(super) fn markup(&self) -> String {
        if let Some(report) = &self.report {
            return report.clone();
        }
        let Some(problem) = self.problem else {
            return format!("{}{}", self.text, self.tail);
        };
        let thoughts = self
            .text
            .strip_suffix(problem)
            .unwrap_or(self.text)
            .trim_end();
        let gap = if thoughts.is_empty() { "" } else { "\n" };
        format!("{thoughts}{gap}{FAILED}{problem}{}", self.tail)
    }

    /// What is missing once the words have been sent: nothing of them is said twice.
    pub(super) fn behind_words(&self) -> String {
        if let Some(report) = &self.report {
            return format!("\n{report}");
        }
        match self.problem {
            None => self.tail.clone(),
            Some(problem) if self.text.ends_with(problem) => format!("\n{FAILED}{}", self.tail),
            Some(problem) => format!("\n{FAILED}{problem}{}", self.tail),
        }
    }
}

/// The evidence, without the SQL, which stands beside it, and with the Vega-Lite specification over the rows, which do
/// too.
fn evidence(document: &Value) -> Option<Value> {
    let mut evidence = document.get("evidence")?.as_object()?.clone();
    evidence.shift_remove("sql");
    if let Some(drawn) = document.get("vega_lite").filter(|it| it.is_object()) {
        evidence.insert("vega_lite".to_owned(), without_values(drawn, "data"));
    }
    Some(Value::Object(evidence))
}

/// The rows as objects keyed by column.
fn rows_by_name(document: &Value) -> Vec<Value> {
    let list = |field: &str| {
        document
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let names: Vec<&str> = list("columns")
        .filter_map(|column| column.get("name").and_then(Value::as_str))
        .collect();
    let names = unique_names(&names);
    list("rows")
        .filter_map(Value::as_array)
        .map(|row| {
            let object: Map<String, Value> =
                names.iter().cloned().zip(row.iter().cloned()).collect();
            Value::Object(object)
        })
        .collect()
}

/// XML attribute escaping.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_the_cells_of_columns_with_one_name() {
        let document = json!({
            "text": "t", "sql": "SELECT 1, 2", "columns": [{"name": "n"}, {"name": "n"}], "rows": [[1, 2]],
        });
        assert!(view_markup(&document).contains("{&quot;n&quot;:1,&quot;n_2&quot;:2}"));
    }

    #[test]
    fn a_failure_is_marked_behind_the_thoughts() {
        let document = json!({
            "text": "Let me see.\nshop: no such table: x", "sql": "SELECT 1", "problem": "shop: no such table: x",
        });
        let view = view_markup(&document);
        assert!(
            view.starts_with(
                "Let me see.\n<span style=\"color:red\">ERROR!</span>shop: no such table: x\n<chart-view "
            ),
            "{view}"
        );
        let bare = json!({"text": "broken", "sql": "SELECT 1", "problem": "broken"});
        let view = view_markup(&bare);
        assert!(
            view.starts_with("<span style=\"color:red\">ERROR!</span>broken\n<chart-view "),
            "{view}"
        );
    }

    #[test]
    fn a_chart_carries_the_evidence_without_saying_the_sql_twice() {
        let document = json!({
            "text": "t", "sql": "SELECT 1", "columns": [{"name": "n"}], "rows": [[1]],
            "evidence": {"sql": "SELECT 1", "tables_shown": ["t"], "cut_at": 1, "verdict": {"allowed": true}},
        });
        let view = view_markup(&document);
        let expected = "&quot;data&quot;:[{&quot;n&quot;:1}],&quot;evidence&quot;:{&quot;tables_shown&quot;:\
            [&quot;t&quot;],&quot;cut_at&quot;:1,&quot;verdict&quot;:{&quot;allowed&quot;:true}}}\" />";
        assert!(view.ends_with(expected), "{view}");
        let without = json!({"text": "t", "sql": "SELECT 1", "columns": [], "rows": []});
        assert!(!view_markup(&without).contains("evidence"));
    }

    #[test]
    fn a_chart_carries_its_vega_lite_over_the_rows_beside_it() {
        let document = json!({
            "text": "t", "sql": "SELECT 1", "columns": [{"name": "n"}], "rows": [[1]], "evidence": {},
            "vega_lite": {"data": {"values": [{"n": 1}]}, "mark": "text"},
        });
        let view = view_markup(&document);
        let expected = "&quot;evidence&quot;:{&quot;vega_lite&quot;:{&quot;data&quot;:{&quot;name&quot;:\
            &quot;data&quot;},&quot;mark&quot;:&quot;text&quot;}}}\" />";
        assert!(view.ends_with(expected), "{view}");
    }

    #[test]
    fn a_dashboard_is_its_report_and_nothing_else() {
        let document = json!({
            "text": "1 chart: Orders.", "sql": null, "problem": null, "evidence": {},
            "dashboard": {"conversation": "c-1", "charts": []},
        });
        let view = view_markup(&document);
        assert_eq!(
            view,
            r#"{"conv_uid":"c-1","template_name":"report","template_introduce":null,"charts":[]}"#
        );
    }

    #[test]
    fn a_view_says_that_rows_are_missing() {
        let document = json!({
            "text": "All of them.", "sql": "SELECT n FROM t", "columns": [{"name": "n"}], "rows": [[1], [2]],
            "evidence": {"rows_read": 5000, "cut_at": null},
        });
        let note = cut_note(&document).expect("two of five thousand rows");
        assert!(
            view_markup(&document).starts_with(&format!("All of them.\n{note}\n<chart-view ")),
            "{note}"
        );
    }
}
