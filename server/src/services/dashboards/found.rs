//! Dashboards as they stand in a conversation's messages.

use chrono::{DateTime, Utc};
use serde_json::Value;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Message, Role},
};

use super::no_dashboard;
use crate::services::datasources::nearest;

/// A dashboard in a conversation, and a chart of it where one was sought.
pub(super) struct Found<'a> {
    view: &'a Message,
    answer: &'a Value,
    at: usize,
}

impl<'a> Found<'a> {
    /// The latest dashboard that has a chart of this title.
    pub(super) fn chart(
        messages: &'a [Message],
        conversation: &ConversationId,
        title: &str,
    ) -> Result<Self> {
        let all = all(messages, conversation)?;
        for &(view, answer) in all.iter().rev() {
            let charts = charts_of(answer);
            if let Some(at) = charts.iter().position(|chart| chart["title"] == title) {
                return Ok(Self { view, answer, at });
            }
        }
        let titles: Vec<String> = all
            .last()
            .map(|(_, answer)| charts_of(answer))
            .unwrap_or_default()
            .iter()
            .filter_map(|chart| Some(chart["title"].as_str()?.to_owned()))
            .collect();
        Err(Error::NotFound {
            what: "chart",
            name: title.to_owned(),
            hint: nearest(&titles, title),
        })
    }

    /// The dashboard of a round, or the latest.
    pub(super) fn dashboard(
        messages: &'a [Message],
        conversation: &ConversationId,
        round: Option<i32>,
    ) -> Result<Self> {
        let all = all(messages, conversation)?;
        let found = match round {
            None => all.last(),
            Some(round) => all.iter().find(|(view, _)| view.round == round),
        };
        let found = found.map(|&(view, answer)| Self {
            view,
            answer,
            at: 0,
        });
        found.ok_or_else(|| {
            let rounds: Vec<String> = all.iter().map(|(view, _)| view.round.to_string()).collect();
            Error::NotFound {
                what: "dashboard",
                name: format!("round {}", round.unwrap_or_default()),
                hint: Some(format!("there is one in round {}", rounds.join(", "))),
            }
        })
    }

    /// Its round, from 1.
    pub(super) fn round(&self) -> i32 {
        self.view.round
    }

    /// The message that shows it.
    pub(super) fn view(&self) -> &'a Message {
        self.view
    }

    /// The whole answer's document.
    pub(super) fn answer(&self) -> &'a Value {
        self.answer
    }

    /// When it was made.
    pub(super) fn made_at(&self) -> DateTime<Utc> {
        self.view.created_at
    }

    /// The datasource it was asked of.
    pub(super) fn datasource(&self) -> &'a str {
        self.answer["evidence"]["datasource"]
            .as_str()
            .unwrap_or_default()
    }

    /// Its charts.
    pub(super) fn charts(&self) -> &'a [Value] {
        charts_of(self.answer)
    }

    /// The place of the chart that was sought.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The chart that was sought.
    pub(super) fn chart_document(&self) -> &'a Value {
        self.charts().get(self.at).unwrap_or(&Value::Null)
    }
}

/// Every dashboard that was drawn to its end, in order, with its answer's document.
fn all<'a>(
    messages: &'a [Message],
    conversation: &ConversationId,
) -> Result<Vec<(&'a Message, &'a Value)>> {
    let Some(last) = messages.last() else {
        return Err(Error::not_found("conversation", conversation));
    };
    let found: Vec<(&Message, &Value)> = messages
        .iter()
        .filter(|message| message.role == Role::View && !message.detail.cut)
        .filter_map(|view| Some((view, view.detail.evidence.as_ref()?)))
        .filter(|(_, answer)| answer["dashboard"].is_object())
        .collect();
    if found.is_empty() {
        return Err(no_dashboard(conversation, last.round));
    }
    Ok(found)
}

fn charts_of(answer: &Value) -> &[Value] {
    answer["dashboard"]["charts"]
        .as_array()
        .map_or(&[] as &[Value], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn view(round: i32, titles: &[&str]) -> Message {
        let charts: Vec<Value> = titles.iter().map(|title| json!({"title": title})).collect();
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: round,
            round,
            role: Role::View,
            content: String::new(),
            detail: MessageDetail {
                evidence: Some(json!({
                    "dashboard": {"charts": charts}, "evidence": {"datasource": "shop"},
                })),
                ..MessageDetail::default()
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_latest_chart_of_a_title_is_found_and_a_missing_one_is_told_with_what_there_is() {
        let messages = [view(1, &["A", "B"]), view(2, &["B", "Orders"])];
        let find = |title: &str| Found::chart(&messages, &"c".into(), title);
        assert_eq!(find("B").map(|found| found.round()).ok(), Some(2));
        let first = find("A").expect("in the first");
        assert_eq!((first.round(), first.place()), (1, 0));
        assert_eq!(first.chart_document()["title"], "A");
        let missing = find("Oders").err().expect("not there").to_string();
        assert_eq!(missing, "no chart named 'Oders'; did you mean 'Orders'?");
    }

    #[test]
    fn a_round_without_a_dashboard_is_told_which_have_one() {
        let messages = [view(1, &["A"]), view(3, &["B"])];
        let find = |round| Found::dashboard(&messages, &"c".into(), round);
        assert_eq!(find(None).map(|found| found.round()).ok(), Some(3));
        assert_eq!(find(Some(1)).map(|found| found.round()).ok(), Some(1));
        let missing = find(Some(2)).err().expect("not there").to_string();
        assert!(missing.ends_with("there is one in round 1, 3"), "{missing}");
        let nothing = Found::dashboard(&[], &"c".into(), None);
        assert!(matches!(nothing, Err(Error::NotFound { .. })));
        let mut plain = view(1, &[]);
        plain.detail.evidence = Some(json!({"text": "words"}));
        let plain = [plain];
        let plain = Found::dashboard(&plain, &"c".into(), None);
        assert!(matches!(plain, Err(Error::Conflict { .. })));
    }
}
