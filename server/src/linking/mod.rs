//! Schema linking: which tables of a large database a question is about.
//!
//! An index over the words of tables, columns, comments and sampled values, with the descriptions' vectors where an
//! encoder made them, ranks the tables; the first of them are closed over foreign keys. It computes: it knows no
//! store, no service and no database, and what it is handed decides what can be found.
//!
//! Full text is BM25 over a few thousand documents of some dozens of words, held in memory. That takes a page of code;
//! an index library, or a SQLite index per datasource, would score fields by one saturation and could not say which
//! word of the question a table answers, which choosing several tables for one question needs.

mod index;
mod lists;
mod recall;
mod texts;
mod words;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tidegate_schema::model::Catalogue;

pub use self::index::SchemaIndex;
use crate::workers::Embedder;

/// How long a question waits for its vector. The encoder may be busy with tables; words alone will do then.
const QUESTION_TIME: Duration = Duration::from_secs(2);

/// Ranks the tables of one datasource for questions. Cheap to clone.
#[derive(Clone, Default)]
pub struct Linker {
    index: Option<Arc<SchemaIndex>>,
    embedder: Option<Arc<dyn Embedder>>,
}

impl Linker {
    /// A linker over an index, where there is one yet, and with the encoder that made its vectors, where one is
    /// ready.
    pub fn new(index: Option<Arc<SchemaIndex>>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self { index, embedder }
    }

    /// Positions in `catalogue` of the tables a question is about, likeliest first, then those that connect them and
    /// those they refer to. `catalogue` may hold fewer tables than the index, never others than the caller may see:
    /// no other is found.
    pub async fn recall(&self, catalogue: &Arc<Catalogue>, question: &str) -> Vec<usize> {
        let vector = self.vector(question).await;
        let (index, question) = (self.index.clone(), question.to_owned());
        let (known, count) = (Arc::clone(catalogue), catalogue.tables.len());
        let ranked = tokio::task::spawn_blocking(move || {
            // A database whose index is still being made gets one of this moment.
            let index = index.unwrap_or_else(|| Arc::new(SchemaIndex::build(&known)));
            index.recall(&known, &question, vector.as_deref())
        });
        ranked.await.unwrap_or_else(|_| (0..count).collect())
    }

    /// The question's vector, where the tables have theirs.
    async fn vector(&self, question: &str) -> Option<Vec<f32>> {
        let embedder = self.embedder.as_ref()?;
        if !self.index.as_ref()?.has_vectors() {
            return None;
        }
        let made = embedder.embed(vec![question.to_owned()], None);
        match tokio::time::timeout(QUESTION_TIME, made).await {
            Ok(Ok(mut vectors)) => vectors.pop(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the question has no vector; its words alone are used");
                None
            }
            Err(_) => {
                tracing::debug!("the encoder is busy; the question's words alone are used");
                None
            }
        }
    }
}

/// Stems of what a text names, each once.
pub fn stems(text: &str) -> Vec<String> {
    words::Speller::new().question(text)
}
