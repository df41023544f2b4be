//! Known values of a database, ready to be found in a question.

use std::collections::{HashMap, HashSet};

use super::words::{Cut, fold, fold_into, is_stopword, stem};
use crate::schema::{ColumnId, Kind, Schema, identifier_words};

/// Words of a question that may make up one value.
const LONGEST: usize = 6;
/// Words (punctuation and all) such a run may span.
const WIDEST: usize = 9;
/// Letters from which a typo is forgiven.
const TYPO_LETTERS: usize = 6;

/// Every known value of a schema's text columns, by normalised spelling. Built once per schema.
#[derive(Debug, Clone, Default)]
pub struct ValueIndex {
    entries: Vec<Entry>,
    /// By [`fold`].
    exact: HashMap<String, Vec<u32>>,
    /// By folded stems of the value's words.
    stemmed: HashMap<String, Vec<u32>>,
    /// By the stem of one word of several; complete columns only.
    parts: HashMap<String, Vec<u32>>,
    /// Folds by their first letter and length, and by their last: a typo spares one of them.
    by_first: HashMap<(char, usize), Vec<u32>>,
    by_last: HashMap<(char, usize), Vec<u32>>,
    /// Stems of words in table and column names: these are not taken for misspelt values.
    names: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    column: ColumnId,
    value: String,
    fold: Box<[char]>,
}

/// A run of words that names known values.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub(super) words: std::ops::Range<usize>,
    pub(super) matches: Vec<(ColumnId, String)>,
    /// Spelled as in the database, but for case, accents, spaces and hyphens.
    pub(super) exact: bool,
}

impl ValueIndex {
    /// Indexes the values of `schema`.
    pub fn new(schema: &Schema) -> Self {
        let mut index = Self::default();
        for table in &schema.tables {
            index
                .names
                .extend(identifier_words(&table.name).iter().map(|w| stem(w)));
        }
        for (id, column) in schema.columns.iter().enumerate() {
            index
                .names
                .extend(identifier_words(&column.name).iter().map(|w| stem(w)));
            if matches!(column.kind, Kind::Text | Kind::Id) {
                for value in &column.values {
                    index.add(id, value, column.values_complete);
                }
            }
        }
        index
    }

    fn add(&mut self, column: ColumnId, value: &str, complete: bool) {
        let key = fold(value);
        if key.is_empty() {
            return;
        }
        let id = self.entries.len() as u32;
        let words: Vec<String> = value
            .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’' || c == '&'))
            .map(fold)
            .filter(|w| !w.is_empty())
            .collect();
        let letters: Box<[char]> = key.chars().collect();
        if letters.len() + 1 >= TYPO_LETTERS {
            self.by_first
                .entry((letters[0], letters.len()))
                .or_default()
                .push(id);
            self.by_last
                .entry((letters[letters.len() - 1], letters.len()))
                .or_default()
                .push(id);
        }
        if let [article, rest @ ..] = words.as_slice()
            && matches!(article.as_str(), "the" | "a" | "an")
            && !rest.is_empty()
        {
            self.exact.entry(rest.concat()).or_default().push(id);
        }
        let stems: Vec<String> = words.iter().map(|w| stem(w)).collect();
        self.stemmed.entry(stems.concat()).or_default().push(id);
        if complete && words.len() > 1 {
            for (word, stem) in words.iter().zip(&stems) {
                // A smaller part says too little about the whole.
                if word.len() * 2 >= key.len() && !is_stopword(word) {
                    self.parts.entry(stem.clone()).or_default().push(id);
                }
            }
        }
        self.exact.entry(key).or_default().push(id);
        self.entries.push(Entry {
            column,
            value: value.to_owned(),
            fold: letters,
        });
    }

    /// Whether a word (by its stem) occurs in the name of a table or column.
    pub(super) fn is_name(&self, stem: &str) -> bool {
        self.names.contains(stem)
    }

    /// Columns and spellings of a text that is known as it stands.
    pub(super) fn find_exact(&self, text: &str) -> Vec<(ColumnId, String)> {
        self.exact
            .get(&fold(text))
            .map_or_else(Vec::new, |ids| self.matches(ids))
    }

