//! What a word counts: BM25 over weighted fields, in each place by itself. The numbers to tune are here and in the
//! recall.

use std::collections::{HashMap, HashSet};

/// What a match in a place is worth beside the others.
const IN_TABLE: f32 = 1.0;
const IN_COLUMNS: f32 = 0.35;
const IN_VALUES: f32 = 0.6;

/// Where in a table's description a word stands. Each place is saturated by itself: a table that has a word in ten
/// columns is not ten times as much about it, and a rare word in one column does not outweigh a table's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::linking) enum Place {
    /// Name, namespace and comment of the table.
    Table,
    /// Names and comments of its columns.
    Columns,
    /// Values seen in its columns.
    Values,
}

impl Place {
    pub(in crate::linking) const ALL: [Self; 3] = [Self::Table, Self::Columns, Self::Values];

    /// What a match in this place is worth beside the others.
    pub(in crate::linking) fn weight(self) -> f32 {
        match self {
            Self::Table => IN_TABLE,
            Self::Columns => IN_COLUMNS,
            Self::Values => IN_VALUES,
        }
    }
}

/// One field of a place: what a word in it counts, and how much a long field counts less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    weight: f32,
    length: f32,
}

pub(super) const NAME: Field = Field {
    weight: 3.0,
    length: 0.5,
};
pub(super) const NAMESPACE: Field = Field {
    weight: 0.6,
    length: 0.0,
};
pub(super) const COMMENT: Field = Field {
    weight: 1.5,
    length: 0.5,
};
pub(super) const COLUMN: Field = Field {
    weight: 1.0,
    length: 0.4,
};
/// A column that refers to another table says little of its own.
pub(super) const KEY_COLUMN: Field = Field {
    weight: 0.3,
    length: 0.4,
};
pub(super) const COLUMN_COMMENT: Field = Field {
    weight: 0.6,
    length: 0.4,
};
pub(super) const VALUE: Field = Field {
    weight: 1.0,
    length: 0.2,
};

/// How fast repetitions stop counting; the usual number of BM25.
const SATURATION: f32 = 1.2;

/// Words of one place of one table, field by field.
pub(super) type Fields = Vec<(Field, Vec<u32>)>;

/// The tables of each word with what it counts there.
pub(super) type Postings = HashMap<u32, Vec<(u32, f32)>>;

/// The rarity of a word that so many of all tables have.
pub(super) fn rarity(tables: usize, having: usize) -> f32 {
    (1.0 + (tables as f32 - having as f32 + 0.5) / (having as f32 + 0.5)).ln()
}

/// Rarity of each word of a place.
pub(super) fn rarities(place: &[Fields]) -> HashMap<u32, f32> {
    let mut having: HashMap<u32, usize> = HashMap::new();
    for fields in place {
        let words: HashSet<u32> = fields
            .iter()
            .flat_map(|(_, words)| words.iter().copied())
            .collect();
        for word in words {
            *having.entry(word).or_default() += 1;
        }
    }
    having
        .into_iter()
        .map(|(word, count)| (word, rarity(place.len(), count)))
        .collect()
}

/// What each word counts in each table, in one place: BM25 over weighted fields.
pub(super) fn weighed(place: &[Fields]) -> Postings {
    let rarities = rarities(place);
    let average = average_lengths(place);
    let mut postings = Postings::new();
    for (table, fields) in place.iter().enumerate() {
        let mut counts: HashMap<u32, f32> = HashMap::new();
        for (nth, (field, words)) in fields.iter().enumerate() {
            let relative = words.len() as f32 / average.get(nth).copied().unwrap_or(1.0).max(1.0);
            let each = field.weight / (1.0 - field.length + field.length * relative);
            for word in words {
                *counts.entry(*word).or_default() += each;
            }
        }
        for (word, count) in counts {
            let saturated = count * (SATURATION + 1.0) / (SATURATION + count);
            let rare = rarities.get(&word).copied().unwrap_or_default();
            postings
                .entry(word)
                .or_default()
                .push((table as u32, saturated * rare));
        }
    }
    postings
}

/// Mean length of each field where it is not empty, by its number in its place.
fn average_lengths(place: &[Fields]) -> Vec<f32> {
    let most = place.iter().map(Vec::len).max().unwrap_or(0);
    (0..most)
        .map(|nth| {
            let lengths: Vec<usize> = place
                .iter()
                .filter_map(|fields| fields.get(nth))
                .map(|(_, words)| words.len())
                .filter(|length| *length > 0)
                .collect();
            lengths.iter().sum::<usize>() as f32 / lengths.len().max(1) as f32
        })
        .collect()
}
