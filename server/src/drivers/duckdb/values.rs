//! A bounded look at the values of short text columns.

use std::collections::BTreeSet;

use duckdb::{Connection, Result};
use tidegate_schema::model::CatalogueTable;

use super::introspect::full_name;
use crate::drivers::{
    lexis::quoted,
    values::{self, MAX_VALUE_CHARS, MAX_VALUES, ROWS_LOOKED_AT},
};

/// Columns looked at in one query.
pub(super) const COLUMNS_PER_QUERY: usize = 24;

/// What was seen: the place of the column in the query, and a value, or the number of rows looked at.
pub(super) type Seen = (i64, Option<String>, i64);

/// Text columns of tables, by table and column. An enumeration has told its labels already.
pub(super) fn columns(tables: &[CatalogueTable]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, table) in tables
        .iter()
        .enumerate()
        .filter(|(_, table)| !table.is_view)
    {
        let texts = table.columns.iter().enumerate();
        let texts = texts.filter(|(_, column)| column.data_type == "VARCHAR");
        found.extend(texts.map(|(nth, _)| (at, nth)));
    }
    found
}

/// One query for many columns: for each its distinct values, and a row of NULL with the rows looked at. A longer value
/// is cut where it shows that it is too long.
pub(super) fn look(tables: &[CatalogueTable], chunk: &[(usize, usize)]) -> String {
    let (cut, kept) = (MAX_VALUE_CHARS + 1, MAX_VALUES + 1);
    let mut parts = Vec::with_capacity(chunk.len() * 2);
    for (nth, &(table, column)) in chunk.iter().enumerate() {
        let from = full_name(&tables[table]);
        let column = quoted(&tables[table].columns[column].name);
        parts.push(format!(
            "(SELECT {nth} AS nth, v, 0 AS n FROM (SELECT DISTINCT substring({column}, 1, {cut}) AS v \
             FROM (SELECT {column} FROM {from} LIMIT {ROWS_LOOKED_AT}) r) d WHERE v IS NOT NULL LIMIT {kept})"
        ));
        parts.push(format!(
            "(SELECT {nth}, NULL, count(*) FROM (SELECT 1 FROM {from} LIMIT {}) r)",
            ROWS_LOOKED_AT + 1
        ));
    }
    parts.join(" UNION ALL ")
}

pub(super) fn seen(connection: &Connection, sql: &str) -> Result<Vec<Seen>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?, row.get(2)?));
    }
    Ok(found)
}

/// Puts what was seen into the columns it was seen in.
pub(super) fn keep(tables: &mut [CatalogueTable], chunk: &[(usize, usize)], seen: Vec<Seen>) {
    let mut values: Vec<BTreeSet<String>> = vec![BTreeSet::new(); chunk.len()];
    let mut counts = vec![i64::MAX; chunk.len()];
    for (nth, value, count) in seen {
        let Some(nth) = usize::try_from(nth).ok().filter(|&nth| nth < chunk.len()) else {
            continue;
        };
        match value {
            Some(value) => drop(values[nth].insert(value)),
            None => counts[nth] = count,
        }
    }
    for ((&(table, column), values), count) in chunk.iter().zip(values).zip(counts) {
        let is_whole = count <= ROWS_LOOKED_AT as i64;
        if is_whole {
            tables[table].row_estimate = u64::try_from(count).ok();
        }
        values::keep(&mut tables[table].columns[column], values, is_whole);
    }
}
