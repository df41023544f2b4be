//! Composed questions whose answer is rows: lists, attributes, everything about something.

mod about;
mod linked;
mod order;

use super::{
    compose::Asked,
    domain::Sort,
    numbers,
    say::Composer,
    words::{listed, plural},
};
use crate::{
    query::{Item, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// Rows by name, or some of their attributes.
    pub(super) fn list(&mut self, table: TableId) -> Option<Asked> {
        match self.dice.weighted(&[5.0, 3.5, 1.6, 1.0]) {
            0 => self.named(table),
            1 => self.attributes(table),
            2 => self.with_parent(table),
            _ => self.related(table),
        }
    }

    fn named(&mut self, table: TableId) -> Option<Asked> {
        let display = self.inst.schema.display_column(table)?;
        let mods = self.mods(table, &[0.06, 0.66, 0.24, 0.04]);
        let subject = self.subject(table, mods, true);
        let label = self.label(table).is_some();
        let one = self.noun(table, false);
        let frames: &[&str] = &[
            "which {np} [are there|do we have|exist]",
            "which {np} are there",
            "list {np}",
            "list the {np}",
            "show [me |]{np}",
            "show the {np}",
            "what {np} [are there|do we have]",
            "{np}",
            "{np}",
            "{np}",
            "find {np}",
            "find me the {np}",
            "give me {np}",
            "give me the {np}",
            "i'm looking for {np}",
            "what are the {np}",
            "which are the {np}",
            "get [me |]the {np}",
            "are there any {np}",
            "do we have any {np}",
            "can you show me {np}",
            "tell me which {np} we have",
            "i need a list of {np}",
            "a list of {np}",
            "display {np}",
            "return {np}",
            "search for {np}",
            "pull up {np}",
            "let me see {np}",
        ];
        let named: &[&str] = &[
            "names of {np}",
            "names of all {np}",
            "show the names of {np}",
            "what are the names of {np}",
            "name {np}",
            "name the {np}",
            "list the names of {np}",
            "what are the {np} called",
            "give me the names of all {np}",
            "tell me the names of {np}",
        ];
        let numbered: &[&str] = &[
            "ids of {np}",
            "list the ids of {np}",
            "show the {one} ids of {np}",
            "which {np} are there",
            "what are the ids of {np}",
            "list the {one} ids for {np}",
            "give me the id of {np}",
            "ids of all {np}",
        ];
        let own = if label { 0.2 } else { 0.3 };
        let frame = if self.dice.chance(own) {
            self.dice.frame(if label { named } else { numbered })
        } else {
            self.dice.frame(frames)
        };
        let text = self.sentence(frame, &[("np", &subject.phrase), ("one", &one)], &subject);
        let mut query = Query {
            select: vec![Item::Column(display)],
            filter: subject.clauses,
            ..Query::default()
        };
        let mut asked_text = text;
        if self.dice.chance(0.08) {
            let limit = self.dice.between(3, 20) as u32;
            let k = numbers::count_text(limit, self.dice);
            let pattern = self.dice.word(&[
                ", only {k}",
                " (max {k})",
                ", limit {k}",
                ", first {k} only",
                ", just {k} of them",
            ]);
            asked_text.push_str(&self.dice.fill(pattern, &[("k", &k)]));
            query.limit = Some(limit);
        }
        Some(Asked {
            text: asked_text,
            query,
        })
    }

    /// Columns of a table worth showing.
    fn showable(&self, table: TableId) -> Vec<ColumnId> {
        let mut columns = self.columns_of(table, |s| s.kind != Sort::Flag);
        columns.retain(|c| !self.spoken.contains(c));
        columns
    }

    fn attributes(&mut self, table: TableId) -> Option<Asked> {
        let label = self.label(table);
        let mods = self.mods(table, &[0.35, 0.52, 0.13]);
        let mut columns = self.showable(table);
        self.dice.shuffle(&mut columns);
        columns.truncate(self.dice.weighted(&[0.0, 2.5, 5.0, 2.0]));
        if columns.is_empty() {
            return None;
        }
        let subject = self.subject(table, mods, true);
        let with_label = label.is_some_and(|l| !columns.contains(&l)) && self.dice.chance(0.45);
        let mut phrases = Vec::new();
        for &column in &columns {
            let phrase = self.phrase(column);
            phrases.push(phrase);
        }
        let ordered = listed(&phrases, "and");
        let many: Vec<String> = phrases.iter().map(|p| plural(p)).collect();
        let many = listed(&many, "and");
        let commas = phrases.join(", ");
        let slots = [
            ("ps", ordered.as_str()),
            ("pm", &many),
            ("pc", &commas),
            ("np", &subject.phrase),
        ];
        let mut select: Vec<Item> = columns.iter().map(|&c| Item::Column(c)).collect();
        let frame = if with_label {
            select.insert(0, Item::Column(label?));
            self.dice.frame(&[
                "list {np} with their {ps}",
                "{np} with their {ps}",
                "show [me |]{np} and their {ps}",
                "{np} and their {ps}",
                "show {np} together with {ps}",
                "give me {np} along with their {ps}",
                "which {np} are there and what is their {ps}",
                "{np} including {ps}",
                "list the {np}, including their {ps}",
                "i want to see {np} plus {ps}",
                "for each of the {np}, show name and {ps}",
                "get {np} with {ps}",
            ])
        } else {
            self.dice.frame(&[
                "{pm} of {np}",
                "{ps} of {np}",
                "{ps} of all {np}",
                "what are the {pm} of {np}",
                "show [me |]the {ps} of {np}",
                "list {ps} [of|for] {np}",
                "list the {pm} of {np}",
                "give me the {ps} [of|for] {np}",
                "{ps} for {np}",
                "i need the {ps} of {np}",
                "get {ps} for all {np}",
                "what {pm} do {np} have",
                "show {ps} for {np}",
                "{pc} of {np}",
                "{np}: {pc}",
                "return the {ps} for {np}",
                "display the {pm} of {np}",
                "tell me the {ps} of {np}",
                "just the {ps} of {np}",
            ])
        };
        let text = self.sentence(frame, &slots, &subject);
        let query = Query {
            select,
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked { text, query })
    }
}
