//! Lexical features: what words, candidates, tables and columns visibly have to do with each other.
//!
//! Items stand in one fixed order everywhere: words, candidates, tables, columns. Nothing here knows what words
//! mean; synonyms are the sentence encoder's work.

mod index;
mod relations;
mod texts;
mod ties;

pub use index::SchemaIndex;
pub use texts::item_texts;

use relations::{CANDIDATE_COLUMN, CANDIDATE_TABLE, CANDIDATE_WORD, WORD_COLUMN, WORD_TABLE};
use relations::{column_tie, fit, stands, table_tie};
use ties::Ties;

use crate::{
    query::Value,
    question::{Candidate, Question, fold, is_stopword},
    schema::{Column, Kind, Schema},
};

/// Numbers per item in [`Features::flags`].
pub const FLAGS: usize = 37;
/// Kinds of items in [`Features::kinds`].
pub const KINDS: usize = 12;
/// Relation ids in [`Features::relations`].
pub const RELATIONS: usize = relations::COUNT;

/// Positions in [`Features::flags`].
mod flag {
    pub(super) const NUMBER: usize = 0;
    pub(super) const YEAR: usize = 1;
    pub(super) const DATE: usize = 2;
    pub(super) const CAPITAL: usize = 3;
    pub(super) const ALL_CAPS: usize = 4;
    pub(super) const PUNCTUATION: usize = 5;
    pub(super) const FIRST: usize = 6;
    pub(super) const LAST: usize = 7;
    pub(super) const IN_CANDIDATE: usize = 8;
    pub(super) const IN_VALUE: usize = 9;
    pub(super) const IN_QUOTES: usize = 10;
    pub(super) const STOPWORD: usize = 11;
    pub(super) const TABLE_WORD: usize = 12;
    pub(super) const COLUMN_WORD: usize = 13;
    /// Three of them: text, number, dates.
    pub(super) const CANDIDATE_TYPE: usize = 14;
    pub(super) const QUOTED: usize = 17;
    pub(super) const MATCHES: usize = 18;
    pub(super) const LENGTH: usize = 19;
    pub(super) const EXACT: usize = 20;
    /// A whole number up to 100, as limits are.
    pub(super) const SMALL: usize = 21;
    /// Dates of a whole year.
    pub(super) const WHOLE_YEAR: usize = 22;
    pub(super) const TABLE: usize = 23;
    /// Six of them, in the order of [`crate::schema::Kind`].
    pub(super) const COLUMN_KIND: usize = 24;
    pub(super) const PRIMARY: usize = 30;
    pub(super) const LABEL: usize = 31;
    pub(super) const NULLABLE: usize = 32;
    pub(super) const CATEGORY: usize = 33;
    /// The whole name stands in the question.
    pub(super) const NAMED: usize = 34;
    /// A word of the name, or something like it, stands in the question.
    pub(super) const HINTED: usize = 35;
    /// A known value stands in the question.
    pub(super) const VALUED: usize = 36;
}

/// Ids in [`Features::kinds`].
mod kind_id {
    use crate::schema::{Column, Kind};

    pub(super) const WORD: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const NUMBER: u8 = 2;
    pub(super) const DATES: u8 = 3;
    pub(super) const TABLE: u8 = 4;

