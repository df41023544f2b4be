//! Tables of the system that may be read: those that describe, none that keep secrets.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use tidegate_schema::model::Engine;

/// PostgreSQL's catalogue as far as it describes tables. Role passwords, other sessions' queries, server files,
/// large objects and the planner's samples of the data are left out.
const POSTGRES_CATALOGUE: &[&str] = &[
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_description",
    "pg_enum",
    "pg_index",
    "pg_indexes",
    "pg_inherits",
    "pg_matviews",
    "pg_namespace",
    "pg_partitioned_table",
    "pg_sequence",
    "pg_sequences",
    "pg_stat_all_tables",
    "pg_stat_user_indexes",
    "pg_stat_user_tables",
    "pg_statio_user_tables",
    "pg_tables",
    "pg_type",
    "pg_views",
    "pg_timezone_names",
    "pg_timezone_abbrevs",
];
/// SQLite's own tables that hold the schema.
const SQLITE_CATALOGUE: &[&str] = &[
    "sqlite_schema",
    "sqlite_master",
    "sqlite_stat1",
    "sqlite_sequence",
];

/// A table's name, taken apart as the engine would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    /// Parts before the last, folded.
    pub(super) schema: Option<String>,
    /// The last part, folded.
    pub(super) name: String,
    /// As it stands in the statement.
    pub(super) written: String,
}

impl TableName {
    /// `None` when a part is no plain name, or there are more parts than an engine has levels.
    pub(super) fn read(name: &ObjectName, engine: Engine) -> Option<Self> {
        let parts: Option<Vec<String>> = name.0.iter().map(|part| part_of(part, engine)).collect();
        let mut parts = parts?;
        let last = parts.pop()?;
        if parts.len() > 1 {
            return None;
        }
        Some(Self {
            schema: parts.pop(),
            name: last,
            written: name.to_string(),
        })
    }

    /// Why this table may not be read, whoever asks.
    pub(super) fn secret(&self, engine: Engine) -> Option<String> {
        let schema = self.schema.as_deref();
        let refused = match engine {
            Engine::Postgres => match schema {
                // Its own helpers, and what foreign servers are logged in to with.
                Some("information_schema") => {
                    self.name.starts_with('_')
                        || self.name.starts_with("user_mapping")
                        || self.name.ends_with("_options")
                }
                // A temporary table shadows nothing here: sessions make none.
                Some(schema) if schema.starts_with("pg_") && schema != "pg_catalog" => true,
                Some("pg_catalog") => !POSTGRES_CATALOGUE.contains(&self.name.as_str()),
                None if self.name.starts_with("pg_") => {
                    !POSTGRES_CATALOGUE.contains(&self.name.as_str())
                }
                _ => false,
            },
            Engine::Sqlite => {
                !matches!(schema, None | Some("main"))
                    || (self.is_sqlite_own() && !SQLITE_CATALOGUE.contains(&self.name.as_str()))
            }
        };
        refused.then(|| {
            format!(
                "{} belongs to the database system and may not be read; query the user's tables",
                self.written
            )
        })
    }

    /// Whether it is the system's and not the user's; nobody is granted those.
    pub(super) fn is_system(&self, engine: Engine) -> bool {
        match engine {
            Engine::Postgres => {
                matches!(
                    self.schema.as_deref(),
                    Some("information_schema" | "pg_catalog")
                ) || (self.schema.is_none() && self.name.starts_with("pg_"))
            }
            Engine::Sqlite => self.is_sqlite_own(),
        }
    }

    /// The names under which a grant may list this table.
    pub(super) fn granted_as(&self, engine: Engine) -> Vec<String> {
        let default = match engine {
            Engine::Sqlite => "main",
            Engine::Postgres => "public",
        };
        match self.schema.as_deref() {
            None => vec![self.name.clone()],
            Some(schema) if schema == default => {
                vec![self.name.clone(), format!("{schema}.{}", self.name)]
            }
            Some(schema) => vec![format!("{schema}.{}", self.name)],
        }
    }

    fn is_sqlite_own(&self) -> bool {
        self.name.starts_with("sqlite_")
            || self.name.starts_with("pragma_")
            || self.name == "dbstat"
    }
}

/// Whether `ONLY` stands where a table should: the parser takes it for a name, and what follows for its alias.
pub(super) fn has_only(name: &ObjectName) -> bool {
    let only =
        |ident: &Ident| ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("only");
    name.0.iter().any(|part| part.as_ident().is_some_and(only))
}

fn part_of(part: &ObjectNamePart, engine: Engine) -> Option<String> {
    match part {
        ObjectNamePart::Identifier(ident) => Some(folded(ident, engine)),
        ObjectNamePart::Function(_) => None,
    }
}

/// A name as the engine compares it: SQLite ignores case always, PostgreSQL unless it is quoted. Both leave letters
/// beyond ASCII as they are.
pub(super) fn folded(ident: &Ident, engine: Engine) -> String {
    match (engine, ident.quote_style) {
        (Engine::Postgres, Some(_)) => ident.value.clone(),
        _ => ident.value.to_ascii_lowercase(),
    }
}
