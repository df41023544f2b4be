//! Nouns and noun phrases for the parts of an instance.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{
    dice::Dice,
    domain::{DomainColumn, Sort},
    instance::{Instance, Link},
    words::{plural, singular},
};
use crate::{
    query::{Predicate, Value},
    schema::{ColumnId, TableId, identifier_words},
};

/// Makes one question over an instance; keeps the words it has chosen, so that a table keeps its noun.
pub(super) struct Composer<'a> {
    pub(super) inst: &'a Instance,
    pub(super) dice: &'a mut Dice,
    pub(super) today: NaiveDate,
    pub(super) nouns: HashMap<TableId, (String, String)>,
    /// Foreign keys to name where two lead to the same table.
    pub(super) via: Vec<ColumnId>,
    /// Columns that a condition already speaks of.
    pub(super) spoken: Vec<ColumnId>,
    /// Tables whose existence a condition already speaks of.
    pub(super) met: Vec<TableId>,
    /// The kind of question, for statistics.
    pub(super) intent: &'static str,
}

impl<'a> Composer<'a> {
    pub(super) fn new(inst: &'a Instance, dice: &'a mut Dice, today: NaiveDate) -> Self {
        Self {
            inst,
            dice,
            today,
            nouns: HashMap::new(),
            via: Vec::new(),
            spoken: Vec::new(),
            met: Vec::new(),
            intent: "",
        }
    }

    /// What the rows of a table are called in this question.
    pub(super) fn noun(&mut self, table: TableId, many: bool) -> String {
        if !self.nouns.contains_key(&table) {
            let words = identifier_words(&self.inst.schema.tables[table].name);
            let readable = words.iter().all(|w| w.len() > 3);
            let choice =
                if self.inst.nouns[table].is_empty() || (readable && self.dice.chance(0.08)) {
                    let joined = words.join(" ");
                    let one = super::words::singular_word(&joined);
                    (one, plural(&super::words::singular_word(&joined)))
                } else {
                    let nouns = &self.inst.nouns[table];
                    // the first noun is the usual one
                    let at = if self.dice.chance(0.4) {
                        0
                    } else {
                        self.dice.below(nouns.len())
                    };
                    (singular(&nouns[at]).to_owned(), plural(&nouns[at]))
                };
            self.nouns.insert(table, choice);
        }
        let (one, more) = &self.nouns[&table];
        if many { more.clone() } else { one.clone() }
    }

    /// What a column is called.
    pub(super) fn phrase(&mut self, column: ColumnId) -> String {
        let name = || identifier_words(&self.inst.schema.columns[column].name).join(" ");
        match self.inst.spec(column) {
            Some(spec) if !spec.phrases.is_empty() => {
                let words = identifier_words(&self.inst.schema.columns[column].name);
                let readable = words.iter().all(|w| w.len() > 3) && spec.kind != Sort::Flag;
                if readable && self.dice.chance(0.12) {
                    name()
                } else {
                    self.dice.pick(&spec.phrases).cloned().unwrap_or_else(name)
                }
            }
            _ => name(),
        }
    }

    /// What a column is called, with its table's noun where the bare phrase could mean another column.
    pub(super) fn full_phrase(&mut self, column: ColumnId) -> String {
        let phrase = self.phrase(column);
        let table = self.inst.schema.columns[column].table;
        let shared = self.inst.columns.iter().enumerate().any(|(other, notes)| {
            self.inst.schema.columns[other].table != table
                && notes
                    .spec
                    .as_ref()
                    .is_some_and(|s| s.phrases.contains(&phrase))
        });
        if shared || self.dice.chance(0.25) {
            let noun = self.noun(table, false);
            if phrase.starts_with(&noun) {
                phrase
            } else if self.dice.chance(0.8) {
                format!("{noun} {phrase}")
            } else {
                format!("{phrase} of the {noun}")
            }
        } else {
            phrase
        }
    }

    pub(super) fn kind(&self, column: ColumnId) -> Option<Sort> {
        self.inst.spec(column).map(|s| s.kind)
    }

    /// The columns of a table that stand for something.
    pub(super) fn plain_columns(&self, table: TableId) -> Vec<ColumnId> {
        let columns = self.inst.schema.tables[table].columns.clone();
        columns
            .filter(|&c| self.inst.columns[c].spec.is_some())
            .collect()
    }

    pub(super) fn columns_of(
        &self,
        table: TableId,
        wanted: impl Fn(&DomainColumn) -> bool,
    ) -> Vec<ColumnId> {
        let mut columns = self.plain_columns(table);
        columns.retain(|&c| self.inst.spec(c).is_some_and(&wanted));
        columns
    }

    /// The date a bare "in 2024" means.
    pub(super) fn main_date(&self, table: TableId) -> Option<ColumnId> {
        let dates = self.columns_of(table, |s| s.kind == Sort::Date);
        dates.into_iter().min_by_key(|&c| self.inst.columns[c].rank)
    }

