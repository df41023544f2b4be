//! The texts around a wish for charts.

use minijinja::context;
use serde_json::Value;
use tidegate_schema::{Result, model::ProposedChart};

use super::{CHART_ROWS, MOST_CHARTS};
use crate::{
    scenes::{
        database::DatabaseTurn,
        prompt::{notes, render, schema_text},
    },
    workers::PromptMessage,
};

/// Most of an unreadable answer that its model is shown again.
const SAID_BACK_CHARS: usize = 4_000;

/// The JSON schema of one chart.
pub(super) fn chart_schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "thoughts": {"type": "string"},
            "sql": {"type": "string"},
            "showcase": {"type": "string", "enum": [
                "Table", "LineChart", "BarChart", "PieChart", "IndicatorValue",
            ]},
        },
        "required": ["title", "thoughts", "sql", "showcase"],
        "additionalProperties": false,
    })
}

/// The JSON schema of all of them. An object around the list, since servers that hold a model to a schema take no
/// other.
pub(super) fn charts_schema() -> Value {
    serde_json::json!({
        "type": "object",
        "properties": {"charts": {"type": "array", "items": chart_schema()}},
        "required": ["charts"],
        "additionalProperties": false,
    })
}

/// What a model is asked: instructions with the chosen tables, earlier rounds, the wish.
pub(super) fn messages(asked: &DatabaseTurn, tables: &[usize]) -> Result<Vec<PromptMessage>> {
    let engine = asked.database.engine();
    let values = context! {
        dialect => engine.title(),
        schema => schema_text(&asked.catalogue, tables),
        notes => notes(engine),
        today => asked.today.to_string(),
        most_charts => MOST_CHARTS,
        most_rows => CHART_ROWS,
    };
    let instructions = render(include_str!("../prompts/dashboard.j2"), values)?;
    let mut messages = vec![PromptMessage::system(instructions)];
    messages.extend(asked.memory.iter().cloned());
    messages.push(PromptMessage::user(asked.question.as_str()));
    Ok(messages)
}

/// The messages that ask once more for charts in the form they have to have.
pub(super) fn ask_for_form(answer: &str) -> Result<Vec<PromptMessage>> {
    let mut messages = Vec::new();
    // Some servers refuse a message without text.
    if !answer.trim().is_empty() {
        let said: String = answer.chars().take(SAID_BACK_CHARS).collect();
        messages.push(PromptMessage::assistant(said));
    }
    let wanted = render(include_str!("../prompts/dashboard_form.j2"), context! {})?;
    messages.push(PromptMessage::user(wanted));
    Ok(messages)
}

/// The messages that hand the error of one chart back.
pub(super) fn ask_for_repair(chart: &ProposedChart, error: &str) -> Result<Vec<PromptMessage>> {
    let values = context! {
        title => chart.title.as_str(),
        sql => chart.sql.as_str(),
        error,
    };
    Ok(vec![
        PromptMessage::assistant(chart.document().to_string()),
        PromptMessage::user(render(include_str!("../prompts/chart_repair.j2"), values)?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_names_the_chart_its_query_and_what_was_wrong() {
        let chart = ProposedChart {
            title: "Sales \"2024\"".to_owned(),
            sql: "SELECT x < 1".to_owned(),
            ..ProposedChart::default()
        };
        let asked = ask_for_repair(&chart, "no such column: x").expect("rendered");
        assert_eq!(asked.len(), 2);
        for part in ["Sales \"2024\"", "SELECT x < 1", "no such column: x"] {
            assert!(asked[1].text.contains(part), "{}", asked[1].text);
        }
    }

    #[test]
    fn an_empty_answer_is_not_said_back() {
        assert_eq!(ask_for_form(" ").expect("rendered").len(), 1);
        let said = ask_for_form("[oops").expect("rendered");
        assert_eq!(said[0].text, "[oops");
    }
}
