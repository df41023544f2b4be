//! The SQL editor as `/api/v1/editor/*` writes it: SQL to run and its rows. The table tree is in `tree`, rounds of
//! conversations are in `rounds`.

mod rounds;
mod tree;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

pub use self::{
    rounds::{RoundChart, RoundIn, RoundKey, RoundOut, RoundQuery, RoundSql, SubmitIn},
    tree::{TablesQuery, TreeNode},
};
use crate::{
    Result,
    ids::ConversationId,
    model::{self, RowSet},
    wire::lenient::conversation_if_any,
};

/// A whole number, also as text, as a query has it and some scripts send it. One beyond what we count to becomes the
/// largest or smallest there is: an absurd page is a page all the same.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_any(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The skin knows this name of the type.
        f.write_str("i64")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
        Ok(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 {
            // Beyond the ends this is the end.
            return Ok(number as i64);
        }
        Err(E::custom(
            "Input should be a valid integer, got a number with a fractional part",
        ))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
        let text = text.trim();
        let (negative, digits) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            // The words of the standard library, which the skin knows.
            return Err(E::custom("invalid digit found in string"));
        }
        let beyond = if negative { i64::MIN } else { i64::MAX };
        Ok(text.parse().unwrap_or(beyond))
    }
}

/// Which database.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ProgressQuery {
    /// Datasource.
    #[param(example = "shop")]
    pub db_name: String,
}

/// SQL to run.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"db_name": "shop", "sql": "SELECT city, COUNT(*) FROM customers GROUP BY city"}))]
#[serde(default)]
pub struct SqlRunIn {
    /// Datasource; when empty, the one the conversation was last asked of.
    pub db_name: Option<String>,
    /// One query; where the datasource and the caller's grant are writable, also one statement that changes rows.
    pub sql: Option<String>,
    /// Whether a statement that changes rows is to run. Without it such a one is refused in words that say what
    /// would run.
    pub confirm: Option<bool>,
    /// Whether to answer with what the guard said of the statement, allowed or refused.
    pub verdict: Option<bool>,
    /// Conversation, to find the datasource by.
    pub conv_uid: Option<String>,
    /// The same.
    pub con_uid: Option<String>,
}

impl SqlRunIn {
    /// The conversation, if one is named.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when its spellings name different ones.
    pub fn conversation(&self) -> Result<Option<ConversationId>> {
        conversation_if_any(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )
    }
}

/// Rows of a run. `colunms` is upstream's spelling.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "result_info": "", "run_cost": 0.004, "colunms": ["city", "total"], "values": [["Oslo", "120.5"], ["Bergen", null]],
}))]
pub struct SqlRunOut {
    /// The database's error; empty when it ran.
    pub result_info: String,
    /// Seconds.
    pub run_cost: f64,
    /// Column names.
    pub colunms: Vec<String>,
    /// Rows; every cell is text or null.
    #[schema(value_type = Vec<Vec<Option<String>>>)]
    pub values: Vec<Vec<Value>>,
    /// Set when a cap cut the result: after so many rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<usize>,
    /// Set when the statement changed rows: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<u64>,
    /// What the guard said of the statement, if that was asked for; there in a refusal too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictOut>,
}

/// What the guard said of a statement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VerdictOut {
    /// Whether it may run.
    pub allowed: bool,
    /// Why not; empty when allowed.
    pub reason: String,
    /// What was recognised: `select`, `explain`, …
    pub statement: String,
    /// Kinds of all the statements found, in order.
    pub statements: Vec<String>,
    /// Whether it would change rows.
    pub writes: bool,
    /// Tables read or changed.
    pub tables: Vec<String>,
    /// Columns named.
    pub columns: Vec<String>,
    /// Functions called.
    pub functions: Vec<String>,
    /// The engine's plan from the dry run, when one was made.
    pub plan: Option<String>,
}

impl From<model::Verdict> for VerdictOut {
    fn from(verdict: model::Verdict) -> Self {
        Self {
            allowed: verdict.allowed,
            reason: verdict.reason,
            statement: verdict.statement,
            statements: verdict.statements,
            writes: verdict.writes,
            tables: verdict.tables,
            columns: verdict.columns,
            functions: verdict.functions,
            plan: verdict.plan,
        }
    }
}

