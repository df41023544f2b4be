//! The SQL guard: what may run on a user's database, and the only way to run it.
//!
//! [`Guard::judge`] reads a statement as the engine would and allows it only if every part of it is known to
//! read: one statement, a query, functions and tables from lists. [`GuardedDatabase`] is how the rest of the
//! server runs anything. Neither trusts the other layers: the session of the driver is read-only by itself.

use std::collections::BTreeSet;

use sqlparser::{
    ast::{Statement, Visit},
    dialect::{
        ClickHouseDialect, Dialect as Syntax, DuckDbDialect, MsSqlDialect, MySqlDialect,
        PostgreSqlDialect, SQLiteDialect,
    },
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use tidegate_schema::model::{Dialect, Verdict};

mod calls;
mod execute;
mod functions;
mod kinds;
mod lexis;
mod memory;
mod openings;
mod spelling;
mod tables;
mod walk;
mod words;
mod writes;

pub use execute::{GuardedDatabase, GuardedStream, Judged, Refusal};

use openings::Opening;
use walk::Walk;

/// Nesting the parser follows before it gives up.
const MAX_DEPTH: usize = 100;
/// Words and signs in a statement. A chain of so many operators is as deep a tree.
const MAX_TOKENS: usize = 20_000;
/// Above so many, the tree may be too deep for the stack of a server thread.
const TOKENS_ON_THIS_STACK: usize = 400;
/// Room for a tree of [`MAX_TOKENS`] levels; untouched pages cost nothing.
const DEEP_STACK_BYTES: usize = 64 << 20;

/// What a caller may read, and how long a statement may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardOptions {
    /// Tables the caller may read, as the catalogue names them (`orders`, or `sales.orders` outside the default
    /// schema); all when absent.
    pub allowed_tables: Option<BTreeSet<String>>,
    /// Longer statements are refused unread.
    pub max_sql_bytes: usize,
    /// Whether one statement that changes rows is allowed too, of tables in `allowed_tables`.
    pub writable: bool,
    /// Name of the database itself, where it is known: `shop.orders` is then `orders` on engines that write the
    /// database before a table.
    pub database: Option<String>,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            allowed_tables: None,
            max_sql_bytes: 100_000,
            writable: false,
            database: None,
        }
    }
}

/// Judges statements before they reach a database.
pub struct Guard;

impl Guard {
    /// Says whether a statement may run, and why not. Never fails: what it cannot read it refuses.
    pub fn judge(sql: &str, dialect: Dialect, options: &GuardOptions) -> Verdict {
        if sql.len() > options.max_sql_bytes {
            let reason = format!(
                "the statement has {} bytes, more than the {} allowed; ask for less in one query",
                sql.len(),
                options.max_sql_bytes
            );
            return Verdict {
                reason,
                ..Verdict::default()
            };
        }
        if sql.contains('\0') {
            let reason = "the statement has a NUL character; remove it".to_owned();
            return Verdict {
                reason,
                ..Verdict::default()
            };
        }
        let tokens = match Tokenizer::new(syntax(dialect), sql).tokenize_with_location() {
            Ok(tokens) => tokens,
            Err(error) => return unreadable(&[], &error.to_string()),
        };
        let cut_otherwise = lexis::differs(sql, &tokens, dialect);
        let tokens: Vec<Token> = tokens
            .into_iter()
            .map(|TokenWithSpan { token, .. }| token)
            .collect();
        if let Some(why) = cut_otherwise.or_else(|| spelling::ambiguous(&tokens, dialect)) {
            return unreadable(&tokens, why);
        }
        let tokens: Vec<Token> = tokens
            .into_iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .collect();
        if tokens.len() > MAX_TOKENS {
            let reason = format!(
                "the statement has more than {MAX_TOKENS} words; ask for less in one query"
            );
            return Verdict {
                reason,
                ..Verdict::default()
            };
        }
        if tokens.len() <= TOKENS_ON_THIS_STACK {
            return judge_tokens(&tokens, dialect, options);
        }
        // Parsing, walking and dropping all recurse along the tree.
        let judged = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("guard".into())
                .stack_size(DEEP_STACK_BYTES)
                .spawn_scoped(scope, || judge_tokens(&tokens, dialect, options))
                .map(std::thread::ScopedJoinHandle::join)
        });
        match judged {
            Ok(Ok(verdict)) => verdict,
            _ => unreadable(&tokens, "it is too large to be taken apart"),
        }
    }
}

