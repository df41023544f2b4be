//! What a text of SQL is, as far as it has to be known before DuckDB sees it.
//!
//! DuckDB's wrapper runs all statements of a text but the last while it prepares it. So a text is taken apart here,
//! by DuckDB's own lexical rules, before anything is handed over, and only what begins like a query goes on. That it
//! is a query DuckDB itself has to confirm, see `rows`.

use tidegate_schema::{Error, Result};

use crate::drivers::lexis::{dollar_end, is_of_word, line_end, nested_comment_end, quoted_end};

/// Words a query begins with; so does a parenthesis.
const QUERIES: &[&str] = &["SELECT", "WITH", "FROM", "VALUES"];
/// Statements that tell about the database and change nothing.
const ABOUT: &[&str] = &["SHOW", "DESCRIBE", "DESC", "SUMMARIZE"];
/// Statements that change rows and nothing else.
const CHANGES: &[&str] = &["INSERT", "UPDATE", "DELETE", "MERGE", "WITH"];
/// Words that turn values into columns.
const PIVOTS: &[&str] = &["PIVOT", "PIVOT_WIDER"];
/// Functions that act from within a query: they set what a locked configuration leaves open, for everyone on the
/// file, or read further SQL out of a text.
const ACTS: &[&str] = &[
    "checkpoint",
    "disable_logging",
    "disable_profiling",
    "enable_logging",
    "enable_profiling",
    "force_checkpoint",
    "json_execute_serialized_sql",
    "query",
    "truncate_duckdb_logs",
    "write_log",
];

/// A statement that only reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading<'a> {
    /// A query.
    Query,
    /// The plan of this query.
    Explain(&'a str),
    /// What the database tells about itself.
    About,
}

/// The one statement of a text, without what surrounds it; an error if there are none or several.
pub(super) fn one(text: &str) -> Result<&str> {
    let (mut start, mut end, mut closed) = (None, 0, false);
    for piece in pieces(text) {
        match piece.kind {
            Kind::Blank => {}
            Kind::Semicolon => closed |= start.is_some(),
            Kind::Word | Kind::Other if closed => {
                return Err(Error::Forbidden {
                    reason: "more than one statement; send one query at a time".into(),
                });
            }
            Kind::Word | Kind::Other => {
                start.get_or_insert(piece.start);
                end = piece.end;
            }
        }
    }
    let sql = start
        .and_then(|start| text.get(start..end))
        .ok_or_else(|| Error::invalid("sql", "is empty; write a query"))?;
    match acting(sql) {
        Some(reason) => Err(Error::Forbidden { reason }),
        None => Ok(sql),
    }
}

/// What is wrong with a statement that acts by a call, or hides what it calls.
fn acting(sql: &str) -> Option<String> {
    let (mut sign, mut name) = ("", "");
    for piece in pieces(sql) {
        if matches!(piece.kind, Kind::Blank) {
            continue;
        }
        let text = &sql[piece.start..piece.end];
        if matches!(piece.kind, Kind::Word) && text.contains(is_blank) {
            return Some("a blank beyond ASCII stands outside of quotes; write a plain one".into());
        }
        if text == "(" {
            let called = name.trim_matches('"');
            // U&"..." is a name with escapes in it.
            let escaped = sign == "&" && name.starts_with('"');
            if escaped || ACTS.iter().any(|act| called.eq_ignore_ascii_case(act)) {
                return Some(format!(
                    "the session is read-only: {name} does more than read, so leave its call out"
                ));
            }
        }
        (sign, name) = (name, text);
    }
    None
}

/// Whether a statement may leave something in its session: a PIVOT that lists no values makes a type of them first.
pub(super) fn leaves_traces(sql: &str) -> bool {
    pieces(sql).any(|piece| {
        matches!(piece.kind, Kind::Word)
            && PIVOTS
                .iter()
                .any(|word| sql[piece.start..piece.end].eq_ignore_ascii_case(word))
    })
}

/// Whether DuckDB takes a character beyond ASCII for a blank.
fn is_blank(sign: char) -> bool {
    matches!(
        sign,
        '\u{a0}' | '\u{2000}'
            ..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{2060}' | '\u{3000}' | '\u{feff}'
    )
}

/// How a statement reads; an error if it is not one that reads.
pub(super) fn reading(sql: &str) -> Result<Reading<'_>> {
    if begins_with(sql, QUERIES) || sql.starts_with('(') {
        return Ok(Reading::Query);
    }
    if begins_with(sql, ABOUT) {
        return Ok(Reading::About);
    }
    explained(sql)
        .map(Reading::Explain)
        .ok_or_else(|| Error::Forbidden {
            reason: "the session is read-only: it runs queries (SELECT, WITH, FROM, VALUES) and EXPLAIN, SHOW, \
                     DESCRIBE and SUMMARIZE"
                .into(),
        })
}

