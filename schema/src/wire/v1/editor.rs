//! The SQL editor as `/api/v1/editor/*` writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Result,
    ids::ConversationId,
    model::{self, Catalogue, CatalogueColumn, CatalogueTable, RowSet},
    wire::lenient::either,
};

/// A node of the table tree: database, table or column.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(no_recursion)]
pub struct TreeNode {
    /// Name shown.
    pub title: String,
    /// The same.
    pub key: String,
    /// `db`, `table`, or the column's SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// A column's default.
    pub default_value: Option<String>,
    /// `YES` or `NO`.
    pub can_null: String,
    /// Comment; the text `None` for a column without one.
    pub comment: Option<String>,
    /// Tables of a database, columns of a table.
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    /// The tree of a database: tables whose name or column names contain `search` (all when empty), a page of
    /// them.
    pub fn database(
        name: &str,
        catalogue: &Catalogue,
        search: &str,
        page: usize,
        size: usize,
    ) -> Self {
        let search = search.to_lowercase();
        let matches = |table: &&CatalogueTable| {
            search.is_empty()
                || table.name.to_lowercase().contains(&search)
                || table
                    .columns
                    .iter()
                    .any(|column| column.name.to_lowercase().contains(&search))
        };
        let tables = catalogue.tables.iter().filter(matches);
        let children = tables
            .skip(page.saturating_sub(1) * size)
            .take(size)
            .map(Self::table)
            .collect();
        Self {
            children,
            ..Self::leaf(name, "db")
        }
    }

    fn table(table: &CatalogueTable) -> Self {
        let name = table.schema.as_ref().map_or(table.name.clone(), |schema| {
            format!("{schema}.{}", table.name)
        });
        Self {
            comment: table.comment.clone(),
            children: table.columns.iter().map(Self::column).collect(),
            ..Self::leaf(&name, "table")
        }
    }

    fn column(column: &CatalogueColumn) -> Self {
        Self {
            default_value: column.default.clone(),
            can_null: if column.nullable { "YES" } else { "NO" }.to_owned(),
            // upstream writes the word None where there is no comment.
            comment: Some(column.comment.clone().unwrap_or_else(|| "None".to_owned())),
            ..Self::leaf(&column.name, &column.data_type)
        }
    }

    fn leaf(name: &str, kind: &str) -> Self {
        Self {
            title: name.to_owned(),
            key: name.to_owned(),
            kind: kind.to_owned(),
            default_value: None,
            can_null: "YES".to_owned(),
            comment: None,
            children: Vec::new(),
        }
    }
}

/// Which database.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ProgressQuery {
    /// Datasource.
    pub db_name: String,
}

/// Which tables to show.
#[derive(Debug, Deserialize, IntoParams)]
pub struct TablesQuery {
    /// Datasource.
    pub db_name: String,
    /// Page of tables, from 1.
    pub page_index: u32,
    /// Tables a page.
    pub page_size: u32,
    /// Part of a table's or column's name.
    #[serde(default)]
    pub search_str: String,
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
        let id = either(
            "body",
            ("conv_uid", self.conv_uid.as_deref()),
            ("con_uid", self.con_uid.as_deref()),
        )?;
        Ok(id.filter(|id| !id.is_empty()).map(ConversationId::from))
    }
}

/// Rows of a run. `colunms` is upstream's spelling.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
    fn a_client_that_knows_of_no_confirmation_confirms_nothing() {
        let body = json!({"db_name": "shop", "sql": "SELECT 1"});
        let body: SqlRunIn = serde_json::from_value(body).expect("a body");
        assert_eq!((body.confirm, body.verdict), (None, None));
    }
}
