//! Which statements are queries, and what to say of those that are not.

use sqlparser::{
    ast::{Expr, Statement, UtilityOption, Value},
    tokenizer::{Token, Word},
};
use tidegate_schema::model::Dialect;

/// Words a query can begin with.
const QUERIES: &[&str] = &["select", "with", "values", "table", "explain", "show"];
/// Words that begin a change of rows, which a caller may be allowed to make.
pub(super) const ROW_CHANGES: &[&str] = &["insert", "update", "delete", "replace", "merge"];
/// Words that begin statements which change rows, tables or rights.
const CHANGES: &[&str] = &[
    "insert",
    "update",
    "delete",
    "replace",
    "merge",
    "upsert",
    "create",
    "alter",
    "drop",
    "truncate",
    "rename",
    "comment",
    "grant",
    "revoke",
    "reassign",
    "security",
    "import",
    "refresh",
    "reindex",
    "vacuum",
    "analyze",
    "cluster",
    "copy",
    "load",
    "call",
    "do",
    "execute",
    "prepare",
    "deallocate",
    "checkpoint",
    "discard",
    "lock",
    "notify",
    "listen",
    "unlisten",
    "set",
    "reset",
    "begin",
    "start",
    "commit",
    "end",
    "abort",
    "rollback",
    "savepoint",
    "release",
    "declare",
    "fetch",
    "move",
    "close",
    // MySQL and its relatives.
    "handler",
    "flush",
    "repair",
    "optimize",
    "kill",
    "purge",
    "xa",
    "binlog",
    "signal",
    "change",
    "stop",
    "unlock",
    "use",
    "install",
    "uninstall",
    // SQL Server.
    "exec",
    "backup",
    "restore",
    "bulk",
    "dbcc",
    "deny",
    "print",
    "raiserror",
    "reconfigure",
    "shutdown",
    "waitfor",
    "throw",
    "if",
    "while",
    "goto",
    // DuckDB and ClickHouse.
    "export",
    "force",
    "system",
    "undrop",
    "exchange",
    "watch",
];
/// Settings `SHOW` may tell. File locations, host rules and application secrets are not among them.
const SETTINGS: &[&str] = &[
    "client_encoding",
    "datestyle",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "integer_datetimes",
    "intervalstyle",
    "is_superuser",
    "lc_collate",
    "lc_ctype",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "max_connections",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "standard_conforming_strings",
    "statement_timeout",
    "time zone",
    "timezone",
    "transaction isolation level",
    "transaction_isolation",
    "transaction_read_only",
    "work_mem",
];
/// Options of `EXPLAIN (…)` that do not run the query.
const PLAN_OPTIONS: &[&str] = &[
    "verbose",
    "costs",
    "settings",
    "generic_plan",
    "summary",
    "format",
    "memory",
];

/// The first word, lower case.
pub(super) fn first_word(tokens: &[Token]) -> String {
    tokens
        .iter()
        .find_map(|token| match token {
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        })
        .unwrap_or_default()
}

/// The kinds of all statements by their first words, in order.
pub(super) fn all(tokens: &[Token]) -> Vec<String> {
    tokens
        .split(|token| matches!(token, Token::SemiColon))
        .map(first_word)
        .filter(|word| !word.is_empty())
        .map(|word| match word.as_str() {
            "with" | "values" | "table" | "from" => "select".to_owned(),
            "desc" | "summarize" => "describe".to_owned(),
            _ => word,
        })
        .collect()
}

/// A refusal in the statement's own word, before the parser has a say. With `writable`, changes of rows are the
/// parser's to take apart.
pub(super) fn refuse_by_first_word(
    tokens: &[Token],
    dialect: Dialect,
    writable: bool,
) -> Option<(String, String)> {
    let opening = tokens
        .iter()
        .find(|token| !matches!(token, Token::SemiColon | Token::LParen))?;
    let Token::Word(Word {
        value,
        quote_style: None,
        ..
    }) = opening
    else {
        return None;
    };
    let word = value.to_lowercase();
    let upper = value.to_uppercase();
    let reason = match word.as_str() {
        "show" if dialect == Dialect::Sqlite => {
            "SQLite has no SHOW; query sqlite_schema for the names of tables".to_owned()
        }
        known if QUERIES.contains(&known) => return None,
        known if writable && ROW_CHANGES.contains(&known) => return None,
        "pragma" => "PRAGMA can change the session and the file; the catalogue already lists tables and columns"
            .to_owned(),
        "attach" | "detach" => {
            format!("{upper} reaches other files; add the other file as a datasource of its own")
        }
        "describe" | "desc" => {
            format!("{upper} is not known to the database; query information_schema.columns or sqlite_schema")
        }
        known if CHANGES.contains(&known) => no_query(&word, dialect),
        _ => return None,
    };
    Some((word, reason))
}

/// Why a statement of this kind is refused, and what to do for those that change rows.
pub(super) fn no_query(word: &str, dialect: Dialect) -> String {
    let upper = word.to_uppercase();
    let readings = match dialect {
        Dialect::Sqlite => "SELECT, WITH, VALUES, EXPLAIN",
        Dialect::Postgres => "SELECT, WITH, VALUES, EXPLAIN, SHOW",
        Dialect::TransactSql => "SELECT, WITH",
        Dialect::MySql | Dialect::DuckDb | Dialect::ClickHouse => {
            "SELECT, WITH, VALUES, EXPLAIN, SHOW, DESCRIBE"
        }
    };
    let remedy = if ROW_CHANGES.contains(&word) {
        "; an administrator can mark the grant as writable"
    } else {
        ""
    };
    format!("{upper} is no query; only reading is allowed ({readings}){remedy}")
}

/// The kind of a parsed statement, and why it is refused if its kind alone is enough for that.
pub(super) fn recognise(statement: &Statement, dialect: Dialect) -> (String, Option<String>) {
    match statement {
        Statement::Query(_) => ("select".into(), None),
        Statement::Explain {
            analyze,
            estimate,
            statement,
            options,
            describe_alias: _,
            ..
        } => (
            "explain".into(),
            explain(
                *analyze || *estimate,
                statement,
                options.as_deref().unwrap_or_default(),
            ),
        ),
        Statement::ShowVariable { variable } if dialect == Dialect::Postgres => {
            let words: Vec<String> = variable
                .iter()
                .map(|word| word.value.to_lowercase())
                .collect();
            let name = words.join(" ");
            let known = SETTINGS.contains(&name.as_str());
            let reason = format!("SHOW {name} is not among the settings that may be shown");
            ("show".into(), (!known).then_some(reason))
        }
        other => {
            let word = other
                .to_string()
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_lowercase();
            let reason = no_query(&word, dialect);
            (word, Some(reason))
        }
    }
}

fn explain(runs: bool, inner: &Statement, options: &[UtilityOption]) -> Option<String> {
    if runs {
        return Some("EXPLAIN ANALYZE runs the statement; use EXPLAIN alone".into());
    }
    if !matches!(inner, Statement::Query(_)) {
        return Some("EXPLAIN is allowed for queries only".into());
    }
    let bad = options.iter().find(|option| {
        let name = option.name.value.to_lowercase();
        // `analyze false` would be harmless, but a parser that reads `false` otherwise than the server is not.
        !PLAN_OPTIONS.contains(&name.as_str()) || !option.arg.as_ref().is_none_or(is_plain)
    })?;
    Some(format!(
        "EXPLAIN ({}) is not allowed, as it may run the statement; use EXPLAIN alone",
        bad.name
    ))
}

fn is_plain(arg: &Expr) -> bool {
    match arg {
        Expr::Identifier(_) => true,
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}
