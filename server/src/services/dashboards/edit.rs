//! An edited chart in the place of another: its query runs first, then what the model said and what the person is shown
//! are rewritten together.

use serde_json::{Value, json};
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{
        Caller, Cell, ChartKind, ChartPatch, DashboardChart, Message, ProposedChart, Role, RowSet,
        Verdict, dashboard_words,
    },
};

use super::{Dashboards, Failed, Found};
use crate::{
    scenes::{
        dashboard::{CHART_BYTES, CHART_ROWS, list_text},
        show,
    },
    services::edits,
};

/// Most characters of the words beside a chart.
const MOST_WORDS: usize = 10_000;

impl Dashboards<'_> {
    /// Runs a query in the place of a chart's and stores the chart anew, with its words, its display and its rows, in the
    /// latest dashboard that has one of its title. What fails is told and leaves everything as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a datasource, a conversation or a chart that is not there or that the caller may not see;
    /// [`Error::Conflict`] where there is no dashboard, where it was asked of another datasource, while a turn of the
    /// conversation is under way, and when somebody stops it; what the guard or the database has against the query, as for
    /// [`crate::services::sql::Sql::run`].
    pub async fn edit(
        &self,
        caller: &Caller,
        conversation: &ConversationId,
        patch: &ChartPatch,
    ) -> Result<(), Failed> {
        let app = self.0;
        check(patch)?;
        let datasource = app.datasources().get(caller, &patch.datasource).await?;
        // Two edits at once would each write what the other has not seen.
        let place = app.running.enter(conversation).await?;
        let messages = self.messages(caller, conversation).await?;
        let found = Found::chart(&messages, conversation, &patch.title)?;
        if found.datasource() != datasource.name {
            return Err(Error::Conflict {
                reason: format!(
                    "the dashboard was asked of '{}'; edit its charts there, not on '{}'",
                    found.datasource(),
                    datasource.name
                ),
            }
            .into());
        }
        let proposed = proposed(found.chart_document(), patch);
        let wanted = wanted(found.chart_document(), &proposed)?;
        let spoken = spoken(&messages, found.round())?;
        let (verdict, mut rows) =
            edits::run(app, &place, caller, &datasource.name, &proposed.sql).await?;
        shorten(&mut rows);

        let chart = DashboardChart {
            id: found.chart_document()["id"]
                .as_str()
                .map_or_else(|| app.clock.new_id(), str::to_owned),
            kind: show::choose(&rows, wanted),
            proposed: proposed.clone(),
            verdict: Some(verdict),
            outcome: Ok(rows),
        };
        let mut answer = found.answer().clone();
        answer["dashboard"]["charts"][found.place()] = chart.document();
        believe(&mut answer, caller);
        let said = said_anew(spoken, &answer, &proposed);
        let words = answer["text"].as_str().unwrap_or_default().to_owned();
        let changes = [
            (&spoken.id, said.as_str(), None),
            (&found.view().id, words.as_str(), Some(&answer)),
        ];
        edits::rewrite(app, conversation, &changes).await?;
        Ok(())
    }
}

/// Refuses what no chart can be made of.
fn check(patch: &ChartPatch) -> Result<()> {
    if patch.sql.trim().is_empty() {
        return Err(Error::invalid("new_sql", "must not be empty"));
    }
    check_length("new_comment", &patch.thoughts)?;
    check_length("new_chart_type", &patch.showcase)?;
    check_length("chart_title", &patch.title)
}

/// Refuses words that no chart has. What is unknown is said back and compared with all there is.
pub(super) fn check_length(field: &str, text: &str) -> Result<()> {
    if text.chars().nth(MOST_WORDS).is_some() {
        return Err(Error::invalid(
            field,
            format!("must have at most {MOST_WORDS} characters"),
        ));
    }
    Ok(())
}

/// The chart with the change in it.
fn proposed(chart: &Value, patch: &ChartPatch) -> ProposedChart {
    let kept = |name: &str, new: &str| {
        if new.trim().is_empty() {
            chart[name].as_str().unwrap_or_default().to_owned()
        } else {
            new.to_owned()
        }
    };
    ProposedChart {
        title: patch.title.clone(),
        thoughts: kept("thoughts", &patch.thoughts),
        sql: patch.sql.trim().to_owned(),
        showcase: kept("showcase", &patch.showcase),
    }
}