/// Whether a statement is one that changes rows, to be told by its first word.
pub(super) fn changes_rows(sql: &str) -> bool {
    begins_with(sql, CHANGES)
}

/// The query behind EXPLAIN and its options.
fn explained(sql: &str) -> Option<&str> {
    let mut found = pieces(sql)
        .filter(|piece| !matches!(piece.kind, Kind::Blank))
        .peekable();
    let is = |piece: &Piece, word: &str| sql[piece.start..piece.end].eq_ignore_ascii_case(word);
    found.next_if(|piece| is(piece, "EXPLAIN"))?;
    found.next_if(|piece| is(piece, "ANALYZE"));
    let open = found.peek()?.start;
    if !sql[open..].starts_with('(')
        || begins_with(&sql[open + 1..], QUERIES)
        || begins_with(&sql[open + 1..], &["("])
    {
        return query(&sql[open..]);
    }
    // What stands in parentheses and is no query are options.
    let mut depth = 0_usize;
    for piece in found.by_ref() {
        match &sql[piece.start..piece.end] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.next().and_then(|piece| query(&sql[piece.start..]))
}

fn query(sql: &str) -> Option<&str> {
    (begins_with(sql, QUERIES) || sql.starts_with('(')).then_some(sql)
}

fn begins_with(sql: &str, words: &[&str]) -> bool {
    let first = pieces(sql).find(|piece| !matches!(piece.kind, Kind::Blank));
    first.is_some_and(|piece| {
        let first = &sql[piece.start..piece.end];
        words.iter().any(|word| first.eq_ignore_ascii_case(word))
    })
}

enum Kind {
    /// Space or a comment.
    Blank,
    Semicolon,
    Word,
    /// A text, a quoted name, or one character of anything else.
    Other,
}

struct Piece {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The pieces of a text in their order, without a gap.
fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text
            .as_bytes()
            .get(start..)
            .filter(|rest| !rest.is_empty())?;
        let (kind, length) = piece(rest);
        let end = (start + length).min(text.len());
        let piece = Piece { kind, start, end };
        start = end;
        Some(piece)
    })
}

/// The first piece of what is not empty, and its length.
fn piece(rest: &[u8]) -> (Kind, usize) {
    let first = rest[0];
    if first.is_ascii_whitespace() {
        (Kind::Blank, 1)
    } else if rest.starts_with(b"--") {
        (Kind::Blank, line_end(rest, 0))
    } else if rest.starts_with(b"/*") {
        (Kind::Blank, nested_comment_end(rest, 0))
    } else if first == b';' {
        (Kind::Semicolon, 1)
    } else if first == b'\'' || first == b'"' {
        (Kind::Other, quoted_end(rest, 0, first, false))
    } else if first == b'$' {
        (Kind::Other, dollar_end(rest, 0).unwrap_or(1))
    } else if is_of_word(first) && !first.is_ascii_digit() {
        let length = name(rest);
        // Only here a backslash takes the quote after it for a letter.
        if length == 1 && first.eq_ignore_ascii_case(&b'e') && rest.get(1) == Some(&b'\'') {
            return (Kind::Other, 1 + escaped(&rest[1..]));
        }
        (Kind::Word, length)
    } else {
        (Kind::Other, 1)
    }
}

/// The length of the name at the beginning. Every character that is not ASCII may stand in one.
fn name(rest: &[u8]) -> usize {
    rest.iter()
        .position(|&byte| !is_of_word(byte))
        .unwrap_or(rest.len())
}

/// A text with escapes. It goes on, escapes and all, in the quotes after a line break.
fn escaped(rest: &[u8]) -> usize {
    let mut end = quoted_end(rest, 0, b'\'', true);
    loop {
        let mut next = end;
        while next < rest.len() {
            if rest[next].is_ascii_whitespace() {
                next += 1;
            } else if rest[next..].starts_with(b"--") {
                next = line_end(rest, next);
            } else {
                break;
            }
        }
        let broken = rest[end..next]
            .iter()
            .any(|byte| matches!(byte, b'\n' | b'\r'));
        if !broken || rest.get(next) != Some(&b'\'') {
            return end;
        }
        end = quoted_end(rest, next, b'\'', true);
    }
}

#[cfg(test)]
mod tests;
