//! Functions that may be called: those known to compute and nothing else.
//!
//! A list of what is allowed, since a list of what is forbidden is never complete: extensions and the users
//! themselves bring functions of any name.

use std::{collections::HashSet, sync::LazyLock};

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Value};
use tidegate_schema::model::Engine;

/// Copies a padding or repeating function may make; PostgreSQL would take a gigabyte for one cell.
const MAX_REPEAT: u64 = 10_000;

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

/// Longest set of characters a trimming function may take on SQLite, which tries each at every character.
const MAX_TRIM_SET: usize = 20;

/// Why these arguments of an allowed function are refused all the same: the result or the work could be too much.
pub(super) fn refused_arguments(
    name: &str,
    args: &[FunctionArg],
    engine: Engine,
) -> Option<String> {
    match (engine, name) {
        (Engine::Postgres, "repeat" | "lpad" | "rpad") => {
            let bounded = args
                .get(1)
                .is_some_and(|arg| number(arg).is_some_and(|length| length <= MAX_REPEAT));
            (!bounded).then(|| {
                format!("{name} is allowed with a literal length of at most {MAX_REPEAT} only")
            })
        }
        (Engine::Postgres, "format") => {
            let plain = args
                .first()
                .is_some_and(|arg| text(arg).is_some_and(is_format_without_widths));
            (!plain).then(|| {
                "format is allowed with a literal text and without widths and positions only \
                 (%s, %I, %L); use lpad or rpad for a width"
                    .to_owned()
            })
        }
        (Engine::Sqlite, "trim" | "ltrim" | "rtrim") => refused_trim_set(expression(args.get(1)?)),
        _ => None,
    }
}

/// Why a trimming function's set of characters is refused on SQLite.
pub(super) fn refused_trim_set(set: Option<&Expr>) -> Option<String> {
    let set = set.and_then(literal).and_then(string);
    let bounded = set.is_some_and(|set| set.chars().count() <= MAX_TRIM_SET);
    (!bounded).then(|| {
        format!(
            "trim, ltrim and rtrim take a literal set of at most {MAX_TRIM_SET} characters; use replace"
        )
    })
}

/// Whether every directive is bare: a width makes a gigabyte of one letter, a position repeats an argument.
fn is_format_without_widths(format: &str) -> bool {
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign == '%' && !matches!(signs.next(), Some('s' | 'I' | 'L' | '%')) {
            return false;
        }
    }
    true
}

fn number(arg: &FunctionArg) -> Option<u64> {
    match literal(expression(arg)?)? {
        Value::Number(text, _) => text.parse().ok(),
        _ => None,
    }
}

fn text(arg: &FunctionArg) -> Option<&str> {
    expression(arg).and_then(literal).and_then(string)
}

fn string(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

fn literal(expression: &Expr) -> Option<&Value> {
    match expression {
        Expr::Value(value) => Some(&value.value),
        _ => None,
    }
}

fn expression(arg: &FunctionArg) -> Option<&Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
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
        || (!is_allowed(name, Engine::Postgres)
            && PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
