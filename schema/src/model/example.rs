//! Examples: questions with the queries that answer them, kept to be shown and answered by again.

use chrono::{DateTime, Utc};

use crate::ids::DatasourceId;

/// An example's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExampleId(pub i64);

impl std::fmt::Display for ExampleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a pair came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExampleSource {
    /// An answer was accepted as it was.
    Accepted,
    /// An answer was accepted with another query.
    Edited,
    /// Somebody wrote both.
    Given,
}

impl ExampleSource {
    /// The name in the store and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Given => "given",
        }
    }

    /// The source of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Accepted, Self::Edited, Self::Given]
            .into_iter()
            .find(|source| source.name() == name)
    }
}

/// A question with the query that answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Number.
    pub id: ExampleId,
    /// The datasource it is about.
    pub datasource: DatasourceId,
    /// The question, as it was asked.
    pub question: String,
    /// The query.
    pub sql: String,
    /// Tables it reads, as the catalogue names them.
    pub tables: Vec<String>,
    /// How it came in.
    pub source: ExampleSource,
    /// When it was kept, or last replaced.
    pub created_at: DateTime<Utc>,
    /// How often it was recalled for a question.
    pub used: i64,
}

impl Example {
    /// The question without what makes no other question of it: case, blanks, and the signs around it. Two questions
    /// are the same if and only if these are.
    pub fn key(question: &str) -> String {
        let folded = question.to_lowercase();
        let words: Vec<&str> = folded.split_whitespace().collect();
        words.join(" ").trim_matches(is_around).to_owned()
    }
}

/// Signs before and after a question that say nothing.
fn is_around(sign: char) -> bool {
    sign.is_whitespace()
        || matches!(
            sign,
            '?' | '!' | '.' | '…' | ',' | ';' | ':' | '？' | '！' | '。' | '¿' | '¡'
        )
}

/// An example to keep.
#[derive(Debug, Clone)]
pub struct NewExample {
    /// The datasource it is about.
    pub datasource: DatasourceId,
    /// The question.
    pub question: String,
    /// The query.
    pub sql: String,
    /// Tables it reads, as the catalogue names them.
    pub tables: Vec<String>,
    /// How it came in.
    pub source: ExampleSource,
    /// What an encoder made of the question, with the encoder's name.
    pub vector: Option<(String, Vec<f32>)>,
}

/// A question as it is compared with others.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleQuestion {
    /// The example's number.
    pub id: ExampleId,
    /// The question.
    pub question: String,
    /// What an encoder made of it, with the encoder's name.
    pub vector: Option<(String, Vec<f32>)>,
}

/// What tells whether the examples of a datasource are still those that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExampleState {
    /// How many there are.
    pub count: i64,
    /// How many have a vector.
    pub vectors: i64,
    /// When the latest was kept.
    pub latest: Option<DateTime<Utc>>,
}

/// An example that was found for a question.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalledExample {
    /// The example.
    pub example: Example,
    /// How like its question is to the one asked, from 0 to 1.
    pub similarity: f32,
    /// Whether it is the same question, and its query answers it on any day and in any conversation.
    pub exact: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_the_same_whatever_its_case_blanks_and_signs_around_it() {
        let key = Example::key("How many orders in Oslo?");
        for same in [
            "how many orders  in\noslo",
            " How many orders in Oslo ?! ",
            "HOW MANY ORDERS IN OSLO...",
        ] {
            assert_eq!(Example::key(same), key, "{same}");
        }
        for other in [
            "How many orders in Bergen?",
            "How many orders in Oslo, please?",
            "How many orders in O.slo?",
            "How many order in Oslo?",
        ] {
            assert_ne!(Example::key(other), key, "{other}");
        }
        assert_eq!(Example::key(" ?! "), "");
    }

    #[test]
    fn values_are_part_of_the_question() {
        assert_ne!(
            Example::key("orders over 100"),
            Example::key("orders over 1.00")
        );
        assert_eq!(Example::key("orders over $100."), "orders over $100");
        assert_eq!(Example::key("orders below -5"), "orders below -5");
    }
}
