//! The index of a catalogue: which words stand where, which tables are copies, how tables hang together.

mod copies;
mod weights;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use tidegate_schema::model::{Catalogue, CatalogueTable};

pub(super) use self::weights::Place;
use self::weights::{
    COLUMN, COLUMN_COMMENT, COMMENT, Fields, KEY_COLUMN, NAME, NAMESPACE, Postings, VALUE,
    rarities, rarity, weighed,
};
use super::{
    texts,
    words::{Speller, is_build, is_part},
};

/// Values of a column that are indexed.
const VALUES_PER_COLUMN: usize = 40;
/// Words that name a column as a key by its last part.
const KEY_WORDS: [&str; 4] = ["id", "key", "fk", "sk"];

/// An index over the tables of one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SchemaIndex {
    pub(super) tables: Arc<Tables>,
    vectors: Option<Arc<[Arc<[f32]>]>>,
}

/// The part that does not change while vectors are made.
#[derive(Debug)]
pub(super) struct Tables {
    /// Numbers of words.
    pub(super) vocabulary: HashMap<String, u32>,
    /// By [`Place`]: the tables of each word with what it counts there, rarity included.
    postings: [Postings; 3],
    /// By table.
    pub(super) facts: Vec<Facts>,
    /// Tables by [`key`].
    place: HashMap<String, usize>,
    /// Rarity of words among the tables' names and comments.
    rarity: HashMap<u32, f32>,
    texts: Vec<String>,
}

/// What is known of a table beside its words.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Words of its name that say what it is about, each once.
    pub(super) name: Vec<u32>,
    /// Words that mark it as a copy of another table, if it is one.
    pub(super) marks: Option<Vec<u32>>,
    /// Tables its keys lead to, each once.
    pub(super) refers: Vec<usize>,
    /// Tables whose keys lead here.
    pub(super) referred_by: Vec<usize>,
    /// Tables that hold its lines.
    pub(super) parts: Vec<usize>,
    /// If it is named after tables it refers to, with more words (`customer_note`): those words, for each.
    pub(super) beside: Vec<Vec<u32>>,
    /// Its number of columns.
    pub(super) columns: usize,
}

/// What a table is looked up by.
pub(super) fn key(table: &CatalogueTable) -> String {
    key_of(table.schema.as_deref(), &table.name)
}

fn key_of(schema: Option<&str>, name: &str) -> String {
    format!("{}\0{name}", schema.unwrap_or_default())
}

#[derive(Default)]
struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    fn number(&mut self, word: String) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(word).or_insert(next)
    }

    fn numbers(&mut self, words: Vec<String>) -> Vec<u32> {
        words.into_iter().map(|word| self.number(word)).collect()
    }
}

impl SchemaIndex {
    /// Indexes a catalogue. Takes a second or so for thousands of tables, so it is done on a thread that may block.
    pub fn build(catalogue: &Catalogue) -> Self {
        let mut speller = Speller::new();
        let mut vocabulary = Vocabulary::default();
        let mut places: [Vec<Fields>; 3] = Default::default();
        let mut facts: Vec<Facts> = Vec::with_capacity(catalogue.tables.len());
        for table in &catalogue.tables {
            let found = fields(table, &mut speller, &mut vocabulary);
            for (place, found) in places.iter_mut().zip(found) {
                place.push(found);
            }
            facts.push(Facts {
                name: about(table, &mut speller, &mut vocabulary),
                columns: table.columns.len(),
                ..Facts::default()
            });
        }
        let place: HashMap<String, usize> = catalogue
            .tables
            .iter()
            .enumerate()
            .map(|(at, table)| (key(table), at))
            .collect();
        link(catalogue, &place, &mut facts);
        let lines: HashSet<u32> = vocabulary
            .0
            .iter()
            .filter(|(word, _)| is_part(word))
            .map(|(_, number)| *number)
            .collect();
        attach(&lines, &mut facts);
        for (copy, marks) in copies::find(catalogue) {
            let marks = marks.iter().flat_map(|mark| speller.stems(mark)).collect();
            facts[copy].marks = Some(vocabulary.numbers(marks));
        }
        let rarity = rarities(&places[0]);
        let postings = places.map(|place| weighed(&place));
        Self {
            tables: Arc::new(Tables {
                vocabulary: vocabulary.0,
                postings,
                facts,
                place,
                rarity,
                texts: texts::describe(catalogue),
            }),
            vectors: None,
        }
    }

    /// A description of each table, for a sentence encoder; it depends on the structure alone.
    pub fn texts(&self) -> &[String] {
        &self.tables.texts
    }

    /// The same index with the vectors of [`SchemaIndex::texts`], in order. They count only when every table has one
    /// of the same width: a half-made index would favour the tables that came first.
    #[must_use]
    pub fn with_vectors(&self, vectors: Vec<Vec<f32>>) -> Self {
        let width = vectors.first().map_or(0, Vec::len);
        let complete = width > 0
            && vectors.len() == self.tables.texts.len()
            && vectors.iter().all(|vector| vector.len() == width);
        Self {
            tables: Arc::clone(&self.tables),
            vectors: complete.then(|| vectors.into_iter().map(Arc::from).collect()),
        }
    }

