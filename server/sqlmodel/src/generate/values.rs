//! Composed questions about values rather than rows: first and last dates, the different values of a column.

use super::{
    compose::Asked,
    domain::Sort,
    measures::{GroupSort, is_contact},
    say::Composer,
    words::plural,
};
use crate::{
    query::{Aggregate, Argument, Bucket, Function, Item, Query},
    schema::{ColumnId, TableId},
};

impl Composer<'_> {
    /// First and last dates: "when was the last order of Anna Berg".
    pub(super) fn when(&mut self, table: TableId) -> Option<Asked> {
        let dates = self.columns_of(table, |s| s.kind == Sort::Date);
        let main = self.event_date(table).or_else(|| self.main_date(table))?;
        let column = if self.dice.chance(0.75) {
            main
        } else {
            *self.dice.pick(&dates)?
        };
        let spec = self.inst.columns[column].spec.clone()?;
        self.spoken.extend(dates);
        let last = self.dice.chance(0.6);
        let function = if last { Function::Max } else { Function::Min };
        let aggregate = Aggregate {
            function,
            argument: Argument::Column(column),
        };
        let group = if self.dice.chance(0.25) {
            self.group(table)
                .filter(|g| !matches!(g.sort, GroupSort::Time(_)))
        } else {
            None
        };
        let mods = self.mods(table, &[0.35, 0.55, 0.1]);
        let subject = self.subject(table, mods, false);
        let verb = match self.dice.pick(&spec.verb) {
            Some(verb) if self.event_date(table) != Some(column) || self.dice.chance(0.5) => {
                verb.clone()
            }
            _ => String::new(),
        };
        if verb.is_empty() && self.event_date(table) != Some(column) {
            return None;
        }
        let word = if last {
            self.dice.word(&["last", "latest", "most recent", "newest"])
        } else {
            self.dice.word(&["first", "earliest", "oldest"])
        };
        let phrase = self.phrase(column);
        if let Some(group) = group {
            let per = self.per(&group);
            let frame = self.dice.frame(&[
                "{x} {p} {per}",
                "date of the {x} {np} {per}",
                "when was the {x} {np} {per}",
                "what is the {x} {p} {per}",
                "show the {x} {p} {per}",
                "{per}, when was the {x} {np}",
                "the date of the {x} {np} {per}",
                "give me the {x} {np} date {per}",
            ]);
            if self.event_date(table) != Some(column)
                || (subject.modified && !frame.contains("{np}"))
            {
                return None;
            }
            let text = self.sentence(
                frame,
                &[
                    ("x", word),
                    ("p", &phrase),
                    ("np", &subject.phrase),
                    ("per", &per),
                ],
                &subject,
            );
            let query = Query {
                select: vec![group.item, Item::Aggregate(aggregate)],
                filter: subject.clauses,
                ..Query::default()
            };
            return Some(Asked { text, query });
        }
        let frame = if verb.is_empty() {
            self.dice.frame(&[
                "when was the {x} {np}",
                "date of the {x} {np}",
                "what is the date of the {x} {np}",
                "when did the {x} {np} take place",
                "on which [day|date] was the {x} {np}",
                "what day was the {x} {np}",
                "the date of the {x} {np}",
                "when was our {x} {np}",
                "{x} {np}, when was it",
                "what was the date of the {x} {np}",
                "since when do we have {nps}",
            ])
        } else {
            self.dice.frame(&[
                "when was the {x} {np} {verb}",
                "on which date was the {x} {np} {verb}",
                "{x} {p} of {nps}",
                "what is the {x} {p} [of|among] {nps}",
                "what's the {x} {p} for {nps}",
                "the day the {x} {np} was {verb}",
                "tell me when the {x} {np} was {verb}",
                "show the {x} {p} [of|for] {nps}",
                "give me the {x} {p} among {nps}",
            ])
        };
        if frame.contains("since when") && (last || subject.modified) {
            return None;
        }
        let nps = if subject.modified {
            if frame.contains("{nps}") && subject.phrase != self.noun(table, false) {
                return None;
            }
            self.noun(table, true)
        } else {
            self.noun(table, true)
        };
        let text = self.sentence(
            frame,
            &[
                ("x", word),
                ("np", &subject.phrase),
                ("nps", &nps),
                ("verb", &verb),
                ("p", &phrase),
            ],
            &subject,
        );
        let query = Query {
            select: vec![Item::Aggregate(aggregate)],
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked { text, query })
    }

    /// The different values of a column, or how many there are.
    pub(super) fn distinct(&mut self, table: TableId) -> Option<Asked> {
        let columns = self.columns_of(table, |s| {
            s.kind == Sort::Category
                || (s.kind == Sort::Text && !s.with.is_empty() && !is_contact(s))
        });
        let parents = self.parents(table);
        let counting = self.dice.chance(0.5);
        if counting && !parents.is_empty() && self.dice.chance(0.35) {
            return self.distinct_parents(table);
        }
        if self.dice.chance(0.08)
            && let Some(date) = self.event_date(table)
        {
            return Some(self.years(table, date));
        }
        let column = *self.dice.pick(&columns)?;
        self.spoken.push(column);
        let mods = self.mods(table, &[0.62, 0.33, 0.05]);
        let subject = self.subject(table, mods, true);
        let one = self.phrase(column);
        let many = plural(&one);
        let slots = [("gs", many.as_str()), ("g", &one), ("np", &subject.phrase)];
        let frame = match (counting, subject.modified || self.dice.chance(0.6)) {
            (true, true) => self.dice.frame(&[
                "how many [different|distinct|unique] {gs} do {np} have",
                "how many [different|distinct|unique] {gs} are there [among|for|across] {np}",
                "number of [different|distinct|unique] {gs} [of|among|for] {np}",
                "count [the |]distinct {gs} of {np}",
                "in how many different {gs} are there {np}",
                "how many {gs} are represented among {np}",
                "how many {gs} [occur|appear] among {np}",
                "what is the number of different {gs} among {np}",
                "distinct {g} count for {np}",
                "{np} come in how many different {gs}",
            ]),
            (true, false) => self.dice.frame(&[
                "how many [different|distinct|unique|] {one} {gs} are there",
                "number of [different|distinct|unique] {one} {gs}",
                "count the [different|distinct|unique] {one} {gs}",
                "how many [different|distinct|unique] {one} {gs} do we have",
                "how many kinds of {one} {g} exist",
            ]),
            (false, true) => self.dice.frame(&[
                "which [different |]{gs} do {np} have",
                "[list|show] [the|all] [different |distinct |unique |]{gs} of {np}",
                "what {gs} are there among {np}",
                "distinct {gs} of {np}",
                "what are the [different|distinct|possible] {gs} of {np}",
                "all [different |distinct |]{gs} [of|for|among] {np}",
                "which {gs} occur among {np}",
                "give me the unique {gs} for {np}",
                "every {g} that occurs among {np}",
                "the {gs} {np} have, without repeats",
            ]),
            (false, false) => self.dice.frame(&[
                "which {one} {gs} [are there|do we have|exist]",
                "what {one} {gs} [are there|do we have|exist]",
                "list [all|the] [different |distinct |]{one} {gs}",
                "show [me |]all {one} {gs}",
                "[unique|distinct|different] {one} {gs}",
                "what kinds of {one} {g} do we have",
            ]),
        };
        let one_row = self.noun(table, false);
        let mut slots = slots.to_vec();
        slots.push(("one", &one_row));
        let text = self.sentence(frame, &slots, &subject);
        let query = if counting {
            Query {
                select: vec![Item::Aggregate(Aggregate {
                    function: Function::CountDistinct,
                    argument: Argument::Column(column),
                })],
                filter: subject.clauses,
                ..Query::default()
            }
        } else {
            Query {
                select: vec![Item::Column(column)],
                distinct: true,
                filter: subject.clauses,
                ..Query::default()
            }
        };
        Some(Asked { text, query })
    }

    /// "how many different customers placed orders in 2024": the keys among the children.
    fn distinct_parents(&mut self, table: TableId) -> Option<Asked> {
        let parents = self.parents(table);
        let link = self.dice.pick(&parents)?.clone();
        let mods = self.mods(table, &[0.2, 0.65, 0.15]);
        if self.via.iter().any(|&v| v != link.key) {
            return None;
        }
        let subject = self.subject(table, mods, true);
        let many = self.noun(link.parent, true);
        let frame = self.dice.frame(&[
            "how many [different|distinct|unique] {ps} have {np}",
            "how many [different|distinct|unique] {ps} had {np}",
            "how many [different|distinct|unique] {ps} are behind {np}",
            "number of [different|distinct|unique] {ps} with {np}",
            "number of [different|distinct|unique] {ps} among {np}",
            "count the [different|distinct|unique] {ps} that have {np}",
            "{np} belong to how many different {ps}",
            "how many different {ps} appear in {np}",
            "how many [unique|distinct] {ps} do {np} involve",
            "distinct {ps} with {np}, how many",
        ]);
        let text = self.sentence(frame, &[("ps", &many), ("np", &subject.phrase)], &subject);
        let query = Query {
            select: vec![Item::Aggregate(Aggregate {
                function: Function::CountDistinct,
                argument: Argument::Column(link.key),
            })],
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked { text, query })
    }

    fn years(&mut self, table: TableId, date: ColumnId) -> Asked {
        let many = self.noun(table, true);
        let month = self.dice.chance(0.25);
        let unit = if month { "months" } else { "years" };
        let frame = self.dice.frame(&[
            "which {u} do we have {np} for",
            "in which {u} were there {np}",
            "what {u} do the {np} cover",
            "list the {u} with {np}",
            "{u} in which there are {np}",
            "for which {u} are there {np}",
        ]);
        let text = self.dice.fill(frame, &[("u", unit), ("np", &many)]);
        let bucket = if month { Bucket::Month } else { Bucket::Year };
        let query = Query {
            select: vec![Item::Bucket(bucket, date)],
            distinct: true,
            ..Query::default()
        };
        Asked { text, query }
    }
}
