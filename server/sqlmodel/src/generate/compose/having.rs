//! Composed questions for groups within a bound: "customers with more than 5 orders".

use super::Asked;
use crate::{
    generate::{measures::GroupSort, numbers, say::Composer},
    query::{Comparison, Function, Having, Query, Value},
    schema::TableId,
};

impl Composer<'_> {
    pub(super) fn having(&mut self, table: TableId) -> Option<Asked> {
        let group = self
            .group(table)
            .filter(|g| !matches!(g.sort, GroupSort::Time(_)))?;
        let measure = if self.dice.chance(0.68) {
            Self::count_measure(table)
        } else {
            let function = if self.dice.chance(0.55) {
                Function::Sum
            } else {
                Function::Avg
            };
            self.number_measure(table, Some(function))?
        };
        self.speak_of(&measure);
        let mods = self.mods(table, &[0.72, 0.28]);
        let subject = self.subject(table, mods, true);
        let value = if measure.is_count() {
            *self.dice.pick(&[
                1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 6.0, 8.0, 10.0, 10.0, 12.0, 15.0, 20.0,
                50.0, 100.0,
            ])?
        } else {
            let range = measure.range.map(|[low, high]| {
                let more = if measure.aggregate.function == Function::Sum {
                    4.0
                } else {
                    1.0
                };
                [low * more, high * more]
            });
            numbers::round_value(range, false, self.dice)
        };
        let said = numbers::text(value, measure.money, self.dice);
        let up = self.dice.chance(0.75);
        let (comparison, words) = if measure.is_count() && self.dice.chance(0.5) {
            if up {
                (Comparison::Gt, format!("more than {said}"))
            } else {
                (Comparison::Lt, format!("fewer than {said}"))
            }
        } else if measure.is_count() && self.dice.chance(0.08) {
            (Comparison::Eq, format!("exactly {said}"))
        } else {
            self.comparison(up, &said)
        };
        let counting: &[&str] = &[
            "{gs} with {cmp} {np}",
            "which {gs} have {cmp} {np}",
            "which {gs} had {cmp} {np}",
            "{gs} that have {cmp} {np}",
            "list [the |]{gs} with {cmp} {np}",
            "show [me |]{gs} with {cmp} {np}",
            "what {gs} have {cmp} {np}",
            "find {gs} having {cmp} {np}",
            "give me the {gs} that have {cmp} {np}",
            "are there {gs} with {cmp} {np}",
            "[name|get] the {gs} with {cmp} {np}",
            "{gs} where the number of {np} is {cmp}",
            "which {gs} come with {cmp} {np}",
            "{gs} whose number of {np} is {cmp}",
        ];
        let measured: &[&str] = &[
            "{gs} with [a |]{h} {cmp}",
            "{gs} whose {h} is {cmp}",
            "which {gs} have [a |an |]{h} {cmp}",
            "list {gs} where the {h} is {cmp}",
            "show {gs} with {h} {cmp}",
            "find the {gs} whose {h} is {cmp}",
            "which {gs} show a {h} {cmp}",
            "in which {gs} is the {h} {cmp}",
            "give me {gs} with a {h} of {cmp}",
        ];
        let frame = self.dice.frame(if measure.is_count() {
            counting
        } else {
            measured
        });
        let head = if measure.is_count() {
            String::new()
        } else if subject.phrase == self.noun(table, true) {
            measure.head.clone()
        } else {
            format!("{} of {}", measure.head, subject.phrase)
        };
        let text = self.sentence(
            frame,
            &[
                ("gs", &group.many),
                ("cmp", &words),
                ("np", &subject.phrase),
                ("h", &head),
            ],
            &subject,
        );
        let query = Query {
            select: vec![group.item],
            filter: subject.clauses,
            having: Some(Having {
                aggregate: measure.aggregate,
                comparison,
                value: Value::Number(value),
            }),
            ..Query::default()
        };
        Some(Asked { text, query })
    }
}
