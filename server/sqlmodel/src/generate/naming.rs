//! How a schema names its tables and columns: letter case, prefixes, short forms, singular or plural.

use std::collections::HashSet;

use super::{
    dice::Dice,
    domain::{DomainColumn, DomainLink, DomainTable},
    words::{capitalised, plural, short_forms, singular, singular_word},
};
use crate::schema::identifier_words;

/// The naming habits of one schema.
#[derive(Debug, Clone)]
pub(super) struct Style {
    case: Case,
    table_prefix: &'static str,
    tables: Number,
    /// How often a table or column goes by another name than its own.
    other_names: f64,
    short: f64,
    primary: usize,
    key: usize,
    column_prefix: f64,
    pub(super) numeric_flags: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Snake,
    Camel,
    Pascal,
    Upper,
    PascalSnake,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    AsIs,
    Singular,
}

impl Style {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let cases = [
            Case::Snake,
            Case::Camel,
            Case::Pascal,
            Case::Upper,
            Case::PascalSnake,
        ];
        Self {
            case: cases[dice.weighted(&[6.0, 1.4, 1.4, 0.6, 0.3])],
            table_prefix: if dice.chance(0.1) {
                dice.word(&["tbl_", "t_", "app_", "dim_", "core_"])
            } else {
                ""
            },
            tables: if dice.chance(0.3) {
                Number::Singular
            } else {
                Number::AsIs
            },
            other_names: dice.unit() * 0.8,
            short: if dice.chance(0.25) { 0.6 } else { 0.03 },
            primary: dice.weighted(&[5.0, 3.0, 0.5, 0.4]),
            key: dice.weighted(&[6.0, 1.0, 0.7, 0.7]),
            column_prefix: if dice.chance(0.12) { 0.7 } else { 0.0 },
            numeric_flags: dice.chance(0.6),
        }
    }

    fn case(&self, words: &[String]) -> String {
        match self.case {
            Case::Snake => words.join("_"),
            Case::Upper => words.join("_").to_uppercase(),
            Case::Pascal => words.iter().map(|w| capitalised(w)).collect(),
            Case::PascalSnake => words
                .iter()
                .map(|w| capitalised(w))
                .collect::<Vec<_>>()
                .join("_"),
            Case::Camel => words
                .iter()
                .enumerate()
                .map(|(at, w)| if at == 0 { w.clone() } else { capitalised(w) })
                .collect(),
        }
    }

    fn shortened(&self, mut words: Vec<String>, dice: &mut Dice) -> Vec<String> {
        for word in &mut words {
            let forms = short_forms(word);
            if !forms.is_empty() && dice.chance(self.short) {
                *word = dice.word(forms).to_owned();
            }
        }
        words
    }

    /// A name for a table, different from those taken.
    pub(super) fn table(
        &self,
        spec: &DomainTable,
        taken: &mut HashSet<String>,
        dice: &mut Dice,
    ) -> String {
        for attempt in 0..12 {
            let base = if attempt > 0 || dice.chance(self.other_names) {
                let nouns: Vec<String> = spec.noun.iter().map(|n| plural(n)).collect();
                let others: Vec<&String> = spec.alt.iter().chain(&nouns).collect();
                dice.pick(&others)
                    .map_or_else(|| spec.name.clone(), |n| (*n).clone())
            } else {
                spec.name.clone()
            };
            let mut words = identifier_words(&base);
            if self.tables == Number::Singular
                && let Some(last) = words.last_mut()
            {
                *last = singular_word(last);
            }
            let words = self.shortened(words, dice);
            let name = format!("{}{}", self.table_prefix, self.case(&words));
            if !words.is_empty() && taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        let name = format!("{}_{}", spec.name, taken.len());
        taken.insert(name.clone());
        name
    }

    /// A name for a primary key.
    pub(super) fn primary(&self, table: &str, taken: &mut HashSet<String>) -> String {
        let mut words = self.bare_table(table);
        if let Some(last) = words.last_mut() {
            *last = singular_word(last);
        }
        let name = match self.primary {
            0 => self.case(&["id".to_owned()]),
            1 => {
                words.push("id".to_owned());
                self.case(&words)
            }
            2 => {
                words.insert(0, "id".to_owned());
                self.case(&words)
            }
            _ => self.case(&["uid".to_owned()]),
        };
        taken.insert(name.to_lowercase());
        name
    }

    fn bare_table(&self, table: &str) -> Vec<String> {
        identifier_words(table.strip_prefix(self.table_prefix).unwrap_or(table))
    }

    /// A name for a foreign key.
    pub(super) fn key(
        &self,
        link: &DomainLink,
        taken: &mut HashSet<String>,
        dice: &mut Dice,
    ) -> String {
        for attempt in 0..8 {
            let mut words = if attempt > 0 || dice.chance(self.other_names * 0.6) {
                dice.pick(&link.alt)
                    .map_or_else(|| identifier_words(&link.key), |a| identifier_words(a))
            } else {
                identifier_words(&link.key)
            };
            words.retain(|w| w != "id");
            words = self.shortened(words, dice);
            match self.key {
                0 => words.push("id".to_owned()),
                1 => words.insert(0, "id".to_owned()),
                2 => words.push("fk".to_owned()),
                _ => {}
            }
            if attempt > 4 {
                words.push(attempt.to_string());
            }
            let name = self.case(&words);
            if taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        let name = format!("{}_{}", link.key, taken.len());
        taken.insert(name.clone());
        name
    }

    /// A name for a plain column, different from those taken.
    pub(super) fn column(
        &self,
        spec: &DomainColumn,
        table: &str,
        taken: &mut HashSet<String>,
        dice: &mut Dice,
    ) -> String {
        for attempt in 0..8 {
            let base = if attempt > 0 || dice.chance(self.other_names) {
                dice.pick(&spec.alt).unwrap_or(&spec.name)
            } else {
                &spec.name
            };
            let mut words = self.shortened(identifier_words(base), dice);
            if dice.chance(self.column_prefix) || attempt > 4 {
                let mut prefix = self.bare_table(table);
                if let Some(last) = prefix.last_mut() {
                    *last = singular_word(last);
                }
                if let Some(last) = prefix.pop()
                    && words.first() != Some(&last)
                {
                    words.insert(0, singular(&last).to_owned());
                }
            }
            if attempt == 7 {
                words.push("2".to_owned());
            }
            let name = self.case(&words);
            if taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        let name = format!("{}_{}", spec.name, taken.len());
        taken.insert(name.clone());
        name
    }
}
