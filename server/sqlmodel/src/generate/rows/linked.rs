//! Lists over a foreign key: rows with the name of their parent, and rows by what belongs to them.

use crate::{
    generate::{compose::Asked, say::Composer},
    query::{Item, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// "books with their authors": a row's name and its parent's.
    pub(super) fn with_parent(&mut self, table: TableId) -> Option<Asked> {
        let display = self.inst.schema.display_column(table)?;
        let links: Vec<_> = self
            .parents(table)
            .into_iter()
            .filter(|l| self.label(l.parent).is_some())
            .collect();
        let link = self.dice.pick(&links)?.clone();
        let above = self.label(link.parent)?;
        self.take(&link)?;
        self.spoken.push(above);
        let mods = self.mods(table, &[0.5, 0.42, 0.08]);
        let subject = self.subject(table, mods, true);
        let parent = self.noun(link.parent, false);
        let parents = self.noun(link.parent, true);
        let mut select = vec![Item::Column(display), Item::Column(above)];
        let mut extra = String::new();
        let own: Vec<ColumnId> = self
            .showable(link.parent)
            .into_iter()
            .filter(|&c| c != above)
            .collect();
        if self.dice.chance(0.25)
            && let Some(&column) = self.dice.pick(&own)
        {
            let phrase = self.phrase(column);
            select[1] = Item::Column(column);
            extra = if phrase.starts_with(&parent) {
                phrase
            } else {
                format!("{parent} {phrase}")
            };
        }
        let parent_words = if extra.is_empty() {
            self.dice
                .fill("[{p}|{p}|{p} name|name of the {p}]", &[("p", &parent)])
        } else {
            extra.clone()
        };
        let slots = [
            ("np", subject.phrase.as_str()),
            ("p", &parent_words),
            ("ps", &parents),
        ];
        let frame = self.dice.frame(&[
            "list {np} with the {p}",
            "{np} with the {p}",
            "show [me |]{np} and [their|the] {p}",
            "{np} and the {p}",
            "show {np} along with the {p}",
            "{np} and their {p}",
            "give me {np} together with the {p}",
            "list {np} including the {p}",
            "each of the {np} with its {p}",
            "for {np}, show the {p} as well",
            "{np} plus {p}",
        ]);
        let text = self.sentence(frame, &slots, &subject);
        let query = Query {
            select,
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked { text, query })
    }

    /// Parents of rows that meet a condition: "which customers have cancelled orders".
    pub(super) fn related(&mut self, table: TableId) -> Option<Asked> {
        let links = self.children(table);
        let link = self.dice.pick(&links)?.clone();
        let display = self.inst.schema.display_column(table)?;
        let wanted = self.dice.chance(0.5);
        let found = self.exists_mod(&link, wanted)?;
        let mut mods = vec![found];
        if self.dice.chance(0.2) {
            mods.extend(self.own_mod(table));
        }
        let subject = self.subject(table, mods, true);
        let frame = self.dice.frame(&[
            "{np}",
            "which {np} are there",
            "list {np}",
            "show [me |]{np}",
            "are there {np}",
            "do we have {np}",
            "find {np}",
            "what are the {np}",
            "names of {np}",
            "give me {np}",
            "who are the {np}",
            "i'd like a list of {np}",
        ]);
        let mut text = self.sentence(frame, &[("np", &subject.phrase)], &subject);
        if mods_relative(&text) && self.dice.chance(0.5) {
            // "customers that never ordered" also makes a question of its own
            let who = self.is_person(table) && self.dice.chance(0.5);
            text = which_question(&text, &self.noun(table, true), who).unwrap_or(text);
        }
        let query = Query {
            select: vec![Item::Column(display)],
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked { text, query })
    }
}

fn mods_relative(text: &str) -> bool {
    text.contains(" that ") || text.contains(" who ") || text.contains(" which ")
}

/// "customers that never ordered" → "which customers never ordered".
fn which_question(text: &str, noun: &str, who: bool) -> Option<String> {
    for word in [" that ", " who ", " which "] {
        let start = format!("{noun}{word}");
        if let Some(rest) = text.strip_prefix(&start) {
            let plural =
                rest.starts_with("are ") || rest.starts_with("have ") || rest.starts_with("were ");
            return Some(if who && !plural {
                format!("who {rest}")
            } else {
                format!("which {noun} {rest}")
            });
        }
    }
    None
}