    /// The main date of a table whose rows are events: orders of 2024, but not companies of 2024.
    pub(super) fn event_date(&self, table: TableId) -> Option<ColumnId> {
        let date = self
            .main_date(table)
            .filter(|&c| self.inst.columns[c].rank < 100)?;
        let event = self.label(table).is_none()
            || self.inst.spec(date).is_some_and(|s| {
                s.newest.iter().any(|w| {
                    w.starts_with("latest") || w == "most recent" || w == "last" || w == "upcoming"
                })
            });
        event.then_some(date)
    }

    pub(super) fn label(&self, table: TableId) -> Option<ColumnId> {
        self.inst.schema.tables[table].label
    }

    pub(super) fn parents(&self, child: TableId) -> Vec<Link> {
        self.inst
            .links
            .iter()
            .filter(|l| l.child == child && l.parent != child)
            .cloned()
            .collect()
    }

    pub(super) fn children(&self, parent: TableId) -> Vec<Link> {
        self.inst
            .links
            .iter()
            .filter(|l| l.parent == parent && l.child != parent)
            .cloned()
            .collect()
    }

    /// Notes that a link is used. `None` if the way between the two tables would not be clear.
    pub(super) fn take(&mut self, link: &Link) -> Option<()> {
        let same = self
            .inst
            .links
            .iter()
            .filter(|l| l.child == link.child && l.parent == link.parent)
            .count();
        if same > 1 && !self.via.contains(&link.key) {
            if self
                .via
                .iter()
                .any(|&k| self.inst.schema.columns[k].table == link.child)
            {
                return None;
            }
            self.via.push(link.key);
        }
        Some(())
    }

    /// Whether a direct foreign key joins the two tables, either way.
    pub(super) fn adjacent(&self, a: TableId, b: TableId) -> bool {
        self.inst
            .links
            .iter()
            .any(|l| (l.child == a && l.parent == b) || (l.child == b && l.parent == a))
    }

    /// Whether a third table joins the two.
    pub(super) fn ways(&self, a: TableId, b: TableId) -> usize {
        (0..self.inst.schema.tables.len())
            .filter(|&m| m != a && m != b && self.adjacent(a, m) && self.adjacent(m, b))
            .count()
    }

    /// A value of a text column: what is written in the question, and the literal it means.
    pub(super) fn text_value(
        &mut self,
        column: ColumnId,
        avoid: &[String],
    ) -> Option<(String, Value)> {
        let spellings = &self.inst.columns[column].spellings;
        let shown = &self.inst.schema.columns[column].values;
        let only_shown = self.dice.chance(0.8);
        let options: Vec<&(String, String)> = spellings
            .iter()
            .filter(|(said, stored)| {
                !avoid.contains(said)
                    && said.split_whitespace().count() <= 5
                    && (shown.contains(stored) || (!only_shown && said == stored))
            })
            .collect();
        let (said, stored) = self.dice.pick(&options).copied().cloned()?;
        let known = shown.contains(&stored);
        let value = Value::Text(if known { stored } else { said.clone() });
        let category = self.kind(column) == Some(Sort::Category);
        let text = if known && category && self.dice.chance(0.25) {
            said.to_lowercase()
        } else if self.dice.chance(0.03) {
            said.to_uppercase()
        } else {
            said
        };
        let text = match self.dice.weighted(&[30.0, 1.0, 1.0]) {
            1 => format!("\"{text}\""),
            2 => format!("'{text}'"),
            _ => text,
        };
        Some((text, value))
    }

    /// One of some templates that have the slot.
    pub(super) fn template(&mut self, templates: &[String], slot: &str, usual: &str) -> String {
        let fit: Vec<&String> = templates.iter().filter(|t| t.contains(slot)).collect();
        self.dice
            .pick(&fit)
            .map_or_else(|| usual.to_owned(), |t| (*t).clone())
    }

    /// The aggregates and products of a table's numbers, with noun phrases.
    pub(super) fn measures_of(&self, table: TableId) -> Vec<(ColumnId, ColumnId, Vec<String>)> {
        self.inst
            .measures
            .iter()
            .filter(|(a, _, _)| self.inst.schema.columns[*a].table == table)
            .cloned()
            .collect()
    }
}

/// A condition with its words.
#[derive(Debug, Clone)]
pub(super) struct Mod {
    /// The condition: alternatives joined by OR.
    pub(super) clause: Vec<Predicate>,
    /// A noun phrase with the condition: `{n} placed in 2024`, `cancelled {n}`.
    pub(super) wrap: String,
    /// The same without a noun, to stand first or last: `in 2024`, `for Anna Berg`.
    pub(super) free: Option<String>,
    /// Just the literal, for questions in key words.
    pub(super) bare: Option<String>,
}

impl Mod {
    pub(super) fn one(predicate: Predicate, wrap: String) -> Self {
        Self {
            clause: vec![predicate],
            wrap,
            free: None,
            bare: None,
        }
    }
}