fn syntax(dialect: Dialect) -> &'static dyn Syntax {
    match dialect {
        Dialect::Sqlite => &SQLiteDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::MySql => &MySqlDialect {},
        Dialect::DuckDb => &DuckDbDialect {},
        Dialect::ClickHouse => &ClickHouseDialect {},
        Dialect::TransactSql => &MsSqlDialect {},
    }
}

fn judge_tokens(tokens: &[Token], dialect: Dialect, options: &GuardOptions) -> Verdict {
    let tokens = without_semicolons(tokens);
    if tokens.is_empty() {
        return Verdict {
            reason: "the statement is empty; write a query".into(),
            ..Verdict::default()
        };
    }
    let (kind, from) = match openings::read(tokens, dialect) {
        Opening::Statement => (None, 0),
        Opening::Query(kind, from) => (Some(kind), from),
        // It has a better reason than its words could give.
        opening @ Opening::Refused(..) => return judge_opening(opening, dialect, options),
        // No parser sees the others, and their reader takes any word for a name: `DESCRIBE INTO` is a table to it where
        // the engine reserves INTO. None of them changes rows, so what no query may have, none of them may.
        opening => {
            return words::refused(tokens, dialect, false).map_or_else(
                || judge_opening(opening, dialect, options),
                |reason| refused(tokens, reason),
            );
        }
    };
    // Words first: a refusal should say "DROP" even where the parser knows no such DROP.
    if let Some((statement, reason)) =
        kinds::refuse_by_first_word(&tokens[from..], dialect, options.writable)
    {
        return Verdict {
            writes: kinds::ROW_CHANGES.contains(&statement.as_str()),
            statement,
            reason,
            statements: kinds::all(tokens),
            ..Verdict::default()
        };
    }
    // What only a change of rows may have waits until the parser has told one from a query.
    if let Some(reason) = words::refused(tokens, dialect, true) {
        return refused(tokens, reason);
    }
    let mut parser = Parser::new(syntax(dialect))
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens(tokens[from..].to_vec());
    let parsed = parser.parse_statements();
    // It stops at END, which may close a block around it, whatever follows.
    if parsed.is_ok() && parser.peek_token().token != Token::EOF {
        return unreadable(tokens, "END closes nothing here");
    }
    let statements = match parsed {
        Ok(statements) => statements,
        Err(ParserError::RecursionLimitExceeded) => {
            return unreadable(tokens, "it is nested too deeply; flatten it");
        }
        Err(error) => {
            return words::refused(tokens, dialect, options.writable).map_or_else(
                || unreadable(tokens, &error.to_string()),
                |reason| refused(tokens, reason),
            );
        }
    };
    match (statements.as_slice(), kind) {
        ([], _) => Verdict {
            reason: "the statement is empty; write a query".into(),
            ..Verdict::default()
        },
        ([statement], None) => {
            let verdict = judge_statement(statement, tokens, dialect, options);
            held_against_words(verdict, tokens, dialect, options)
        }
        ([statement], Some(kind)) => {
            let options = GuardOptions {
                writable: false,
                ..options.clone()
            };
            let verdict = judge_statement(statement, tokens, dialect, &options);
            let mut verdict = held_against_words(verdict, tokens, dialect, &options);
            if verdict.allowed && !matches!(statement, Statement::Query(_)) {
                verdict.allowed = false;
                verdict.reason = format!("{} is allowed for queries only", kind.to_uppercase());
            }
            kind.clone_into(&mut verdict.statement);
            verdict.statements = vec![kind.to_owned()];
            verdict
        }
        (several, _) => {
            let kinds = several.iter().map(|one| kinds::recognise(one, dialect).0);
            Verdict {
                statement: kinds::first_word(tokens),
                statements: kinds.collect(),
                writes: several.iter().any(|one| writes::of(one).is_some()),
                reason: format!(
                    "there are {} statements; send one query at a time",
                    several.len()
                ),
                ..Verdict::default()
            }
        }
    }
}

