//! Functions that may be called: those known to compute and nothing else.
//!
//! A list of what is allowed, since a list of what is forbidden is never complete: extensions and the users
//! themselves bring functions of any name.

use std::{collections::HashSet, sync::LazyLock};

use tidegate_schema::model::Dialect;

mod arguments;

pub(super) use arguments::{refused_arguments, refused_trim_set};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In an expression: it makes one value.
    Value,
    /// In FROM: it makes a table.
    Table,
}

type Names = LazyLock<HashSet<&'static str>>;

static COMMON: Names = LazyLock::new(|| names(include_str!("functions/common.txt")));
static SQLITE: Names = LazyLock::new(|| names(include_str!("functions/sqlite.txt")));
static POSTGRES: Names = LazyLock::new(|| names(include_str!("functions/postgres.txt")));
// An engine where users' functions answer to plain names gets no list that is shared.
static MYSQL: Names = LazyLock::new(|| names(include_str!("functions/mysql.txt")));
static DUCKDB: Names = LazyLock::new(|| names(include_str!("functions/duckdb.txt")));
static CLICKHOUSE: Names = LazyLock::new(|| names(include_str!("functions/clickhouse.txt")));
static CLICKHOUSE_AGGREGATES: Names =
    LazyLock::new(|| names(include_str!("functions/clickhouse_aggregates.txt")));
static TRANSACT_SQL: Names = LazyLock::new(|| names(include_str!("functions/transact_sql.txt")));

/// Functions that may stand in FROM.
const DUCKDB_TABLES: &[&str] = &[
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_functions",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "json_each",
    "json_tree",
    "range",
    "unnest",
];
const CLICKHOUSE_TABLES: &[&str] = &[
    "generate_series",
    "generateseries",
    "numbers",
    "numbers_mt",
    "values",
    "zeros",
    "zeros_mt",
];
const TRANSACT_SQL_TABLES: &[&str] = &["generate_series", "string_split"];

/// Functions that describe any table they are asked for, by its name or its number.
const POSTGRES_TELLING: &[&str] = &[
    "col_description",
    "format_type",
    "has_column_privilege",
    "has_table_privilege",
    "obj_description",
    "pg_get_constraintdef",
    "pg_get_expr",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "pg_indexes_size",
    "pg_relation_size",
    "pg_table_is_visible",
    "pg_table_size",
    "pg_total_relation_size",
    "shobj_description",
    "to_regclass",
    "to_regtype",
];
const TRANSACT_SQL_TELLING: &[&str] = &[
    "col_length",
    "col_name",
    "columnproperty",
    "index_col",
    "object_id",
    "object_name",
    "object_schema_name",
];

/// What ClickHouse takes at the end of an aggregate's name.
const COMBINATORS: &[&str] = &[
    "if",
    "array",
    "distinct",
    "ornull",
    "ordefault",
    "state",
    "merge",
    "foreach",
    "map",
];

