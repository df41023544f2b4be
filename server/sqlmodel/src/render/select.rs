//! The statement as a whole: which tables are joined, what is grouped, and how the rows come out.

mod check;
mod keys;
mod outputs;

use super::{
    Dialect, RenderError,
    conditions::{Conditions, column, every},
    expressions::{Context, sign},
    graph::{Graph, Hop},
    names::{Names, number},
};
use crate::{
    query::{Aggregate, Argument, Item, Query, Value},
    schema::{ColumnId, Schema, TableId},
};
use check::check;

pub(super) fn statement(
    query: &Query,
    schema: &Schema,
    dialect: Dialect,
) -> Result<String, RenderError> {
    check(query, schema)?;
    let mut core = Vec::new();
    for table in items(query).flat_map(|item| tables_of(schema, &item)) {
        if !core.contains(&table) {
            core.push(table);
        }
    }
    let mut spoken_of = vec![false; schema.tables.len()];
    for predicate in query.filter.iter().flatten() {
        if let Some(c) = column(predicate) {
            spoken_of[schema.columns[c].table] = true;
        }
    }
    let graph = Graph::new(schema, &query.via, spoken_of);
    let tree = graph
        .tree(&core)
        .map_err(|to| unreachable(schema, core[0], to))?;
    let mut statement = Statement {
        query,
        schema,
        dialect,
        graph,
        joined: vec![core[0]],
        hops: Vec::new(),
    };
    for hop in tree {
        statement.join(hop, false);
    }
    let core_size = statement.joined.len();
    statement.join_filters()?;
    statement.write(core_size)
}

struct Statement<'a> {
    query: &'a Query,
    schema: &'a Schema,
    dialect: Dialect,
    graph: Graph,
    /// Joined tables, the first being the one after `FROM`.
    joined: Vec<TableId>,
    /// How each but the first is joined, and whether rows without a partner stay.
    hops: Vec<(Hop, bool)>,
}