/// The display asked for. A name that says nothing is refused, unless the model's own says as little.
fn wanted(chart: &Value, proposed: &ProposedChart) -> Result<Option<ChartKind>> {
    let wanted = show::kind_of(&proposed.showcase);
    if wanted.is_none() && chart["showcase"] != proposed.showcase.as_str() {
        return Err(Error::invalid(
            "new_chart_type",
            format!(
                "'{}' is no display; there is: Table, LineChart, BarChart, PieChart, IndicatorValue",
                proposed.showcase
            ),
        ));
    }
    Ok(wanted)
}

/// What the model said in a round.
fn spoken(messages: &[Message], round: i32) -> Result<&Message> {
    messages
        .iter()
        .find(|message| message.round == round && message.role == Role::Ai)
        .ok_or_else(|| Error::Conflict {
            reason: format!("round {round} has no answer of a model that could be edited"),
        })
}

/// Cuts a result to what a chart holds, and says so.
fn shorten(rows: &mut RowSet) {
    let mut bytes = 0;
    let held = rows
        .rows
        .iter()
        .take(CHART_ROWS)
        .take_while(|row| {
            let texts = row.iter().filter_map(Cell::to_text);
            bytes += texts.map(|text| text.len()).sum::<usize>();
            bytes <= CHART_BYTES
        })
        .count();
    if held < rows.rows.len() {
        rows.rows.truncate(held);
        rows.cut_at = Some(held);
    }
}

