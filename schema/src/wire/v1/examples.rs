//! Examples, questions with the queries that answer them, as `/api/v1/editor/examples/*` writes them. DB-GPT has no
//! such routes; the names are the editor's.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Result,
    ids::ConversationId,
    model::{Example, ExampleId},
    wire::lenient::conversation,
};

/// Examples in a list where no number is named, and at most.
const LISTED: usize = 20;
const MOST_LISTED: usize = 200;

/// A question with the query that answers it, to be kept.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"db_name": "shop", "question": "how many customers are there?", "sql": "SELECT COUNT(*) FROM customers"}))]
pub struct ExampleIn {
    /// Datasource.
    pub db_name: String,
    /// The question, in plain words.
    pub question: String,
    /// The query.
    pub sql: String,
}

/// An answer to be kept as an example.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"conv_uid": "0198c0de-0000-7000-8000-000000000001", "conv_round": 1}))]
pub struct AcceptIn {
    /// Conversation.
    #[serde(default)]
    pub conv_uid: Option<String>,
    /// The same.
    #[serde(default)]
    pub con_uid: Option<String>,
    /// The round that was answered, from 1.
    pub conv_round: i32,
    /// A query to keep in the place of the answer's own.
    #[serde(default)]
    pub sql: Option<String>,
}

impl AcceptIn {
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

/// A question with the query that answers it. Models are shown those that are like the question they are asked; the
/// same question is answered by it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": 1, "question": "how many orders per city?", "sql": "SELECT city, COUNT(*) FROM customers GROUP BY city",
    "tables": ["customers"], "source": "given", "used": 0, "gmt_created": "2026-11-25 09:30:00"
}))]
pub struct ExampleOut {
    /// Number.
    pub id: i64,
    /// The question, as it was asked.
    pub question: String,
    /// The query.
    pub sql: String,
    /// Tables it reads.
    pub tables: Vec<String>,
    /// How it came in: `accepted`, `edited` or `given`.
    pub source: String,
    /// How often it was recalled for a question.
    pub used: i64,
    /// When it was kept, or last replaced.
    pub gmt_created: String,
}

impl From<Example> for ExampleOut {
    fn from(example: Example) -> Self {
        Self {
            id: example.id.0,
            question: example.question,
            sql: example.sql,
            tables: example.tables,
            source: example.source.name().to_owned(),
            used: example.used,
            gmt_created: super::timestamp(example.created_at),
        }
    }
}

/// Which examples to list.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ExamplesQuery {
    /// Datasource.
    pub db_name: String,
    /// Only those behind the one of this number, which is older.
    pub after: Option<i64>,
    /// At most so many: 20 when not given, never more than 200.
    pub page_size: Option<usize>,
}

impl ExamplesQuery {
    /// The number behind which the list goes on.
    pub fn after(&self) -> Option<ExampleId> {
        self.after.map(ExampleId)
    }

    /// How many are wanted.
    pub fn most(&self) -> usize {
        self.page_size.unwrap_or(LISTED).min(MOST_LISTED)
    }
}

/// Which example.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ExampleKey {
    /// Its number.
    #[param(example = 1)]
    pub id: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conversation_comes_under_either_spelling_and_has_to_come() {
        let named = |body| {
            let body: AcceptIn = serde_json::from_value(body).expect("a body");
            body.conversation().map_err(|error| error.to_string())
        };
        for body in [
            json!({"conv_uid": "c", "conv_round": 1}),
            json!({"con_uid": "c", "conv_round": 1}),
        ] {
            assert_eq!(named(body), Ok(ConversationId::from("c")));
        }
        for body in [
            json!({"conv_round": 1}),
            json!({"conv_uid": "", "conv_round": 1}),
        ] {
            assert_eq!(named(body), Err("body.conv_uid: Field required".to_owned()));
        }
    }

    #[test]
    fn a_list_is_never_endless() {
        let most = |page_size| {
            let query = ExamplesQuery {
                db_name: "shop".to_owned(),
                after: None,
                page_size,
            };
            query.most()
        };
        assert_eq!([None, Some(7), Some(5000)].map(most), [20, 7, 200]);
    }
}