impl Statement<'_> {
    fn join(&mut self, hop: Hop, left: bool) {
        self.joined.push(hop.to);
        self.hops.push((hop, left));
    }

    /// Joins the tables that only filter and hold at most one row per row joined so far.
    fn join_filters(&mut self) -> Result<(), RenderError> {
        // A condition that stands alone needs its row; one alternative of several must not drop the others'.
        for (lone, left) in [(true, false), (false, true)] {
            // There the columns of a partner that is missing are noughts and empty texts: it is asked for instead.
            if left && self.dialect == Dialect::ClickHouse {
                continue;
            }
            let mut tables: Vec<TableId> = Vec::new();
            for clause in self
                .query
                .filter
                .iter()
                .filter(|clause| (clause.len() == 1) == lone)
            {
                tables.extend(
                    clause
                        .iter()
                        .filter_map(column)
                        .map(|c| self.schema.columns[c].table),
                );
            }
            while let Some(way) = self.next_way_up(&tables)? {
                let mut outer = false;
                for hop in way {
                    let edge = &self.graph.edges[hop.edge];
                    outer |= left
                        && edge
                            .pairs
                            .iter()
                            .any(|&(c, _)| self.schema.columns[c].nullable);
                    self.join(hop, outer);
                }
            }
        }
        Ok(())
    }

    fn next_way_up(&self, tables: &[TableId]) -> Result<Option<Vec<Hop>>, RenderError> {
        let mut best: Option<Vec<Hop>> = None;
        for &table in tables.iter().filter(|t| !self.joined.contains(t)) {
            let way = self
                .graph
                .path(&self.joined, table, &[])
                .ok_or_else(|| unreachable(self.schema, self.joined[0], table))?;
            if way.iter().all(|&hop| self.graph.is_up(hop))
                && best.as_ref().is_none_or(|best| way.len() < best.len())
            {
                best = Some(way);
            }
        }
        Ok(best)
    }

    fn write(&self, core_size: usize) -> Result<String, RenderError> {
        let conditions = Conditions {
            schema: self.schema,
            graph: &self.graph,
            dialect: self.dialect,
            joined: &self.joined,
        };
        let mut names = Names::new(self.dialect);
        names.open();
        names.qualified = self.joined.len() > 1
            || self
                .query
                .filter
                .iter()
                .flatten()
                .any(|predicate| match column(predicate) {
                    Some(c) => !self.joined.contains(&self.schema.columns[c].table),
                    None => true,
                });
        let mut from = vec![format!("FROM {}", names.add(self.schema, self.joined[0]))];
        for &(hop, left) in &self.hops {
            let table = names.add(self.schema, hop.to);
            let keyword = if left { "LEFT JOIN" } else { "JOIN" };
            from.push(format!(
                "{keyword} {table} ON {}",
                conditions.on(hop, &names)
            ));
        }
        let mut filter = conditions.all(&self.query.filter, &mut names)?;

        let context = Context {
            schema: self.schema,
            names: &names,
            dialect: self.dialect,
        };
        filter.extend(self.without_nulls(&context));
        let columns = self.outputs(&context);
        let rows = self.rows(core_size);
        let mut lines = vec![self.head(&columns, rows)];
        lines.extend(from);
        lines.extend(every("WHERE", filter));
        let keys = self.group_keys(&context, rows);
        if !keys.is_empty() {
            lines.push(format!("GROUP BY {}", keys.join(", ")));
        }
        if let Some(having) = &self.query.having {
            let Value::Number(value) = having.value else {
                return Err(RenderError::Mismatch {
                    column: self.aggregate(&context, having.aggregate),
                    value: format!("{:?}", having.value),
                });
            };
            let aggregate = self.aggregate(&context, having.aggregate);
            lines.push(format!(
                "HAVING {aggregate} {} {}",
                sign(having.comparison),
                number(value)
            ));
        }
        if let Some(order) = &self.query.order {
            lines.push(self.order_by(&context, order, &columns, rows));
        }
        if let Some(limit) = self.query.limit
            && self.dialect != Dialect::TransactSql
        {
            lines.push(format!("LIMIT {limit}"));
        }
        Ok(lines.join("\n"))
    }

    /// How the joined rows become the rows shown.
    fn rows(&self, core_size: usize) -> Rows {
        let query = self.query;
        let aggregated = items(query).any(|item| matches!(item, Item::Aggregate(_)));
        if aggregated {
            return Rows::Grouped;
        }
        let shown: Vec<TableId> = query
            .select
            .iter()
            .flat_map(|item| tables_of(self.schema, item))
            .collect();
        let core = &self.joined[..core_size];
        let repeated = !core.iter().all(|t| self.above(&shown).contains(t));
        let order_shown = query
            .order
            .as_ref()
            .is_none_or(|order| self.is_shown(&order.by));
        match (query.distinct || repeated, order_shown) {
            (false, _) => Rows::Plain,
            (true, true) => Rows::Distinct,
            // A sort key that is not shown has many values per row shown: its extreme one counts.
            (true, false) => Rows::Extreme,
        }
    }

    /// The joined tables that hold one row per row of these tables.
    fn above(&self, tables: &[TableId]) -> Vec<TableId> {
        let mut above = tables.to_vec();
        let mut at = 0;
        while at < above.len() {
            for (hop, _) in &self.hops {
                let edge = &self.graph.edges[hop.edge];
                if edge.child == above[at] && !above.contains(&edge.parent) {
                    above.push(edge.parent);
                }
            }
            at += 1;
        }
        above
    }

    fn is_shown(&self, item: &Item) -> bool {
        self.query.select.contains(item)
            || matches!(item, Item::Column(c)
                if self.query.select.contains(&Item::AllOf(self.schema.columns[*c].table)))
    }
}

/// How joined rows become shown rows.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    Plain,
    Distinct,
    Grouped,
    /// Grouped only to sort by the extreme of a key that is not shown.
    Extreme,
}

struct Output {
    sql: String,
    alias: Option<String>,
}

/// Everything that must be computed from joined rows: what is shown, the group condition, the sort key.
fn items(query: &Query) -> impl Iterator<Item = Item> + '_ {
    query
        .select
        .iter()
        .cloned()
        .chain(
            query
                .having
                .iter()
                .map(|having| Item::Aggregate(having.aggregate)),
        )
        .chain(query.order.iter().map(|order| order.by.clone()))
}

fn tables_of(schema: &Schema, item: &Item) -> Vec<TableId> {
    match *item {
        Item::AllOf(table)
        | Item::Aggregate(Aggregate {
            argument: Argument::Rows(table),
            ..
        }) => vec![table],
        _ => sort_columns(item)
            .map(|c| schema.columns[c].table)
            .collect(),
    }
}

/// The columns an item is computed from.
fn sort_columns(item: &Item) -> impl Iterator<Item = ColumnId> + use<> {
    let (first, second) = match *item {
        Item::Column(c) | Item::Bucket(_, c) => (Some(c), None),
        Item::Aggregate(aggregate) => match aggregate.argument {
            Argument::Rows(_) => (None, None),
            Argument::Column(c) => (Some(c), None),
            Argument::Product(a, b) => (Some(a), Some(b)),
        },
        Item::AllOf(_) => (None, None),
    };
    first.into_iter().chain(second)
}

fn unreachable(schema: &Schema, from: TableId, to: TableId) -> RenderError {
    let table = |t: TableId| schema.tables[t].name.clone();
    RenderError::Unreachable {
        from: table(from),
        to: table(to),
    }
}
