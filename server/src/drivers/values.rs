//! How much of a column's values introspection keeps, the same for every engine.

/// Distinct values kept of a column.
pub(super) const MAX_VALUES: usize = 1_000;
/// A column with a longer value holds prose; none of its values are kept.
pub(super) const MAX_VALUE_CHARS: usize = 80;
/// Rows of a table looked at; a table with more has no complete values.
pub(super) const ROWS_LOOKED_AT: usize = 100_000;
