//! The guard's case lists.

use tidegate_schema::model::Dialect;

/// A statement of the lists.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The statement.
    pub(crate) sql: &'static str,
    /// Dialects the list is for.
    pub(crate) dialects: Vec<Dialect>,
    /// Whether the guard allows it.
    pub(crate) is_read: bool,
}

macro_rules! list {
    ($name:literal) => {
        include_str!(concat!("../../../../server/src/guard/cases/", $name))
    };
}

/// All of them.
pub(crate) fn statements() -> Vec<Case> {
    use Dialect::{ClickHouse, DuckDb, MySql, Postgres, Sqlite, TransactSql};

    let files: [(&'static str, &[Dialect], bool); 14] = [
        (list!("attacks_both.sql"), &[Sqlite, Postgres], false),
        (list!("attacks_sqlite.sql"), &[Sqlite], false),
        (list!("attacks_postgres.sql"), &[Postgres], false),
        (list!("attacks_mysql.sql"), &[MySql], false),
        (list!("attacks_duckdb.sql"), &[DuckDb], false),
        (list!("attacks_clickhouse.sql"), &[ClickHouse], false),
        (list!("attacks_transact_sql.sql"), &[TransactSql], false),
        (list!("reads_both.sql"), &[Sqlite, Postgres], true),
        (list!("reads_sqlite.sql"), &[Sqlite], true),
        (list!("reads_postgres.sql"), &[Postgres], true),
        (list!("reads_mysql.sql"), &[MySql], true),
        (list!("reads_duckdb.sql"), &[DuckDb], true),
        (list!("reads_clickhouse.sql"), &[ClickHouse], true),
        (list!("reads_transact_sql.sql"), &[TransactSql], true),
    ];
    files
        .into_iter()
        .flat_map(|(text, dialects, is_read)| {
            text.split("\n---\n").map(move |sql| Case {
                sql: sql.strip_suffix('\n').unwrap_or(sql),
                dialects: dialects.to_vec(),
                is_read,
            })
        })
        .collect()
}
