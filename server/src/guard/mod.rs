//! The SQL guard: what may run on a user's database, and the only way to run it.
//!
//! [`Guard::judge`] reads a statement as the engine would and allows it only if every part of it is known to
//! read: one statement, a query, functions and tables from lists. [`GuardedDatabase`] is how the rest of the
//! server runs anything. Neither trusts the other layers: the session of the driver is read-only by itself.

use std::collections::BTreeSet;

use sqlparser::{
    ast::{Statement, Visit},
    dialect::{Dialect, PostgreSqlDialect, SQLiteDialect},
    parser::{Parser, ParserError},
    tokenizer::{Token, Tokenizer},
};
use tidegate_schema::model::{Engine, Verdict};

mod execute;
mod functions;
mod kinds;
mod spelling;
mod tables;
mod walk;

pub use execute::{GuardedDatabase, GuardedStream, Refusal};

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
#[derive(Debug, Clone)]
pub struct GuardOptions {
    /// Tables the caller may read, as the catalogue names them (`orders`, or `sales.orders` outside the default
    /// schema); all when absent.
    pub allowed_tables: Option<BTreeSet<String>>,
    /// Longer statements are refused unread.
    pub max_sql_bytes: usize,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            allowed_tables: None,
            max_sql_bytes: 100_000,
        }
    }
}

/// Judges statements before they reach a database.
pub struct Guard;

impl Guard {
    /// Says whether a statement may run, and why not. Never fails: what it cannot read it refuses.
    pub fn judge(sql: &str, engine: Engine, options: &GuardOptions) -> Verdict {
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
        let tokens = match Tokenizer::new(dialect(engine), sql).tokenize() {
            Ok(tokens) => tokens,
            Err(error) => return unreadable(&[], &error.to_string()),
        };
        if let Some(why) = spelling::ambiguous(&tokens, engine) {
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
            return judge_tokens(&tokens, engine, options);
        }
        // Parsing, walking and dropping all recurse along the tree.
        let judged = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("guard".into())
                .stack_size(DEEP_STACK_BYTES)
                .spawn_scoped(scope, || judge_tokens(&tokens, engine, options))
                .map(std::thread::ScopedJoinHandle::join)
        });
        match judged {
            Ok(Ok(verdict)) => verdict,
            _ => unreadable(&tokens, "it is too large to be taken apart"),
        }
    }
}

fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Sqlite => &SQLiteDialect {},
        Engine::Postgres => &PostgreSqlDialect {},
    }
}

fn judge_tokens(tokens: &[Token], engine: Engine, options: &GuardOptions) -> Verdict {
    if tokens
        .iter()
        .all(|token| matches!(token, Token::SemiColon | Token::EOF))
    {
        return Verdict {
            reason: "the statement is empty; write a query".into(),
            ..Verdict::default()
        };
    }
    // Words first: a refusal should say "DROP" even where the parser knows no such DROP.
    if let Some((statement, reason)) = kinds::refuse_by_first_word(tokens, engine) {
        return Verdict {
            statement,
            reason,
            ..Verdict::default()
        };
    }
    let parsed = Parser::new(dialect(engine))
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens(tokens.to_vec())
        .parse_statements();
    let statements = match parsed {
        Ok(statements) => statements,
        Err(ParserError::RecursionLimitExceeded) => {
            return unreadable(tokens, "it is nested too deeply; flatten it");
        }
        Err(error) => return unreadable(tokens, &error.to_string()),
    };
    match statements.as_slice() {
        [] => Verdict {
            reason: "the statement is empty; write a query".into(),
            ..Verdict::default()
        },
        [statement] => judge_statement(statement, engine, options),
        several => Verdict {
            statement: kinds::first_word(tokens),
            reason: format!(
                "there are {} statements; send one query at a time",
                several.len()
            ),
            ..Verdict::default()
        },
    }
}

fn judge_statement(statement: &Statement, engine: Engine, options: &GuardOptions) -> Verdict {
    let (kind, refused) = kinds::recognise(statement, engine);
    let mut walk = Walk::new(engine, options);
    // Walked even when it is refused already: the verdict lists what the statement touches.
    let _ = statement.visit(&mut walk);
    let (tables, columns, functions, found) = walk.done();
    let reason = refused.or(found).unwrap_or_default();
    Verdict {
        allowed: reason.is_empty(),
        reason,
        statement: kind,
        tables,
        columns,
        functions,
        plan: None,
    }
}

fn unreadable(tokens: &[Token], why: &str) -> Verdict {
    let why = why.strip_prefix("sql parser error: ").unwrap_or(why);
    Verdict {
        statement: kinds::first_word(tokens),
        reason: format!(
            "the statement cannot be read, so it cannot be proved harmless ({why}); check the spelling or \
             write it in simpler SQL"
        ),
        ..Verdict::default()
    }
}

#[cfg(test)]
mod tests;
