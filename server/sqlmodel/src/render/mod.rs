//! From the query form to SQL of a dialect.
//!
//! The form names columns and values; joins, groups, existence tests and the pitfalls of SQL (rows repeated by
//! a join, namesakes merged by a group, missing values that sort first) are settled here. It knows nothing of
//! questions.

mod conditions;
mod expressions;
mod functions;
mod graph;
mod names;
mod reserved;
mod select;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::{
    query::Query,
    schema::{ColumnId, Schema},
};

#[cfg(feature = "generate")]
pub(crate) use conditions::column as column_of;

/// The SQL to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB, and the products that speak it.
    MySql,
    /// DuckDB.
    DuckDb,
    /// ClickHouse.
    ClickHouse,
    /// Transact-SQL.
    TransactSql,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::Sqlite,
        Self::Postgres,
        Self::MySql,
        Self::DuckDb,
        Self::ClickHouse,
        Self::TransactSql,
    ];
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
    /// An existence test inside another.
    #[error("an existence test cannot hold another one; state its conditions directly")]
    Nested,
    /// A literal that does not go with its place.
    #[error("{column} cannot be compared with {value}")]
    Mismatch {
        /// The column.
        column: String,
        /// The literal.
        value: String,
    },
}

/// The SQL of a query: one `SELECT` statement over several lines, without a semicolon.
pub fn render(query: &Query, schema: &Schema, dialect: Dialect) -> Result<String, RenderError> {
    select::statement(query, schema, dialect)
}

/// Keeps of these foreign-key columns the ones that a query has to name in [`Query::via`]: those without which
/// other joins would be chosen, and those that stand beside another key to the same table with nothing in
/// their name to prefer one.
pub fn settle_keys(query: &mut Query, schema: &Schema, keys: &[ColumnId]) {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    query.via.clone_from(&keys);
    let meant = render(query, schema, Dialect::Sqlite);
    for key in keys {
        let rest: Vec<ColumnId> = query.via.iter().copied().filter(|&k| k != key).collect();
        let before = std::mem::replace(&mut query.via, rest);
        if graph::is_toss_up(schema, key) || render(query, schema, Dialect::Sqlite) != meant {
            query.via = before;
        }
    }
}
