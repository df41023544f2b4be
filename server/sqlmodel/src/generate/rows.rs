//! Composed questions whose answer is rows: lists, attributes, everything about something.

use super::{
    compose::Asked,
    domain::Sort,
    numbers,
    say::{Composer, Mod},
    words::{listed, plural},
};
use crate::{
    query::{Comparison, Item, Order, Predicate, Query},
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

    /// "books with their authors": a row's name and its parent's.
    fn with_parent(&mut self, table: TableId) -> Option<Asked> {
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
    fn related(&mut self, table: TableId) -> Option<Asked> {
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

    /// One attribute of one named row: "what is the price of Olive Oil".
    pub(super) fn lookup(&mut self, table: TableId) -> Option<Asked> {
        let label = self.label(table)?;
        self.spoken.push(label);
        let (value, literal) = self.text_value(label, &[])?;
        let noun = self.noun(table, false);
        let named = match self.dice.weighted(&[6.0, 2.0, 1.0, 0.6]) {
            0 => value.clone(),
            1 => format!("{noun} {value}"),
            2 => format!("the {noun} {value}"),
            _ => format!("the {noun} [called|named] {value}"),
        };
        let named = self.dice.fill(&named, &[]);
        let clause = vec![Predicate::Compare(label, Comparison::Eq, literal)];
        let links: Vec<_> = self
            .parents(table)
            .into_iter()
            .filter(|l| self.label(l.parent).is_some())
            .collect();
        if !links.is_empty() && self.dice.chance(0.22) {
            let link = self.dice.pick(&links)?.clone();
            self.take(&link)?;
            let above = self.label(link.parent)?;
            let parent = self.noun(link.parent, false);
            let frame = self.dice.frame(&[
                "which {p} does {v} belong to",
                "what {p} does {v} have",
                "what is the {p} of {v}",
                "{p} of {v}",
                "the {p} for {v}",
                "which {p} goes with {v}",
                "what's {v}'s {p}",
                "{v}: which {p}",
                "tell me the {p} of {v}",
                "which is the {p} of {v}",
            ]);
            let text = self.dice.fill(frame, &[("p", &parent), ("v", &named)]);
            let query = Query {
                select: vec![Item::Column(above)],
                filter: vec![clause],
                ..Query::default()
            };
            return Some(Asked { text, query });
        }
        let mut columns = self.showable(table);
        self.dice.shuffle(&mut columns);
        columns.truncate(if self.dice.chance(0.2) { 2 } else { 1 });
        let &first = columns.first()?;
        let spec = self.inst.columns[first].spec.clone()?;
        let phrases: Vec<String> = columns.iter().map(|&c| self.phrase(c)).collect();
        let said = listed(&phrases, "and");
        let mut verb = self.dice.pick(&spec.verb).cloned().unwrap_or_default();
        let unit = self.dice.pick(&spec.units).cloned().unwrap_or_default();
        let frames: &[&str] = &[
            "what is the {p} of {v}",
            "what's the {p} of {v}",
            "{p} of {v}",
            "{p} of {v}",
            "{v} {p}",
            "{v}'s {p}",
            "show [me |]the {p} of {v}",
            "give me the {p} [of|for] {v}",
            "what {p} does {v} have",
            "tell me the {p} of {v}",
            "i need the {p} of {v}",
            "look up the {p} for {v}",
            "what is {v}'s {p}",
            "find the {p} of {v}",
            "do you have the {p} of {v}",
            "{v}: {p}",
            "get {p} for {v}",
            "what was the {p} of {v}",
            "[could|can] you tell me the {p} of {v}",
        ];
        let frame = if columns.len() == 1 && !verb.is_empty() && self.dice.chance(0.5) {
            match super::words::base_form(&verb) {
                Some(base) => {
                    verb = base.to_owned();
                    self.dice.word(&[
                        "when did {v} {verb}",
                        "on what date did {v} {verb}",
                        "when exactly did {v} {verb}",
                    ])
                }
                None => self.dice.word(&[
                    "when was {v} {verb}",
                    "on what date was {v} {verb}",
                    "when exactly was {v} {verb}",
                ]),
            }
        } else if columns.len() == 1 && !unit.is_empty() && self.dice.chance(0.35) {
            self.dice.word(&[
                "how many {u} does {v} have",
                "how many {u} has {v} got",
                "{u} of {v}",
            ])
        } else {
            self.dice.frame(frames)
        };
        let text = self.dice.fill(
            frame,
            &[("p", &said), ("v", &named), ("verb", &verb), ("u", &unit)],
        );
        let query = Query {
            select: columns.iter().map(|&c| Item::Column(c)).collect(),
            filter: vec![clause],
            ..Query::default()
        };
        Some(Asked { text, query })
    }

    /// Whole rows.
    pub(super) fn everything(&mut self, table: TableId) -> Option<Asked> {
        let label = self.label(table);
        let (subject, filter_label) = if let Some(label) = label
            && self.dice.chance(0.2)
        {
            let (text, literal) = self.text_value(label, &[])?;
            let mut found = Mod::one(
                Predicate::Compare(label, Comparison::Eq, literal),
                format!("{{n}} {text}"),
            );
            found.bare = Some(text.clone());
            let mut subject = self.subject(table, vec![found], false);
            if self.dice.chance(0.6) {
                subject.phrase = text;
            } else {
                subject.phrase = format!("the {}", subject.phrase);
            }
            (subject, true)
        } else {
            let mods = self.mods(table, &[0.4, 0.5, 0.1]);
            (self.subject(table, mods, true), false)
        };
        let about: &[&str] = &[
            "show me everything about {np}",
            "everything [we have |we know |]about {np}",
            "all details of {np}",
            "[full|complete] details [of|for] {np}",
            "give me all [the |]information on {np}",
            "what do we know about {np}",
            "show all columns for {np}",
            "all data on {np}",
            "tell me everything about {np}",
            "list everything there is on {np}",
            "complete record of {np}",
            "all fields of {np}",
        ];
        let all: &[&str] = &[
            "list all {np}",
            "list all {np}",
            "show all {np}",
            "show me all {np}",
            "show all the {np}",
            "give me all {np}",
            "all {np}",
            "display all {np}",
            "get all {np}",
            "i want to see all {np}",
            "can i see all {np}",
            "list every one of the {np}",
            "please list all the {np}",
            "fetch all {np}",
            "print all {np}",
            "find all {np}",
            "return all {np}",
        ];
        let frame = if filter_label || self.dice.chance(0.3) {
            self.dice.frame(about)
        } else {
            self.dice.frame(all)
        };
        let text = self.sentence(frame, &[("np", &subject.phrase)], &subject);
        let mut query = Query {
            select: vec![Item::AllOf(table)],
            filter: subject.clauses,
            ..Query::default()
        };
        let mut asked = text;
        if !filter_label && self.dice.chance(0.15) {
            (asked, query) = self.add_order(table, &asked, query)?;
        }
        Some(Asked { text: asked, query })
    }

    /// Lists with an order.
    pub(super) fn sorted(&mut self, table: TableId) -> Option<Asked> {
        let display = self.inst.schema.display_column(table)?;
        let mods = self.mods(table, &[0.55, 0.4, 0.05]);
        let subject = self.subject(table, mods, true);
        let frame = self.dice.frame(&[
            "{np}",
            "list {np}",
            "show [me |]{np}",
            "list the {np}",
            "give me {np}",
            "which {np} are there",
            "{np} please",
            "display the {np}",
            "i want {np}",
            "get {np}",
        ]);
        let mut inner = subject.clone();
        let front = inner.front.take();
        let text = self.sentence(frame, &[("np", &subject.phrase)], &inner);
        let query = Query {
            select: vec![Item::Column(display)],
            filter: subject.clauses.clone(),
            ..Query::default()
        };
        let (mut text, query) = self.add_order(table, &text, query)?;
        if let Some(front) = front {
            text = format!("{front}, {text}");
        }
        Some(Asked { text, query })
    }

    fn add_order(
        &mut self,
        table: TableId,
        text: &str,
        mut query: Query,
    ) -> Option<(String, Query)> {
        let columns = self.columns_of(table, |s| {
            matches!(
                s.kind,
                Sort::Number | Sort::Money | Sort::Date | Sort::Label
            )
        });
        let by = *self.dice.pick(&columns)?;
        let kind = self.kind(by)?;
        let phrase = self.phrase(by);
        let mut descending = self.dice.chance(0.5);
        let main = self.event_date(table) == Some(by);
        let template = match (kind, descending) {
            (Sort::Label, true) => {
                "[sorted by {p} descending|in reverse alphabetical order|by {p} from Z to A|sorted by {p}, Z to A]"
            }
            (Sort::Label, false) => {
                "[in alphabetical order|alphabetically|sorted by {p}|ordered by {p}|from A to Z|sorted alphabetically|by {p}, A to Z]"
            }
            (Sort::Date, true) if main => {
                "[newest first|latest first|most recent first|sorted by {p} descending|starting with the newest|in reverse chronological order]"
            }
            (Sort::Date, false) if main => {
                "[oldest first|earliest first|in chronological order|sorted by {p}|ordered by {p}|by {p}|starting with the oldest]"
            }
            (Sort::Date, true) => {
                "[sorted by {p} descending|by {p}, newest first|ordered by {p}, latest first|most recent {p} first]"
            }
            (Sort::Date, false) => {
                "[sorted by {p}|by {p}, oldest first|ordered by {p}|earliest {p} first]"
            }
            (_, true) => {
                "[sorted by {p} descending|by {p}, highest first|ordered by {p} from high to low|highest {p} first|by descending {p}|from highest to lowest {p}|sorted by {p} in descending order|with the highest {p} first|ranked by {p}]"
            }
            (_, false) => {
                "[sorted by {p}|by {p}, lowest first|ordered by {p} from low to high|lowest {p} first|by ascending {p}|from lowest to highest {p}|in order of {p}|sorted by {p} ascending|ordered by {p}]"
            }
        };
        let words = self.dice.fill(template, &[("p", &phrase)]);
        let comma = if self.dice.chance(0.4) { "," } else { "" };
        if kind == Sort::Label && words == "alphabetically" {
            descending = false;
        }
        query.order = Some(Order {
            by: Item::Column(by),
            descending,
        });
        let mut text = format!("{text}{comma} {words}");
        if self.dice.chance(0.2) {
            let limit = *self.dice.pick(&[3_u32, 5, 5, 10, 10, 15, 20])?;
            let k = numbers::count_text(limit, self.dice);
            let pattern = self.dice.word(&[
                ", first {k}",
                ", only the first {k}",
                " (first {k})",
                ", limit {k}",
                ", max {k}",
            ]);
            text.push_str(&self.dice.fill(pattern, &[("k", &k)]));
            query.limit = Some(limit);
        }
        Some((text, query))
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
