//! Descriptions of tables for a sentence encoder: what a person would say the table is about, in few words.

use std::collections::HashMap;

use tidegate_schema::model::{Catalogue, CatalogueTable};

use super::words::spelled_out;

/// Characters of a description; the encoder's time grows with them, and what comes later tells less.
const MOST_CHARS: usize = 220;
/// Columns that more than this share of the tables have say nothing of one of them.
const COMMON: f32 = 0.1;
/// Fewer tables than this have no common columns.
const FEW: usize = 20;

/// One description per table.
pub(super) fn describe(catalogue: &Catalogue) -> Vec<String> {
    let mut having: HashMap<&str, usize> = HashMap::new();
    for table in &catalogue.tables {
        for column in &table.columns {
            *having.entry(column.name.as_str()).or_default() += 1;
        }
    }
    let most = (catalogue.tables.len() as f32 * COMMON) as usize;
    let most = if catalogue.tables.len() < FEW {
        FEW
    } else {
        most
    };
    let telling = |name: &str| having.get(name).is_none_or(|count| *count <= most);
    catalogue
        .tables
        .iter()
        .map(|table| description(table, telling))
        .collect()
}

fn description(table: &CatalogueTable, telling: impl Fn(&str) -> bool) -> String {
    let mut text = spelled_out(&table.name);
    if let Some(schema) = &table.schema {
        text = format!("{} {text}", spelled_out(schema));
    }
    if let Some(comment) = &table.comment {
        text.push_str(". ");
        text.push_str(comment.trim().trim_end_matches('.'));
    }
    let columns: Vec<String> = table
        .columns
        .iter()
        .filter(|column| telling(&column.name))
        .map(|column| match &column.comment {
            Some(comment) => format!("{} ({})", spelled_out(&column.name), comment.trim()),
            None => spelled_out(&column.name),
        })
        .collect();
    if !columns.is_empty() {
        text.push_str(". ");
        text.push_str(&columns.join(", "));
    }
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARS) {
        text.truncate(end);
    }
    text
}
