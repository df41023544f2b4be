//! From names, comments and questions to words that can be compared: cut, spelled out, stemmed.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use rust_stemmers::{Algorithm, Stemmer};
use tidegate_sqlmodel::schema::identifier_words;

use super::lists;

static ABBREVIATIONS: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| lists::ABBREVIATIONS.iter().copied().collect());
static IRREGULAR: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| lists::IRREGULAR.iter().copied().collect());
static STOP: LazyLock<HashSet<&str>> = LazyLock::new(|| lists::STOP.split_whitespace().collect());
static WEAK: LazyLock<HashSet<String>> = LazyLock::new(|| stems(lists::WEAK));
static BUILD: LazyLock<HashSet<String>> = LazyLock::new(|| stems(lists::BUILD));
static PART: LazyLock<HashSet<String>> = LazyLock::new(|| stems(lists::PART));
static ALIKE: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(alike);

fn stemmer() -> Stemmer {
    Stemmer::create(Algorithm::English)
}

fn stems(list: &str) -> HashSet<String> {
    let stemmer = stemmer();
    list.split_whitespace()
        .map(|word| stem(&stemmer, word))
        .collect()
}

fn alike() -> HashMap<String, Vec<String>> {
    let stemmer = stemmer();
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for group in lists::ALIKE {
        let group: Vec<String> = group
            .split_whitespace()
            .map(|word| stem(&stemmer, word))
            .collect();
        for word in &group {
            let others = group.iter().filter(|other| *other != word).cloned();
            found.entry(word.clone()).or_default().extend(others);
        }
    }
    // Words may share two groups, or a stem; each is looked for once.
    for others in found.values_mut() {
        others.sort_unstable();
        others.dedup();
    }
    found
}

fn stem(stemmer: &Stemmer, lower: &str) -> String {
    if lower.len() < 3 || lower.bytes().any(|byte| byte.is_ascii_digit()) {
        return lower.to_owned();
    }
    let regular = IRREGULAR.get(lower).copied().unwrap_or(lower);
    stemmer.stem(regular).into_owned()
}

/// Whether a word of a question says how to count rather than what.
pub(super) fn is_weak(stem: &str) -> bool {
    WEAK.contains(stem)
}

/// Whether a word of a table's name says how the table is built.
pub(super) fn is_build(stem: &str) -> bool {
    BUILD.contains(stem)
}

/// Whether a word of a table's name says that it holds the lines of another table.
pub(super) fn is_part(stem: &str) -> bool {
    PART.contains(stem)
}

/// Words that may stand for this one.
pub(super) fn alike_to(stem: &str) -> &'static [String] {
    ALIKE.get(stem).map_or(&[], Vec::as_slice)
}

/// Cuts texts into stems; remembers the words it has met, as the same few thousand make up a schema.
pub(super) struct Speller {
    stemmer: Stemmer,
    known: HashMap<String, Vec<String>>,
}

impl Speller {
    pub(super) fn new() -> Self {
        Self {
            stemmer: stemmer(),
            known: HashMap::new(),
        }
    }

    /// Stems of a text in order, shortened words spelled out. Single letters say nothing.
    pub(super) fn stems(&mut self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for word in identifier_words(text) {
            if let Some(known) = self.known.get(&word) {
                found.extend(known.iter().cloned());
                continue;
            }
            let made = self.spell(&word);
            found.extend(made.iter().cloned());
            self.known.insert(word, made);
        }
        found
    }

    /// [`Speller::stems`] of a question, without the words that name nothing, each once.
    pub(super) fn question(&mut self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for word in identifier_words(text) {
            if STOP.contains(word.as_str()) {
                continue;
            }
            for stem in self.spell(&word) {
                if !found.contains(&stem) {
                    found.push(stem);
                }
            }
        }
        found
    }

    fn spell(&self, word: &str) -> Vec<String> {
        if word.chars().any(is_ideograph) {
            return pairs(word);
        }
        let is_letter = word.len() == 1;
        if is_letter {
            return Vec::new();
        }
        let long = ABBREVIATIONS.get(word).copied().unwrap_or(word);
        long.split(' ')
            .filter(|part| *part != "of")
            .map(|part| stem(&self.stemmer, part))
            .collect()
    }
}

/// A name's words as people read them: cut and spelled out, not stemmed.
pub(super) fn spelled_out(name: &str) -> String {
    identifier_words(name)
        .iter()
        .map(|word| ABBREVIATIONS.get(word.as_str()).copied().unwrap_or(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Scripts that put no blanks between words.
fn is_ideograph(sign: char) -> bool {
    matches!(sign, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Neighbouring signs, two by two: what stands in for words where none are marked.
fn pairs(word: &str) -> Vec<String> {
    let signs: Vec<char> = word.chars().collect();
    if signs.len() < 3 {
        return vec![word.to_owned()];
    }
    signs.windows(2).map(|pair| pair.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_spelled_out_and_stemmed() {
        let mut speller = Speller::new();
        assert_eq!(
            speller.stems("custOrd_hdr"),
            speller.stems("customer orders headers")
        );
        assert_eq!(
            speller.stems("qty_uom"),
            speller.stems("quantities unit measure")
        );
        assert_eq!(speller.stems("a_b_2019"), ["2019"]);
    }

    #[test]
    fn a_question_keeps_what_may_name_something() {
        let mut speller = Speller::new();
        let words = speller.question("How many of the people were paid, and which people?");
        assert_eq!(words, speller.stems("person pay"));
        assert!(is_weak(&speller.stems("highest")[0]));
        assert!(is_build(&speller.stems("mstr")[0]));
    }

    #[test]
    fn words_that_mean_alike_know_each_other() {
        let mut speller = Speller::new();
        let [client, customer] =
            ["clients", "customers"].map(|word| speller.stems(word)[0].clone());
        assert!(alike_to(&client).contains(&customer));
        assert!(alike_to(&customer).contains(&client));
    }

    #[test]
    fn scripts_without_blanks_are_read_in_pairs() {
        let mut speller = Speller::new();
        assert_eq!(speller.stems("客户订单"), ["客户", "户订", "订单"]);
        assert_eq!(speller.stems("客户"), ["客户"]);
        assert_eq!(spelled_out("cust_mstr"), "customer master");
    }
}
