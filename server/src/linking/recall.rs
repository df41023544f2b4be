//! From a question to tables in order: words and vectors give each table a worth, tables are taken so that together
//! they answer the whole question, and what connects them comes with them.

mod joins;

use std::collections::HashSet;

use tidegate_schema::model::Catalogue;

use super::{
    index::{Place, SchemaIndex, Tables},
    words::{Speller, alike_to, is_weak},
};

/// What a word that means alike counts beside the word itself.
const ALIKE: f32 = 0.6;
/// What a word counts that mostly says how to count.
const WEAK: f32 = 0.4;
/// How much more a name counts all of whose words are asked for. `customer` is more about customers than
/// `customer_address_type` is.
const WHOLE_NAME: f32 = 1.0;
/// What a copy is worth beside its original, unless the question asks for the copy.
const COPY: f32 = 0.4;
/// What a table that stands beside another (`customer_note`) is worth, unless what it has beyond that is asked for.
const BESIDE: f32 = 0.6;
/// What a table lends of its worth to those it refers to and to those that hold its lines, once it is taken.
const LENT: f32 = 0.5;
/// The best match of words is taken for certain only if it covers this share of the question; else vectors count more.
const SURE: f32 = 0.4;
/// What vectors count beside words.
const VECTORS: f32 = 0.6;
/// What a word still counts for further tables once a table was taken that has it as well as any.
const COVERED: f32 = 0.5;
/// Tables taken by their own worth.
const TAKEN: usize = 20;
/// Tables that may be taken; the rest is not worth a look.
const CONSIDERED: usize = 200;

/// A table of the catalogue in hand.
struct Candidate {
    /// Its number in the index.
    table: usize,
    /// Its position in the catalogue.
    position: usize,
    /// By word of the question: what it counts there.
    words: Vec<f32>,
    /// What its vector counts.
    vector: f32,
}

impl SchemaIndex {
    /// Positions in `catalogue` of the tables a question is about, likeliest first: those taken by their own worth
    /// with what connects them, then those they refer to. `vector` is the question's, where there is one.
    pub fn recall(
        &self,
        catalogue: &Catalogue,
        question: &str,
        vector: Option<&[f32]>,
    ) -> Vec<usize> {
        let tables = &*self.tables;
        let mut positions: Vec<Option<usize>> = vec![None; tables.facts.len()];
        for (position, table) in catalogue.tables.iter().enumerate() {
            if let Some(known) = tables.find(table) {
                positions[known] = Some(position);
            }
        }
        let words = Speller::new().question(question);
        let candidates = self.candidates(&positions, &words, vector);
        let taken = take(tables, &positions, candidates, &words);
        let taken = if taken.is_empty() {
            most_referred(tables, &positions)
        } else {
            taken
        };
        let mut ordered = joins::connect(tables, &positions, &taken);
        joins::close(tables, &positions, &mut ordered);
        ordered
            .into_iter()
            .filter_map(|table| positions[table])
            .collect()
    }

    /// The tables with any worth, the worthiest first, at most [`CONSIDERED`].
    fn candidates(
        &self,
        positions: &[Option<usize>],
        words: &[String],
        vector: Option<&[f32]>,
    ) -> Vec<Candidate> {
        let tables = &*self.tables;
        let matches: Vec<Vec<f32>> = words.iter().map(|word| matches(tables, word)).collect();
        let asked: Vec<Option<u32>> = words
            .iter()
            .map(|word| tables.vocabulary.get(word).copied())
            .collect();
        let mut found: Vec<Candidate> = Vec::new();
        for (table, position) in positions.iter().enumerate() {
            let Some(position) = *position else { continue };
            let share = share(tables, table, &asked);
            found.push(Candidate {
                table,
                position,
                words: matches.iter().map(|all| all[table] * share).collect(),
                vector: 0.0,
            });
        }
        scale_words(&mut found, words, tables.rarest());
        if let Some(near) = vector.and_then(|vector| self.nearness(vector)) {
            add_vectors(&mut found, &near);
            for candidate in &mut found {
                candidate.vector *= share(tables, candidate.table, &asked);
            }
        }
        found.retain(|candidate| candidate.worth(&[]) > 0.0);
        found.sort_by(|a, b| {
            let (first, second) = (a.worth(&[]), b.worth(&[]));
            second.total_cmp(&first).then(a.position.cmp(&b.position))
        });
        found.truncate(CONSIDERED);
        found
    }
}

impl Candidate {
    /// What it is worth when words are covered so far as `covered` says; nothing is, where it is shorter.
    fn worth(&self, covered: &[f32]) -> f32 {
        let words: f32 = self
            .words
            .iter()
            .enumerate()
            .map(|(nth, counts)| {
                let covered = covered.get(nth).copied().unwrap_or_default();
                counts * COVERED.powf(covered)
            })
            .sum();
        words + self.vector
    }
}

/// What one word of the question counts in each table.
fn matches(tables: &Tables, word: &str) -> Vec<f32> {
    let mut found = vec![0.0; tables.facts.len()];
    let weight = if is_weak(word) { WEAK } else { 1.0 };
    add_matches(tables, word, weight, &mut found);
    for other in alike_to(word) {
        add_matches(tables, other, weight * ALIKE, &mut found);
    }
    found
}