/// How far a database's tables are known.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProgressOut {
    /// Tables and views; 0 until they were read.
    pub tables: usize,
    /// Those whose values were looked at.
    pub tables_sampled: usize,
    /// Those whose descriptions have a vector. A small database needs none, nor is there one without the encoder.
    pub tables_embedded: usize,
    /// Whether nothing is left to be done until the structure changes.
    pub done: bool,
}

impl From<&RowSet> for SqlRunOut {
    fn from(rows: &RowSet) -> Self {
        Self {
            result_info: String::new(),
            run_cost: rows.elapsed_ms as f64 / 1000.0,
            colunms: rows
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            values: rows
                .rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|cell| cell.to_text().map_or(Value::Null, Value::String))
                        .collect()
                })
                .collect(),
            cut_at: rows.cut_at,
            changed: None,
            verdict: None,
        }
    }
}

impl SqlRunOut {
    /// What upstream answers when the database refuses the statement: success, with the error's text.
    pub fn failed(message: String) -> Self {
        Self {
            result_info: message,
            run_cost: 0.0,
            colunms: Vec::new(),
            values: Vec::new(),
            cut_at: None,
            changed: None,
            verdict: None,
        }
    }

    /// The same with what the guard said.
    #[must_use]
    pub fn with_verdict(self, verdict: Option<model::Verdict>) -> Self {
        Self {
            verdict: verdict.map(Into::into),
            ..self
        }
    }

    /// What a change came to: no rows, and how many it changed.
    pub fn changed(rows: u64, elapsed_ms: u64) -> Self {
        Self {
            run_cost: elapsed_ms as f64 / 1000.0,
            changed: Some(rows),
            ..Self::failed(String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_changed_are_told_only_of_a_change() {
        let changed = serde_json::to_value(SqlRunOut::changed(3, 1_500)).expect("serialises");
        let expected = json!({
            "result_info": "", "run_cost": 1.5, "colunms": [], "values": [], "changed": 3,
        });
        assert_eq!(changed, expected);
        let read = RowSet {
            cut_at: Some(7),
            ..RowSet::default()
        };
        let read = serde_json::to_value(SqlRunOut::from(&read)).expect("serialises");
        assert_eq!(read.get("changed"), None);
        assert_eq!(read["cut_at"], 7);
    }

    #[test]
    fn whole_numbers_come_as_numbers_and_as_text() {
        #[derive(Debug, Deserialize)]
        struct Page {
            #[serde(deserialize_with = "whole")]
            page: i64,
        }
        let read = |page: Value| {
            serde_json::from_value::<Page>(json!({"page": page}))
                .map(|read| read.page)
                .map_err(|error| error.to_string())
        };
        for (sent, expected) in [
            (json!(3), 3),
            (json!("3"), 3),
            (json!(" -3 "), -3),
            (json!("+3"), 3),
            (json!(3.0), 3),
            (json!(u64::MAX), i64::MAX),
            (json!("99999999999999999999"), i64::MAX),
            (json!("-99999999999999999999"), i64::MIN),
        ] {
            assert_eq!(read(sent.clone()), Ok(expected), "{sent}");
        }
        for (sent, said) in [
            (json!("a"), "found in string"),
            (json!(""), "found in string"),
            (json!("1e3"), "found in string"),
            (json!(1.5), "fractional part"),
            (json!(null), "expected i64"),
            (json!(true), "expected i64"),
        ] {
            let refused = read(sent.clone()).expect_err("refused");
            assert!(refused.contains(said), "{sent}: {refused}");
        }
    }

    #[test]
    fn a_client_that_knows_of_no_confirmation_confirms_nothing() {
        let body = json!({"db_name": "shop", "sql": "SELECT 1"});
        let body: SqlRunIn = serde_json::from_value(body).expect("a body");
        assert_eq!((body.confirm, body.verdict), (None, None));
    }
}
