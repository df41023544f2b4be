//! What the rows are grouped and sorted by.

use super::{Output, Rows, Statement, items, sort_columns, tables_of};
use crate::{
    query::{Aggregate, Argument, Item, Order},
    render::{
        Dialect,
        conditions::{Lines, column},
        expressions::Context,
        names::name,
    },
    schema::{ColumnId, TableId},
};

impl Statement<'_> {
    pub(super) fn group_keys(&self, context: &Context, rows: Rows) -> Vec<String> {
        if !matches!(rows, Rows::Grouped | Rows::Extreme) {
            return Vec::new();
        }
        let counted: Vec<TableId> = items(self.query)
            .filter(|item| matches!(item, Item::Aggregate(_)))
            .flat_map(|item| tables_of(self.schema, &item))
            .collect();
        let mut keys: Vec<String> = Vec::new();
        let mut add = |key: String| {
            if !keys.contains(&key) {
                keys.push(key);
            }
        };
        let plain = self.query.select.iter().chain(
            self.query
                .order
                .iter()
                .map(|order| &order.by)
                .filter(|_| rows == Rows::Grouped),
        );
        for item in plain {
            match *item {
                Item::Aggregate(_) => {}
                Item::Bucket(bucket, c) => add(context.bucket(bucket, c)),
                Item::AllOf(table) => {
                    let own = self.schema.tables[table].columns.clone();
                    let primary = || own.clone().filter(|&c| self.schema.columns[c].primary);
                    // Only some see that a key decides the other columns.
                    let decides = matches!(self.dialect, Dialect::Sqlite | Dialect::Postgres);
                    if decides && primary().next().is_some() {
                        primary().for_each(|c| add(context.column(c)));
                    } else {
                        own.for_each(|c| add(context.column(c)));
                    }
                }
                Item::Column(c) => {
                    let own = &self.schema.columns[c];
                    if self.query.select.contains(&Item::AllOf(own.table)) {
                        continue;
                    }
                    add(context.column(c));
                    let table = &self.schema.tables[own.table];
                    let counted_elsewhere = counted.iter().any(|&t| t != own.table);
                    let entity = match rows {
                        // Namesakes are different rows, unless rows of that very table are counted.
                        Rows::Grouped => {
                            table.label == Some(c) && !own.values_complete && counted_elsewhere
                        }
                        _ => !self.query.distinct,
                    };
                    if entity {
                        table
                            .columns
                            .clone()
                            .filter(|&c| self.schema.columns[c].primary)
                            .for_each(|c| add(context.column(c)));
                    }
                }
            }
        }
        keys
    }

    pub(super) fn order_by(
        &self,
        context: &Context,
        order: &Order,
        columns: &[Output],
        rows: Rows,
    ) -> String {
        let shown = self
            .query
            .select
            .iter()
            .zip(columns)
            .find(|(item, _)| **item == order.by)
            .and_then(|(_, output)| output.alias.as_deref());
        let mut key = match shown {
            Some(alias) => name(alias, self.dialect),
            None => self.item(context, &order.by),
        };
        if rows == Rows::Extreme {
            key = format!("{}({key})", if order.descending { "MAX" } else { "MIN" });
        }
        let direction = if order.descending { " DESC" } else { "" };
        // PostgreSQL puts missing values on top of a descending order, the others at its end.
        let nulls = if order.descending
            && self.dialect == Dialect::Postgres
            && sort_columns(&order.by).any(|c| self.schema.columns[c].nullable)
        {
            " NULLS LAST"
        } else {
            ""
        };
        format!("ORDER BY {key}{direction}{nulls}")
    }

    /// Keeps rows without a value from passing for the smallest ones.
    pub(super) fn without_nulls(&self, context: &Context) -> Vec<Lines> {
        let (Some(_), Some(order)) = (self.query.limit, &self.query.order) else {
            return Vec::new();
        };
        let counts = items(self.query).any(|item| {
            matches!(
                item,
                Item::Aggregate(Aggregate {
                    argument: Argument::Rows(_),
                    ..
                })
            )
        });
        if order.descending || (counts && matches!(order.by, Item::Aggregate(_))) {
            return Vec::new();
        }
        let filtered = |c: ColumnId| {
            self.query
                .filter
                .iter()
                .any(|clause| match clause.as_slice() {
                    [predicate] => column(predicate) == Some(c),
                    _ => false,
                })
        };
        sort_columns(&order.by)
            .filter(|&c| self.schema.columns[c].nullable && !filtered(c))
            .map(|c| vec![format!("{} IS NOT NULL", context.column(c))])
            .collect()
    }
}
