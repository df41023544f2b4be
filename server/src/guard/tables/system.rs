//! Tables of the system that may be read: those that describe, none that keep secrets.

/// PostgreSQL's catalogue as far as it describes tables. Role passwords, other sessions' queries, server files,
/// large objects and the planner's samples of the data are left out.
const POSTGRES: &[&str] = &[
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
/// SQLite's own tables that hold the schema; DuckDB answers to two of them.
pub(super) const SQLITE: &[&str] = &[
    "sqlite_schema",
    "sqlite_master",
    "sqlite_stat1",
    "sqlite_sequence",
];
/// What of `information_schema` describes tables. Routines, triggers and events have bodies; users, privileges,
/// processes and variables are nobody's business.
const INFORMATION_SCHEMA: &[&str] = &[
    "character_sets",
    "check_constraints",
    "collations",
    "column_statistics",
    "columns",
    "constraint_column_usage",
    "constraint_table_usage",
    "domains",
    "engines",
    "key_column_usage",
    "partitions",
    "referential_constraints",
    "schemata",
    "st_geometry_columns",
    "statistics",
    "table_constraints",
    "tables",
    "view_column_usage",
    "view_table_usage",
    "views",
];
/// Databases of MySQL, MariaDB, TiDB, OceanBase, Doris and StarRocks that are the server's.
const MYSQL_DATABASES: &[&str] = &[
    "__internal_schema",
    "_statistics_",
    "inspection_schema",
    "metrics_schema",
    "mysql",
    "ndbinfo",
    "oceanbase",
    "ocs",
    "performance_schema",
    "starrocks_monitor",
    "sys",
];
/// ClickHouse's `system.tables` and `system.databases` may tell how the server logs in to others.
const CLICKHOUSE: &[&str] = &["columns", "data_type_families", "functions", "one"];
const DUCKDB: &[&str] = &[
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_indexes",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_description",
    "pg_enum",
    "pg_index",
    "pg_indexes",
    "pg_namespace",
    "pg_sequence",
    "pg_sequences",
    "pg_tables",
    "pg_type",
    "pg_views",
    "sqlite_master",
    "sqlite_schema",
];
/// SQL Server's catalogue as far as it describes tables.
const TRANSACT_SQL: &[&str] = &[
    "all_columns",
    "all_objects",
    "check_constraints",
    "columns",
    "computed_columns",
    "default_constraints",
    "extended_properties",
    "foreign_key_columns",
    "foreign_keys",
    "identity_columns",
    "index_columns",
    "indexes",
    "key_constraints",
    "objects",
    "partitions",
    "schemas",
    "stats",
    "tables",
    "types",
    "views",
];
/// Views that SQL Server keeps for programs of another age; they answer to plain names.
const TRANSACT_SQL_OLD: &[&str] = &[
    "sysaltfiles",
    "syscacheobjects",
    "syscharsets",
    "syscolumns",
    "syscomments",
    "sysconfigures",
    "sysconstraints",
    "syscurconfigs",
    "syscursorcolumns",
    "syscursorrefs",
    "syscursors",
    "syscursortables",
    "sysdatabases",
    "sysdepends",
    "sysdevices",
    "sysfilegroups",
    "sysfiles",
    "sysforeignkeys",
    "sysfulltextcatalogs",
    "sysindexes",
    "sysindexkeys",
    "syslanguages",
    "syslockinfo",
    "syslogins",
    "sysmembers",
    "sysmessages",
    "sysobjects",
    "sysoledbusers",
    "sysopentapes",
    "sysperfinfo",
    "syspermissions",
    "sysprocesses",
    "sysprotects",
    "sysreferences",
    "sysremotelogins",
    "sysservers",
    "systypes",
    "sysusers",
    "sysxlogins",
];

pub(super) fn is_secret_in_postgres(schema: Option<&str>, name: &str) -> bool {
    match schema {
        // Its own helpers, and what foreign servers are logged in to with.
        Some("information_schema") => {
            name.starts_with('_') || name.starts_with("user_mapping") || name.ends_with("_options")
        }
        // A temporary table shadows nothing here: sessions make none.
        Some(schema) if schema.starts_with("pg_") && schema != "pg_catalog" => true,
        Some("pg_catalog") => !POSTGRES.contains(&name),
        None if name.starts_with("pg_") => !POSTGRES.contains(&name),
        _ => false,
    }
}

pub(super) fn is_secret_in_mysql(schema: Option<&str>, name: &str) -> bool {
    match lower(schema).as_deref() {
        Some("information_schema") => !in_information_schema(name),
        Some(schema) => MYSQL_DATABASES.contains(&schema),
        None => false,
    }
}

pub(super) fn is_secret_in_clickhouse(schema: Option<&str>, name: &str) -> bool {
    match lower(schema).as_deref() {
        Some("information_schema") => !in_information_schema(name),
        Some("system") => !CLICKHOUSE.contains(&name),
        Some(schema) => schema.starts_with("_temporary"),
        None => false,
    }
}

pub(super) fn is_secret_in_duckdb(schema: Option<&str>, name: &str) -> bool {
    let own = ["pg_", "duckdb_", "sqlite_", "pragma_"];
    match schema {
        Some("information_schema") => !in_information_schema(name),
        Some("pg_catalog") => !DUCKDB.contains(&name),
        Some("system" | "temp") => true,
        _ => own.iter().any(|start| name.starts_with(start)) && !DUCKDB.contains(&name),
    }
}

pub(super) fn is_secret_in_transact_sql(schema: Option<&str>, name: &str) -> bool {
    let name = name.to_lowercase();
    match lower(schema).as_deref() {
        Some("information_schema") => !in_information_schema(&name),
        Some("sys") => !TRANSACT_SQL.contains(&name.as_str()),
        Some(schema) if may_begin(schema, "sys") && !schema.is_ascii() => true,
        Some(schema) if may_begin(schema, "information") && !schema.is_ascii() => true,
        _ => is_old_view_of_transact_sql(&name) || (may_begin(&name, "sys") && !name.is_ascii()),
    }
}

/// Whether it is one of the views that answer to their plain names.
pub(super) fn is_old_view_of_transact_sql(name: &str) -> bool {
    TRANSACT_SQL_OLD
        .iter()
        .any(|view| view.eq_ignore_ascii_case(name))
}

/// Whether a collation may take the beginning of a name for this one: some leave out accents, the width of letters,
/// and signs they do not know.
fn may_begin(name: &str, with: &str) -> bool {
    let mut left: Vec<&str> = vec![with];
    for sign in name.chars() {
        if left.iter().any(|rest| rest.is_empty()) {
            return true;
        }
        if is_a_letter_of_its_own(sign) {
            return false;
        }
        let mut next = Vec::new();
        for rest in left {
            let after = &rest[1..];
            if sign.is_ascii() {
                if rest.starts_with(sign.to_ascii_lowercase()) {
                    next.push(after);
                }
            } else {
                next.push(rest);
                next.push(after);
            }
        }
        next.sort_unstable();
        next.dedup();
        left = next;
    }
    left.iter().any(|rest| rest.is_empty())
}

/// A letter that no collation takes for one of `a` to `z`: Greek, Cyrillic, Chinese and the like.
fn is_a_letter_of_its_own(sign: char) -> bool {
    let compatible = matches!(
        sign,
        '\u{1d00}'..='\u{1eff}' | '\u{2000}'..='\u{2bff}' | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}'
            | '\u{f900}'..
    );
    sign >= '\u{370}' && sign.is_alphabetic() && !compatible
}

fn lower(schema: Option<&str>) -> Option<String> {
    schema.map(str::to_lowercase)
}

fn in_information_schema(name: &str) -> bool {
    INFORMATION_SCHEMA
        .iter()
        .any(|table| table.eq_ignore_ascii_case(name))
}
