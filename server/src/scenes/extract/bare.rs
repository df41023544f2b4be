//! SQL that stands without a fence, told from sentences that begin with the same words.
//!
//! Decided by the words, not by a parser: a statement with a mistake in it must still be taken for SQL, so that its
//! error goes back to the model, and `Select a city from the list` is a statement to a parser.

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer, Whitespace},
};

/// Words that stand before a noun in a sentence, and before a second word never in SQL.
const DETERMINERS: &[&str] = &[
    "the", "these", "this", "those", "that", "your", "our", "my", "their", "its", "an", "any",
    "each", "every", "one", "which",
];
/// What may follow `a` where it is a column or a table, and not an article.
const AFTER_A_NAME: &[&str] = &[
    "from",
    "where",
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "full",
    "cross",
    "natural",
    "on",
    "using",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "and",
    "or",
    "not",
    "is",
    "in",
    "like",
    "ilike",
    "glob",
    "between",
    "as",
    "asc",
    "desc",
    "nulls",
    "collate",
    "then",
    "else",
    "end",
    "when",
    "window",
    "over",
    "filter",
    "for",
    "isnull",
    "notnull",
    "similar",
    "returning",
    "tablesample",
];
/// Semicolons looked at for the end of a statement; more are in no query worth reading.
const MOST_SEMICOLONS: usize = 20;

/// The SQL a text begins with, and what is said after it; nothing if the text begins as a sentence does.
pub(super) fn sql(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let (sql, after) = text
        .match_indices(';')
        .take(MOST_SEMICOLONS)
        .map(|(place, _)| text.split_at(place + 1))
        .find(|(statement, _)| {
            tokens(statement).is_some_and(|tokens| tokens.last() == Some(&Token::SemiColon))
        })
        .unwrap_or((text, ""));
    if !is_query(sql) {
        return None;
    }
    let after = after.trim();
    // What is no sentence stays, and the guard says what is wrong with a second statement.
    if after.is_empty() || is_prose(after) {
        Some((sql, after))
    } else {
        Some((text, ""))
    }
}

/// The words and signs of a text; nothing where a quote or a comment has no end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().ok()
}

fn is_query(text: &str) -> bool {
    let Some(all) = tokens(text) else {
        return was_cut(text);
    };
    let words: Vec<&Token> = all
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    match plain(first).as_deref() {
        Some("with") => begins_a_table(rest),
        Some("select") => {
            let from = rest.iter().any(|token| is(token, "from"));
            let value = rest.iter().any(|token| {
                matches!(
                    token,
                    Token::Number(..) | Token::SingleQuotedString(_) | Token::LParen
                )
            });
            // `Select 3 options` begins a sentence; `select 3` and `SELECT 3` do not.
            let sentence_case = first.to_string().starts_with("Se");
            !has_article(rest) && !ends_a_sentence(&all) && (from || (value && !sentence_case))
        }
        _ => false,
    }
}

/// Whether a text whose last quote is open is SQL that was cut, and not a sentence with an apostrophe.
fn was_cut(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    matches!(first, "select" | "SELECT" | "with" | "WITH")
}

/// `[RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (`, as it follows WITH.
fn begins_a_table(tokens: &[&Token]) -> bool {
    let mut rest = tokens;
    if let [first, more @ ..] = rest
        && is(first, "recursive")
    {
        rest = more;
    }
    let [Token::Word(_), more @ ..] = rest else {
        return false;
    };
    rest = more;
    if let [Token::LParen, ..] = rest {
        let Some(end) = rest.iter().position(|token| **token == Token::RParen) else {
            return false;
        };
        rest = &rest[end + 1..];
    }
    let [first, more @ ..] = rest else {
        return false;
    };
    if !is(first, "as") {
        return false;
    }
    let body = more
        .iter()
        .find(|token| !is(token, "not") && !is(token, "materialized"));
    matches!(body, Some(Token::LParen))
}

/// Whether an article stands before a word, as in `the city`.
fn has_article(tokens: &[&Token]) -> bool {
    tokens.windows(2).any(|pair| {
        let (Some(first), Some(second)) = (plain(pair[0]), plain(pair[1])) else {
            return false;
        };
        let (first, second) = (first.as_str(), second.as_str());
        let named = AFTER_A_NAME.contains(&second);
        !named && (first == "a" || DETERMINERS.contains(&first))
    })
}

/// Whether a full stop or a colon ends a sentence.
fn ends_a_sentence(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(i, token)| {
        matches!(token, Token::Period | Token::Colon)
            && matches!(
                tokens.get(i + 1),
                None | Some(Token::Whitespace(
                    Whitespace::Space | Whitespace::Newline | Whitespace::Tab
                ))
            )
    })
}

/// Whether what follows a statement is said, and not run.
fn is_prose(text: &str) -> bool {
    match tokens(text) {
        Some(all) => {
            let words: Vec<&Token> = all
                .iter()
                .filter(|token| !matches!(token, Token::Whitespace(_)))
                .collect();
            has_article(&words) || ends_a_sentence(&all)
        }
        None => true,
    }
}

/// An unquoted word, in lower case.
fn plain(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
        _ => None,
    }
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_needs_no_fence() {
        for text in [
            "select 3",
            "SELECT count(*)",
            "SELECT\n  city,\n  COUNT(*)\nFROM people\nGROUP BY city",
            "SELECT\tcity FROM people",
            "Select city From people Where age > 3",
            "-- the towns\nSELECT town FROM people",
            "/* the towns. */ SELECT town FROM people;",
            "SELECT a FROM t a JOIN u b ON a.x = b.y ORDER BY a DESC",
            "SELECT a.town FROM people a",
            "SELECT a FROM t",
            "SELECT \"the city\" FROM t WHERE note = 'Hello. The end.'",
            "SELECT town FROM people WHERE",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "WITH RECURSIVE n (i) AS (SELECT 1) SELECT i FROM n",
            "WITH\n  x AS NOT MATERIALIZED (SELECT 1)\nSELECT * FROM x",
            "SELECT name FROM people WHERE town = 'Os",
        ] {
            assert_eq!(sql(text), Some((text, "")), "{text}");
        }
    }

    #[test]
    fn a_sentence_that_begins_like_a_query_is_none() {
        for text in [
            "",
            "-- nothing",
            "With these tables I cannot answer that.",
            "With the tables shown, as (far as) I can see, no.",
            "With x as the key, one could join them.",
            "Select the city you mean",
            "Select the city from the list",
            "Select a city from the list",
            "Select one of the databases first.",
            "Select 3 options",
            "Select don't care",
            "Select people from Oslo and Bergen.",
            "Selecting rows from people is not allowed",
            "Withdrawals are not in here",
        ] {
            assert_eq!(sql(text), None, "{text}");
        }
    }

    #[test]
    fn words_after_a_query_are_not_run_and_a_second_statement_is_not_hidden() {
        assert_eq!(
            sql("SELECT ';' FROM t;\n\nThis reads the table t."),
            Some(("SELECT ';' FROM t;", "This reads the table t."))
        );
        let two = "SELECT 1; DROP TABLE people";
        assert_eq!(sql(two), Some((two, "")));
    }
}
