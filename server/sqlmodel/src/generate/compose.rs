//! Composed questions: a query with a meaning, and one of very many ways to ask for it.

mod figures;
mod groups;
mod having;

use super::{measures::Measure, say::Composer};
use crate::{
    query::{Aggregate, Argument, Item, Order, Query},
    schema::TableId,
};

/// A question with its meaning.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) text: String,
    pub(super) query: Query,
}

/// A kind of question: name, weight, how it is made.
type Intent<'b> = (
    &'static str,
    f64,
    fn(&mut Composer<'b>, TableId) -> Option<Asked>,
);

impl<'b> Composer<'b> {
    /// One question of some kind; `None` where the schema has no material for the kind drawn.
    pub(super) fn ask(&mut self) -> Option<Asked> {
        let table = self.table()?;
        let kinds: [Intent<'b>; 17] = [
            ("count", 13.0, Self::count),
            ("scalar", 10.0, Self::scalar),
            ("several", 3.0, Self::several),
            ("grouped", 15.0, Self::grouped),
            ("each", 3.0, Self::each),
            ("best group", 10.0, Self::best_group),
            ("top groups", 6.0, Self::top_groups),
            ("having", 5.0, Self::having),
            ("list", 17.0, Self::list),
            ("superlative", 8.0, Self::superlative),
            ("lookup", 6.0, Self::lookup),
            ("when", 4.0, Self::when),
            ("distinct", 5.0, Self::distinct),
            ("everything", 4.0, Self::everything),
            ("sorted", 4.0, Self::sorted),
            ("owned", 9.0, Self::owned),
            ("through", 4.0, Self::through),
        ];
        let weights: Vec<f64> = kinds.iter().map(|k| k.1).collect();
        let (name, _, make) = kinds[self.dice.weighted(&weights)];
        self.intent = name;
        let mut asked = make(self, table)?;
        asked.query.via.clone_from(&self.via);
        Some(asked)
    }

    /// A table to ask about; those of the main domain first.
    fn table(&mut self) -> Option<TableId> {
        let weights: Vec<f64> = (0..self.inst.schema.tables.len())
            .map(|t| if self.inst.own[t] { 1.0 } else { 0.15 })
            .collect();
        let table = self.dice.weighted(&weights);
        (table < self.inst.schema.tables.len()).then_some(table)
    }

    pub(super) fn speak_of(&mut self, measure: &Measure) {
        match measure.aggregate.argument {
            Argument::Column(c) => self.spoken.push(c),
            Argument::Product(a, b) => self.spoken.extend([a, b]),
            Argument::Rows(_) => {}
        }
    }
}

/// Sorted by an aggregate, the first so many.
pub(super) fn best(mut query: Query, aggregate: Aggregate, descending: bool, limit: u32) -> Query {
    query.order = Some(Order {
        by: Item::Aggregate(aggregate),
        descending,
    });
    query.limit = Some(limit);
    query
}
