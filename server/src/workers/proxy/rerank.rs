//! Scores of documents: the route that Jina, Cohere, vLLM and others share, and text-embeddings-inference nearly does.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_schema::Result;

use super::{
    Proxy,
    refusal::said,
    server::{Deadline, read},
    wire::describe,
};
use crate::workers::{ModelMetadata, Relay, RelayPath, Reranker};

/// Most of an answer with scores that is read.
const SCORES_BYTES: usize = 1 << 26;

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "it is neither a list of scores nor an object with one"
)]
enum RerankAnswer {
    /// As text-embeddings-inference answers.
    Bare(Vec<RerankRow>),
    Named {
        #[serde(alias = "data")]
        results: Vec<RerankRow>,
    },
    Failed {
        error: Value,
    },
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
        let words = &self.server.words;
        let wanted = documents.len();
        let deadline = Deadline::within(self.server.limits.whole);
        let mut as_texts = self.takes_texts.load(Ordering::Relaxed);
        let mut body = self.wording(&query, &documents, as_texts);
        let mut sent = self.send(RelayPath::Rerank, &body, deadline).await?;
        if let Err(refusal) = &sent
            && !as_texts
            && refusal.wants_texts()
        {
            as_texts = true;
            body = self.wording(&query, &documents, as_texts);
            sent = self.send(RelayPath::Rerank, &body, deadline).await?;
        }
        let response = sent.map_err(|refusal| refusal.into_error(words))?;
        let bytes = self
            .server
            .in_time("the scores", deadline, read(response, SCORES_BYTES))
            .await?
            .map_err(|e| words.error(describe(&e)))?;
        let answer: RerankAnswer = serde_json::from_slice(&bytes)
            .map_err(|e| words.error(format!("sent scores that cannot be read: {e}")))?;
        let rows = match answer {
            RerankAnswer::Bare(rows) | RerankAnswer::Named { results: rows } => rows,
            RerankAnswer::Failed { error } => return Err(words.error(said(&error))),
        };
        let scores = in_order(&rows, wanted).ok_or_else(|| {
            words.error(format!("sent {} scores for {wanted} documents", rows.len()))
        })?;
        let learnt = if as_texts {
            &self.takes_texts
        } else {
            &self.takes_documents
        };
        learnt.store(true, Ordering::Relaxed);
        Ok(scores)
    }

    // What callers say is in the words of Jina and Cohere, and passed on only where those turned out to be known.
    fn relay(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        let known = self.relays && self.takes_documents.load(Ordering::Relaxed);
        known.then_some(self as Arc<dyn Relay>)
    }
}

impl Proxy {
    fn wording(&self, query: &str, documents: &[String], as_texts: bool) -> Value {
        if as_texts {
            return json!({"query": query, "texts": documents, "return_text": false});
        }
        json!({
            "model": self.upstream_name,
            "query": query,
            "documents": documents,
            // They send the best ones first: all are wanted, and none of the texts back.
            "top_n": documents.len(),
            "return_documents": false,
        })
    }
}

/// The scores by document; nothing where one lacks its own.
fn in_order(rows: &[RerankRow], wanted: usize) -> Option<Vec<f32>> {
    let mut scores = vec![None; wanted];
    for row in rows {
        *scores.get_mut(row.index)? = Some(row.relevance_score);
    }
    scores.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(text: &str, wanted: usize) -> Option<Vec<f32>> {
        match serde_json::from_str(text).expect("an answer") {
            RerankAnswer::Bare(rows) | RerankAnswer::Named { results: rows } => {
                in_order(&rows, wanted)
            }
            RerankAnswer::Failed { .. } => None,
        }
    }

    #[test]
    fn scores_come_in_the_order_of_the_documents_and_all_of_them() {
        let best_first =
            r#"{"results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "score": 0.5}]}"#;
        assert_eq!(scores(best_first, 2), Some(vec![0.5, 0.75]));
        assert_eq!(scores(best_first, 3), None);
        assert_eq!(scores(best_first, 1), None);
    }

    #[test]
    fn scores_are_read_in_the_forms_that_servers_have() {
        let bare = r#"[{"index": 0, "score": 0.5}]"#;
        let data = r#"{"object": "list", "data": [{"index": 0, "relevance_score": 0.5}]}"#;
        for form in [bare, data] {
            assert_eq!(scores(form, 1), Some(vec![0.5]), "{form}");
        }
        assert_eq!(scores(r#"{"error": "busy"}"#, 1), None);
    }
}
