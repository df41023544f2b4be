//! Refusing queries that cannot be written before anything is.

use super::{items, sort_columns};
use crate::{
    query::{Aggregate, Argument, Item, Predicate, Query},
    render::{RenderError, conditions::column},
    schema::{ColumnId, Schema, TableId},
};

/// Refuses a query that names what the schema lacks.
pub(super) fn check(query: &Query, schema: &Schema) -> Result<(), RenderError> {
    if query.select.is_empty() {
        return Err(RenderError::Empty);
    }
    let table = |id: TableId| {
        if id < schema.tables.len() {
            Ok(())
        } else {
            Err(RenderError::Unknown { what: "table", id })
        }
    };
    let known = |id: ColumnId| match schema.columns.get(id) {
        Some(column) => table(column.table),
        None => Err(RenderError::Unknown { what: "column", id }),
    };
    for item in items(query) {
        sort_columns(&item).try_for_each(known)?;
        match item {
            Item::AllOf(id)
            | Item::Aggregate(Aggregate {
                argument: Argument::Rows(id),
                ..
            }) => table(id)?,
            Item::Aggregate(Aggregate {
                argument: Argument::Product(a, b),
                ..
            }) => {
                known(a)?;
                known(b)?;
            }
            _ => {}
        }
    }
    for predicate in query.filter.iter().flatten() {
        column(predicate).map_or(Ok(()), known)?;
        if let Predicate::Exists(id, _, inner) = predicate {
            table(*id)?;
            for predicate in inner {
                match column(predicate) {
                    Some(c) => known(c)?,
                    None => return Err(RenderError::Nested),
                }
            }
        }
    }
    query.via.iter().copied().try_for_each(known)
}
