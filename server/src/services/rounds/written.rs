//! What a model wrote as the answer of a round, read again for the editor.

use serde_json::Value;
use tidegate_schema::model::{ChartKind, Message, Role};

use super::said;

/// Places of a text at which JSON is looked for.
const MOST_PLACES: usize = 50;

/// What answered a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A query.
    Query(WrittenQuery),
    /// The charts of a dashboard.
    Charts(Vec<WrittenChart>),
}

/// The query that answered a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenQuery {
    /// The model's words about it, or those of whoever edited it.
    pub thoughts: String,
    /// What the model said beside it.
    pub direct: String,
    /// The query that was run last.
    pub sql: String,
    /// The display that the model chose, by DB-GPT's name.
    pub display: Option<String>,
    /// The display that its rows were shown in.
    pub chart: Option<ChartKind>,
}

/// A chart as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenChart {
    /// Its query.
    pub sql: String,
    /// Title.
    pub title: String,
    /// Words about it.
    pub thoughts: String,
    /// The display that was chosen, by DB-GPT's name.
    pub showcase: String,
}

impl Written {
    /// What answered a round of these messages; nothing where no query did.
    ///
    /// The model's words are no proof of what ran: it offered alternatives, or wrote bare SQL. The query is therefore
    /// the one that the answer was stored with.
    pub(super) fn of(messages: &[Message], round: i64) -> Option<Self> {
        let spoken = said(messages, round, Role::Ai).and_then(|said| document(&said.content));
        if let Some(Value::Array(items)) = &spoken {
            let charts: Vec<WrittenChart> = items.iter().filter_map(chart).collect();
            if !charts.is_empty() {
                return Some(Self::Charts(charts));
            }
        }
        let spoken = spoken.unwrap_or_default();
        let shown = said(messages, round, Role::View)?;
        let answer = shown.detail.evidence.as_ref();
        let answered = |name: &str| answer.map_or("", |answer| text(answer, name));
        let sql = [answered("sql"), text(&spoken, "sql")]
            .into_iter()
            .find(|sql| !sql.trim().is_empty())?;
        let display = text(&spoken, "display_type");
        Some(Self::Query(WrittenQuery {
            thoughts: text(&spoken, "thoughts").to_owned(),
            direct: text(&spoken, "direct_response").to_owned(),
            sql: sql.to_owned(),
            display: Some(display.to_owned()).filter(|name| !name.is_empty()),
            chart: ChartKind::from_name(answered("chart")),
        }))
    }
}

fn chart(item: &Value) -> Option<WrittenChart> {
    let sql = text(item, "sql");
    let part = |name: &str| text(item, name).to_owned();
    (!sql.trim().is_empty()).then(|| WrittenChart {
        sql: sql.to_owned(),
        title: part("title"),
        thoughts: part("thoughts"),
        showcase: part("showcase"),
    })
}

/// A text of an object; an empty one where it has none.
fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The object or the list in a model's text, whatever stands around it: the longer one of the first of each, as DB-GPT
/// has it, read with blanks for raw line breaks where it cannot be read with them.
pub(super) fn document(text: &str) -> Option<Value> {
    longest(text).or_else(|| longest(&text.replace(['\n', '\r', '\t'], " ")))
}

fn longest(text: &str) -> Option<Value> {
    let first = |opening: char| {
        let places = text.match_indices(opening).take(MOST_PLACES);
        places.map(|(place, _)| &text[place..]).find_map(|rest| {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let value = stream.next()?.ok()?;
            Some((stream.byte_offset(), value))
        })
    };
    let found = [first('{'), first('[')].into_iter().flatten();
    found
        .max_by_key(|(length, _)| *length)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;
    use tidegate_schema::model::MessageDetail;

    use super::*;

    fn message(role: Role, content: &str, evidence: Option<Value>) -> Message {
        Message {
            id: "m".into(),
            conversation: "c".into(),
            index: 0,
            round: 1,
            role,
            content: content.to_owned(),
            detail: MessageDetail {
                evidence,
                ..MessageDetail::default()
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn of(spoken: &str, answer: &Value) -> Option<Written> {
        let messages = [
            message(Role::Human, "q", None),
            message(Role::Ai, spoken, None),
            message(Role::View, "v", Some(answer.clone())),
        ];
        Written::of(&messages, 1)
    }

    #[test]
    fn the_query_is_the_one_that_ran() {
        let spoken = r#"{"thoughts": "t", "direct_response": "", "sql": "SELECT 1", "display_type": "response_table"}"#;
        let expected = WrittenQuery {
            thoughts: "t".to_owned(),
            direct: String::new(),
            sql: "SELECT 2".to_owned(),
            display: Some("response_table".to_owned()),
            chart: Some(ChartKind::Number),
        };
        let answer = json!({"sql": "SELECT 2", "chart": "number"});
        assert_eq!(of(spoken, &answer), Some(Written::Query(expected)));
        // Bare SQL is no JSON, and an answer without a document has the model's word alone.
        for (spoken, answer) in [
            ("SELECT 3", json!({"sql": "SELECT 3"})),
            (r#"{"sql": "SELECT 3"}"#, json!({})),
        ] {
            let Some(Written::Query(query)) = of(spoken, &answer) else {
                panic!("{spoken}: no query");
            };
            assert_eq!((query.sql.as_str(), query.display), ("SELECT 3", None));
        }
    }

    #[test]
    fn a_round_that_no_query_answered_has_none() {
        for (spoken, answer) in [
            ("hello", json!({"sql": null, "text": "hello"})),
            (
                r#"{"direct_response": "Hello.", "sql": ""}"#,
                json!({"sql": null}),
            ),
            ("a list: [1, 2]", json!({"sql": null})),
        ] {
            assert_eq!(of(spoken, &answer), None, "{spoken}");
        }
        let human = [message(Role::Human, "q", None)];
        assert_eq!(Written::of(&human, 1), None);
        assert_eq!(Written::of(&human, i64::MAX), None);
    }

    #[test]
    fn a_dashboard_is_its_charts() {
        let spoken = r#"Here: [{"thoughts": "Volume.", "showcase": "BarChart", "sql": "SELECT 1", "title": "One"},
            {"sql": "SELECT 2"}, {"title": "none"}, 3]"#;
        let Some(Written::Charts(charts)) = of(spoken, &json!({"sql": null})) else {
            panic!("no charts");
        };
        assert_eq!(charts.len(), 2);
        assert_eq!(
            (charts[0].title.as_str(), charts[0].showcase.as_str()),
            ("One", "BarChart")
        );
        assert_eq!(
            (charts[1].sql.as_str(), charts[1].title.as_str()),
            ("SELECT 2", "")
        );
    }

    #[test]
    fn json_is_found_in_fences_and_chatter() {
        for (text, expected) in [
            ("```json\n{\"a\": 1}\n```", json!({"a": 1})),
            (
                "{oops} then {\"a\": [1, 2, 3]} {\"b\": 1}",
                json!({"a": [1, 2, 3]}),
            ),
            ("[1] {\"a\": 1}", json!({"a": 1})),
            ("{\"a\": \"x\ny\"}", json!({"a": "x y"})),
            ("[{\"a\": 1}, {\"a\": 2}]", json!([{"a": 1}, {"a": 2}])),
        ] {
            assert_eq!(document(text), Some(expected), "{text}");
        }
        assert_eq!(document("nothing here {"), None);
    }
}
