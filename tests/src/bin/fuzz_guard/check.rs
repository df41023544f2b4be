//! What must hold of every statement, whatever it is.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tidegate_schema::model::{Dialect, Verdict};
use tidegate_server::guard::{Guard, GuardOptions};

use super::lexer::{Lexeme, read};

/// The tables of the case lists.
const TABLES: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, country TEXT, segment TEXT,
        signup_date TEXT, tags TEXT);
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, brand TEXT, price REAL, stock INTEGER,
        discontinued INTEGER, launched_on TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, order_date TEXT, status TEXT,
        payment_method TEXT, total_amount REAL, shipped_date TEXT);
    CREATE TABLE order_items (id INTEGER PRIMARY KEY, order_id INTEGER, product_id INTEGER, quantity INTEGER,
        unit_price REAL);
    CREATE TABLE documents (id INTEGER PRIMARY KEY, data TEXT);";

/// Functions nobody may call, in any dialect.
const CALLS: &[&str] = &[
    "load_extension",
    "readfile",
    "writefile",
    "edit",
    "zeroblob",
    "randomblob",
    "fts3_tokenizer",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_sleep",
    "pg_terminate_backend",
    "lo_import",
    "lo_export",
    "dblink",
    "set_config",
    "nextval",
    "setval",
    "query_to_xml",
    "sleep",
    "benchmark",
    "load_file",
    "get_lock",
    "sys_exec",
    "getenv",
    "read_csv",
    "read_csv_auto",
    "read_parquet",
    "read_json",
    "read_text",
    "read_blob",
    "query_table",
    "sleepeachrow",
    "getsetting",
    "catboostevaluate",
    "url",
    "s3",
    "remote",
    "executable",
    "openrowset",
    "openquery",
    "opendatasource",
    "xp_cmdshell",
];
/// Words after which a name with a parenthesis is a call, and no alias with columns.
const BEFORE_CALLS: &[&str] = &[
    "select", "where", "and", "or", "on", "by", "when", "then", "else", "having", "not", "in",
    "like", "between", "from", "join", "distinct", "all", "limit", "offset", "case", "is",
    "qualify", "prewhere", "interval", "xor", "div", "lateral", "apply",
];

/// Checks statements.
pub(crate) struct Checker {
    sqlite: Connection,
    patience: Duration,
}

impl Checker {
    /// With the tables of the case lists in memory.
    pub(crate) fn new(patience: Duration) -> anyhow::Result<Self> {
        let sqlite = Connection::open_in_memory()?;
        sqlite.execute_batch(TABLES)?;
        Ok(Self { sqlite, patience })
    }

    /// Whether the guard allows it, or the rule that is broken.
    pub(crate) fn check(&self, sql: &str, dialect: Dialect) -> Result<bool, String> {
        let reader = GuardOptions::default();
        let verdict = self.judge(sql, dialect, &reader)?;
        if verdict.allowed {
            if verdict.writes {
                return Err("a change is allowed to those who may only read".into());
            }
            looks_harmless(sql, dialect, false)?;
            if dialect == Dialect::Sqlite {
                self.prepares_read_only(sql)?;
            }
        }
        let writer = GuardOptions {
            writable: true,
            ..GuardOptions::default()
        };
        let written = self.judge(sql, dialect, &writer)?;
        if verdict.allowed && !written.allowed {
            return Err("those who may write may not read it".into());
        }
        if written.allowed && !verdict.allowed && !written.writes {
            return Err("those who may write may read more".into());
        }
        if written.allowed && written.writes {
            looks_harmless(sql, dialect, true)?;
        }
        Ok(verdict.allowed)
    }

    fn judge(
        &self,
        sql: &str,
        dialect: Dialect,
        options: &GuardOptions,
    ) -> Result<Verdict, String> {
        let begun = Instant::now();
        let verdict = catch_unwind(AssertUnwindSafe(|| Guard::judge(sql, dialect, options)))
            .map_err(|_| "the guard panics".to_owned())?;
        let took = begun.elapsed();
        if took > self.patience {
            return Err(format!("the guard thinks for {} ms", took.as_millis()));
        }
        if verdict.allowed != verdict.reason.is_empty() {
            return Err(format!("the verdict contradicts itself: {verdict:?}"));
        }
        Ok(verdict)
    }

    /// What SQLite itself thinks: prepared, and never run.
    fn prepares_read_only(&self, sql: &str) -> Result<(), String> {
        match self.sqlite.prepare(sql) {
            Ok(statement) if statement.readonly() => Ok(()),
            Ok(_) => Err("SQLite says that it writes".into()),
            Err(rusqlite::Error::MultipleStatement) => {
                Err("SQLite finds several statements".into())
            }
            // Tables and functions that are not there.
            Err(_) => Ok(()),
        }
    }
}

