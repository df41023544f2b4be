//! Rounds of a conversation as the editor shows and changes them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Result, ids::ConversationId, wire::lenient::conversation};

/// A round that was asked of a database.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"round": 1, "db_name": "shop", "round_name": "how many orders per city?"}))]
pub struct RoundOut {
    /// Its number, from 1.
    pub round: i32,
    /// The datasource.
    pub db_name: String,
    /// The question.
    pub round_name: String,
}

/// Which round.
#[derive(Debug, Deserialize, IntoParams)]
pub struct RoundKey {
    /// Conversation.
    #[param(example = "0198c0de-0000-7000-8000-000000000001")]
    pub con_uid: Option<String>,
    /// The same.
    pub conv_uid: Option<String>,
    /// Its number, from 1.
    #[serde(deserialize_with = "super::whole")]
    #[param(example = 1)]
    pub round: i64,
}

impl RoundKey {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) without one, or with two.
    pub fn conversation(&self) -> Result<ConversationId> {
        named("query", self.con_uid.as_deref(), self.conv_uid.as_deref())
    }
}

/// Which round, as a body.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"con_uid": "0198c0de-0000-7000-8000-000000000001", "round": 1}))]
pub struct RoundIn {
    /// Conversation.
    #[serde(default)]
    pub con_uid: Option<String>,
    /// The same.
    #[serde(default)]
    pub conv_uid: Option<String>,
    /// Its number, from 1.
    #[serde(deserialize_with = "super::whole")]
    pub round: i64,
}

impl RoundIn {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) without one, or with two.
    pub fn conversation(&self) -> Result<ConversationId> {
        named("body", self.con_uid.as_deref(), self.conv_uid.as_deref())
    }
}

/// A conversation under one of its spellings, `con_uid` first.
fn named(place: &str, con_uid: Option<&str>, conv_uid: Option<&str>) -> Result<ConversationId> {
    conversation(place, ("con_uid", con_uid), ("conv_uid", conv_uid))
}

/// What answered a round: a query, or the charts of a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RoundSql {
    /// One query.
    Query(RoundQuery),
    /// Several charts.
    Charts(Vec<RoundChart>),
}

/// The query that answered a round.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "thoughts": "Count the orders of each city.", "direct_response": "",
    "sql": "SELECT city, COUNT(*) FROM orders GROUP BY city", "display_type": "response_bar_chart",
}))]
pub struct RoundQuery {
    /// Words about it.
    pub thoughts: String,
    /// An answer in words alone; mostly empty beside a query.
    pub direct_response: String,
    /// The query.
    pub sql: String,
    /// How to show its rows.
    pub display_type: String,
}

/// A chart of a dashboard, as the model wrote it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sql": "SELECT city, COUNT(*) FROM orders GROUP BY city", "title": "Orders by city",
    "thoughts": "Where most orders come from.", "showcase": "BarChart",
}))]
pub struct RoundChart {
    /// Its query.
    pub sql: String,
    /// Title.
    pub title: String,
    /// Words about it.
    pub thoughts: String,
    /// How to show it.
    pub showcase: String,
}

/// An edited query to be stored as a round's answer.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({
    "conv_uid": "0198c0de-0000-7000-8000-000000000001", "conv_round": 1, "db_name": "shop",
    "old_sql": "SELECT COUNT(*) FROM orders", "new_sql": "SELECT COUNT(*) FROM orders WHERE status <> 'cancelled'",
    "new_speak": "Cancelled orders are no orders.",
}))]
pub struct SubmitIn {
    /// Conversation.
    #[serde(default)]
    pub conv_uid: Option<String>,
    /// The same.
    #[serde(default)]
    pub con_uid: Option<String>,
    /// Datasource, the one that the round was asked of.
    pub db_name: String,
    /// The round, from 1.
    #[serde(deserialize_with = "super::whole")]
    pub conv_round: i64,
    /// The query before; not looked at.
    #[serde(default)]
    pub old_sql: Option<String>,
    /// The words before; not looked at.
    #[serde(default)]
    pub old_speak: Option<String>,
    /// The query. It has to run.
    pub new_sql: String,
    /// The words; those before stay where there are none.
    #[serde(default)]
    pub new_speak: Option<String>,
}

impl SubmitIn {
    /// The conversation.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when none is named, or its spellings name different ones.
    pub fn conversation(&self) -> Result<ConversationId> {
        conversation(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_round_is_an_object_and_a_dashboard_a_list() {
        let query = RoundSql::Query(RoundQuery {
            thoughts: "t".to_owned(),
            direct_response: String::new(),
            sql: "SELECT 1".to_owned(),
            display_type: "response_table".to_owned(),
        });
        assert_eq!(
            serde_json::to_value(query).expect("serialises"),
            json!({"thoughts": "t", "direct_response": "", "sql": "SELECT 1", "display_type": "response_table"})
        );
        let charts = RoundSql::Charts(vec![RoundChart {
            sql: "SELECT 1".to_owned(),
            title: "One".to_owned(),
            thoughts: String::new(),
            showcase: "Table".to_owned(),
        }]);
        assert_eq!(
            serde_json::to_value(charts).expect("serialises"),
            json!([{"sql": "SELECT 1", "title": "One", "thoughts": "", "showcase": "Table"}])
        );
    }

    #[test]
    fn what_was_there_before_an_edit_need_not_be_sent() {
        let body = json!({
            "con_uid": "c", "db_name": "shop", "conv_round": "2", "new_sql": "SELECT 1", "gmt_create": 0,
        });
        let body: SubmitIn = serde_json::from_value(body).expect("a body");
        assert_eq!((body.conv_round, body.new_speak.as_deref()), (2, None));
        assert_eq!(body.conversation().expect("named").as_str(), "c");
        let nameless = SubmitIn {
            con_uid: Some(String::new()),
            ..body
        };
        assert_eq!(
            nameless.conversation().expect_err("refused").to_string(),
            "body.conv_uid: Field required"
        );
    }
}
