//! `chat_dashboard`: a wish in plain words, answered by several charts, each with a guarded query of its own.
//!
//! A chart that fails is asked for once more and then told with its reason; it never takes the others with it.

mod ask;
mod derive;
mod draw;
mod prompts;
mod written;

use serde_json::Value;
use tidegate_schema::{
    Result,
    model::{ChatEvent, Dashboard, Evidence, ProposedChart, Stage},
};

use self::ask::Proposal;
pub(crate) use self::written::charts_of as charts_written;
use super::{Emitter, Ledger, Outcome, StageClock, data::NO_ANSWER, database::DatabaseTurn};
use crate::drivers::Limits;

/// Most rows of a chart: what is kept of them, and more than anybody reads off a drawing.
pub const CHART_ROWS: usize = 1_000;
/// Most bytes of a chart's rows.
pub const CHART_BYTES: usize = 4 << 20;
/// Most charts of a dashboard.
pub(super) const MOST_CHARTS: usize = 12;

/// What a turn of this scene takes.
pub struct DashboardTurn {
    /// The wish and the database. Its caps hold for each chart; those of this scene are kept to as well.
    pub asked: DatabaseTurn,
    /// Whether what does not work goes back to the model.
    pub repair: bool,
}

impl DashboardTurn {
    /// The caps on one chart.
    fn chart_limits(&self) -> Limits {
        let limits = self.asked.limits;
        Limits {
            rows: limits.rows.min(CHART_ROWS),
            bytes: limits.bytes.min(CHART_BYTES),
            time: limits.time,
        }
    }
}

/// Answers one wish. Every statement stands in `ledger`, whatever ends the turn.
pub async fn answer(turn: DashboardTurn, emitter: &Emitter, ledger: &Ledger) -> Result<Outcome> {
    let mut clock = StageClock::new();
    let metadata = turn.asked.model.metadata();
    let (tables, names) = turn.asked.tables(metadata.sql_only, emitter).await;
    clock.end(Stage::Schema);

    let Proposal {
        charts,
        said,
        messages,
        mut usage,
        confidence,
        mut repairs,
    } = if metadata.sql_only {
        ask::derived(&turn.asked, &tables, emitter).await?
    } else {
        ask::charts(&turn, &tables, emitter).await?
    };
    clock.end(Stage::Write);
    let asked: Vec<ProposedChart> = charts.clone();
    let drawn = draw::all(&turn, charts, &messages, emitter, ledger).await;
    clock.end(Stage::Run);
    let mut charts = Vec::with_capacity(drawn.len());
    for one in drawn {
        usage.prompt_tokens += one.usage.prompt_tokens;
        usage.completion_tokens += one.usage.completion_tokens;
        repairs += u32::from(one.repaired);
        charts.push(one.chart);
    }
    let mut evidence = Evidence {
        datasource: turn.asked.datasource.clone(),
        tables_shown: names,
        model: metadata.name,
        confidence,
        repairs,
        ..Evidence::default()
    };
    let mut problem = charts.iter().find_map(|chart| chart.error().cloned());
    if metadata.sql_only {
        // Nobody asked for what we derived: what does not answer is left out.
        charts.retain(draw::says_something);
    }
    if charts.is_empty() {
        let text = in_words(&said, problem.as_ref().map(ToString::to_string));
        emitter.emit(ChatEvent::Text(text.clone())).await;
        emitter.emit(ChatEvent::Usage(usage)).await;
        clock.end(Stage::Show);
        evidence.times = clock.times();
        return Ok(Outcome {
            raw: text.clone(),
            text,
            problem,
            evidence,
            usage,
            ..Outcome::default()
        });
    }
    if charts.iter().any(|chart| chart.outcome.is_ok()) {
        problem = None;
    }
    let final_charts: Vec<ProposedChart> =
        charts.iter().map(|chart| chart.proposed.clone()).collect();
    let dashboard = Dashboard { charts };
    evidence.verdict = dashboard.verdict();
    evidence.rows_read = dashboard
        .charts
        .iter()
        .filter_map(|chart| chart.outcome.as_ref().ok())
        .map(|result| result.rows.len())
        .sum();
    // No words are told: the pages parse what they are given, and the report comes with the end.
    emitter.emit(ChatEvent::Usage(usage)).await;
    clock.end(Stage::Show);
    evidence.times = clock.times();
    Ok(Outcome {
        raw: raw(&said, &asked, &final_charts),
        text: dashboard.words(),
        dashboard: Some(dashboard),
        problem,
        evidence,
        usage,
        ..Outcome::default()
    })
}

/// The model's own words, where they are a list of just the charts that there are; else such a list. The editor reads
/// it, and the model when it is asked again.
fn raw(said: &str, asked: &[ProposedChart], charts: &[ProposedChart]) -> String {
    let said = said.trim();
    if asked == charts && is_list_of(said, charts) {
        return said.to_owned();
    }
    list_text(charts)
}

fn is_list_of(said: &str, charts: &[ProposedChart]) -> bool {
    let Ok(Value::Array(items)) = serde_json::from_str(said) else {
        return false;
    };
    let same = |(item, chart): (&Value, &ProposedChart)| {
        item["sql"].as_str().map(str::trim) == Some(chart.sql.as_str())
            && item["title"].as_str() == Some(chart.title.as_str())
    };
    items.len() == charts.len() && items.iter().zip(charts).all(same)
}

/// Charts as the list a model is asked for.
pub(crate) fn list_text(charts: &[ProposedChart]) -> String {
    let items: Vec<Value> = charts.iter().map(ProposedChart::document).collect();
    Value::Array(items).to_string()
}

/// An answer without charts: what was said, or why nothing could be drawn, never nothing.
fn in_words(said: &str, problem: Option<String>) -> String {
    [Some(said.trim().to_owned()), problem]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| NO_ANSWER.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(title: &str, sql: &str) -> ProposedChart {
        ProposedChart {
            title: title.to_owned(),
            sql: sql.to_owned(),
            ..ProposedChart::default()
        }
    }

    #[test]
    fn a_models_own_list_is_kept_as_it_came_unless_a_query_is_another_now() {
        let said = r#" [{"thoughts": "a", "sql": "SELECT 1", "title": "One"}] "#;
        let one = [chart("One", "SELECT 1")];
        assert_eq!(raw(said, &one, &one), said.trim());
        let repaired = [chart("One", "SELECT 2")];
        let list = raw(said, &one, &repaired);
        assert_eq!(
            list,
            r#"[{"thoughts":"","showcase":"","sql":"SELECT 2","title":"One"}]"#
        );
        let object = r#"{"charts": [{"sql": "SELECT 1", "title": "One"}]}"#;
        assert!(raw(object, &one, &one).starts_with('['));
    }

    #[test]
    fn an_answer_without_charts_is_never_empty() {
        assert_eq!(in_words(" No. ", None), "No.");
        assert_eq!(in_words("", Some("why".to_owned())), "why");
        assert_eq!(in_words("", None), NO_ANSWER);
    }
}
