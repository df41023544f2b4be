//! One form for one meaning: a condition on what belongs to the shown rows is an existence test.

use super::instance::used;
use crate::{
    query::{Item, Predicate, Query},
    schema::{ColumnId, Schema, TableId},
};

/// Turns plain conditions on tables below the shown ones into existence tests, where nothing is aggregated.
pub(super) fn normalised(mut query: Query, schema: &Schema) -> Query {
    let aggregates = query
        .select
        .iter()
        .chain(query.order.iter().map(|o| &o.by))
        .any(|i| matches!(i, Item::Aggregate(_)))
        || query.having.is_some();
    if aggregates {
        return query;
    }
    let mut shown: Vec<TableId> = query
        .select
        .iter()
        .chain(query.order.iter().map(|o| &o.by))
        .filter_map(|i| match i {
            Item::Column(c) | Item::Bucket(_, c) => Some(schema.columns[*c].table),
            Item::AllOf(t) => Some(*t),
            Item::Aggregate(_) => None,
        })
        .collect();
    shown.dedup();
    let mut kept = Vec::new();
    let mut below: Vec<(TableId, Vec<Predicate>)> = Vec::new();
    for clause in std::mem::take(&mut query.filter) {
        let table = match clause.as_slice() {
            [one] => column_of(one).map(|c| schema.columns[c].table),
            _ => None,
        };
        match table {
            Some(t) if !shown.contains(&t) && shown.iter().any(|&s| above(schema, t, s)) => {
                match below.iter_mut().find(|(other, _)| *other == t) {
                    Some((_, inner)) => inner.extend(clause),
                    None => below.push((t, clause)),
                }
            }
            _ => kept.push(clause),
        }
    }
    kept.extend(
        below
            .into_iter()
            .map(|(t, inner)| vec![Predicate::Exists(t, true, inner)]),
    );
    query.filter = kept;
    let by_label = shown.len() == 1
        && query
            .select
            .iter()
            .all(|i| matches!(i, Item::Column(c) if Some(*c) == schema.display_column(shown[0])));
    if by_label {
        query.distinct = false;
    }
    query
}

fn column_of(p: &Predicate) -> Option<ColumnId> {
    match p {
        Predicate::Compare(c, ..)
        | Predicate::Between(c, ..)
        | Predicate::Like(c, ..)
        | Predicate::Date(c, ..)
        | Predicate::DateBetween(c, ..)
        | Predicate::Null(c, _)
        | Predicate::Flag(c, _)
        | Predicate::AverageOf(c, _) => Some(*c),
        Predicate::Exists(..) => None,
    }
}

/// Whether the tables of a query hang together in more than one way, and no key says which is meant.
pub(super) fn ambiguous(query: &Query, schema: &Schema) -> bool {
    if !query.via.is_empty() {
        return false;
    }
    let (columns, mut tables) = used(query);
    tables.extend(columns.iter().map(|&c| schema.columns[c].table));
    tables.sort_unstable();
    tables.dedup();
    let mut pairs: Vec<(TableId, TableId)> = schema
        .foreign_keys()
        .map(|(from, to)| (schema.columns[from].table, schema.columns[to].table))
        .filter(|(from, to)| from != to && tables.contains(from) && tables.contains(to))
        .map(|(from, to)| (from.min(to), from.max(to)))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.len() >= tables.len().max(1)
}

/// Whether `parent` is reached from `child` over foreign keys, in at most three steps.
fn above(schema: &Schema, child: TableId, parent: TableId) -> bool {
    let mut reached = vec![child];
    for _ in 0..3 {
        let next: Vec<TableId> = schema
            .foreign_keys()
            .map(|(from, to)| (schema.columns[from].table, schema.columns[to].table))
            .filter(|(from, to)| reached.contains(from) && !reached.contains(to))
            .map(|(_, to)| to)
            .collect();
        if next.contains(&parent) {
            return true;
        }
        reached.extend(next);
    }
    false
}
