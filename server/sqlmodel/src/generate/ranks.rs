//! Composed questions about the best: which group has most, the top five, the longest, the latest.

mod superlative;
mod winner;

use super::{
    compose::{Asked, best},
    measures::Measure,
    numbers,
    say::Composer,
};
use crate::{
    query::{Function, Item, Query},
    schema::TableId,
};

impl Composer<'_> {
    fn measure_for_rank(&mut self, table: TableId) -> Option<Measure> {
        if self.dice.chance(0.5) {
            Some(Self::count_measure(table))
        } else {
            let function = if self.dice.chance(0.6) {
                Function::Sum
            } else {
                Function::Avg
            };
            self.number_measure(table, Some(function))
        }
    }

    /// "top 5 customers by revenue": label and figure.
    pub(super) fn top_groups(&mut self, table: TableId) -> Option<Asked> {
        let group = self.group(table)?;
        let measure = self.measure_for_rank(table)?;
        self.speak_of(&measure);
        let mods = self.mods(table, &[0.66, 0.3, 0.04]);
        let subject = self.subject(table, mods, true);
        let head = self.measure_phrase(&measure, table, &subject);
        let descending = self.dice.chance(0.86);
        let limit = *self
            .dice
            .pick(&[3_u32, 3, 5, 5, 5, 10, 10, 2, 4, 6, 7, 8, 15, 20])?;
        let k = numbers::count_text(limit, self.dice);
        let frames: &[&str] = if descending {
            &[
                "top {k} {gs} by {h}",
                "top {k} {gs} by {h}",
                "top {k} {gs} by {h}",
                "show [me |]the top {k} {gs} by {h}",
                "what are the top {k} {gs} by {h}",
                "who are the top {k} {gs} by {h}",
                "the {k} best {gs} by {h}",
                "{k} leading {gs} by {h}",
                "give me the top {k} {gs} [by|in terms of|according to|ranked by] {h}",
                "list the {k} {gs} with the highest {h} and the figure",
                "best {k} {gs} in terms of {h}",
                "ranking of the top {k} {gs} by {h}",
                "rank {gs} by {h}, top {k}",
                "{gs} ranked by {h}, first {k}",
                "top {k} {gs} according to {h}",
                "{h} of the top {k} {gs}",
                "i need the {k} top {gs} measured by {h}",
                "biggest {k} {gs} by {h}",
                "largest {k} {gs} by {h}",
            ]
        } else {
            &[
                "bottom {k} {gs} by {h}",
                "the {k} worst {gs} by {h}",
                "lowest {k} {gs} by {h}",
                "show the bottom {k} {gs} by {h}",
                "what are the bottom {k} {gs} by {h}",
                "the {k} {gs} ranking lowest by {h}, with the figure",
                "{k} smallest {gs} by {h}",
                "give me the last {k} {gs} by {h}",
            ]
        };
        let frame = self.dice.frame(frames);
        let head = if frame.contains("highest {h}") && !measure.is_count() {
            measure.head.clone()
        } else {
            head
        };
        if frame.starts_with("{h} of")
            && (!measure.is_count() && head.contains(" of ") || measure.is_count())
        {
            return None;
        }
        if frame.contains("highest {h}") && !measure.is_count() && subject.modified {
            return None;
        }
        let text = self.sentence(
            frame,
            &[
                ("k", &k),
                ("gs", &group.many),
                ("g", &group.one),
                ("h", &head),
            ],
            &subject,
        );
        let select = vec![group.item, Item::Aggregate(measure.aggregate)];
        let query = Query {
            select,
            filter: subject.clauses,
            ..Query::default()
        };
        Some(Asked {
            text,
            query: best(query, measure.aggregate, descending, limit),
        })
    }
}
