//! The vectors of tables' descriptions: those the store has, the others from the encoder.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use tidegate_schema::{Error, Result, model::Catalogue};

use super::{PATIENCE, rest};
use crate::{
    linking::SchemaIndex,
    services::{
        databases::{Entry, Keeper},
        encoder,
    },
    workers::Embedder,
};

/// Descriptions embedded in one step.
const EMBEDDED_AT_ONCE: usize = 32;

impl Keeper {
    /// Gives the tables' descriptions their vectors: those the store has, then the others from the encoder, each kept
    /// as soon as it is made.
    pub(super) async fn embed(
        &self,
        entry: &Entry,
        catalogue: &Arc<Catalogue>,
        index: Arc<SchemaIndex>,
    ) -> Result<Arc<SchemaIndex>> {
        let count = index.texts().len();
        if index.has_vectors() {
            entry.progress.set(|now| now.tables_embedded = count);
            return Ok(index);
        }
        // Waits for one that is still loading; there may be none, or none that could be loaded.
        let Some(Ok(embedder)) = self.registry.embedder(encoder::NAME).await else {
            return Ok(index);
        };
        let model = embedder.metadata().name;
        let hashes: Vec<String> = index.texts().iter().map(|text| hash(text)).collect();
        let mut vectors = self.store.list_vectors(entry.datasource, &model).await?;
        let mut seen: HashSet<&str> = vectors.keys().map(String::as_str).collect();
        let missing: Vec<usize> = (0..count)
            .filter(|&at| seen.insert(hashes[at].as_str()))
            .collect();
        drop(seen);
        for some in missing.chunks(EMBEDDED_AT_ONCE) {
            let started = Instant::now();
            let texts: Vec<String> = some.iter().map(|&at| index.texts()[at].clone()).collect();
            let made = embedded(embedder.as_ref(), &model, texts).await?;
            let made: Vec<(String, Vec<f32>)> = some
                .iter()
                .map(|&at| hashes[at].clone())
                .zip(made)
                .collect();
            self.store
                .keep_vectors(entry.datasource, &model, &made)
                .await?;
            vectors.extend(made);
            let known = hashes.iter().filter(|hash| vectors.contains_key(*hash));
            let known = known.count();
            entry.progress.set(|now| now.tables_embedded = known);
            entry.progress.tell(&entry.name);
            rest(started).await;
        }
        let current: HashSet<&String> = hashes.iter().collect();
        let stale: Vec<String> = vectors
            .keys()
            .filter(|hash| !current.contains(hash))
            .cloned()
            .collect();
        self.store
            .delete_vectors(entry.datasource, &model, &stale)
            .await?;
        entry.progress.set(|now| now.tables_embedded = count);
        let ordered = hashes
            .iter()
            .map(|hash| vectors.get(hash).cloned().unwrap_or_default())
            .collect();
        let index = Arc::new(index.with_vectors(ordered));
        entry
            .known
            .change(catalogue, |known| known.index = Some(Arc::clone(&index)));
        Ok(index)
    }
}

/// The vectors of texts. An encoder that is busy is asked again.
async fn embedded(
    embedder: &dyn Embedder,
    model: &str,
    texts: Vec<String>,
) -> Result<Vec<Vec<f32>>> {
    let wanted = texts.len();
    let mut refusals = 0;
    let vectors = loop {
        match embedder.embed(texts.clone(), None).await {
            Err(Error::Overloaded { retry_after }) if refusals < 10 * PATIENCE => {
                refusals += 1;
                tokio::time::sleep(retry_after.min(Duration::from_secs(10))).await;
            }
            other => break other?,
        }
    };
    if vectors.len() != wanted {
        return Err(Error::upstream(
            model,
            format!("{} vectors came for {wanted} texts", vectors.len()),
        ));
    }
    Ok(vectors)
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