    pub(super) fn of_column(column: &Column) -> u8 {
        match column.kind {
            Kind::Id => 5,
            Kind::Key => 6,
            Kind::Text if column.values_complete => 11,
            Kind::Text => 7,
            Kind::Number => 8,
            Kind::Date => 9,
            Kind::Flag => 10,
        }
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

/// Computes all features of one question. `index` must be that of `schema`.
pub fn extract(question: &Question, schema: &Schema, index: &SchemaIndex) -> Features {
    let (words, candidates) = (question.words.len(), question.candidates.len());
    let (tables, columns) = (schema.tables.len(), schema.columns.len());
    let ties = Ties::find(question, schema, index);
    let mut features = Features {
        words,
        candidates,
        tables,
        columns,
        flags: Vec::with_capacity(words + candidates + tables + columns),
        kinds: Vec::with_capacity(words + candidates + tables + columns),
        relations: Vec::new(),
    };
    features.flags.resize(words, [0.0; FLAGS]);
    features.kinds.resize(words, kind_id::WORD);
    word_flags(question, index, &ties, &mut features.flags);
    for candidate in &question.candidates {
        let (flags, kind) = candidate_flags(candidate);
        features.flags.push(flags);
        features.kinds.push(kind);
    }
    features.flags.extend_from_slice(&index.flags);
    features.kinds.extend_from_slice(&index.kinds);
    for item in 0..tables + columns {
        let flags = &mut features.flags[words + candidates + item];
        for word in 0..words {
            let tie = ties.of(word, item);
            let (named, hinted, valued) = if item < tables {
                (
                    tie == table_tie::PHRASE,
                    tie >= table_tie::TRIGRAM && tie != table_tie::VALUE,
                    tie == table_tie::VALUE,
                )
            } else {
                (
                    tie == column_tie::PHRASE,
                    tie >= column_tie::TRIGRAM && tie != column_tie::VALUE,
                    tie == column_tie::VALUE,
                )
            };
            for (at, holds) in [
                (flag::NAMED, named),
                (flag::HINTED, hinted),
                (flag::VALUED, valued),
            ] {
                if holds {
                    flags[at] = 1.0;
                }
            }
        }
    }
    features.relations = fill_relations(question, schema, index, &ties);
    features
}

fn word_flags(question: &Question, index: &SchemaIndex, ties: &Ties, out: &mut [[f32; FLAGS]]) {
    let last = question.words.len().saturating_sub(1);
    for (at, (word, flags)) in question.words.iter().zip(out.iter_mut()).enumerate() {
        let letters = || word.text.chars().filter(|c| c.is_alphabetic());
        let range = at * ties.items..(at + 1) * ties.items;
        let (table_ties, column_ties) = ties.ties[range].split_at(index.tables);
        for (position, holds) in [
            (flag::NUMBER, word.lower.bytes().any(|b| b.is_ascii_digit())),
            (
                flag::CAPITAL,
                at > 0 && word.text.starts_with(char::is_uppercase),
            ),
            (
                flag::ALL_CAPS,
                letters().count() > 1 && letters().all(char::is_uppercase),
            ),
            (
                flag::PUNCTUATION,
                !word.text.chars().any(char::is_alphanumeric),
            ),
            (flag::FIRST, at == 0),
            (flag::LAST, at == last),
            (flag::STOPWORD, is_stopword(&word.lower)),
            (
                flag::TABLE_WORD,
                table_ties.iter().any(|&t| t >= table_tie::STEM),
            ),
            (
                flag::COLUMN_WORD,
                column_ties.iter().any(|&t| t >= column_tie::STEM),
            ),
        ] {
            flags[position] = f32::from(u8::from(holds));
        }
    }
    for candidate in &question.candidates {
        for flags in &mut out[candidate.words.clone()] {
            flags[flag::IN_CANDIDATE] = 1.0;
            if candidate.quoted {
                flags[flag::IN_QUOTES] = 1.0;
            }
            if !candidate.matches.is_empty() {
                flags[flag::IN_VALUE] = 1.0;
            }
            match candidate.value {
                Value::Number(_) => flags[flag::NUMBER] = 1.0,
                Value::Dates { .. } => {
                    flags[flag::DATE] = 1.0;
                    if is_whole_year(&candidate.value) {
                        flags[flag::YEAR] = 1.0;
                    }
                }
                Value::Text(_) => {}
            }
        }
    }
}

fn is_whole_year(value: &Value) -> bool {
    use chrono::Datelike;
    matches!(value, Value::Dates { start, end }
        if start.ordinal() == 1 && end.ordinal() == 1 && end.year() == start.year() + 1)
}

fn candidate_flags(candidate: &Candidate) -> ([f32; FLAGS], u8) {
    let mut flags = [0.0; FLAGS];
    let (kind, id) = match &candidate.value {
        Value::Text(_) => (0, kind_id::TEXT),
        Value::Number(_) => (1, kind_id::NUMBER),
        Value::Dates { .. } => (2, kind_id::DATES),
    };
    flags[flag::CANDIDATE_TYPE + kind] = 1.0;
    flags[flag::QUOTED] = f32::from(u8::from(candidate.quoted));
    flags[flag::MATCHES] = (1.0 + candidate.matches.len() as f32).ln() / 2.0;
    flags[flag::LENGTH] = candidate.words.len().min(6) as f32 / 6.0;
    let small = matches!(candidate.value, Value::Number(n) if (1.0..=100.0).contains(&n) && n.fract() == 0.0);
    flags[flag::SMALL] = f32::from(u8::from(small));
    flags[flag::WHOLE_YEAR] = f32::from(u8::from(is_whole_year(&candidate.value)));
    if let Value::Text(text) = &candidate.value
        && !candidate.matches.is_empty()
    {
        let text = fold(text);
        flags[flag::EXACT] = f32::from(u8::from(
            candidate.matches.iter().any(|(_, m)| fold(m) == text),
        ));
    }
    (flags, id)
}

fn fill_relations(
    question: &Question,
    schema: &Schema,
    index: &SchemaIndex,
    ties: &Ties,
) -> Vec<u8> {
    let (words, candidates, tables) = (
        question.words.len(),
        question.candidates.len(),
        schema.tables.len(),
    );
    let items = tables + schema.columns.len();
    let (first_item, n) = (words + candidates, words + candidates + items);
    let mut out = vec![relations::SELF; n * n];
    let mut both = |a: usize, b: usize, forth: u8, back: u8| {
        out[a * n + b] = forth;
        out[b * n + a] = back;
    };
    for a in 0..words {
        for b in a + 1..words {
            both(a, b, relations::word_word(a, b), relations::word_word(b, a));
        }
        for item in 0..items {
            let tie = ties.of(a, item);
            let pair = if item < tables {
                WORD_TABLE
            } else {
                WORD_COLUMN
            };
            both(a, first_item + item, pair.forth(tie), pair.back(tie));
        }
    }
    for (at, candidate) in question.candidates.iter().enumerate() {
        let row = words + at;
        for word in 0..words {
            let stands = stands_to(candidate, word);
            both(
                row,
                word,
                CANDIDATE_WORD.forth(stands),
                CANDIDATE_WORD.back(stands),
            );
        }
        for (other, later) in question.candidates.iter().enumerate().skip(at + 1) {
            let (forth, back) = if later.words.start < candidate.words.end {
                (relations::CANDIDATES_OVERLAP, relations::CANDIDATES_OVERLAP)
            } else {
                (relations::CANDIDATE_EARLIER, relations::CANDIDATE_LATER)
            };
            both(row, words + other, forth, back);
        }
        for table in 0..tables {
            let known = candidate
                .matches
                .iter()
                .any(|&(c, _)| schema.columns[c].table == table);
            let variant = u8::from(known);
            both(
                row,
                first_item + table,
                CANDIDATE_TABLE.forth(variant),
                CANDIDATE_TABLE.back(variant),
            );
        }
        let folded = match &candidate.value {
            Value::Text(text) => fold(text),
            _ => String::new(),
        };
        for (id, column) in schema.columns.iter().enumerate() {
            let spelling = candidate
                .matches
                .iter()
                .find(|&&(c, _)| c == id)
                .map(|(_, s)| s.as_str());
            let part = ties_all(ties, candidate, tables + id);
            let fit = fit_of(&candidate.value, &folded, spelling, part, column);
            both(
                row,
                first_item + tables + id,
                CANDIDATE_COLUMN.forth(fit),
                CANDIDATE_COLUMN.back(fit),
            );
        }
    }
    for (item, row) in index.relations.chunks(items.max(1)).enumerate() {
        let start = (first_item + item) * n + first_item;
        out[start..start + items].copy_from_slice(row);
    }
    out
}

/// Whether every word of the candidate occurs inside values of the column.
fn ties_all(ties: &Ties, candidate: &Candidate, item: usize) -> bool {
    candidate
        .words
        .clone()
        .all(|word| ties.of(word, item) == column_tie::VALUE_PART)
}

fn stands_to(candidate: &Candidate, word: usize) -> u8 {
    let words = &candidate.words;
    if words.contains(&word) {
        stands::COVERED
    } else if word + 1 == words.start {
        stands::BEFORE
    } else if word == words.end {
        stands::AFTER
    } else if word + 3 >= words.start && word < words.end + 3 {
        stands::NEAR
    } else {
        stands::FAR
    }
}

fn fit_of(value: &Value, folded: &str, spelling: Option<&str>, part: bool, column: &Column) -> u8 {
    if let Some(spelling) = spelling {
        return if fold(spelling) == folded {
            fit::EXACT
        } else {
            fit::PARTIAL
        };
    }
    match (value, column.kind) {
        (Value::Text(_), Kind::Text | Kind::Id) if part => fit::PARTIAL,
        (Value::Text(_), Kind::Text) if column.values_complete => fit::ABSENT,
        (Value::Text(_), Kind::Text | Kind::Id)
        | (Value::Number(_), Kind::Number | Kind::Id | Kind::Key)
        | (Value::Dates { .. }, Kind::Date) => fit::POSSIBLE,
        _ => fit::WRONG,
    }
}

#[cfg(test)]
mod tests;
