//! SHOW, DESCRIBE, EXPLAIN and their like in the dialects beyond SQLite and PostgreSQL.
//!
//! The parser skips what it does not know in them, so they are matched word by word here and refused when a word is
//! left over. What stands behind EXPLAIN goes to the parser as a query of its own.

use sqlparser::{
    ast::{Ident, ObjectName},
    tokenizer::{Token, Word},
};
use tidegate_schema::model::Dialect;

mod cursor;
mod mysql;

use cursor::Cursor;

/// What a statement begins by.
#[derive(Debug)]
pub(super) enum Opening {
    /// Something for the parser.
    Statement,
    /// A query behind words of its own: the kind, and where the query begins.
    Query(&'static str, usize),
    /// It tells what a table is made of.
    Table(&'static str, ObjectName),
    /// It lists names of tables or databases; not for those who are granted some only.
    Names(&'static str),
    /// It tells what everybody may know.
    Harmless(&'static str),
    /// Neither.
    Refused(&'static str, String),
}

/// Words a query begins by, for what may stand behind EXPLAIN.
const QUERIES: &[&str] = &["select", "with", "values", "from"];

/// Reads the beginning. The tokens have no white space, and no semicolons at the ends.
pub(super) fn read(tokens: &[Token], dialect: Dialect) -> Opening {
    let mut cursor = Cursor::new(tokens);
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => Opening::Statement,
        Dialect::MySql => mysql::read(&mut cursor),
        Dialect::DuckDb => duckdb(&mut cursor),
        Dialect::ClickHouse => clickhouse(&mut cursor),
        Dialect::TransactSql => transact_sql(&mut cursor),
    }
}

fn duckdb(cursor: &mut Cursor<'_>) -> Opening {
    if cursor.take(&["table"]) {
        return whole_table("select", cursor);
    }
    if cursor.take(&["show"]) {
        cursor.take(&["all"]);
        if cursor.take(&["tables"]) {
            return names_within(cursor);
        }
        if cursor.take(&["schemas"]) || cursor.take(&["databases"]) {
            return ends(cursor, Opening::Names("show"));
        }
        return whole_table("describe", cursor);
    }
    if cursor.take(&["describe"]) || cursor.take(&["desc"]) || cursor.take(&["summarize"]) {
        if begins_query(cursor) {
            return Opening::Query("describe", cursor.at());
        }
        return whole_table("describe", cursor);
    }
    if cursor.take(&["explain"]) {
        if cursor.take(&["analyze"]) {
            return runs();
        }
        if cursor.sign(&Token::LParen) {
            let format = cursor.take(&["format"]) && cursor.any_word();
            if !format || !cursor.sign(&Token::RParen) {
                return refused("explain", "EXPLAIN takes (FORMAT …) and no other option");
            }
        }
        return explained(cursor);
    }
    Opening::Statement
}

fn clickhouse(cursor: &mut Cursor<'_>) -> Opening {
    if cursor.take(&["show"]) {
        if cursor.take(&["create"]) {
            return refused(
                "show",
                "SHOW CREATE may tell how the server logs in to others; use DESCRIBE TABLE",
            );
        }
        if cursor.take(&["tables"]) || cursor.take(&["databases"]) {
            return names_within(cursor);
        }
        if cursor.take(&["columns"]) || cursor.take(&["index"]) || cursor.take(&["indexes"]) {
            return columns_of(cursor);
        }
        return unknown_show();
    }
    if cursor.take(&["describe"]) || cursor.take(&["desc"]) {
        cursor.take(&["table"]);
        return whole_table("describe", cursor);
    }
    if cursor.take(&["exists"]) {
        if !cursor.take(&["table"]) {
            cursor.take(&["view"]);
        }
        return whole_table("show", cursor);
    }
    if cursor.take(&["explain"]) {
        let kinds: [&[&str]; 6] = [
            &["ast"],
            &["syntax"],
            &["query", "tree"],
            &["plan"],
            &["pipeline"],
            &["estimate"],
        ];
        let _ = kinds.iter().any(|kind| cursor.take(kind));
        while cursor.setting() {
            cursor.sign(&Token::Comma);
        }
        return explained(cursor);
    }
    Opening::Statement
}

fn transact_sql(cursor: &mut Cursor<'_>) -> Opening {
    for word in ["explain", "describe", "desc", "show"] {
        if cursor.take(&[word]) {
            let upper = word.to_uppercase();
            return Opening::Refused(
                word,
                format!("{upper} is not known to the database; query information_schema.columns"),
            );
        }
    }
    Opening::Statement
}

/// `TABLE t` and all that takes one table and nothing behind it.
fn whole_table(kind: &'static str, cursor: &mut Cursor<'_>) -> Opening {
    match cursor.name() {
        Some(name) => ends(cursor, Opening::Table(kind, name)),
        None if kind == "select" => Opening::Statement,
        None => refused(kind, "a table's name is missing; write schema.table"),
    }
}

/// `[FROM db] [LIKE 'x']` behind SHOW TABLES and its like.
fn names_within(cursor: &mut Cursor<'_>) -> Opening {
    if cursor.take(&["from"]) || cursor.take(&["in"]) {
        let _ = cursor.name();
    }
    cursor.like();
    ends(cursor, Opening::Names("show"))
}

/// `FROM t [FROM db] [LIKE 'x']` behind SHOW COLUMNS and its like.
fn columns_of(cursor: &mut Cursor<'_>) -> Opening {
    let mut parts: Vec<Ident> = Vec::new();
    while parts.len() < 3 && (cursor.take(&["from"]) || cursor.take(&["in"])) {
        let Some(name) = cursor.name() else {
            return unknown_show();
        };
        // What stands behind the second FROM is the database.
        let mut outer: Vec<Ident> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident().cloned())
            .collect();
        outer.append(&mut parts);
        parts = outer;
    }
    cursor.like();
    if parts.is_empty() {
        return unknown_show();
    }
    ends(cursor, Opening::Table("show", ObjectName::from(parts)))
}

/// What it is, if nothing is left over.
fn ends(cursor: &Cursor<'_>, opening: Opening) -> Opening {
    if cursor.is_at_end() {
        return opening;
    }
    match opening {
        Opening::Table("select", _) => Opening::Statement,
        Opening::Table("describe", _) => refused(
            "describe",
            "DESCRIBE takes a table or a query and nothing behind it",
        ),
        _ => unknown_show(),
    }
}

fn explained(cursor: &Cursor<'_>) -> Opening {
    if begins_query(cursor) {
        return Opening::Query("explain", cursor.at());
    }
    refused("explain", "EXPLAIN is allowed for queries only")
}

fn begins_query(cursor: &Cursor<'_>) -> bool {
    cursor
        .word()
        .is_some_and(|word| QUERIES.contains(&word.as_str()))
        || matches!(cursor.token(), Some(Token::LParen))
}

fn runs() -> Opening {
    refused(
        "explain",
        "EXPLAIN ANALYZE runs the statement; use EXPLAIN alone",
    )
}

fn unknown_show() -> Opening {
    refused(
        "show",
        "this SHOW is not among those that are known to be harmless; use SHOW TABLES or information_schema",
    )
}

fn refused(kind: &'static str, reason: &str) -> Opening {
    Opening::Refused(kind, reason.to_owned())
}

/// A plain word, lower case.
fn plain(token: &Token) -> Option<String> {
    match token {
        Token::Word(Word {
            value,
            quote_style: None,
            ..
        }) => Some(value.to_lowercase()),
        _ => None,
    }
}
