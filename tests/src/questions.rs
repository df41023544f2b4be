//! The table of held-out questions.

use serde::Deserialize;

use crate::paths;

/// One question with the SQL that answers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Question {
    /// `shop-01`.
    pub id: String,
    /// `shop`, `vetclinic` or `bikeshare`.
    pub database: String,
    /// The question.
    pub text: String,
    /// The answer, in SQLite's dialect.
    pub sql: String,
    /// Whether the order of rows is part of the answer.
    pub ordered: bool,
    /// What it needs and how it is put.
    pub tags: Vec<String>,
}

#[derive(Deserialize)]
struct Table {
    question: Vec<Question>,
}

/// Every question.
///
/// # Panics
/// When the table cannot be read.
pub fn all() -> Vec<Question> {
    let table: Table =
        toml::from_str(&paths::text("ask/questions.toml")).expect("the question table is TOML");
    table.question
}