/// Brings what the whole answer says up to its charts: its words, the tables that were read, the rows.
fn believe(answer: &mut Value, caller: &Caller) {
    let charts = answer["dashboard"]["charts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let judged = charts
        .iter()
        .filter_map(|chart| Verdict::from_document(&chart["verdict"]));
    let verdict = Verdict::of_all(judged.collect());
    let read: u64 = charts
        .iter()
        .filter_map(|chart| chart["rows_read"].as_u64())
        .sum();
    answer["text"] = json!(dashboard_words(&answer["dashboard"]));
    // The edited chart was drawn, so there is one.
    answer["problem"] = Value::Null;
    answer["evidence"]["verdict"] = verdict.map_or(Value::Null, |verdict| verdict.document());
    answer["evidence"]["rows_read"] = json!(read);
    answer["evidence"]["edited_by"] = json!(caller.user);
}

/// The model's list with the chart in it, in the form it had; else a list of the charts that there are now.
fn said_anew(spoken: &Message, answer: &Value, proposed: &ProposedChart) -> String {
    if let Ok(Value::Array(mut items)) = serde_json::from_str(spoken.content.trim())
        && let Some(item) = items
            .iter_mut()
            .find(|item| item["title"] == proposed.title.as_str())
        && item.is_object()
    {
        item["sql"] = json!(proposed.sql);
        item["showcase"] = json!(proposed.showcase);
        item["thoughts"] = json!(proposed.thoughts);
        return Value::Array(items).to_string();
    }
    let charts = answer["dashboard"]["charts"].as_array();
    let all: Vec<ProposedChart> = charts
        .into_iter()
        .flatten()
        .map(|chart| {
            let text = |name: &str| chart[name].as_str().unwrap_or_default().to_owned();
            ProposedChart {
                title: text("title"),
                thoughts: text("thoughts"),
                sql: text("sql"),
                showcase: text("showcase"),
            }
        })
        .collect();
    list_text(&all)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(content: &str) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 1,
            round: 1,
            role: Role::Ai,
            content: content.to_owned(),
            detail: MessageDetail::default(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn patch() -> ChartPatch {
        ChartPatch {
            title: "A".to_owned(),
            datasource: "shop".to_owned(),
            sql: " SELECT 2 ".to_owned(),
            showcase: "LineChart".to_owned(),
            thoughts: String::new(),
        }
    }

    #[test]
    fn what_is_not_changed_stays() {
        let chart =
            json!({"title": "A", "thoughts": "t", "sql": "SELECT 1", "showcase": "BarChart"});
        let proposed = proposed(&chart, &patch());
        assert_eq!(
            (
                proposed.thoughts.as_str(),
                proposed.sql.as_str(),
                proposed.showcase.as_str()
            ),
            ("t", "SELECT 2", "LineChart")
        );
    }

    #[test]
    fn the_models_list_keeps_its_other_charts_and_fields() {
        let chart = proposed(&json!({"thoughts": "t"}), &patch());
        let said =
            message(r#"[{"title": "B", "more": 1}, {"title": "A", "sql": "SELECT 1", "more": 2}]"#);
        let anew: Value =
            serde_json::from_str(&said_anew(&said, &Value::Null, &chart)).expect("JSON");
        assert_eq!(
            anew,
            json!([
                {"title": "B", "more": 1},
                {"title": "A", "sql": "SELECT 2", "more": 2, "showcase": "LineChart", "thoughts": "t"},
            ])
        );
        let answer = json!({"dashboard": {"charts": [
            {"title": "A", "sql": "SELECT 2", "thoughts": "t", "showcase": "LineChart"},
        ]}});
        let anew = said_anew(&message("words"), &answer, &chart);
        assert_eq!(
            anew,
            r#"[{"thoughts":"t","showcase":"LineChart","sql":"SELECT 2","title":"A"}]"#
        );
    }

    #[test]
    fn an_unknown_display_is_refused_unless_the_model_wrote_it() {
        let chart = json!({"showcase": "Hologram"});
        let with = |showcase: &str| {
            let patch = ChartPatch {
                showcase: showcase.to_owned(),
                ..patch()
            };
            wanted(&chart, &proposed(&chart, &patch))
        };
        assert_eq!(with("Hologram").expect("the model's own"), None);
        assert!(with("PieChart").is_ok_and(|kind| kind.is_some()));
        let refused = with("Cube").expect_err("refused").to_string();
        assert!(refused.contains("'Cube'") && refused.contains("LineChart"));
    }

    #[test]
    fn an_answer_says_what_its_charts_are_now() {
        let mut answer = json!({
            "text": "old", "problem": "old", "evidence": {"tables_shown": ["t"], "verdict": null},
            "dashboard": {"charts": [
                {"title": "A", "error": null, "rows_read": 2, "verdict": {"allowed": true, "tables": ["t"]}},
                {"title": "B", "error": "gone", "rows_read": null, "verdict": {"allowed": false, "tables": ["x"]}},
            ]},
        });
        believe(&mut answer, &Caller::local("ann"));
        assert_eq!(answer["text"], "1 chart: A.\n'B' could not be drawn: gone");
        assert_eq!(answer["problem"], Value::Null);
        assert_eq!(answer["evidence"]["verdict"]["tables"], json!(["t"]));
        assert_eq!(answer["evidence"]["rows_read"], 2);
        assert_eq!(answer["evidence"]["edited_by"], "ann");
    }

    #[test]
    fn words_beyond_all_measure_are_refused_by_their_field() {
        let title = "x".repeat(MOST_WORDS + 1);
        assert!(check_length("chart_title", &title[1..]).is_ok());
        let long = ChartPatch { title, ..patch() };
        let refused = check(&long).expect_err("refused").to_string();
        assert!(refused.starts_with("chart_title: "), "{refused}");
    }

    #[test]
    fn a_long_result_is_cut_and_says_so() {
        let mut rows = RowSet {
            rows: vec![vec![Cell::Int(1)]; CHART_ROWS + 1],
            ..RowSet::default()
        };
        shorten(&mut rows);
        assert_eq!(
            (rows.rows.len(), rows.cut_at),
            (CHART_ROWS, Some(CHART_ROWS))
        );
        let wide = Cell::Text("x".repeat(CHART_BYTES / 2));
        let mut heavy = RowSet {
            rows: vec![vec![wide]; 3],
            ..RowSet::default()
        };
        shorten(&mut heavy);
        assert_eq!((heavy.rows.len(), heavy.cut_at), (2, Some(2)));
        let whole = heavy.clone();
        shorten(&mut heavy);
        assert_eq!(heavy, whole, "what fits stays as it is");
    }
}
