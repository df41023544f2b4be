//! Rows bounded at the server: one that is larger than the whole result may be is not sent at all.
//!
//! The wire brings a row in one piece, of up to a gigabyte per cell, and it would lie in our memory before anybody
//! could weigh it. So a query with wide columns is wrapped: the server writes their cells as text itself, adds up
//! their sizes, and leaves them out of a row that is too large. `concat` writes a cell as the wire would, whatever
//! its type; `OFFSET 0` keeps the planner from computing a cell twice. The rows keep their order: the layers around
//! the query neither sort nor join, and an ordered query has no part that could be gathered in another order.

use std::fmt::Write as _;

use tokio_postgres::types::{Kind, Type};

use crate::drivers::lexis::{dollar_end, is_of_word, line_end, nested_comment_end, quoted_end};

/// What a query may send beyond twice its limit, which is what bytes take in hexadecimal digits.
const SLACK_BYTES: usize = 1_024;
/// No server sends a larger row: it has no memory for one.
const MESSAGE_BYTES: usize = 1 << 30;
/// The longest number: 131,072 digits before the point and 16,383 behind it.
const NUMBER_BYTES: usize = 131_072 + 16_383 + 2;
/// What a length in a type's modifier is more than it says.
const MODIFIER: i32 = 4;

/// A single statement's first word, and its text without semicolons.
pub(super) struct Statement {
    word: String,
    pub(super) sql: String,
}

impl Statement {
    /// Reads a text that is known to be one statement.
    pub(super) fn read(text: &str) -> Self {
        let mut sql = text.as_bytes().to_vec();
        let mut word = Vec::new();
        let mut at = 0;
        while at < sql.len() {
            if let Some(end) = opaque_end(&sql, at) {
                at = end;
                continue;
            }
            if sql[at] == b';' {
                // Beside its one statement it can have empty ones only.
                sql[at] = b' ';
            }
            if word.is_empty() && sql[at].is_ascii_alphabetic() {
                let letters = sql[at..].iter().take_while(|sign| is_of_word(**sign));
                word.extend(letters.map(u8::to_ascii_lowercase));
                at += word.len();
            } else {
                at += 1;
            }
        }
        Self {
            word: String::from_utf8_lossy(&word).into_owned(),
            // A space took the place of a semicolon, so it is the text that was given.
            sql: String::from_utf8_lossy(&sql).into_owned(),
        }
    }

    /// Whether it can be planned and stand in parentheses, as `SHOW` and `EXPLAIN` cannot.
    pub(super) fn is_query(&self) -> bool {
        matches!(self.word.as_str(), "select" | "with" | "values" | "table")
    }

    /// Whether it changes rows; it can be planned in a read-only transaction all the same.
    pub(super) fn is_change(&self) -> bool {
        matches!(self.word.as_str(), "insert" | "update" | "delete" | "merge")
    }

