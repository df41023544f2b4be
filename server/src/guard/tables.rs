//! Names of tables, taken apart as the engine would, and whether they may be read.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use tidegate_schema::model::Dialect;

mod system;

/// A table's name, taken apart as the engine would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    /// The part before the last, folded; in MySQL and ClickHouse that is the database.
    pub(super) schema: Option<String>,
    /// The last part, folded.
    pub(super) name: String,
    /// As it stands in the statement.
    pub(super) written: String,
}

impl TableName {
    /// `None` when a part is no plain name, or there are more parts than lead to a table of this database.
    ///
    /// `database` is the name of the datasource's own database, where it is known: only that may stand as a part more.
    pub(super) fn read(
        name: &ObjectName,
        dialect: Dialect,
        database: Option<&str>,
    ) -> Option<Self> {
        let parts: Option<Vec<String>> = name.0.iter().map(|part| part_of(part, dialect)).collect();
        let mut parts = parts?;
        let own = |part: &str| database.is_some_and(|own| own.eq_ignore_ascii_case(part));
        let levels = matches!(dialect, Dialect::DuckDb | Dialect::TransactSql);
        if levels && parts.len() == 3 && own(&parts[0]) {
            parts.remove(0);
        }
        // DuckDB reads `file.table` too; a schema of that name would be found as well, with the same tables allowed.
        if dialect == Dialect::DuckDb && parts.len() == 2 && own(&parts[0]) {
            parts.remove(0);
        }
        let last = parts.pop()?;
        if parts.len() > 1 || last.is_empty() {
            return None;
        }
        Some(Self {
            schema: parts.pop(),
            name: last,
            written: name.to_string(),
        })
    }

    /// Why this table may not be read, whoever asks.
    pub(super) fn secret(&self, dialect: Dialect) -> Option<String> {
        if dialect == Dialect::DuckDb && self.is_like_a_file() {
            return Some(format!(
                "{} may be read as the name of a file; files are no tables here, so add the file as a datasource",
                self.written
            ));
        }
        let schema = self.schema.as_deref();
        let refused = match dialect {
            Dialect::Postgres => system::is_secret_in_postgres(schema, &self.name),
            Dialect::Sqlite => {
                !matches!(schema, None | Some("main"))
                    || (self.is_sqlite_own() && !system::SQLITE.contains(&self.name.as_str()))
            }
            Dialect::MySql => system::is_secret_in_mysql(schema, &self.name),
            Dialect::DuckDb => system::is_secret_in_duckdb(schema, &self.name),
            Dialect::ClickHouse => system::is_secret_in_clickhouse(schema, &self.name),
            Dialect::TransactSql => system::is_secret_in_transact_sql(schema, &self.name),
        };
        refused.then(|| {
            format!(
                "{} belongs to the database system and may not be read; query the user's tables",
                self.written
            )
        })
    }

    /// Whether it is the system's and not the user's; nobody is granted those.
    pub(super) fn is_system(&self, dialect: Dialect) -> bool {
        let schema = self.schema.as_deref();
        let is = |name: &str| schema.is_some_and(|schema| schema.eq_ignore_ascii_case(name));
        match dialect {
            Dialect::Postgres => {
                matches!(schema, Some("information_schema" | "pg_catalog"))
                    || (schema.is_none() && self.name.starts_with("pg_"))
            }
            Dialect::Sqlite => self.is_sqlite_own(),
            Dialect::MySql => is("information_schema"),
            Dialect::ClickHouse => is("information_schema") || is("system"),
            Dialect::TransactSql => {
                is("information_schema")
                    || is("sys")
                    || system::is_old_view_of_transact_sql(&self.name)
            }
            Dialect::DuckDb => {
                is("information_schema")
                    || is("pg_catalog")
                    || self.name.starts_with("pg_")
                    || self.name.starts_with("duckdb_")
                    || self.name.starts_with("pragma_")
                    || self.is_sqlite_own()
            }
        }
    }

    /// The names under which a grant may list this table.
    pub(super) fn granted_as(&self, dialect: Dialect, database: Option<&str>) -> Vec<String> {
        let default = match dialect {
            Dialect::Sqlite | Dialect::DuckDb => Some("main"),
            Dialect::Postgres => Some("public"),
            Dialect::TransactSql => Some("dbo"),
            // There a schema is a database.
            Dialect::MySql | Dialect::ClickHouse => database,
        };
        let Some(schema) = self.schema.as_deref() else {
            return vec![self.name.clone()];
        };
        let is_default = default.is_some_and(|default| match dialect {
            Dialect::TransactSql | Dialect::DuckDb => schema.eq_ignore_ascii_case(default),
            _ => schema == default,
        });
        let full = format!("{schema}.{}", self.name);
        // `db..t` leaves the schema to the server.
        if is_default || schema.is_empty() {
            return vec![self.name.clone(), full];
        }
        vec![full]
    }

    fn is_sqlite_own(&self) -> bool {
        self.name.starts_with("sqlite_")
            || self.name.starts_with("pragma_")
            || self.name == "dbstat"
    }

    /// Whether DuckDB would look for a file where there is no such table, quoted or not.
    fn is_like_a_file(&self) -> bool {
        const ENDINGS: &[&str] = &[
            "arrow", "avro", "csv", "db", "duckdb", "fgb", "geojson", "gpkg", "gz", "ipc", "json",
            "jsonl", "lance", "ndjson", "parquet", "pbf", "shp", "sqlite", "tsv", "txt", "vortex",
            "xls", "xlsx", "zst",
        ];
        let whole = match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        };
        let ending = whole.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| ENDINGS.contains(&ending))
            || whole.contains(['/', '\\', '*', '?', '[', ':', '~'])
    }
}

/// Whether one of these words stands where a table should: the parser takes it for a name, and what follows for its
/// alias.
pub(super) fn has_word(name: &ObjectName, words: &[&str]) -> bool {
    let is_word = |ident: &Ident| {
        ident.quote_style.is_none()
            && words
                .iter()
                .any(|word| ident.value.eq_ignore_ascii_case(word))
    };
    name.0
        .iter()
        .any(|part| part.as_ident().is_some_and(is_word))
}

fn part_of(part: &ObjectNamePart, dialect: Dialect) -> Option<String> {
    let ObjectNamePart::Identifier(ident) = part else {
        return None;
    };
    // A string in place of a name: SQLite takes it for a name, others for a file, or not at all.
    let is_text = match ident.quote_style {
        Some('\'') => dialect != Dialect::Sqlite,
        Some('"') => dialect == Dialect::MySql,
        _ => false,
    };
    (!is_text).then(|| folded(ident, dialect))
}

/// A name as the engine compares it: SQLite and DuckDB ignore case always, PostgreSQL unless it is quoted. They leave
/// letters beyond ASCII as they are. The others may tell names apart by case, or not, as their servers are set up:
/// there a name stays as it is written, which at worst takes a name that WITH defines for a table. To SQL Server blanks
/// at the end of a name are as good as none.
pub(super) fn folded(ident: &Ident, dialect: Dialect) -> String {
    match (dialect, ident.quote_style) {
        (Dialect::Sqlite | Dialect::DuckDb, _) | (Dialect::Postgres, None) => {
            ident.value.to_ascii_lowercase()
        }
        (Dialect::TransactSql, _) => ident.value.trim_end().to_owned(),
        _ => ident.value.clone(),
    }
}
