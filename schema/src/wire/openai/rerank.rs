//! How well documents fit a query: DB-GPT's route, and the one that Jina, Cohere, vLLM and others share.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::UsageOut;
use crate::{Error, Result};

/// What to score, as DB-GPT asks it.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "bge-reranker", "query": "capital of Norway", "documents": ["Oslo", "Bergen"]}))]
pub struct RelevanceIn {
    /// Model.
    pub model: String,
    /// The query.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
}

/// Scores in the order of the documents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RelevanceOut {
    /// `list`.
    pub object: String,
    /// Model.
    pub model: String,
    /// One score per document; the higher, the better it fits.
    pub data: Vec<f32>,
    /// Tokens; nought, for nobody counts them.
    pub usage: UsageOut,
}

/// What to score, as everybody else asks it.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "bge-reranker", "query": "capital of Norway", "top_n": 1,
    "documents": ["Bergen", {"text": "Oslo"}]}))]
pub struct RerankIn {
    /// Model.
    pub model: String,
    /// The query.
    pub query: String,
    /// The documents: texts, or objects with a `text`.
    #[schema(value_type = Vec<Value>)]
    pub documents: Vec<Value>,
    /// So many of the best are told; all where unsaid.
    #[serde(default)]
    pub top_n: Option<i64>,
    /// Whether the texts come back with their scores; true where unsaid.
    #[serde(default)]
    pub return_documents: Option<bool>,
}

impl RerankIn {
    /// The texts of the documents.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the document that has none.
    pub fn texts(&self) -> Result<Vec<String>> {
        self.documents
            .iter()
            .enumerate()
            .map(|(nth, document)| {
                document
                    .as_str()
                    .or_else(|| document.get("text").and_then(Value::as_str))
                    .map(str::to_owned)
                    .ok_or_else(|| {
                        Error::invalid(
                            format!("body.documents[{nth}]"),
                            "must be a text, or an object with a text in text",
                        )
                    })
            })
            .collect()
    }

    /// How many are told, of so many.
    ///
    /// # Errors
    /// [`Error::Invalid`] for less than one.
    pub fn told(&self, documents: usize) -> Result<usize> {
        let Some(wanted) = self.top_n else {
            return Ok(documents);
        };
        if wanted < 1 {
            return Err(Error::invalid(
                "top_n",
                format!("{wanted} is less than the minimum of 1 - 'top_n'"),
            ));
        }
        Ok(usize::try_from(wanted).unwrap_or(usize::MAX).min(documents))
    }
}

/// Scores, the best first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RerankOut {
    /// `rerank-…`.
    pub id: String,
    /// Model.
    pub model: String,
    /// The documents told.
    pub results: Vec<RerankRow>,
}

/// A document with its score.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RerankRow {
    /// Its position among those sent.
    pub index: usize,
    /// The higher, the better it fits.
    pub relevance_score: f32,
    /// The document, where it was not left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<RerankDocument>,
}

/// A document.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RerankDocument {
    /// Its text.
    pub text: String,
}

/// The best of the documents, by their scores; of equals the first.
pub fn ranked(scores: &[f32], texts: &[String], told: usize, with_texts: bool) -> Vec<RerankRow> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
        .into_iter()
        .take(told)
        .map(|index| RerankRow {
            index,
            relevance_score: scores[index],
            document: texts
                .get(index)
                .filter(|_| with_texts)
                .map(|text| RerankDocument { text: text.clone() }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(extra: &Value) -> RerankIn {
        let mut body = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b"}]});
        body.as_object_mut()
            .expect("object")
            .extend(extra.as_object().expect("object").clone());
        serde_json::from_value(body).expect("a request")
    }

    #[test]
    fn documents_are_texts_or_hold_one() {
        assert_eq!(request(&json!({})).texts().expect("texts"), ["a", "b"]);
        for bad in [json!(7), json!({"title": "b"}), json!(null)] {
            let said = request(&json!({"documents": ["a", bad]})).texts();
            let said = said.expect_err("refused").to_string();
            assert!(said.starts_with("body.documents[1]: "), "{said}");
        }
    }

    #[test]
    fn the_best_come_first_and_no_more_than_were_asked_for() {
        let texts: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let rows = ranked(&[0.25, 0.5, 0.5], &texts, 2, true);
        let rows = serde_json::to_value(&rows).expect("JSON");
        assert_eq!(
            rows,
            json!([
                {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
                {"index": 2, "relevance_score": 0.5, "document": {"text": "c"}},
            ])
        );
        assert!(ranked(&[0.5], &texts, 1, false)[0].document.is_none());
        let told = |top_n: i64| request(&json!({"top_n": top_n})).told(2);
        assert_eq!((told(1).expect("one"), told(9).expect("all")), (1, 2));
        assert!(
            told(0)
                .expect_err("none")
                .to_string()
                .starts_with("top_n: ")
        );
    }
}