/// The words of a list; a line that begins with a hash is a comment.
fn names(list: &'static str) -> HashSet<&'static str> {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// Whether a function of this name may be called there.
pub(super) fn is_allowed(name: &str, dialect: Dialect, place: Place) -> bool {
    match (dialect, place) {
        (Dialect::Sqlite, _) => COMMON.contains(name) || SQLITE.contains(name),
        (Dialect::Postgres, _) => COMMON.contains(name) || POSTGRES.contains(name),
        (Dialect::MySql, Place::Value) => MYSQL.contains(name),
        (Dialect::MySql, Place::Table) => false,
        (Dialect::DuckDb, Place::Value) => DUCKDB.contains(name),
        (Dialect::DuckDb, Place::Table) => DUCKDB_TABLES.contains(&name),
        (Dialect::ClickHouse, Place::Value) => CLICKHOUSE.contains(name) || is_aggregate(name),
        (Dialect::ClickHouse, Place::Table) => CLICKHOUSE_TABLES.contains(&name),
        (Dialect::TransactSql, Place::Value) => TRANSACT_SQL.contains(name),
        (Dialect::TransactSql, Place::Table) => TRANSACT_SQL_TABLES.contains(&name),
    }
}

/// Whether it tells of tables that its caller may not have been granted.
pub(super) fn tells_of_others(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::DuckDb => name.starts_with("duckdb_"),
        Dialect::ClickHouse => name.starts_with("dict"),
        Dialect::Postgres => POSTGRES_TELLING.contains(&name),
        Dialect::TransactSql => TRANSACT_SQL_TELLING.contains(&name),
        Dialect::Sqlite | Dialect::MySql => false,
    }
}

/// The same of PostgreSQL's `x.f`, which calls what takes one argument; a column may well be called `format_type`.
pub(super) fn is_telling_field(name: &str) -> bool {
    let takes_one =
        name.starts_with("pg_") || name.starts_with("to_reg") || name == "obj_description";
    takes_one && POSTGRES_TELLING.contains(&name)
}

/// `sumIf`, `countDistinctIf`: an aggregate with at most two combinators.
fn is_aggregate(name: &str) -> bool {
    let shorter = |name: &str| -> Vec<String> {
        let without = |end: &&str| name.strip_suffix(*end).map(str::to_owned);
        COMBINATORS.iter().filter_map(without).collect()
    };
    CLICKHOUSE_AGGREGATES.contains(name)
        || shorter(name).iter().any(|once| {
            CLICKHOUSE_AGGREGATES.contains(once.as_str())
                || shorter(once)
                    .iter()
                    .any(|twice| CLICKHOUSE_AGGREGATES.contains(twice.as_str()))
        })
}

/// Why a function was refused.
pub(super) fn refusal(name: &str) -> String {
    let why = harm(name).unwrap_or("is not among the functions known to be harmless");
    format!("the function {name} may not be called: it {why}; write the query without it")
}

/// Whether a function of this name is known to do harm on some engine, and is none that this one may call.
pub(super) fn is_notorious(name: &str, dialect: Dialect) -> bool {
    (harm(name).is_some() || is_dangerous_field(name))
        && !is_allowed(name, dialect, Place::Value)
        && !is_allowed(name, dialect, Place::Table)
}

/// What harm a function does that is known for it.
fn harm(name: &str) -> Option<&'static str> {
    let why = match name {
        "pg_sleep" | "pg_sleep_for" | "pg_sleep_until" | "sleep" | "sleepeachrow" | "benchmark" => {
            "keeps the database waiting"
        }
        "nextval" | "setval" | "set_config" | "txid_current" | "pg_current_xact_id"
        | "get_lock" | "release_lock" | "release_all_locks" | "last_insert_id" => {
            "changes the database's state"
        }
        name if name.starts_with("lo_")
            || name.starts_with("pg_read_")
            || name.starts_with("pg_ls_") =>
        {
            "reaches the server's files"
        }
        "readfile" | "writefile" | "load_extension" | "edit" | "pg_stat_file" | "load_file"
        | "file" | "glob" | "sniff_csv" | "parquet_scan" | "catboostevaluate" | "executable" => {
            "reaches the server's files"
        }
        name if name.starts_with("read_") || name.starts_with("parquet_") => {
            "reaches the server's files"
        }
        "url" | "s3" | "hdfs" | "remote" | "remotesecure" | "cluster" | "clusterallreplicas"
        | "mysql" | "postgresql" | "mongodb" | "redis" | "jdbc" | "odbc" | "sqlite"
        | "openrowset" | "openquery" | "opendatasource" => "reaches other servers",
        "getenv" | "getsetting" | "getmacro" | "current_setting" => {
            "tells how the server is set up"
        }
        "query" | "query_table" | "sys_eval" | "sys_exec" => "runs SQL or programs of its own",
        "query_to_xml" | "query_to_json" | "table_to_xml" | "cursor_to_xml" | "database_to_xml"
        | "schema_to_xml" => "runs SQL of its own",
        name if name.starts_with("dblink") => "reaches other databases",
        "zeroblob" | "randomblob" => "takes as much memory as it is told to",
        "fts3_tokenizer" | "xp_cmdshell" => "runs code of the server's machine",
        _ => return None,
    };
    Some(why)
}

/// Whether PostgreSQL, which reads `x.f` as `f(x)` where x has no column f, would call something harmful.
///
/// A list of what is forbidden, since a column may have any name: the system's own functions stand here, and the
/// database is asked for those of its users before anything runs.
pub(super) fn is_dangerous_field(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["pg_", "txid_", "dblink", "binary_upgrade_"];
    const NAMES: &[&str] = &[
        "nextval",
        "currval",
        "setval",
        "set_config",
        "current_setting",
        "setseed",
        "ts_stat",
        "ts_debug",
        "amvalidate",
        "brin_summarize_new_values",
        "gin_clean_pending_list",
        // One by one: the columns of many a table of orders begin with `lo_`.
        "lo_close",
        "lo_creat",
        "lo_create",
        "lo_get",
        "lo_import",
        "lo_tell",
        "lo_tell64",
        "lo_unlink",
    ];
    NAMES.contains(&name)
        || (!is_allowed(name, Dialect::Postgres, Place::Value)
            && PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