    /// The same words with the vectors of `other`, if that is an index over tables of the same descriptions.
    #[must_use]
    pub fn with_vectors_of(&self, other: &Self) -> Self {
        let same = self.tables.texts == other.tables.texts;
        Self {
            tables: Arc::clone(&self.tables),
            vectors: other.vectors.clone().filter(|_| same),
        }
    }

    /// Whether the tables have their vectors.
    pub fn has_vectors(&self) -> bool {
        self.vectors.is_some()
    }

    /// How near each table lies to a question's vector; `None` where they cannot be compared.
    pub(super) fn nearness(&self, question: &[f32]) -> Option<Vec<f32>> {
        let vectors = self.vectors.as_ref()?;
        if vectors.first()?.len() != question.len() {
            return None;
        }
        let product =
            |vector: &Arc<[f32]>| -> f32 { vector.iter().zip(question).map(|(a, b)| a * b).sum() };
        Some(vectors.iter().map(product).collect())
    }
}

impl Tables {
    /// The tables that have a word in a place, with what it counts there.
    pub(super) fn postings(&self, place: Place, word: u32) -> &[(u32, f32)] {
        self.postings[place as usize]
            .get(&word)
            .map_or(&[], Vec::as_slice)
    }

    /// How rare a word is among the tables' names and comments; as rare as can be where it is not there.
    pub(super) fn rarity(&self, word: u32) -> f32 {
        self.rarity
            .get(&word)
            .copied()
            .unwrap_or_else(|| self.rarest())
    }

    /// The rarity of a word that no table has.
    pub(super) fn rarest(&self) -> f32 {
        rarity(self.facts.len(), 0)
    }

    /// The number of a table of a catalogue, which may be newer than the index.
    pub(super) fn find(&self, table: &CatalogueTable) -> Option<usize> {
        self.place.get(&key(table)).copied()
    }
}

/// The words of a table, place by place.
fn fields(
    table: &CatalogueTable,
    speller: &mut Speller,
    vocabulary: &mut Vocabulary,
) -> [Fields; 3] {
    let mut read = |text: &str| vocabulary.numbers(speller.stems(text));
    let names = vec![
        (NAME, read(&table.name)),
        (NAMESPACE, read(table.schema.as_deref().unwrap_or_default())),
        (COMMENT, read(table.comment.as_deref().unwrap_or_default())),
    ];
    let keys: HashSet<&str> = table
        .foreign_keys
        .iter()
        .flat_map(|key| key.columns.iter().map(String::as_str))
        .collect();
    let (mut own, mut referring, mut comments, mut values) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for column in &table.columns {
        let is_key = keys.contains(column.name.as_str()) || is_named_as_key(&column.name);
        let into = if is_key { &mut referring } else { &mut own };
        into.extend(read(&column.name));
        if let Some(comment) = &column.comment {
            comments.extend(read(comment));
        }
        for value in column.values.iter().take(VALUES_PER_COLUMN) {
            values.extend(read(value));
        }
    }
    let columns = vec![
        (COLUMN, own),
        (KEY_COLUMN, referring),
        (COLUMN_COMMENT, comments),
    ];
    [names, columns, vec![(VALUE, values)]]
}

fn is_named_as_key(name: &str) -> bool {
    let words = tidegate_sqlmodel::schema::identifier_words(name);
    words
        .last()
        .is_some_and(|last| KEY_WORDS.contains(&last.as_str()))
}

/// The words of a table's name that say what it is about.
fn about(table: &CatalogueTable, speller: &mut Speller, vocabulary: &mut Vocabulary) -> Vec<u32> {
    let words: Vec<String> = speller.stems(&table.name);
    let telling: Vec<String> = words
        .iter()
        .filter(|word| !is_build(word))
        .cloned()
        .collect();
    let kept = if telling.is_empty() { words } else { telling };
    let mut numbers = vocabulary.numbers(kept);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Keys between tables, both ways. A key of a table to itself connects nothing.
fn link(catalogue: &Catalogue, place: &HashMap<String, usize>, facts: &mut [Facts]) {
    for (at, table) in catalogue.tables.iter().enumerate() {
        let targets: BTreeSet<usize> = table
            .foreign_keys
            .iter()
            .filter_map(|foreign| {
                let target = key_of(
                    foreign.references_schema.as_deref(),
                    &foreign.references_table,
                );
                place.get(&target).copied()
            })
            .filter(|target| *target != at)
            .collect();
        for &target in &targets {
            facts[target].referred_by.push(at);
        }
        facts[at].refers = targets.into_iter().collect();
    }
}

/// Tables that are named after one they refer to: its lines are part of it, everything else stands beside it and is
/// asked for by its own words.
fn attach(lines: &HashSet<u32>, facts: &mut [Facts]) {
    let keys: Vec<(usize, usize)> = facts
        .iter()
        .enumerate()
        .flat_map(|(at, table)| table.refers.iter().map(move |target| (at, *target)))
        .collect();
    for (at, target) in keys {
        let (own, base) = (&facts[at].name, &facts[target].name);
        let is_after = !base.is_empty()
            && base.len() < own.len()
            && base.iter().all(|word| own.contains(word));
        if !is_after {
            continue;
        }
        let more: Vec<u32> = own
            .iter()
            .copied()
            .filter(|word| !base.contains(word) && !lines.contains(word))
            .collect();
        if more.is_empty() {
            facts[target].parts.push(at);
        } else {
            facts[at].beside.push(more);
        }
    }
}
