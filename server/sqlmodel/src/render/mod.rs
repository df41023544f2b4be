//! From the query form to SQL of a dialect.

use thiserror::Error;

use crate::{query::Query, schema::Schema};

/// The SQL to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Why a query cannot be written as SQL.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RenderError {
    /// The query shows nothing.
    #[error("the query shows nothing; give it at least one item")]
    Empty,
    /// A column or table that the schema lacks.
    #[error("the schema has no {what} {id}")]
    Unknown {
        /// `column` or `table`.
        what: &'static str,
        /// The position asked for.
        id: usize,
    },
    /// Two tables that no foreign keys connect.
    #[error("no foreign keys lead from {from} to {to}")]
    Unreachable {
        /// A table of the query.
        from: String,
        /// The table out of reach.
        to: String,
    },
    /// A literal that does not go with its place.
    #[error("{column} cannot be compared with {value}")]
    Mismatch {
        /// The column.
        column: String,
        /// The literal.
        value: String,
    },
}

/// The SQL of a query.
pub fn render(_query: &Query, _schema: &Schema, _dialect: Dialect) -> Result<String, RenderError> {
    unimplemented!()
}
