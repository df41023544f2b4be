//! A reader of SQL of its own: words, names, strings and signs as each engine cuts them.
//!
//! It shares no code with the guard, so that the two are not wrong in the same way.

use tidegate_schema::model::Dialect;

/// One part of a statement that is neither blank nor comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lexeme {
    /// A plain word or number, lower case.
    Word(String),
    /// A quoted name, lower case, as it stands between its quotes.
    Name(String),
    /// A string.
    Text,
    /// Any other sign.
    Sign(char),
}

/// The parts of a statement, or what is not closed.
pub(crate) fn read(sql: &str, dialect: Dialect) -> Result<Vec<Lexeme>, &'static str> {
    let mut rest = sql;
    let mut found = Vec::new();
    while let Some(sign) = rest.chars().next() {
        if sign.is_whitespace() {
            rest = &rest[sign.len_utf8()..];
        } else if begins_line_comment(rest, dialect) {
            let ends = |sign| sign == '\n' || (sign == '\r' && dialect == Dialect::Postgres);
            rest = rest.find(ends).map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            rest = behind_comment(rest, dialect).ok_or("a comment is not closed")?;
        } else if is_word(sign, dialect) {
            let end = rest
                .find(|next: char| !is_word(next, dialect) && next != '$')
                .unwrap_or(rest.len());
            let word = rest[..end].to_lowercase();
            rest = &rest[end..];
            if rest.starts_with('\'') && is_prefix(&word, dialect) {
                let escapes = word == "e" || has_escapes(dialect);
                rest = behind_quote(rest, '\'', escapes).ok_or("a string is not closed")?;
                found.push(Lexeme::Text);
            } else {
                found.push(Lexeme::Word(word));
            }
        } else if sign == '\'' || (sign == '"' && dialect == Dialect::MySql) {
            rest =
                behind_quote(rest, sign, has_escapes(dialect)).ok_or("a string is not closed")?;
            found.push(Lexeme::Text);
        } else if let Some(close) = name_ends_by(sign, dialect) {
            let after = behind_quote(rest, close, false).ok_or("a name is not closed")?;
            let inside = &rest[sign.len_utf8()..rest.len() - after.len() - close.len_utf8()];
            found.push(Lexeme::Name(inside.to_lowercase()));
            rest = after;
        } else if let Some(tag) = dollar_tag(rest, dialect) {
            let inside = &rest[tag.len()..];
            let end = inside.find(tag).ok_or("a string is not closed")?;
            rest = &inside[end + tag.len()..];
            found.push(Lexeme::Text);
        } else {
            found.push(Lexeme::Sign(sign));
            rest = &rest[sign.len_utf8()..];
        }
    }
    Ok(found)
}

fn is_word(sign: char, dialect: Dialect) -> bool {
    let more = match dialect {
        Dialect::MySql => "$@",
        Dialect::TransactSql => "$@#",
        _ => "",
    };
    // To most, every sign beyond ASCII may be part of a name, quotation marks too.
    let any_other = matches!(
        dialect,
        Dialect::Sqlite | Dialect::Postgres | Dialect::MySql | Dialect::DuckDb
    );
    sign.is_alphanumeric()
        || sign == '_'
        || more.contains(sign)
        || (any_other && !sign.is_ascii() && !sign.is_whitespace())
}

fn begins_line_comment(rest: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::MySql => {
            rest.starts_with('#')
                || rest.strip_prefix("--").is_some_and(|after| {
                    after
                        .chars()
                        .next()
                        .is_none_or(|next| next.is_ascii_whitespace() || next.is_ascii_control())
                })
        }
        Dialect::ClickHouse => {
            rest.starts_with("--") || rest.starts_with("# ") || rest.starts_with("#!")
        }
        _ => rest.starts_with("--"),
    }
}

/// Behind a block comment; some engines nest them.
fn behind_comment(text: &str, dialect: Dialect) -> Option<&str> {
    let nests = matches!(
        dialect,
        Dialect::Postgres | Dialect::DuckDb | Dialect::TransactSql
    );
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix("*/").filter(|_| depth > 0) {
            depth -= 1;
            rest = after;
            if depth == 0 {
                return Some(rest);
            }
        } else if let Some(after) = rest.strip_prefix("/*").filter(|_| nests || depth == 0) {
            depth += 1;
            rest = after;
        } else {
            let next = rest.chars().next();
            // SQLite takes the end of the text for the end of the comment.
            let Some(next) = next else {
                return (dialect == Dialect::Sqlite).then_some("");
            };
            rest = &rest[next.len_utf8()..];
        }
    }
}

/// Behind the quote that closes what `text` begins by; a quote twice stands for itself.
fn behind_quote(text: &str, close: char, escapes: bool) -> Option<&str> {
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        if sign == '\\' && escapes {
            signs.next();
        } else if sign == close {
            match signs.peek() {
                Some((_, next)) if *next == close => {
                    signs.next();
                }
                _ => return Some(&text[at + sign.len_utf8()..]),
            }
        }
    }
    None
}

fn has_escapes(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::MySql | Dialect::ClickHouse)
}

fn is_prefix(word: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sqlite => word == "x",
        Dialect::Postgres => matches!(word, "x" | "b" | "e" | "n"),
        Dialect::MySql => matches!(word, "x" | "b" | "n"),
        Dialect::DuckDb => matches!(word, "x" | "e"),
        Dialect::ClickHouse => matches!(word, "x" | "b"),
        Dialect::TransactSql => word == "n",
    }
}

fn name_ends_by(sign: char, dialect: Dialect) -> Option<char> {
    match (sign, dialect) {
        ('"', _) => Some('"'),
        ('`', Dialect::Sqlite | Dialect::MySql | Dialect::ClickHouse) => Some('`'),
        ('[', Dialect::Sqlite | Dialect::TransactSql) => Some(']'),
        _ => None,
    }
}

/// `$tag$` where the engine has it.
fn dollar_tag(rest: &str, dialect: Dialect) -> Option<&str> {
    if !matches!(dialect, Dialect::Postgres | Dialect::DuckDb) {
        return None;
    }
    let inner = rest.strip_prefix('$')?;
    let end = inner.find(|sign: char| !(sign.is_alphanumeric() || sign == '_'))?;
    let begins_by_digit = inner.starts_with(|sign: char| sign.is_ascii_digit());
    (inner[end..].starts_with('$') && !begins_by_digit).then(|| &rest[..end + 2])
}
