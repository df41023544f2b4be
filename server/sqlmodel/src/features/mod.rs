//! Lexical features: what words, candidates, tables and columns visibly have to do with each other.
//!
//! Items stand in one fixed order everywhere: words, candidates, tables, columns.

use crate::{question::Question, schema::Schema};

/// Numbers per item in [`Features::flags`].
pub const FLAGS: usize = 36;
/// Kinds of items in [`Features::kinds`].
pub const KINDS: usize = 12;
/// Relation ids in [`Features::relations`].
pub const RELATIONS: usize = 96;

/// What does not depend on the question: stems, trigrams, key distances. Built once per schema.
#[derive(Debug, Clone, Default)]
pub struct SchemaIndex {}

impl SchemaIndex {
    /// Indexes names, comments and values of `schema`.
    pub fn new(_schema: &Schema) -> Self {
        Self::default()
    }
}

/// The model's discrete input for one question over one schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Number of words.
    pub words: usize,
    /// Number of candidates.
    pub candidates: usize,
    /// Number of tables.
    pub tables: usize,
    /// Number of columns.
    pub columns: usize,
    /// Per item.
    pub flags: Vec<[f32; FLAGS]>,
    /// Per item, below [`KINDS`].
    pub kinds: Vec<u8>,
    /// Row-major `n * n`, below [`RELATIONS`]: row stands in this relation to column.
    pub relations: Vec<u8>,
}

impl Features {
    /// Number of items.
    pub fn items(&self) -> usize {
        self.words + self.candidates + self.tables + self.columns
    }
}

/// Computes all features of one question.
pub fn extract(_question: &Question, _schema: &Schema, _index: &SchemaIndex) -> Features {
    unimplemented!()
}

/// Texts of tables, then columns, for the sentence encoder: own words; words with context.
pub fn item_texts(_schema: &Schema) -> Vec<(String, String)> {
    unimplemented!()
}
