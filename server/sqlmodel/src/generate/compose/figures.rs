//! Composed questions for figures over all the rows: how many, how much, several at once.

use super::Asked;
use crate::{
    generate::{
        measures::{Measure, Subject},
        say::Composer,
    },
    query::{Function, Item, Query},
    schema::TableId,
};

/// How many conditions a question has.
const FEW: &[f64] = &[0.34, 0.46, 0.17, 0.03];
const SOME: &[f64] = &[0.14, 0.56, 0.25, 0.05];

impl Composer<'_> {
    #[expect(clippy::unnecessary_wraps, reason = "one signature for all kinds")]
    pub(super) fn count(&mut self, table: TableId) -> Option<Asked> {
        let mods = self.mods(table, SOME);
        let subject = self.subject(table, mods, true);
        let one = self.noun(table, false);
        let frames: &[&str] = &[
            "how many {np} [are there|do we have|exist|are on record|are in the [database|system]|did we have|have we got]",
            "how many {np} are there",
            "how many {np} do we have",
            "how many {np}",
            "how many {np} can you find",
            "number of {np}",
            "count {np}",
            "count [all|] the {np}",
            "count of {np}",
            "what is the [total |]number of {np}",
            "what's the [number|count] of {np}",
            "tell me how many {np} [there are|we have|exist]",
            "[i need|i want|give me|show me|get] [the number|a count|the count] of {np}",
            "do you know how many {np} there are",
            "# of {np}",
            "{np}, how many are there",
            "{np} count",
            "total number of {np}",
            "how large is the number of {np}",
            "i'd like to know how many {np} [there are|we have]",
            "what number of {np} do we have",
            "what is the count of {np}",
            "how many {np} were there",
            "{np}: how many",
            "how many different {np} are in the data",
            "in total how many {np} do we have",
            "how many {np} [all together|altogether|in total|overall]",
            "[find out|check|see] how many {np} there are",
            "count how many {np} there are",
            "calculate the number of {np}",
            "can you count the {np}",
            "we have how many {np}",
            "just the number of {np}",
            "how big is our number of {np}",
            "quantity of {np}",
        ];
        let plain: &[&str] = &[
            "{one} count",
            "total {one} count",
            "how many {np} in all",
            "what is the {one} count",
        ];
        let frame = if subject.modified || self.dice.chance(0.85) {
            self.dice.frame(frames)
        } else {
            self.dice.frame(plain)
        };
        let text = self.sentence(frame, &[("np", &subject.phrase), ("one", &one)], &subject);
        Some(scalar_query(text, &[Self::count_measure(table)], subject))
    }

    pub(super) fn scalar(&mut self, table: TableId) -> Option<Asked> {
        let measure = self.number_measure(table, None)?;
        self.speak_of(&measure);
        let mods = self.mods(table, FEW);
        let subject = self.subject(table, mods, true);
        let head = self.measure_phrase(&measure, table, &subject);
        let frames: &[&str] = &[
            "what is the {h}",
            "what is the {h}",
            "what's the {h}",
            "{h}",
            "{h}",
            "show [me |]the {h}",
            "give me the {h}",
            "[calculate|compute|work out|determine] the {h}",
            "how [high|large|big|much] is the {h}",
            "i need the {h}",
            "tell me the {h}",
            "find the {h}",
            "what was the {h}",
            "what would be the {h}",
            "i'd like to [see|know] the {h}",
            "do we know the {h}",
            "report the {h}",
            "return the {h}",
            "what {h} do we have",
            "get the {h}",
            "[could|can] i see the {h}",
            "let me know the {h}",
            "what does the {h} look like",
            "the {h}, what is it",
        ];
        let sum: &[&str] = &[
            "how much {p} [do|did] {np} have [in total|altogether|overall|combined|all together]",
            "what does the {p} of {np} [add up to|come to|amount to]",
            "add up the {p} of {np}",
            "sum up the {p} [of|for|over] {np}",
            "what do {np} add up to in {p}",
            "total {p}, {np}",
        ];
        let sum_units: &[&str] = &[
            "how many {u} [do|did] {np} have [in total|altogether|overall|combined]",
            "how many {u} are there [in total|altogether|] across [all |]{np}",
            "how many {u} in total for {np}",
            "how many {u} do {np} add up to",
            "number of {u} over all {np}",
            "total {u} [of|for] {np}",
        ];
        let average: &[&str] = &[
            "on average, what is the {p} of {np}",
            "what is the {p} of {np} on average",
            "what {p} do {np} have on average",
            "average out the {p} of {np}",
            "what's a typical {p} for {np}",
            "how [high|large] is the {p} of {np} on average",
            "{np}: average {p}",
            "mean {p}, {np}",
        ];
        let own = match measure.aggregate.function {
            Function::Sum if !measure.unit.is_empty() && self.dice.chance(0.3) => Some(sum_units),
            Function::Sum if self.dice.chance(0.22) && !measure.phrase.starts_with("number") => {
                Some(sum)
            }
            Function::Avg if self.dice.chance(0.28) => Some(average),
            _ => None,
        };
        let frame = self.dice.frame(own.unwrap_or(frames));
        let text = self.sentence(
            frame,
            &[
                ("h", &head),
                ("np", &subject.phrase),
                ("p", &measure.phrase),
                ("u", &measure.unit),
            ],
            &subject,
        );
        Some(scalar_query(text, &[measure], subject))
    }

    pub(super) fn several(&mut self, table: TableId) -> Option<Asked> {
        let columns = self.numbers(table);
        let column = *self.dice.pick(&columns)?;
        let summable = self.inst.spec(column).is_some_and(|s| s.summable);
        let sets: &[(&str, &[Function])] = &[
            (
                "[minimum|lowest|smallest] and [maximum|highest|largest] {p}",
                &[Function::Min, Function::Max],
            ),
            (
                "[highest|maximum|max] and [lowest|minimum|min] {p}",
                &[Function::Max, Function::Min],
            ),
            (
                "[average|mean] and [maximum|highest] {p}",
                &[Function::Avg, Function::Max],
            ),
            (
                "[lowest|minimum], [average|mean] and [highest|maximum] {p}",
                &[Function::Min, Function::Avg, Function::Max],
            ),
            (
                "[minimum|min], [maximum|max] and [average|avg] {p}",
                &[Function::Min, Function::Max, Function::Avg],
            ),
            (
                "[average|mean] and [lowest|smallest] {p}",
                &[Function::Avg, Function::Min],
            ),
            (
                "[total|overall] and [average|mean] {p}",
                &[Function::Sum, Function::Avg],
            ),
            (
                "[average|mean] and [total|summed] {p}",
                &[Function::Avg, Function::Sum],
            ),
            (
                "[number of {ns}|{one} count] and [average|mean] {p}",
                &[Function::Count, Function::Avg],
            ),
            (
                "[number|count] and total {p}",
                &[Function::Count, Function::Sum],
            ),
        ];
        let (template, functions) = *self.dice.pick(sets)?;
        if !summable && functions.contains(&Function::Sum) {
            return None;
        }
        let mut measures = Vec::new();
        for &function in functions {
            measures.push(if function == Function::Count {
                Self::count_measure(table)
            } else {
                self.column_measure(column, function)?
            });
        }
        self.spoken.push(column);
        let phrase = self.phrase(column);
        let mods = self.mods(table, FEW);
        let subject = self.subject(table, mods, true);
        let (one, many) = (self.noun(table, false), self.noun(table, true));
        let head = self
            .dice
            .fill(template, &[("p", &phrase), ("one", &one), ("ns", &many)]);
        let group = if self.dice.chance(0.3) {
            self.group(table)
        } else {
            None
        };
        let per = group.as_ref().map(|g| self.per(g)).unwrap_or_default();
        let frames: &[&str] = &[
            "what are the {h} of {np}",
            "{h} of [all |the |]{np}",
            "show [me |]the {h} of {np}",
            "[what is|what's] the {h} for {np}",
            "give me [the |]{h} for {np}",
            "{h}, {np}",
            "for {np}, what [is|are] the {h}",
            "i need the {h} of {np}",
            "{np}: {h}",
            "tell me the {h} across {np}",
        ];
        let frame = self.dice.frame(frames);
        let frame = if per.is_empty() {
            frame.to_owned()
        } else {
            format!("{frame} {per}")
        };
        let text = self.sentence(&frame, &[("h", &head), ("np", &subject.phrase)], &subject);
        let mut asked = scalar_query(text, &measures, subject);
        if let Some(group) = group {
            asked.query.select.insert(0, group.item);
        }
        Some(asked)
    }
}

fn scalar_query(text: String, measures: &[Measure], subject: Subject) -> Asked {
    let query = Query {
        select: measures
            .iter()
            .map(|m| Item::Aggregate(m.aggregate))
            .collect(),
        filter: subject.clauses,
        ..Query::default()
    };
    Asked { text, query }
}