/// Whether a statement that is allowed reads as harmless to the other reader.
pub(crate) fn looks_harmless(sql: &str, dialect: Dialect, changes: bool) -> Result<(), String> {
    let lexemes = read(sql, dialect).map_err(str::to_owned)?;
    let several = lexemes
        .split(|lexeme| *lexeme == Lexeme::Sign(';'))
        .filter(|part| !part.is_empty())
        .count();
    if several != 1 {
        return Err(format!("{several} statements"));
    }
    let first = lexemes
        .iter()
        .find(|lexeme| !matches!(lexeme, Lexeme::Sign(';' | '(')));
    let Some(Lexeme::Word(first)) = first else {
        return Err("it begins by no word".into());
    };
    if !may_begin(first, dialect, changes) {
        return Err(format!("it begins by {first}"));
    }
    for (at, lexeme) in lexemes.iter().enumerate() {
        if let Some(name) = forbidden_call(&lexemes, at) {
            return Err(format!("it calls {name}"));
        }
        if let Lexeme::Word(word) = lexeme
            && is_forbidden(word, dialect, changes)
            && !matches!(before(&lexemes, at), Some(Lexeme::Sign('.')))
        {
            return Err(format!("it has the word {word}"));
        }
    }
    Ok(())
}

fn may_begin(word: &str, dialect: Dialect, changes: bool) -> bool {
    if changes {
        return matches!(
            word,
            "insert" | "update" | "delete" | "replace" | "merge" | "with"
        );
    }
    let own: &[&str] = match dialect {
        Dialect::Sqlite => &["explain", "values"],
        Dialect::Postgres => &["explain", "values", "show", "table"],
        Dialect::MySql => &["explain", "values", "show", "table", "describe", "desc"],
        Dialect::DuckDb => &[
            "explain",
            "values",
            "show",
            "table",
            "describe",
            "desc",
            "summarize",
            "from",
        ],
        Dialect::ClickHouse => &[
            "explain", "values", "show", "describe", "desc", "exists", "from",
        ],
        Dialect::TransactSql => &["values"],
    };
    matches!(word, "select" | "with") || own.contains(&word)
}

/// Words that no allowed statement has outside of quotes.
fn is_forbidden(word: &str, dialect: Dialect, changes: bool) -> bool {
    let own: &[&str] = match dialect {
        Dialect::TransactSql => &[
            "exec",
            "execute",
            "drop",
            "truncate",
            "shutdown",
            "waitfor",
            "openrowset",
            "openquery",
            "opendatasource",
            "alter",
            "create",
            "backup",
            "restore",
            "dbcc",
            "reconfigure",
            "checkpoint",
            "kill",
            "use",
        ],
        Dialect::MySql => &["outfile", "dumpfile"],
        Dialect::ClickHouse => &["outfile"],
        _ => &[],
    };
    let writes: &[&str] = match dialect {
        Dialect::TransactSql => &["into", "insert", "delete", "update", "merge"],
        Dialect::MySql | Dialect::ClickHouse => &["into"],
        _ => &[],
    };
    own.contains(&word) || (!changes && writes.contains(&word))
}

/// The forbidden function that is called here, if one is.
fn forbidden_call(lexemes: &[Lexeme], at: usize) -> Option<&str> {
    let (Lexeme::Word(name) | Lexeme::Name(name)) = &lexemes[at] else {
        return None;
    };
    if !CALLS.contains(&name.as_str()) || lexemes.get(at + 1) != Some(&Lexeme::Sign('(')) {
        return None;
    }
    let calls = match before(lexemes, at) {
        Some(Lexeme::Word(word)) => BEFORE_CALLS.contains(&word.as_str()),
        // An alias with columns, or the type of a cast.
        Some(Lexeme::Name(_) | Lexeme::Text | Lexeme::Sign(')' | ':')) => false,
        // A table with its schema, and the columns that are filled.
        Some(Lexeme::Sign('.')) => !is_inserted_into(lexemes, at),
        Some(Lexeme::Sign(_)) | None => true,
    };
    (calls && !defines_columns(lexemes, at + 1)).then_some(name)
}

/// Whether INTO stands before a name and what qualifies it.
fn is_inserted_into(lexemes: &[Lexeme], name: usize) -> bool {
    let mut first = name;
    while let Some(qualifier) = first.checked_sub(2)
        && lexemes[first - 1] == Lexeme::Sign('.')
        && matches!(lexemes[qualifier], Lexeme::Word(_) | Lexeme::Name(_))
    {
        first = qualifier;
    }
    matches!(before(lexemes, first), Some(Lexeme::Word(word)) if word == "into")
}

/// Whether what stands in these parentheses are the columns of a name that WITH defines: `name (a, b) AS (`.
fn defines_columns(lexemes: &[Lexeme], open: usize) -> bool {
    let mut depth = 0_usize;
    for (nth, lexeme) in lexemes[open..].iter().enumerate() {
        match lexeme {
            Lexeme::Sign('(') => depth += 1,
            Lexeme::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let behind = &lexemes[open + nth + 1..];
            let is = |lexeme: &Lexeme, wanted: &str| matches!(lexeme, Lexeme::Word(word) if word == wanted);
            return match behind {
                [first, second, ..] => {
                    is(first, "as")
                        && (*second == Lexeme::Sign('(')
                            || is(second, "materialized")
                            || is(second, "not"))
                }
                _ => false,
            };
        }
    }
    false
}

fn before(lexemes: &[Lexeme], at: usize) -> Option<&Lexeme> {
    at.checked_sub(1).and_then(|at| lexemes.get(at))
}