    /// The query wrapped, with one more column that says whether the row fits; `None` if every row does by the types
    /// of its columns, which come with their modifiers.
    pub(super) fn bounded(&self, types: &[(&Type, i32)], bytes: usize) -> Option<String> {
        let limit = bytes.saturating_mul(2).saturating_add(SLACK_BYTES);
        let wide = types.iter().map(|(kind, _)| !is_narrow(kind));
        let wide: Vec<bool> = wide.collect();
        let most: Option<usize> = types
            .iter()
            .zip(&wide)
            .filter(|(_, wide)| **wide)
            .map(|((kind, modifier), _)| most_bytes(kind, *modifier))
            .sum();
        if !self.is_query() || limit >= MESSAGE_BYTES || most.is_some_and(|most| most <= limit) {
            return None;
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (mut names, mut cells, mut texts) = (Vec::new(), String::new(), String::new());
        let mut sizes = Vec::new();
        for (nth, wide) in wide.into_iter().enumerate() {
            let name = format!("c{nth}");
            if wide {
                _ = write!(cells, "CASE WHEN f.fits THEN f.{name} END, ");
                _ = write!(
                    texts,
                    "CASE WHEN q.{name} IS DISTINCT FROM NULL THEN pg_catalog.concat(q.{name}) END AS {name}, "
                );
                sizes.push(format!(
                    "coalesce(pg_catalog.octet_length(t.{name}), 0)::bigint"
                ));
            } else {
                _ = write!(cells, "f.{name}, ");
                _ = write!(texts, "q.{name}, ");
            }
            names.push(name);
        }
        let texts = texts.trim_end_matches(", ");
        let (names, sizes) = (names.join(", "), sizes.join(" + "));
        let sql = &self.sql;
        // The query's last line may be a comment.
        Some(format!(
            "SELECT {cells}f.fits FROM (SELECT t.*, {sizes} <= {limit} AS fits FROM (SELECT {texts} FROM \
             (SELECT * FROM ({sql}\n) AS s OFFSET 0) AS q ({names}) OFFSET 0) AS t OFFSET 0) AS f"
        ))
    }
}

/// How many bytes a value of a wide type has at most, where its type says so. A letter has up to four.
fn most_bytes(kind: &Type, modifier: i32) -> Option<usize> {
    match *kind {
        Type::NUMERIC => Some(NUMBER_BYTES),
        Type::VARCHAR | Type::BPCHAR => {
            let letters = modifier
                .checked_sub(MODIFIER)
                .filter(|length| *length > 0)?;
            usize::try_from(letters).ok()?.checked_mul(4)
        }
        _ => None,
    }
}

/// Types of at most a few dozen letters.
pub(super) fn is_narrow(kind: &Type) -> bool {
    let base = match kind.kind() {
        Kind::Domain(base) => base,
        Kind::Enum(_) => return true,
        _ => kind,
    };
    matches!(
        *base,
        Type::BOOL
            | Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::FLOAT4
            | Type::FLOAT8
            | Type::MONEY
            | Type::DATE
            | Type::TIME
            | Type::TIMETZ
            | Type::TIMESTAMP
            | Type::TIMESTAMPTZ
            | Type::INTERVAL
            | Type::UUID
            | Type::NAME
            | Type::CHAR
            | Type::INET
            | Type::CIDR
            | Type::MACADDR
            | Type::MACADDR8
            | Type::POINT
            | Type::VOID
    )
}

/// Where the comment, string or quoted name ends that begins here, if one does.
fn opaque_end(sql: &[u8], at: usize) -> Option<usize> {
    let next = sql.get(at + 1);
    let before = |back: usize| at.checked_sub(back).map(|at| sql[at]);
    match sql[at] {
        b'\'' => {
            let escapes =
                matches!(before(1), Some(b'e' | b'E')) && !before(2).is_some_and(is_of_word);
            Some(quoted_end(sql, at, b'\'', escapes))
        }
        b'"' => Some(quoted_end(sql, at, b'"', false)),
        b'-' if next == Some(&b'-') => Some(line_end(sql, at)),
        // Comments nest in PostgreSQL.
        b'/' if next == Some(&b'*') => Some(nested_comment_end(sql, at)),
        b'$' if !before(1).is_some_and(is_of_word) => dollar_end(sql, at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments_and_parentheses() {
        for (text, word) in [
            ("SELECT 1", "select"),
            ("-- which\nSHOW server_version", "show"),
            ("/* a /* b */ */ explain SELECT 1", "explain"),
            ("; (( WITH x AS (SELECT 1) TABLE x))", "with"),
            ("-- nothing", ""),
        ] {
            assert_eq!(Statement::read(text).word, word, "{text}");
        }
    }

    #[test]
    fn only_semicolons_between_statements_are_taken_out() {
        for (text, sql) in [
            ("SELECT 1; -- a; b", "SELECT 1  -- a; b"),
            (";SELECT ';', \"a;b\" ;;", " SELECT ';', \"a;b\"   "),
            ("SELECT 'it''s;' ;", "SELECT 'it''s;'  "),
            ("SELECT E'it\\'s;''\\';' ;", "SELECT E'it\\'s;''\\';'  "),
            ("SELECT 'a\\' ; --'", "SELECT 'a\\'   --'"),
            ("SELECT $$;$$, $a$;$$;$a$ ;", "SELECT $$;$$, $a$;$$;$a$  "),
            ("SELECT a$$ ; /* ; */", "SELECT a$$   /* ; */"),
            ("SELECT 'Å;' ;", "SELECT 'Å;'  "),
        ] {
            assert_eq!(Statement::read(text).sql, sql, "{text}");
        }
        for torn in [
            "'", "\"a", "E'\\", "/* /* */", "$a$ x", "$", "--", "a$", "é$é$",
        ] {
            assert_eq!(Statement::read(torn).sql, torn);
        }
    }

    #[test]
    fn only_queries_with_wide_columns_are_wrapped() {
        let wide: &[(&Type, i32)] = &[(&Type::INT4, -1), (&Type::TEXT, -1)];
        fn wrapped(text: &str, types: &[(&Type, i32)]) -> Option<String> {
            Statement::read(text).bounded(types, 1 << 20)
        }
        assert_eq!(wrapped("SHOW search_path", wide), None);
        assert_eq!(wrapped("EXPLAIN SELECT 1", wide), None);
        assert_eq!(
            wrapped(
                "SELECT 1, now()",
                &[(&Type::INT4, -1), (&Type::TIMESTAMPTZ, -1)]
            ),
            None
        );
        let sql = wrapped("SELECT 1, 'a'; -- b", wide).expect("wrapped");
        assert!(
            sql.starts_with("SELECT f.c0, CASE WHEN f.fits THEN f.c1 END, f.fits FROM"),
            "{sql}"
        );
        assert!(sql.contains("(SELECT 1, 'a'  -- b\n) AS s"), "{sql}");
    }

    #[test]
    fn columns_that_cannot_be_too_large_are_not_wrapped() {
        let wrapped = |types: &[(&Type, i32)], bytes: usize| {
            Statement::read("SELECT a, b FROM t")
                .bounded(types, bytes)
                .is_some()
        };
        let short: &[(&Type, i32)] = &[(&Type::VARCHAR, 204), (&Type::BPCHAR, 14)];
        assert!(!wrapped(short, 1 << 20));
        assert!(wrapped(&[(&Type::VARCHAR, 10_004)], 1_000));
        // Without a length, or beside a column without one.
        assert!(wrapped(&[(&Type::VARCHAR, -1)], 1 << 20));
        assert!(wrapped(&[short[0], (&Type::TEXT, -1)], 1 << 20));
        // A number is long at most as the type allows.
        assert!(!wrapped(&[(&Type::NUMERIC, -1)], 1 << 20));
        assert!(wrapped(&[(&Type::NUMERIC, -1)], 1_000));
        // The server cannot send more than the limit.
        assert!(!wrapped(&[(&Type::TEXT, -1)], usize::MAX));
    }
}
