//! How like two questions are: by the words they share, rare ones counting more, and by their vectors.

use std::collections::{HashMap, HashSet};

use tidegate_schema::model::{Example, ExampleId, ExampleQuestion, ExampleState};

use crate::linking;

/// What words count beside vectors, where a question has both.
const WORDS: f32 = 0.35;
/// Questions less alike are about something else.
const FLOOR: f32 = 0.45;
/// The same where there are words alone: of two ways to say a thing they see one.
const FLOOR_OF_WORDS: f32 = 0.35;
/// Likest questions that are looked at more closely.
const MOST_RANKED: usize = 32;
/// What stands for any number: "over 100" and "over 200" ask for the same kind of query.
const NUMBER: &str = "#";

/// The questions of a datasource's examples, ready to be compared.
pub(super) struct Questions {
    /// What they were read under.
    pub(super) state: ExampleState,
    entries: Vec<Entry>,
    /// Numbers of the words, with how many questions have each.
    words: HashMap<String, (u32, u32)>,
    /// Rarity of each word, by its number.
    rarities: Vec<f32>,
}

struct Entry {
    id: ExampleId,
    key: String,
    words: Vec<u32>,
    /// Length of the words' rarities as a vector.
    length: f32,
    /// Empty where no encoder made one.
    vector: Vec<f32>,
}

/// How like an example's question is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    pub(super) id: ExampleId,
    /// From 0 to 1.
    pub(super) similarity: f32,
    /// Whether it is the same question.
    pub(super) same: bool,
}

impl Questions {
    pub(super) fn read(state: ExampleState, questions: Vec<ExampleQuestion>) -> Self {
        let mut words: HashMap<String, (u32, u32)> = HashMap::new();
        let mut entries: Vec<Entry> = Vec::with_capacity(questions.len());
        for ExampleQuestion {
            id,
            question,
            vector,
        } in questions
        {
            let key = Example::key(&question);
            let mut own = Vec::new();
            for word in stems(&key) {
                let next = words.len() as u32;
                let (number, having) = words.entry(word).or_insert((next, 0));
                *having += 1;
                own.push(*number);
            }
            entries.push(Entry {
                id,
                key,
                words: own,
                length: 0.0,
                vector: vector.map(|(_, vector)| vector).unwrap_or_default(),
            });
        }
        let mut rarities = vec![0.0; words.len()];
        for &(number, having) in words.values() {
            rarities[number as usize] = rarity(entries.len(), having);
        }
        for entry in &mut entries {
            entry.length = length(entry.words.iter().map(|&word| rarities[word as usize]));
        }
        Self {
            state,
            entries,
            words,
            rarities,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        let entries: usize = self
            .entries
            .iter()
            .map(|entry| {
                size_of::<Entry>() + entry.key.len() + 4 * (entry.words.len() + entry.vector.len())
            })
            .sum();
        entries + self.words.keys().map(|word| word.len() + 64).sum::<usize>()
    }

    /// Questions without a vector of so many numbers, which is what their encoder makes now.
    pub(super) fn without_vector(&self, width: usize) -> Vec<(ExampleId, String)> {
        self.entries
            .iter()
            .filter(|entry| entry.vector.len() != width)
            .map(|entry| (entry.id, entry.key.clone()))
            .collect()
    }

    /// The examples whose questions are like this one, likest first, the newer of two that are alike.
    pub(super) fn rank(&self, question: &str, vector: Option<&[f32]>) -> Vec<Likeness> {
        let key = Example::key(question);
        let (known, asked) = self.weigh(&key);
        let mut ranked: Vec<Likeness> = self
            .entries
            .iter()
            .filter_map(|entry| {
                if entry.key == key {
                    return Some(Likeness {
                        id: entry.id,
                        similarity: 1.0,
                        same: true,
                    });
                }
                let words = self.by_words(entry, &known, asked);
                let by_vector = vector.and_then(|vector| cosine(&entry.vector, vector));
                let (similarity, floor) = match by_vector {
                    Some(cosine) => (WORDS * words + (1.0 - WORDS) * cosine.max(0.0), FLOOR),
                    None => (words, FLOOR_OF_WORDS),
                };
                (similarity >= floor).then_some(Likeness {
                    id: entry.id,
                    similarity: similarity.min(1.0),
                    same: false,
                })
            })
            .collect();
        ranked.sort_by(|a, b| {
            b.similarity
                .total_cmp(&a.similarity)
                .then_with(|| b.same.cmp(&a.same))
                .then_with(|| b.id.cmp(&a.id))
        });
        ranked.truncate(MOST_RANKED);
        ranked
    }

    /// The known words of a question, and the length of all of them; an unknown word is the rarest.
    fn weigh(&self, key: &str) -> (HashSet<u32>, f32) {
        let mut known = HashSet::new();
        let mut rarities = Vec::new();
        for word in stems(key) {
            if let Some(&(number, _)) = self.words.get(&word) {
                known.insert(number);
                rarities.push(self.rarities[number as usize]);
            } else {
                rarities.push(rarity(self.entries.len(), 0));
            }
        }
        (known, length(rarities.into_iter()))
    }

    fn by_words(&self, entry: &Entry, known: &HashSet<u32>, asked: f32) -> f32 {
        if entry.length == 0.0 || asked == 0.0 {
            return 0.0;
        }
        let shared: f32 = entry
            .words
            .iter()
            .filter(|word| known.contains(word))
            .map(|&word| self.rarities[word as usize].powi(2))
            .sum();
        shared / (entry.length * asked)
    }
}

/// What a question names, each once.
fn stems(key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for stem in linking::stems(key) {
        let stem = if stem.bytes().all(|byte| byte.is_ascii_digit()) {
            NUMBER.to_owned()
        } else {
            stem
        };
        if !found.contains(&stem) {
            found.push(stem);
        }
    }
    found
}

/// The rarity of a word that so many of all questions have.
fn rarity(questions: usize, having: u32) -> f32 {
    (1.0 + (questions as f32 + 1.0) / (having as f32 + 1.0)).ln()
}

fn length(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.map(|number| number * number).sum::<f32>().sqrt()
}

/// The cosine of two vectors of one width; nothing if either says nothing.
fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    let product: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let lengths = length(a.iter().copied()) * length(b.iter().copied());
    (lengths > 0.0).then(|| product / lengths)
}