/// The better of what is there and of what a word counts in all places together.
fn add_matches(tables: &Tables, word: &str, weight: f32, found: &mut [f32]) {
    let Some(&word) = tables.vocabulary.get(word) else {
        return;
    };
    let mut counts = vec![0.0_f32; found.len()];
    for place in Place::ALL {
        for &(table, count) in tables.postings(place, word) {
            let table = table as usize;
            let whole = if place == Place::Table {
                1.0 + WHOLE_NAME * share_of_name(tables, table, word)
            } else {
                1.0
            };
            counts[table] += place.weight() * count * whole;
        }
    }
    for (best, count) in found.iter_mut().zip(counts) {
        *best = best.max(count * weight);
    }
}

/// How much of a table's name a word makes up, by rarity.
fn share_of_name(tables: &Tables, table: usize, word: u32) -> f32 {
    let name = &tables.facts[table].name;
    if !name.contains(&word) {
        return 0.0;
    }
    let whole: f32 = name.iter().map(|part| tables.rarity(*part)).sum();
    if whole > 0.0 {
        tables.rarity(word) / whole
    } else {
        0.0
    }
}

/// What a table is worth for being what it is: less for a copy and for one that stands beside another, unless what
/// makes it so is asked for.
fn share(tables: &Tables, table: usize, asked: &[Option<u32>]) -> f32 {
    let facts = &tables.facts[table];
    let is_asked = |words: &Vec<u32>| words.iter().any(|word| asked.contains(&Some(*word)));
    let copy = match &facts.marks {
        Some(marks) if !is_asked(marks) => COPY,
        _ => 1.0,
    };
    if facts.beside.is_empty() || facts.beside.iter().any(is_asked) {
        copy
    } else {
        copy * BESIDE
    }
}

/// Brings words to a scale on which the best table has 1, or less where it covers little of the question.
fn scale_words(candidates: &mut [Candidate], words: &[String], rarest: f32) {
    let best = candidates
        .iter()
        .map(|candidate| candidate.words.iter().sum::<f32>())
        .fold(0.0, f32::max);
    let whole: f32 = words
        .iter()
        .enumerate()
        .map(|(nth, word)| {
            let most = highest(candidates, nth);
            match (most > 0.0, is_weak(word)) {
                (true, _) => most,
                // A word that stands nowhere would have been as telling as any.
                (false, false) => rarest,
                (false, true) => 0.0,
            }
        })
        .sum();
    let scale = best.max(whole * SURE);
    if scale <= 0.0 {
        return;
    }
    for candidate in candidates {
        for counts in &mut candidate.words {
            *counts /= scale;
        }
    }
}

/// What a word of the question counts in the table that has it best.
fn highest(candidates: &[Candidate], nth: usize) -> f32 {
    candidates
        .iter()
        .map(|candidate| candidate.words[nth])
        .fold(0.0, f32::max)
}

/// Adds what vectors count: nothing for a table of middling nearness, [`VECTORS`] for the nearest.
fn add_vectors(candidates: &mut [Candidate], near: &[f32]) {
    let all = candidates.iter().map(|candidate| near[candidate.table]);
    let (count, sum, most) = all.fold((0_usize, 0.0_f32, f32::MIN), |(count, sum, most), one| {
        (count + 1, sum + one, most.max(one))
    });
    let mean = sum / count.max(1) as f32;
    let spread = most - mean;
    if spread <= 0.0 {
        return;
    }
    for candidate in candidates {
        let above = ((near[candidate.table] - mean) / spread).max(0.0);
        candidate.vector = VECTORS * above * above;
    }
}

/// Takes tables one by one, each time the one worth most now. What a table taken already has of the question counts
/// less for the next, so that a word shared by many tables does not take all places; and it lends of its own worth to
/// the tables it refers to and to its lines, which are often needed without being named.
fn take(
    tables: &Tables,
    positions: &[Option<usize>],
    mut left: Vec<Candidate>,
    words: &[String],
) -> Vec<usize> {
    let best: Vec<f32> = (0..words.len()).map(|nth| highest(&left, nth)).collect();
    let mut seen: HashSet<usize> = left.iter().map(|candidate| candidate.table).collect();
    let mut lent = vec![0.0_f32; tables.facts.len()];
    let mut covered = vec![0.0_f32; words.len()];
    let mut taken = Vec::new();
    while taken.len() < TAKEN {
        let worthiest = left
            .iter()
            .enumerate()
            .map(|(at, candidate)| (candidate.worth(&covered) + lent[candidate.table], at))
            // The first of equals, which is the worthier by itself.
            .fold(None, |best: Option<(f32, usize)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                _ => Some(next),
            });
        let Some((_, at)) = worthiest else { break };
        let chosen = left.remove(at);
        let lends = LENT * chosen.worth(&covered);
        let facts = &tables.facts[chosen.table];
        for &table in facts.refers.iter().chain(&facts.parts) {
            let Some(position) = positions[table] else {
                continue;
            };
            lent[table] = lent[table].max(lends);
            if seen.insert(table) {
                left.push(Candidate {
                    table,
                    position,
                    words: vec![0.0; words.len()],
                    vector: 0.0,
                });
            }
        }
        for (nth, counts) in chosen.words.iter().enumerate() {
            if best[nth] > 0.0 {
                covered[nth] += counts / best[nth];
            }
        }
        taken.push(chosen.table);
    }
    taken
}

/// Where nothing matches: the tables that most others refer to, as they are what a database is about.
fn most_referred(tables: &Tables, positions: &[Option<usize>]) -> Vec<usize> {
    let mut all: Vec<usize> = (0..positions.len())
        .filter(|&table| positions[table].is_some())
        .collect();
    all.sort_by_key(|&table| {
        let referred = tables.facts[table].referred_by.len();
        (std::cmp::Reverse(referred), positions[table])
    });
    all.truncate(TAKEN);
    all
}
