//! Questions about something: one attribute of a named row, or whole rows.

use crate::{
    generate::{
        compose::Asked,
        say::{Composer, Mod},
        words::{base_form, listed},
    },
    query::{Comparison, Item, Predicate, Query},
    schema::TableId,
};

impl Composer<'_> {
    /// One attribute of one named row: "what is the price of Olive Oil".
    pub(in super::super) fn lookup(&mut self, table: TableId) -> Option<Asked> {
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
            match base_form(&verb) {
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
    pub(in super::super) fn everything(&mut self, table: TableId) -> Option<Asked> {
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
}
