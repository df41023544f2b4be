//! How each word of a question resembles each name, comment and value.

use super::{
    SchemaIndex,
    index::{NameWord, trigrams_into},
    relations::{column_tie, table_tie},
};
use crate::{
    question::{Question, fold, is_stopword, stem},
    schema::Schema,
};

/// The lexical tie of every word with every table and column.
pub(super) struct Ties {
    pub(super) items: usize,
    /// Row-major, words by items.
    pub(super) ties: Vec<u8>,
}

impl Ties {
    pub(super) fn of(&self, word: usize, item: usize) -> u8 {
        self.ties[word * self.items + item]
    }

    pub(super) fn find(question: &Question, schema: &Schema, index: &SchemaIndex) -> Self {
        let tables = schema.tables.len();
        let items = tables + schema.columns.len();
        let mut ties = vec![0; question.words.len() * items];
        let mut likeness = vec![Likeness::None; index.vocabulary.len()];
        let mut trigrams = Vec::new();
        let mut stems = Vec::with_capacity(question.words.len());
        for (row, word) in ties.chunks_mut(items.max(1)).zip(&question.words) {
            // Names are compared without accents, so these stems may differ from the words' own.
            let plain =
                word.lower.is_ascii() && word.lower.bytes().all(|b| b.is_ascii_alphanumeric());
            let (folded, folded_stem) = if plain {
                (word.lower.clone(), word.stem.clone())
            } else {
                let folded = fold(&word.lower);
                let stem = stem(&folded);
                (folded, stem)
            };
            let common = folded.is_empty() || is_stopword(&word.lower);
            trigrams_into(&folded, &mut trigrams);
            for (like, name) in likeness.iter_mut().zip(&index.vocabulary) {
                *like = Likeness::of(&folded, &folded_stem, &trigrams, common, name);
            }
            let stem_id = if common {
                None
            } else {
                index.stems.get(&folded_stem).copied()
            };
            tie_names(row, &likeness, index, tables, schema);
            if let Some(id) = stem_id {
                tie_stems(row, id, index, tables);
            }
            stems.push(folded_stem);
        }
        tie_values(&mut ties, items, question, schema);
        tie_phrases(&mut ties, items, &stems, index);
        Self { items, ties }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    None,
    Trigram,
    Stem,
    Word,
}

impl Likeness {
    fn of(folded: &str, stem: &str, trigrams: &[u32], common: bool, name: &NameWord) -> Self {
        if folded.is_empty() {
            Self::None
        } else if folded == name.fold {
            Self::Word
        } else if common {
            Self::None
        } else if stem == name.stem {
            Self::Stem
        } else if shortens(&name.fold, folded)
            || shortens(folded, &name.fold)
            || overlap(trigrams, &name.trigrams)
        {
            Self::Trigram
        } else {
            Self::None
        }
    }
}

/// `desc` of `description`, `qty` of `quantity`.
fn shortens(short: &str, long: &str) -> bool {
    if short.len() < 3 || short.len() + 2 > long.len() || short.as_bytes()[0] != long.as_bytes()[0]
    {
        return false;
    }
    if !short.is_ascii() || short.as_bytes()[0].is_ascii_digit() {
        return false;
    }
    if long.starts_with(short) {
        return true;
    }
    let mut letters = long.bytes();
    short.len() <= 4
        && short.as_bytes().last() == long.as_bytes().last()
        && short.bytes().all(|b| letters.any(|l| l == b))
}

/// Whether two sorted lists of trigrams share at least half (Dice).
fn overlap(a: &[u32], b: &[u32]) -> bool {
    if a.len() < 4 || b.len() < 4 {
        return false;
    }
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    4 * shared >= a.len() + b.len()
}

fn tie_names(
    row: &mut [u8],
    likeness: &[Likeness],
    index: &SchemaIndex,
    tables: usize,
    schema: &Schema,
) {
    if likeness.iter().all(|&like| like == Likeness::None) {
        return;
    }
    let best = |item: usize| {
        let words = index.names[item].iter();
        words
            .map(|&id| likeness[usize::from(id)])
            .max()
            .unwrap_or(Likeness::None)
    };
    for (item, tie) in row.iter_mut().enumerate().take(tables) {
        *tie = match best(item) {
            Likeness::None => table_tie::NONE,
            Likeness::Trigram => table_tie::TRIGRAM,
            Likeness::Stem => table_tie::STEM,
            Likeness::Word => table_tie::WORD,
        };
    }
    for (id, column) in schema.columns.iter().enumerate() {
        let table = row[column.table];
        row[tables + id] = match best(tables + id) {
            Likeness::None if table >= table_tie::STEM => column_tie::TABLE,
            Likeness::None => column_tie::NONE,
            Likeness::Trigram => column_tie::TRIGRAM,
            Likeness::Stem => column_tie::STEM,
            Likeness::Word => column_tie::WORD,
        };
        if row[tables + id] >= column_tie::STEM {
            row[column.table] = row[column.table].max(table_tie::COLUMN);
        }
    }
}

fn tie_stems(row: &mut [u8], stem: u32, index: &SchemaIndex, tables: usize) {
    for (item, tie) in row.iter_mut().enumerate() {
        let comment = if item < tables {
            table_tie::COMMENT
        } else {
            column_tie::COMMENT
        };
        if *tie < comment && index.comments[item].binary_search(&stem).is_ok() {
            *tie = comment;
        }
        if item >= tables
            && *tie < column_tie::VALUE_PART
            && index.values[item - tables].binary_search(&stem).is_ok()
        {
            *tie = column_tie::VALUE_PART;
        }
    }
}

fn tie_values(ties: &mut [u8], items: usize, question: &Question, schema: &Schema) {
    for candidate in &question.candidates {
        for &(column, _) in &candidate.matches {
            let table = schema.columns[column].table;
            for word in candidate.words.clone() {
                let row = &mut ties[word * items..(word + 1) * items];
                row[table] = row[table].max(table_tie::VALUE);
                let own = &mut row[schema.tables.len() + column];
                *own = (*own).max(column_tie::VALUE);
            }
        }
    }
}

/// Runs of up to four words that are a whole name.
fn tie_phrases(ties: &mut [u8], items: usize, stems: &[String], index: &SchemaIndex) {
    const LONGEST: usize = 4;
    let mut key = String::new();
    for start in 0..stems.len() {
        key.clear();
        for end in start + 1..=stems.len().min(start + LONGEST) {
            if stems[end - 1].is_empty() {
                break;
            }
            key.push_str(&stems[end - 1]);
            let Some(named) = index.phrases.get(&key) else {
                continue;
            };
            for &item in named {
                let phrase = if usize::from(item) < index.tables {
                    table_tie::PHRASE
                } else {
                    column_tie::PHRASE
                };
                for word in start..end {
                    ties[word * items + usize::from(item)] = phrase;
                }
            }
        }
    }
}
