//! Scores of documents: the route that Jina, Cohere, vLLM and others share.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use tidegate_schema::Result;

use super::{Proxy, describe, read};
use crate::workers::{ModelMetadata, Reranker};

/// Most of an answer with scores that is read.
const SCORES_BYTES: usize = 1 << 26;

#[derive(Deserialize)]
struct RerankAnswer {
    results: Vec<RerankRow>,
}

#[derive(Deserialize)]
struct RerankRow {
    index: usize,
    #[serde(alias = "score")]
    relevance_score: f32,
}

#[async_trait]
impl Reranker for Proxy {
    fn metadata(&self) -> ModelMetadata {
        self.metadata.clone()
    }

    async fn rerank(&self, query: String, documents: Vec<String>) -> Result<Vec<f32>> {
        let wanted = documents.len();
        let body = json!({
            "model": self.upstream_name,
            "query": query,
            "documents": documents,
            // They send the best ones first: all are wanted, and none of the texts back.
            "top_n": wanted,
            "return_documents": false,
        });
        let response = self
            .send("/rerank", &body)
            .await?
            .map_err(|refusal| refusal.into_error(&self.words))?;
        let bytes = self
            .in_time("the scores", read(response, SCORES_BYTES))
            .await?
            .map_err(|e| self.words.error(describe(&e)))?;
        let answer: RerankAnswer = serde_json::from_slice(&bytes).map_err(|e| {
            self.words
                .error(format!("sent scores that cannot be read: {e}"))
        })?;
        in_order(&answer, wanted).ok_or_else(|| {
            self.words.error(format!(
                "sent {} scores for {wanted} documents",
                answer.results.len()
            ))
        })
    }
}

/// The scores by document; nothing where one lacks its own.
fn in_order(answer: &RerankAnswer, wanted: usize) -> Option<Vec<f32>> {
    let mut scores = vec![None; wanted];
    for row in &answer.results {
        *scores.get_mut(row.index)? = Some(row.relevance_score);
    }
    scores.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(text: &str, wanted: usize) -> Option<Vec<f32>> {
        let answer: RerankAnswer = serde_json::from_str(text).expect("an answer");
        in_order(&answer, wanted)
    }

    #[test]
    fn scores_come_in_the_order_of_the_documents_and_all_of_them() {
        let best_first =
            r#"{"results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "score": 0.5}]}"#;
        assert_eq!(scores(best_first, 2), Some(vec![0.5, 0.75]));
        assert_eq!(scores(best_first, 3), None);
        assert_eq!(scores(best_first, 1), None);
    }
}
