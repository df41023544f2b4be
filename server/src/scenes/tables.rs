//! Which tables of a database a question is about, as far as a model has room for them.

use std::sync::Arc;

use tidegate_schema::model::Catalogue;

use super::{Memory, prompt};
use crate::{linking::Linker, workers::Speaker};

/// Positions in the catalogue, in its order: all tables where their text fits `room` bytes, else those of the question
/// that fit `narrow` bytes.
pub(super) async fn choose(
    catalogue: &Arc<Catalogue>,
    linker: &Linker,
    memory: &Memory,
    question: &str,
    room: usize,
    narrow: usize,
) -> Vec<usize> {
    if prompt::fits(catalogue, room) {
        return (0..catalogue.tables.len()).collect();
    }
    // A question that follows on another ("and by month?") is about what that one named.
    let before = memory
        .iter()
        .rev()
        .find(|message| message.speaker == Speaker::User);
    let asked = before.map_or_else(
        || question.to_owned(),
        |before| format!("{question}\n{}", before.text),
    );
    let ranked = linker.recall(catalogue, &asked).await;
    prompt::choose_tables(catalogue, &ranked, narrow)
}

/// Their names as people are told them.
pub(super) fn names(catalogue: &Catalogue, tables: &[usize]) -> Vec<String> {
    tables
        .iter()
        .map(|&at| catalogue.tables[at].full_name())
        .collect()
}
