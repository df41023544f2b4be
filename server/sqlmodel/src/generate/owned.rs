//! Composed questions around a named thing: what it has, how many, how much, and who is linked with it.

use super::{
    compose::Asked,
    domain::Sort,
    instance::Link,
    say::{Composer, Mod},
};
use crate::{
    query::{Aggregate, Argument, Comparison, Function, Item, Predicate, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// A named parent: its words, and the condition.
    fn named_parent(&mut self, link: &Link) -> Option<(String, Predicate)> {
        let label = self.label(link.parent)?;
        self.take(link)?;
        self.spoken.push(label);
        let (text, value) = self.text_value(label, &[])?;
        let noun = self.noun(link.parent, false);
        let named = match self.dice.weighted(&[7.0, 2.0, 1.0]) {
            0 => text,
            1 => format!("{noun} {text}"),
            _ => format!("the {noun} {text}"),
        };
        Some((named, Predicate::Compare(label, Comparison::Eq, value)))
    }

    /// "how many orders does Anna Berg have", "total amount for Anna Berg".
    pub(super) fn owned(&mut self, table: TableId) -> Option<Asked> {
        let links: Vec<Link> = self
            .parents(table)
            .into_iter()
            .filter(|l| self.label(l.parent).is_some())
            .collect();
        let link = self.dice.pick(&links)?.clone();
        let (named, owner) = self.named_parent(&link)?;
        let mods: Vec<Mod> = if self.dice.chance(0.4) {
            self.own_mod(table).into_iter().collect()
        } else {
            Vec::new()
        };
        let mut subject = self.subject(table, mods, true);
        if subject.phrase.contains(" that ") || subject.phrase.contains(" whose ") {
            return None;
        }
        subject.clauses.push(vec![owner]);
        let kind = self.dice.weighted(&[4.0, 3.0, 3.0]);
        let measure = if kind == 2 {
            Some(self.number_measure(table, None)?)
        } else {
            None
        };
        if let Some(measure) = &measure {
            if subject.modified && subject.front.is_none() && subject.tail.is_none() {
                return None;
            }
            self.speak_of(measure);
        }
        let head = measure.as_ref().map(|m| m.head.clone()).unwrap_or_default();
        let phrase = measure
            .as_ref()
            .map(|m| m.phrase.clone())
            .unwrap_or_default();
        let frame = match kind {
            0 => self.dice.frame(&[
                "how many {np} does {v} have",
                "how many {np} did {v} have",
                "how many {np} has {v} got",
                "how many {np} are there for {v}",
                "how many {np} belong to {v}",
                "number of {np} for {v}",
                "{v}: how many {np}",
                "{v} {np} count",
                "count {v}'s {np}",
                "how many of the {np} are from {v}",
                "how many {np} do we have for {v}",
                "how many {np} in {v}",
                "what is {v}'s number of {np}",
                "how many {np} can be found under {v}",
                "tell me how many {np} {v} has",
            ]),
            1 => self.dice.frame(&[
                "which {np} does {v} have",
                "what {np} does {v} have",
                "{v}'s {np}",
                "{v} {np}",
                "show [me |]{v}'s {np}",
                "show the {np} of {v}",
                "{np} of {v}",
                "{np} for {v}",
                "list the {np} for {v}",
                "which {np} belong to {v}",
                "give me the {np} [of|for] {v}",
                "what are {v}'s {np}",
                "which {np} are linked to {v}",
                "what {np} are there for {v}",
                "find {np} belonging to {v}",
            ]),
            _ => self.dice.frame(&[
                "{h} of {v}",
                "{h} for {v}",
                "what is the {h} for {v}",
                "what's the {h} of {v}",
                "{v} {h}",
                "{v}: {h}",
                "show me the {h} for {v}",
                "what is {v}'s {h}",
                "what {h} does {v} have",
                "give me {v}'s {h}",
                "how high is the {h} of {v}",
                "i need the {h} for {v}",
                "tell me the {h} of {v}",
                "{v}'s {h}",
            ]),
        };
        let text = self.sentence(
            frame,
            &[
                ("np", &subject.phrase),
                ("v", &named),
                ("h", &head),
                ("p", &phrase),
            ],
            &subject,
        );
        let item = match (kind, measure) {
            (0, _) => Item::Aggregate(Aggregate {
                function: Function::Count,
                argument: Argument::Rows(table),
            }),
            (_, Some(measure)) => Item::Aggregate(measure.aggregate),
            _ => Item::Column(self.inst.schema.display_column(table)?),
        };
        Some(Asked {
            text,
            query: Query {
                select: vec![item],
                filter: subject.clauses,
                ..Query::default()
            },
        })
    }

    /// "customers with orders of Olive Oil": things linked with a named one over what both have.
    pub(super) fn through(&mut self, table: TableId) -> Option<Asked> {
        let display = self.inst.schema.display_column(table)?;
        let below = self.children(table);
        let link = self.dice.pick(&below)?.clone();
        let others: Vec<Link> = self
            .parents(link.child)
            .into_iter()
            .filter(|l| l.parent != table && !self.adjacent(l.parent, table))
            .filter(|l| self.ways(l.parent, table) == 1)
            .collect();
        let other = self.dice.pick(&others)?.clone();
        self.take(&link)?;
        let found = self.parent_mod(&other, 1)?;
        let mut clauses = vec![found.clause.clone()];
        let children = self.noun(link.child, true);
        let inner = found.wrap.replace("{n}", &children);
        let mut who = self.noun(table, true);
        if self.dice.chance(0.2)
            && let Some(own) = self.own_mod(table)
        {
            who = own.wrap.replace("{n}", &who);
            clauses.push(own.clause);
        }
        let count = self.dice.chance(0.25);
        let templates: Vec<&String> = link
            .words
            .with
            .iter()
            .filter(|t| t.contains("{c}") && t.contains("{p}"))
            .collect();
        let text = if !templates.is_empty() && self.dice.chance(0.4) {
            let template = self.dice.pick(&templates)?.to_string();
            let phrase = template.replace("{c}", &inner).replace("{p}", &who);
            let frame = if count {
                self.dice.frame(&[
                    "how many {x}",
                    "number of {x}",
                    "count {x}",
                    "how many {x} are there",
                    "count the {x}",
                    "how many {x} do we have",
                    "tell me how many {x} there are",
                    "what is the number of {x}",
                ])
            } else {
                self.dice.frame(&[
                    "{x}",
                    "list {x}",
                    "which {x} are there",
                    "show [me |]{x}",
                    "find {x}",
                    "names of {x}",
                    "give me the {x}",
                    "what {x} do we have",
                ])
            };
            self.dice.fill(frame, &[("x", &phrase)])
        } else {
            let frame = if count {
                self.dice.frame(&[
                    "how many {w} have {x}",
                    "how many {w} had {x}",
                    "number of {w} with {x}",
                    "how many {w} are there with {x}",
                    "count the {w} with {x}",
                    "how many {w} come with {x}",
                    "what is the number of {w} having {x}",
                    "count {w} that have {x}",
                ])
            } else {
                self.dice.frame(&[
                    "which {w} have {x}",
                    "which {w} had {x}",
                    "{w} with {x}",
                    "list {w} with {x}",
                    "what {w} have {x}",
                    "show [me |]the {w} that have {x}",
                    "find {w} having {x}",
                    "names of {w} with {x}",
                    "give me all the names of {w} with {x}",
                    "which are the {w} with {x}",
                    "{w} that have {x}",
                    "for which {w} are there {x}",
                ])
            };
            self.dice.fill(frame, &[("w", &who), ("x", &inner)])
        };
        let item = if count {
            Item::Aggregate(Aggregate {
                function: Function::Count,
                argument: Argument::Rows(table),
            })
        } else {
            Item::Column(display)
        };
        Some(Asked {
            text,
            query: Query {
                select: vec![item],
                filter: clauses,
                ..Query::default()
            },
        })
    }

    /// Whether the rows of a table are people, so that "who" asks for them.
    pub(super) fn is_person(&self, table: TableId) -> bool {
        const PEOPLE: [&str; 62] = [
            "person",
            "people",
            "customer",
            "client",
            "guest",
            "member",
            "student",
            "patient",
            "doctor",
            "teacher",
            "employee",
            "colleague",
            "author",
            "artist",
            "player",
            "driver",
            "agent",
            "volunteer",
            "donor",
            "athlete",
            "buyer",
            "reader",
            "candidate",
            "judge",
            "lawyer",
            "researcher",
            "coach",
            "trainer",
            "applicant",
            "owner",
            "developer",
            "subscriber",
            "listener",
            "performer",
            "actor",
            "director",
            "user",
            "staff",
            "worker",
            "instructor",
            "lecturer",
            "professor",
            "nurse",
            "pilot",
            "passenger",
            "tenant",
            "landlord",
            "seller",
            "salesperson",
            "technician",
            "inspector",
            "officer",
            "chef",
            "cook",
            "farmer",
            "beekeeper",
            "translator",
            "critic",
            "reviewer",
            "shopper",
            "musician",
            "runner",
        ];
        self.inst.nouns[table]
            .iter()
            .any(|n| PEOPLE.contains(&super::words::singular(n)))
    }

    /// An attribute of the rows a group stands for, to ask for instead of their name.
    pub(super) fn attribute_of(&mut self, table: TableId) -> Option<(ColumnId, String)> {
        let columns: Vec<ColumnId> = self
            .columns_of(table, |s| s.kind != Sort::Flag && s.kind != Sort::Label)
            .into_iter()
            .filter(|c| !self.spoken.contains(c))
            .collect();
        let column = *self.dice.pick(&columns)?;
        let phrase = self.phrase(column);
        Some((column, phrase))
    }
}
