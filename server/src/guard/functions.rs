//! Functions that may be called: those known to compute and nothing else.
//!
//! A list of what is allowed, since a list of what is forbidden is never complete: extensions and the users
//! themselves bring functions of any name.

use std::{collections::HashSet, sync::LazyLock};

use tidegate_schema::model::Engine;

type Names = LazyLock<HashSet<&'static str>>;

static COMMON: Names = LazyLock::new(|| names(include_str!("functions/common.txt")));
static SQLITE: Names = LazyLock::new(|| names(include_str!("functions/sqlite.txt")));
static POSTGRES: Names = LazyLock::new(|| names(include_str!("functions/postgres.txt")));

/// The words of a list; a line that begins with a hash is a comment.
fn names(list: &'static str) -> HashSet<&'static str> {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// Whether a function of this name may be called.
pub(super) fn is_allowed(name: &str, engine: Engine) -> bool {
    let own = match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &POSTGRES,
    };
    COMMON.contains(name) || own.contains(name)
}

/// The argument that says how large the result gets, for functions that could fill the server's memory with one.
pub(super) fn size_argument(name: &str) -> Option<usize> {
    matches!(name, "repeat" | "lpad" | "rpad").then_some(1)
}

/// Why a function was refused.
pub(super) fn refusal(name: &str) -> String {
    let why = match name {
        "pg_sleep" | "pg_sleep_for" | "pg_sleep_until" => "keeps the database waiting",
        "nextval" | "setval" | "set_config" | "txid_current" | "pg_current_xact_id" => {
            "changes the database's state"
        }
        name if name.starts_with("lo_")
            || name.starts_with("pg_read_")
            || name.starts_with("pg_ls_") =>
        {
            "reaches the server's files"
        }
        "readfile" | "writefile" | "load_extension" | "edit" | "pg_stat_file" => {
            "reaches the server's files"
        }
        "query_to_xml" | "query_to_json" | "table_to_xml" | "cursor_to_xml" | "database_to_xml"
        | "schema_to_xml" => "runs SQL of its own",
        name if name.starts_with("dblink") => "reaches other databases",
        _ => "is not among the functions known to be harmless",
    };
    format!("the function {name} may not be called: it {why}; write the query without it")
}
