//! From what a model wrote to the charts it meant.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tidegate_schema::model::ProposedChart;

use super::MOST_CHARTS;
use crate::scenes::extract;

/// Most characters of a title, and of the words beside it.
const TITLE_CHARS: usize = 120;
const THOUGHTS_CHARS: usize = 2_000;
/// How deep in other objects charts are looked for: some models wrap them as the arguments of a call.
const DEEPEST: usize = 6;

/// The charts in a text, at most so many as a dashboard has: a list of them, an object around one, or one after the
/// other. Each has a query and a title of its own.
pub(crate) fn charts_of(text: &str) -> Vec<ProposedChart> {
    let mut found = Vec::new();
    for value in extract::values(text) {
        collect(&value, DEEPEST, &mut found);
    }
    let mut titles = HashSet::new();
    let mut charts: Vec<ProposedChart> = Vec::new();
    for mut chart in found {
        let repeated = charts
            .iter()
            .any(|known| known.sql == chart.sql && known.title == chart.title);
        if repeated {
            continue;
        }
        if charts.len() == MOST_CHARTS {
            break;
        }
        if chart.title.is_empty() {
            chart.title = format!("Chart {}", charts.len() + 1);
        }
        chart.title = free(&chart.title, &titles);
        titles.insert(chart.title.clone());
        charts.push(chart);
    }
    charts
}

/// The first chart in a text, for an answer that is to be one.
pub(super) fn chart_of(text: &str) -> Option<ProposedChart> {
    charts_of(text).into_iter().next()
}

/// A title with a number behind it if another chart has it: charts are edited by their titles.
pub(super) fn free(title: &str, taken: &HashSet<String>) -> String {
    let mut candidate = title.to_owned();
    let mut number = 1;
    while taken.contains(&candidate) {
        number += 1;
        candidate = format!("{title} ({number})");
    }
    candidate
}

fn collect(value: &Value, deeper: usize, found: &mut Vec<ProposedChart>) {
    let Some(deeper) = deeper.checked_sub(1) else {
        return;
    };
    match value {
        Value::Array(items) => {
            for item in items {
                collect(item, deeper, found);
            }
        }
        Value::Object(members) => match chart(members) {
            Some(chart) => found.push(chart),
            None => {
                for member in members.values() {
                    collect(member, deeper, found);
                }
            }
        },
        // The arguments of a call are JSON in a text.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            for inner in extract::values(text) {
                collect(&inner, deeper, found);
            }
        }
        _ => {}
    }
}

/// An object that holds a query, under whichever spelling of the members asked for.
fn chart(members: &Map<String, Value>) -> Option<ProposedChart> {
    let part = |names: &[&str]| {
        members
            .iter()
            .filter(|(name, _)| names.contains(&plain(name).as_str()))
            .filter_map(|(_, value)| value.as_str().map(str::trim))
            .find(|text| !text.is_empty())
    };
    let sql = part(&["sql", "chartsql", "query", "sqlquery"])?;
    // Out of its fence. What is in none is taken as it is: a query may well have braces and quotes of its own.
    let fenced = if sql.starts_with("```") {
        extract::read(sql).sql
    } else {
        String::new()
    };
    let sql = if fenced.is_empty() { sql } else { &fenced };
    let text = |names: &[&str], most: usize| -> String {
        part(names).unwrap_or_default().chars().take(most).collect()
    };
    Some(ProposedChart {
        title: text(&["title", "chartname", "charttitle", "name"], TITLE_CHARS),
        thoughts: text(
            &[
                "thoughts",
                "thought",
                "chartdesc",
                "description",
                "describe",
            ],
            THOUGHTS_CHARS,
        ),
        sql: sql.trim().trim_end_matches(';').trim_end().to_owned(),
        showcase: text(
            &["showcase", "charttype", "displaytype", "type", "chart"],
            TITLE_CHARS,
        ),
    })
}

/// A member's name without case and signs.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|sign| sign.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(text: &str) -> Vec<String> {
        charts_of(text)
            .into_iter()
            .map(|chart| chart.title)
            .collect()
    }

    const TWO: &str = r#"{"title": "A", "sql": "SELECT 1", "thoughts": "t", "showcase": "BarChart"},
        {"title": "B", "sql": "SELECT 2"}"#;

    #[test]
    fn charts_are_read_from_a_list_an_object_and_chatter() {
        for text in [
            format!("[{TWO}]"),
            format!("{{\"charts\": [{TWO}]}}"),
            format!("Sure! Here they are:\n```json\n[{TWO}]\n```\nEnjoy."),
            format!("{{\"name\": \"make\", \"arguments\": {{\"charts\": [{TWO}]}}}}"),
            TWO.to_owned(),
            format!("[{TWO}"),
        ] {
            assert_eq!(titles(&text), ["A", "B"], "{text}");
        }
        let charts = charts_of(&format!("[{TWO}]"));
        assert_eq!(
            charts[0],
            ProposedChart {
                title: "A".to_owned(),
                thoughts: "t".to_owned(),
                sql: "SELECT 1".to_owned(),
                showcase: "BarChart".to_owned(),
            }
        );
    }

    #[test]
    fn titles_are_one_of_a_kind_and_what_is_no_chart_is_left_out() {
        let text = r#"[{"title": "A", "sql": "SELECT 1;"}, {"title": "A", "sql": "SELECT 2"}, {"sql": "SELECT 3"},
            {"title": "none"}, 3, {"title": "A", "sql": "SELECT 1"}]"#;
        let charts = charts_of(text);
        let read: Vec<(&str, &str)> = charts
            .iter()
            .map(|chart| (chart.title.as_str(), chart.sql.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("A", "SELECT 1"),
                ("A (2)", "SELECT 2"),
                ("Chart 3", "SELECT 3")
            ]
        );
        assert!(charts_of("I cannot do that.").is_empty());
        assert!(charts_of("").is_empty());
    }

    #[test]
    fn a_dashboard_has_only_so_many_charts() {
        let items: Vec<String> = (0..30)
            .map(|n| format!("{{\"title\": \"T{n}\", \"sql\": \"SELECT {n}\"}}"))
            .collect();
        let charts = charts_of(&format!("[{}]", items.join(",")));
        assert_eq!(charts.len(), MOST_CHARTS);
    }

    #[test]
    fn other_spellings_of_the_members_are_understood() {
        let text = r#"{"chart_name": "A", "chartSQL": "SELECT 1", "chart_type": "Table", "description": "d"}"#;
        let chart = chart_of(text).expect("a chart");
        assert_eq!(
            (
                chart.title.as_str(),
                chart.showcase.as_str(),
                chart.thoughts.as_str()
            ),
            ("A", "Table", "d")
        );
    }
}
