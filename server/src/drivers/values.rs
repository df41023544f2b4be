//! How much of a column's values introspection keeps, the same for every engine.

use std::collections::BTreeSet;

use tidegate_schema::model::CatalogueColumn;

/// Distinct values kept of a column.
pub(super) const MAX_VALUES: usize = 1_000;
/// A column with a longer value holds prose; none of its values are kept.
pub(super) const MAX_VALUE_CHARS: usize = 80;
/// Rows of a table looked at; a table with more has no complete values.
pub(super) const ROWS_LOOKED_AT: usize = 100_000;

/// Keeps what was seen in a column, unless it is prose. `whole` if all rows of its table were looked at.
pub(super) fn keep(column: &mut CatalogueColumn, seen: BTreeSet<String>, whole: bool) {
    let is_prose = seen
        .iter()
        .any(|value| value.chars().count() > MAX_VALUE_CHARS);
    column.values_complete = whole && !is_prose && seen.len() <= MAX_VALUES;
    column.values = if is_prose {
        Vec::new()
    } else {
        seen.into_iter().take(MAX_VALUES).collect()
    };
}