    /// Every run of words that names a known value.
    pub(super) fn find(&self, cut: &Cut) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        if self.entries.is_empty() {
            return hits;
        }
        let stems: Vec<String> = cut.folds.iter().map(|f| stem(f)).collect();
        let (mut key, mut stemmed) = (String::new(), String::new());
        for start in 0..cut.words.len() {
            key.clear();
            stemmed.clear();
            let mut count = 0;
            for end in start + 1..=cut.words.len().min(start + WIDEST) {
                let word = &cut.folds[end - 1];
                if word.is_empty() {
                    if count == 0 {
                        break;
                    }
                    continue;
                }
                key.push_str(word);
                stemmed.push_str(&stems[end - 1]);
                count += 1;
                if let Some((ids, exact)) = self.lookup(cut, start..end, count, &key, &stemmed) {
                    hits.push(Hit {
                        words: start..end,
                        matches: self.matches(&ids),
                        exact,
                    });
                }
                if count == LONGEST {
                    break;
                }
            }
        }
        // A typo near an exact find is no typo.
        let exact: Vec<_> = hits
            .iter()
            .filter(|h| h.exact)
            .map(|h| h.words.clone())
            .collect();
        hits.retain(|h| {
            h.exact
                || !exact.iter().any(|e| {
                    e.start < h.words.end && h.words.start < e.end && e.len() >= h.words.len()
                })
        });
        hits
    }

    fn lookup(
        &self,
        cut: &Cut,
        words: std::ops::Range<usize>,
        count: usize,
        key: &str,
        stemmed: &str,
    ) -> Option<(Vec<u32>, bool)> {
        let (first, last) = (words.start, words.end - 1);
        let common = is_stopword(&cut.words[first].lower);
        if let Some(ids) = self.exact.get(key) {
            // "us", "it", "no": only where written as the database writes it, or after a preposition.
            let told = !common
                || count > 1
                || (first > 0
                    && matches!(
                        cut.words[first - 1].lower.as_str(),
                        "from" | "in" | "=" | "is"
                    ))
                || ids
                    .iter()
                    .any(|&id| self.entries[id as usize].value == cut.words[first].text);
            return told.then(|| (ids.clone(), true));
        }
        let edges = common || is_stopword(&cut.words[last].lower);
        if (edges && count < 3) || cut.folds[last].is_empty() {
            return None;
        }
        if stemmed.len() > 2
            && let Some(ids) = self.stemmed.get(stemmed)
        {
            return Some((ids.clone(), false));
        }
        if count == 1 && self.is_name(stemmed) {
            return None;
        }
        if count == 1
            && let Some(ids) = self.parts.get(stemmed)
        {
            let alone = |id: u32| {
                let column = self.entries[id as usize].column;
                ids.iter()
                    .filter(|&&i| self.entries[i as usize].column == column)
                    .count()
                    == 1
            };
            let ids: Vec<u32> = ids.iter().copied().filter(|&id| alone(id)).collect();
            return (!ids.is_empty()).then_some((ids, false));
        }
        if count > 3 || key.len() < TYPO_LETTERS || key.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let ids = self.misspelt(key);
        (!ids.is_empty()).then_some((ids, false))
    }

    /// Values one typo away.
    fn misspelt(&self, key: &str) -> Vec<u32> {
        let letters: Vec<char> = key.chars().collect();
        let (Some(&first), Some(&last)) = (letters.first(), letters.last()) else {
            return Vec::new();
        };
        let mut ids: Vec<u32> = Vec::new();
        for length in letters.len() - 1..=letters.len() + 1 {
            let lists = [
                self.by_first.get(&(first, length)),
                self.by_last.get(&(last, length)),
            ];
            for &id in lists.into_iter().flatten().flatten() {
                if !ids.contains(&id) && one_typo(&letters, &self.entries[id as usize].fold) {
                    ids.push(id);
                }
            }
        }
        ids.sort_unstable();
        ids
    }

    fn matches(&self, ids: &[u32]) -> Vec<(ColumnId, String)> {
        let mut matches: Vec<(ColumnId, String)> = Vec::with_capacity(ids.len());
        for &id in ids {
            let entry = &self.entries[id as usize];
            if !matches.iter().any(|(column, _)| *column == entry.column) {
                matches.push((entry.column, entry.value.clone()));
            }
        }
        matches.sort_by_key(|(column, _)| *column);
        matches
    }

    /// Appends to `out` the stem of every word of a value; what features call a partial match.
    pub(crate) fn value_stems(value: &str, out: &mut Vec<String>) {
        let mut word = String::new();
        for piece in value.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')) {
            word.clear();
            fold_into(piece, &mut word);
            if word.len() > 2 && !is_stopword(&word) {
                out.push(stem(&word));
            }
        }
    }
}

/// Whether two different words differ by one letter added, dropped, replaced or swapped with its neighbour.
fn one_typo(a: &[char], b: &[char]) -> bool {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a.len(), b.len()) {
        (1, 0 | 1) | (0, 1) => true,
        (2, 2) => a[0] == b[1] && a[1] == b[0],
        _ => false,
    }
}
