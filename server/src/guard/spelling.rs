//! Spellings that the tokenizer takes apart otherwise than the engine does: a call could hide in what only looks
//! like a string.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, Word},
};
use tidegate_schema::model::Dialect;

use super::words::is_keyword;

/// Signs that operators are made of.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";

/// What to write instead, if there is such a spelling. Takes the tokens with the white space between them.
pub(super) fn ambiguous(tokens: &[Token], dialect: Dialect) -> Option<&'static str> {
    let mut operator = String::new();
    let (mut before, mut last): (Option<&Token>, Option<&Token>) = (None, None);
    for token in tokens {
        if matches!(token, Token::Whitespace(_)) {
            operator.clear();
            continue;
        }
        let text = token.to_string();
        if text.chars().all(|sign| OPERATOR.contains(sign)) {
            operator.push_str(&text);
            // The engine ends an operator where a comment begins; the tokenizer swallows what follows `&>`.
            if operator.contains("--") || operator.contains("/*") || operator.ends_with("&>") {
                return Some("put a space between an operator and a comment, and leave `&>` out");
            }
        } else {
            operator.clear();
        }
        if let Some(remedy) = digits(token)
            .or_else(|| foreign(token, dialect))
            .or_else(|| pair(before, last, token, dialect))
        {
            return Some(remedy);
        }
        (before, last) = (last, Some(token));
    }
    None
}

/// SQLite ends `x'…'` and PostgreSQL `b'…'` where the tokenizer reads on; to PostgreSQL `$1a$` is a parameter.
fn digits(token: &Token) -> Option<&'static str> {
    let other = |text: &str, radix| !text.chars().all(|digit| digit.is_digit(radix));
    match token {
        Token::HexStringLiteral(text) if other(text, 16) => Some("x'...' takes hexadecimal digits"),
        Token::SingleQuotedByteStringLiteral(text) if other(text, 2) => {
            Some("b'...' takes the digits 0 and 1")
        }
        Token::DollarQuotedString(text)
            if text
                .tag
                .as_ref()
                .is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_digit())) =>
        {
            Some("begin the tag between the dollars by a letter")
        }
        _ => None,
    }
}

/// Signs that the tokenizer knows in every dialect, or takes for part of a name, and the engine does not.
fn foreign(token: &Token, dialect: Dialect) -> Option<&'static str> {
    match token {
        Token::DoubleColon
            if matches!(
                dialect,
                Dialect::Sqlite | Dialect::MySql | Dialect::TransactSql
            ) =>
        {
            Some("write CAST(x AS type) for x::type")
        }
        Token::Word(word)
            if word.quote_style.is_none() && word.value.contains(char::is_whitespace) =>
        {
            Some("separate words by plain blanks")
        }
        _ => None,
    }
}

/// Neighbours that mean something else together than one by one.
fn pair(
    before: Option<&Token>,
    last: Option<&Token>,
    token: &Token,
    dialect: Dialect,
) -> Option<&'static str> {
    match (last, token) {
        // PostgreSQL goes on with the escapes of E'...' in a string on the next line.
        (Some(Token::EscapedStringLiteral(_)), Token::SingleQuotedString(_)) => {
            Some("join the two strings after E'...' into one")
        }
        // U&"\0061" is an escaped name, read as U AND a name.
        (
            Some(Token::Ampersand),
            Token::Word(Word {
                quote_style: Some('"'),
                ..
            }),
        ) if matches!(dialect, Dialect::Postgres | Dialect::DuckDb)
            && matches!(before, Some(Token::Word(word)) if word.value.eq_ignore_ascii_case("u")) =>
        {
            Some("write the name without U&")
        }
        (last, token)
            if last.is_some_and(|last| is_keyword(last, Keyword::USING))
                && is_keyword(token, Keyword::OPERATOR) =>
        {
            Some("ORDER BY ... USING OPERATOR may call any function; use ASC or DESC")
        }
        _ => None,
    }
}
