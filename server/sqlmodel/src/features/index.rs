//! What features need of a schema whatever the question is.

use std::collections::HashMap;

use super::{
    FLAGS, flag, kind_id,
    relations::{self, place},
};
use crate::{
    question::{ValueIndex, fold, stem},
    schema::{ColumnId, Kind, Schema, TableId, identifier_words},
};

/// What does not depend on the question: stems, trigrams, key distances. Built once per schema.
///
/// Items are numbered here as in [`super::Features`], less words and candidates: tables, then columns.
#[derive(Debug, Clone, Default)]
pub struct SchemaIndex {
    pub(super) tables: usize,
    /// The different words of all names.
    pub(super) vocabulary: Vec<NameWord>,
    /// Per item: its name's words, as positions in `vocabulary`.
    pub(super) names: Vec<Vec<u16>>,
    /// Joined stems of a whole name, to the items of that name.
    pub(super) phrases: HashMap<String, Vec<u16>>,
    /// Stems of comments and values.
    pub(super) stems: HashMap<String, u32>,
    /// Per item: stems in its comment, sorted.
    pub(super) comments: Vec<Vec<u32>>,
    /// Per column: stems in its known values, sorted.
    pub(super) values: Vec<Vec<u32>>,
    /// Relations of items with items, row-major.
    pub(super) relations: Vec<u8>,
    /// Per item: what the schema alone says.
    pub(super) flags: Vec<[f32; FLAGS]>,
    pub(super) kinds: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct NameWord {
    pub(super) fold: String,
    pub(super) stem: String,
    pub(super) trigrams: Vec<u32>,
}

impl SchemaIndex {
    /// Indexes names, comments and values of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let mut index = Self {
            tables: schema.tables.len(),
            ..Self::default()
        };
        let mut known: HashMap<String, u16> = HashMap::new();
        for (id, table) in schema.tables.iter().enumerate() {
            let words = index.add_name(&table.name, &mut known);
            index.add_phrase(&words, id);
            index.names.push(words);
            index.add_comment(table.comment.as_deref());
            let mut flags = [0.0; FLAGS];
            flags[flag::TABLE] = 1.0;
            index.flags.push(flags);
            index.kinds.push(kind_id::TABLE);
        }
        for (id, column) in schema.columns.iter().enumerate() {
            let item = index.tables + id;
            let words = index.add_name(&column.name, &mut known);
            index.add_phrase(&words, item);
            // "product_name" in products is also just "name".
            let own = &index.names[column.table];
            if words.len() > own.len() && index.same_stems(&words[..own.len()], own) {
                let rest = words[own.len()..].to_vec();
                index.add_phrase(&rest, item);
            }
            index.names.push(words);
            index.add_comment(column.comment.as_deref());
            index.add_values(&column.values);
            index.flags.push(column_flags(schema, id));
            index.kinds.push(kind_id::of_column(column));
        }
        index.relations = relations_of(schema);
        index
    }

    fn add_name(&mut self, name: &str, known: &mut HashMap<String, u16>) -> Vec<u16> {
        let words = identifier_words(name);
        let mut ids = Vec::with_capacity(words.len());
        for word in words {
            let fold = fold(&word);
            let id = *known.entry(fold.clone()).or_insert_with(|| {
                let mut trigrams = Vec::new();
                trigrams_into(&fold, &mut trigrams);
                self.vocabulary.push(NameWord {
                    stem: stem(&fold),
                    fold,
                    trigrams,
                });
                (self.vocabulary.len() - 1) as u16
            });
            ids.push(id);
        }
        ids
    }

    fn same_stems(&self, a: &[u16], b: &[u16]) -> bool {
        let stem = |&id: &u16| self.vocabulary[usize::from(id)].stem.as_str();
        a.iter().map(stem).eq(b.iter().map(stem))
    }

    fn add_phrase(&mut self, words: &[u16], item: usize) {
        let key: String = words
            .iter()
            .map(|&id| self.vocabulary[usize::from(id)].stem.as_str())
            .collect();
        let items = self.phrases.entry(key).or_default();
        if !items.contains(&(item as u16)) {
            items.push(item as u16);
        }
    }

    fn stem_ids(&mut self, texts: &[String]) -> Vec<u32> {
        let mut stems = Vec::new();
        for text in texts {
            ValueIndex::value_stems(text, &mut stems);
        }
        let mut ids: Vec<u32> = Vec::with_capacity(stems.len());
        for stem in stems {
            let next = self.stems.len() as u32;
            ids.push(*self.stems.entry(stem).or_insert(next));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn add_comment(&mut self, comment: Option<&str>) {
        let ids = comment.map_or_else(Vec::new, |text| self.stem_ids(&[text.to_owned()]));
        self.comments.push(ids);
    }

    fn add_values(&mut self, values: &[String]) {
        let ids = self.stem_ids(values);
        self.values.push(ids);
    }
}

/// The word's trigrams with its ends marked, sorted.
pub(super) fn trigrams_into(word: &str, out: &mut Vec<u32>) {
    out.clear();
    let code = |c: char| (c as u32) & 0x3ff;
    let (mut before, mut here) = (0, 1);
    for ch in word.chars().chain(std::iter::once('\u{2}')) {
        let next = code(ch);
        if before != 0 || here != 1 {
            out.push(before << 20 | here << 10 | next);
        }
        before = here;
        here = next;
    }
    out.sort_unstable();
    out.dedup();
}

fn column_flags(schema: &Schema, id: ColumnId) -> [f32; FLAGS] {
    let column = &schema.columns[id];
    let mut flags = [0.0; FLAGS];
    let kind = match column.kind {
        Kind::Id => 0,
        Kind::Key => 1,
        Kind::Text => 2,
        Kind::Number => 3,
        Kind::Date => 4,
        Kind::Flag => 5,
    };
    flags[flag::COLUMN_KIND + kind] = 1.0;
    for (at, holds) in [
        (flag::PRIMARY, column.primary),
        (flag::LABEL, schema.tables[column.table].label == Some(id)),
        (flag::NULLABLE, column.nullable),
        (flag::CATEGORY, column.values_complete),
    ] {
        flags[at] = f32::from(u8::from(holds));
    }
    flags
}

fn relations_of(schema: &Schema) -> Vec<u8> {
    let (tables, columns) = (schema.tables.len(), schema.columns.len());
    let items = tables + columns;
    let mut refers = vec![false; tables * tables];
    for (from, to) in schema.foreign_keys() {
        refers[schema.columns[from].table * tables + schema.columns[to].table] = true;
    }
    let joined = |a: TableId, b: TableId| refers[a * tables + b] || refers[b * tables + a];
    let mut out = vec![relations::SELF; items * items];
    for a in 0..tables {
        for b in (0..tables).filter(|&b| b != a) {
            out[a * items + b] = if refers[a * tables + b] {
                relations::TABLE_REFERS
            } else if refers[b * tables + a] {
                relations::TABLE_REFERRED
            } else if (0..tables).any(|via| joined(a, via) && joined(via, b)) {
                relations::TABLES_TWO_STEPS
            } else {
                relations::TABLES_FAR
            };
        }
    }
    for (id, column) in schema.columns.iter().enumerate() {
        let row = (tables + id) * items;
        let target = column.references.map(|to| schema.columns[to].table);
        for table in 0..tables {
            let variant = if table == column.table {
                if schema.tables[table].label == Some(id) {
                    place::LABEL
                } else if column.primary {
                    place::PRIMARY
                } else {
                    place::MEMBER
                }
            } else if target == Some(table) {
                place::REFERS
            } else {
                place::ELSEWHERE
            };
            out[row + table] = relations::COLUMN_TABLE.forth(variant);
            out[table * items + tables + id] = relations::COLUMN_TABLE.back(variant);
        }
        for (other_id, other) in schema
            .columns
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != id)
        {
            out[row + tables + other_id] = if column.references == Some(other_id) {
                relations::COLUMN_REFERS
            } else if other.references == Some(id) {
                relations::COLUMN_REFERRED
            } else if column.table == other.table {
                if column.kind == other.kind {
                    relations::COLUMNS_SAME_TABLE_AND_KIND
                } else {
                    relations::COLUMNS_SAME_TABLE
                }
            } else if column.name.eq_ignore_ascii_case(&other.name) {
                relations::COLUMNS_NAMESAKES
            } else if joined(column.table, other.table) {
                relations::COLUMNS_ONE_STEP
            } else {
                relations::COLUMNS_FAR
            };
        }
    }
    out
}