/// Refuses what the parser's tree shows nothing wrong with, where the words do: it takes INTO in `SELECT INTO t FROM u`
/// for a column.
fn held_against_words(
    mut verdict: Verdict,
    tokens: &[Token],
    dialect: Dialect,
    options: &GuardOptions,
) -> Verdict {
    if !verdict.allowed {
        return verdict;
    }
    let limited = options.allowed_tables.is_some();
    let found = words::refused(tokens, dialect, verdict.writes)
        .or_else(|| words::hidden(tokens, dialect))
        .or_else(|| calls::refused(tokens, dialect))
        .or_else(|| words::tell_of_others(tokens, dialect).filter(|_| limited));
    if let Some(reason) = found {
        verdict.allowed = false;
        verdict.reason = reason;
    }
    verdict
}

/// What SHOW and its like may tell.
fn judge_opening(opening: Opening, dialect: Dialect, options: &GuardOptions) -> Verdict {
    let mut walk = Walk::new(dialect, options, &[], None);
    let (kind, refused) = match opening {
        Opening::Table(kind, name) => {
            walk.table(&name);
            (kind, None)
        }
        Opening::Names(kind) => {
            let limited = options.allowed_tables.is_some();
            let reason = "it lists more tables than you may read; query a table that you may";
            (kind, limited.then(|| reason.to_owned()))
        }
        Opening::Refused(kind, reason) => (kind, Some(reason)),
        Opening::Harmless(kind) => (kind, None),
        Opening::Query(..) | Opening::Statement => (
            "",
            Some("the statement cannot be read; write a query".to_owned()),
        ),
    };
    verdict(kind.to_owned(), refused, false, walk)
}

fn judge_statement(
    statement: &Statement,
    tokens: &[Token],
    dialect: Dialect,
    options: &GuardOptions,
) -> Verdict {
    let change = writes::of(statement);
    let (kind, refused) = match change {
        Some(change) if options.writable => (
            writes::kind(change).to_owned(),
            writes::refused(statement, change, dialect, options.database.as_deref()),
        ),
        Some(change) => {
            let kind = writes::kind(change);
            (kind.to_owned(), Some(kinds::no_query(kind, dialect)))
        }
        None => kinds::recognise(statement, dialect),
    };
    let mut walk = Walk::new(
        dialect,
        options,
        tokens,
        change.filter(|_| options.writable),
    );
    // Walked even when it is refused already: the verdict lists what the statement touches.
    let _ = statement.visit(&mut walk);
    verdict(kind, refused, change.is_some(), walk)
}

fn verdict(kind: String, refused: Option<String>, writes: bool, walk: Walk<'_>) -> Verdict {
    let (tables, columns, functions, found) = walk.done();
    let reason = refused.or(found).unwrap_or_default();
    Verdict {
        allowed: reason.is_empty(),
        reason,
        statements: vec![kind.clone()],
        statement: kind,
        writes,
        tables,
        columns,
        functions,
        plan: None,
    }
}

/// The tokens between semicolons that stand before and behind everything.
fn without_semicolons(tokens: &[Token]) -> &[Token] {
    let is_code = |token: &Token| !matches!(token, Token::SemiColon | Token::EOF);
    match (
        tokens.iter().position(is_code),
        tokens.iter().rposition(is_code),
    ) {
        (Some(first), Some(last)) => &tokens[first..=last],
        _ => &[],
    }
}

fn refused(tokens: &[Token], reason: String) -> Verdict {
    Verdict {
        statement: kinds::first_word(tokens),
        statements: kinds::all(tokens),
        reason,
        ..Verdict::default()
    }
}

fn unreadable(tokens: &[Token], why: &str) -> Verdict {
    let why = why.strip_prefix("sql parser error: ").unwrap_or(why);
    refused(
        tokens,
        format!(
            "the statement cannot be read, so it cannot be proved harmless ({why}); check the spelling or \
             write it in simpler SQL"
        ),
    )
}

#[cfg(test)]
mod tests;
