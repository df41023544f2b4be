//! As much of a statement's text as is needed to have it explained: its first word, and no semicolons at its end.

use crate::drivers::lexis::quoted_end;

/// A statement's text, looked through once.
#[derive(Debug)]
pub(super) struct Statement {
    /// The first word, in lower case; empty if there is none.
    pub(super) word: String,
    /// The text with the semicolons outside of quotes and comments replaced by spaces.
    pub(super) sql: String,
}

impl Statement {
    pub(super) fn read(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut sql = bytes.to_vec();
        let mut word = String::new();
        let mut at = 0;
        while at < bytes.len() {
            if let Some(end) = opaque_end(bytes, at) {
                at = end;
                continue;
            }
            match bytes[at] {
                b';' => sql[at] = b' ',
                letter if letter.is_ascii_alphabetic() => {
                    let length = bytes[at..]
                        .iter()
                        .take_while(|sign| is_of_word(**sign))
                        .count();
                    if word.is_empty() {
                        word = text[at..at + length].to_ascii_lowercase();
                    }
                    at += length;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        Self {
            word,
            // Only ASCII signs were exchanged for ASCII signs.
            sql: String::from_utf8(sql).unwrap_or_else(|_| text.to_owned()),
        }
    }

    /// Whether it is a query, and not one of the statements that show something.
    pub(super) fn is_query(&self) -> bool {
        matches!(self.word.as_str(), "select" | "with")
    }
}

/// Where a text in quotes or a comment that begins at `at` ends.
fn opaque_end(sql: &[u8], at: usize) -> Option<usize> {
    let rest = &sql[at..];
    let until = |end: &[u8]| {
        let found = memchr::memmem::find(rest, end);
        found.map_or(sql.len(), |length| at + length + end.len())
    };
    match rest {
        [quote @ (b'\'' | b'"' | b'`'), ..] => Some(quoted_end(sql, at, *quote, true)),
        [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => Some(until(b"\n")),
        [b'/', b'*', ..] => Some(until(b"*/")),
        _ => None,
    }
}

fn is_of_word(sign: u8) -> bool {
    sign.is_ascii_alphanumeric() || sign == b'_' || !sign.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments_and_parentheses() {
        for (text, word) in [
            ("SELECT 1", "select"),
            ("-- which\n/* one */ (WITH 1 AS x SELECT x)", "with"),
            ("# a note\nshow TABLES", "show"),
            ("DESCRIBE TABLE t", "describe"),
            ("-- nothing", ""),
            ("", ""),
        ] {
            assert_eq!(Statement::read(text).word, word, "{text}");
        }
    }

    #[test]
    fn only_semicolons_between_statements_are_taken_out() {
        for (text, sql) in [
            ("SELECT 1;", "SELECT 1 "),
            ("SELECT 1; -- a; b", "SELECT 1  -- a; b"),
            (
                r"SELECT 'a;b', 'it\';', `c;`, 'd'';' ;",
                r"SELECT 'a;b', 'it\';', `c;`, 'd'';'  ",
            ),
            ("SELECT 'Å;' /* ; */;", "SELECT 'Å;' /* ; */ "),
        ] {
            assert_eq!(Statement::read(text).sql, sql, "{text}");
        }
        for torn in ["'", "\"a", "'\\", "/* ", "`", "--", "-", "/", "é"] {
            assert_eq!(Statement::read(torn).sql, torn);
        }
    }
}
