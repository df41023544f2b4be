//! Tables that are copies of others: left over from a migration, a backup, a trial.

use std::collections::{HashMap, HashSet};

use tidegate_schema::model::{Catalogue, CatalogueTable};
use tidegate_sqlmodel::schema::identifier_words;

use crate::linking::lists::COPY_MARKS;

/// Share of columns that a copy has in common with its original.
const LIKENESS: f32 = 0.5;

/// Tables that are copies of others, with the words that say so: named like another but for a mark or a number, with
/// mostly its columns.
pub(super) fn find(catalogue: &Catalogue) -> Vec<(usize, Vec<String>)> {
    let cut: Vec<Vec<String>> = catalogue
        .tables
        .iter()
        .map(|table| identifier_words(&table.name))
        .collect();
    let mut by_name: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (at, words) in cut.iter().enumerate() {
        by_name.entry(words.as_slice()).or_default().push(at);
    }
    let mut found = Vec::new();
    for (at, words) in cut.iter().enumerate() {
        let (marks, rest): (Vec<String>, Vec<String>) =
            words.iter().cloned().partition(|word| is_mark(word));
        if marks.is_empty() || rest.is_empty() {
            continue;
        }
        let originals = by_name.get(rest.as_slice()).map_or(&[][..], Vec::as_slice);
        let is_copy = originals.iter().any(|&original| {
            likeness(&catalogue.tables[at], &catalogue.tables[original]) >= LIKENESS
        });
        if is_copy {
            found.push((at, marks));
        }
    }
    found
}

fn is_mark(word: &str) -> bool {
    COPY_MARKS.contains(&word) || word == "v" || word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Share of the first table's columns that the second one has too.
fn likeness(copy: &CatalogueTable, original: &CatalogueTable) -> f32 {
    let names: HashSet<&str> = original
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let shared = copy
        .columns
        .iter()
        .filter(|column| names.contains(column.name.as_str()))
        .count();
    shared as f32 / copy.columns.len().max(1) as f32
}
