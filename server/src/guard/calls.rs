//! Calls that the parser's tree does not show.
//!
//! What the parser takes for a type with arguments or for a lambda's parameter is no call to the walk, however it reads:
//! `CAST(1 AS Array(url(a)))`, `lambda FROM getenv('x') : x`. No engine is known to run one of these. So a list of names
//! is enough here, where the walk's own lists say what may be called.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, Word},
};
use tidegate_schema::model::Dialect;

use super::{functions, words::is_keyword};

/// Why the name of a harmful function with a list behind it is refused, wherever it stands but where a table, its alias
/// or what WITH defines has its columns listed.
pub(super) fn refused(tokens: &[Token], dialect: Dialect) -> Option<String> {
    tokens.windows(2).enumerate().find_map(|(at, pair)| {
        let [Token::Word(word), Token::LParen] = pair else {
            return None;
        };
        let name = word.value.to_lowercase();
        let is_refused = functions::is_notorious(&name, dialect) && !lists_columns(tokens, at);
        is_refused.then(|| functions::refusal(&name))
    })
}

/// Whether the list behind the name at `at` is one of columns.
fn lists_columns(tokens: &[Token], at: usize) -> bool {
    let mut first = at;
    while let Some(qualifier) = first.checked_sub(2)
        && tokens[first - 1] == Token::Period
        && matches!(tokens[qualifier], Token::Word(_))
    {
        first = qualifier;
    }
    match first.checked_sub(1).map(|before| &tokens[before]) {
        // `FROM (…) name (a)`.
        Some(Token::RParen) => true,
        Some(Token::Word(Word {
            keyword,
            quote_style,
            ..
        })) => {
            // `FROM t name (a)`, `FROM t AS name (a)`, `INSERT INTO name (a)`.
            quote_style.is_some()
                || matches!(keyword, Keyword::NoKeyword | Keyword::AS | Keyword::INTO)
                || is_defined(&tokens[at + 1..])
        }
        _ => is_defined(&tokens[at + 1..]),
    }
}

/// Whether AS and a query follow the parentheses that these tokens begin with.
fn is_defined(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    let close = tokens.iter().position(|token| {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    match close.and_then(|close| tokens.get(close + 1..)) {
        Some([first, second, ..]) => {
            is_keyword(first, Keyword::AS)
                && (*second == Token::LParen
                    || is_keyword(second, Keyword::MATERIALIZED)
                    || is_keyword(second, Keyword::NOT))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::guard::{Guard, GuardOptions};

    use super::*;

    fn allowed(sql: &str, dialect: Dialect, writable: bool) -> bool {
        let options = GuardOptions {
            writable,
            ..GuardOptions::default()
        };
        Guard::judge(sql, dialect, &options).allowed
    }

    #[test]
    fn what_reads_like_a_harmful_call_is_refused_wherever_it_stands() {
        for (sql, dialect) in [
            (
                "SELECT CAST(1 AS Array(url(customers)))",
                Dialect::ClickHouse,
            ),
            (
                "SELECT CAST(1 AS Array(url(TABLE FROM)))",
                Dialect::ClickHouse,
            ),
            ("SELECT pg::_catalog.set_config(,)", Dialect::ClickHouse),
            (
                "SELECT list_filter([1, 2, 3], lambda FROM  getenv('x') : x > 1)",
                Dialect::DuckDb,
            ),
            (
                "SELECT j.id FROM documents d CROSS APPLY OPENJSON(d.data) WITH  (SELECT load_extension('x'))",
                Dialect::TransactSql,
            ),
        ] {
            assert!(!allowed(sql, dialect, false), "{sql}");
        }
    }

    #[test]
    fn tables_and_aliases_may_be_called_as_they_like() {
        for (sql, writable) in [
            ("WITH url (a) AS (SELECT 1) SELECT a FROM url", false),
            (
                "WITH query (a) AS MATERIALIZED (SELECT 1) SELECT a FROM query",
                false,
            ),
            ("SELECT edit.a FROM (SELECT 1) edit (a)", false),
            ("SELECT file.a FROM customers AS file (a)", false),
            ("INSERT INTO public.query (id) VALUES (1)", true),
        ] {
            assert!(allowed(sql, Dialect::Postgres, writable), "{sql}");
        }
        for sql in [
            "SELECT glob('a*', name) FROM customers",
            "SELECT query FROM customers WHERE id IN (1)",
        ] {
            assert!(allowed(sql, Dialect::Sqlite, false), "{sql}");
        }
    }
}
