//! One statement, read as far as the driver has to know it.
//!
//! The client library always lets the server take several statements at once, so the text is read here as the
//! server reads it: with backslash escapes, and with `"x"` as a string, which is what the session is set to.

use tidegate_schema::{Error, Result};

use crate::drivers::lexis::{self, is_of_word};

/// First words of statements that only read. A read-only transaction does not stop `SET`, `CALL`, `KILL`, `USE`,
/// `FLUSH` or `SHUTDOWN`, so nothing else is sent.
const READING: [&str; 8] = [
    "select", "with", "values", "table", "show", "explain", "describe", "desc",
];
/// First words of statements that change rows.
const CHANGING: [&str; 4] = ["insert", "update", "delete", "replace"];

/// A single statement's first word, and its text without semicolons.
#[derive(Debug)]
pub(super) struct Statement {
    word: String,
    pub(super) sql: String,
}

impl Statement {
    /// Reads a text. An error unless it is one statement and what stands in its comments is no code.
    pub(super) fn read(text: &str) -> Result<Self> {
        let mut sql = text.as_bytes().to_vec();
        let mut word: Option<String> = None;
        let mut before = String::new();
        let (mut ended, mut at) = (false, 0);
        while at < sql.len() {
            let sign = sql[at];
            if sign == 0 {
                return Err(Error::invalid("sql", "holds a zero character; take it out"));
            }
            if let Some(end) = comment_end(&sql, at) {
                if sql[at..].starts_with(b"/*!") || sql[at..].starts_with(b"/*M!") {
                    let reason = "holds a comment that the server would run (/*! … */); take the comment out";
                    return Err(Error::invalid("sql", reason));
                }
                at = end;
                continue;
            }
            if sign == b';' {
                ended = word.is_some();
                sql[at] = b' ';
                at += 1;
                continue;
            }
            if is_blank(sign) {
                at += 1;
                continue;
            }
            if ended {
                let reason = "holds more than one statement; run them one by one";
                return Err(Error::invalid("sql", reason));
            }
            if is_of_word(sign) {
                let length = sql[at..]
                    .iter()
                    .take_while(|sign| is_of_word(**sign))
                    .count();
                let found = String::from_utf8_lossy(&sql[at..at + length]).to_ascii_lowercase();
                if before == "into" && matches!(found.as_str(), "outfile" | "dumpfile") {
                    return Err(Error::Forbidden {
                        reason: "INTO OUTFILE and INTO DUMPFILE write files on the server; leave them out"
                            .into(),
                    });
                }
                word.get_or_insert_with(|| found.clone());
                before = found;
                at += length;
                continue;
            }
            before.clear();
            if sign != b'(' {
                // Whatever begins so is no statement that runs here.
                word.get_or_insert_default();
            }
            at = quoted_end(&sql, at).unwrap_or(at + 1);
        }
        let Some(word) = word else {
            return Err(Error::invalid("sql", "holds no statement"));
        };
        // A space took the place of a semicolon, so it is the text that was given.
        Ok(Self {
            word,
            sql: String::from_utf8_lossy(&sql).into_owned(),
        })
    }

    /// An error unless it begins like a statement that only reads.
    pub(super) fn must_read(&self) -> Result<()> {
        self.must_begin(
            READING.contains(&self.word.as_str()),
            "only SELECT, WITH, VALUES, TABLE, SHOW, EXPLAIN and DESCRIBE run in a read-only session",
        )
    }

    /// An error unless it begins like a statement that changes rows.
    pub(super) fn must_write(&self) -> Result<()> {
        self.must_begin(
            self.changes_rows() || self.word == "with",
            "only INSERT, UPDATE, DELETE and REPLACE change rows here",
        )
    }

    fn must_begin(&self, so: bool, rule: &str) -> Result<()> {
        if so {
            return Ok(());
        }
        let word: String = self.word.chars().take(32).collect();
        let reason = format!("{rule}, and this begins with '{word}'");
        Err(Error::Forbidden { reason })
    }

    /// Whether it changes rows; `WITH` is taken for a query.
    pub(super) fn changes_rows(&self) -> bool {
        CHANGING.contains(&self.word.as_str())
    }

    /// Whether `EXPLAIN` can stand before it on every server.
    pub(super) fn has_plan(&self) -> bool {
        self.changes_rows() || matches!(self.word.as_str(), "select" | "with")
    }

    /// Whether the client library would take something in it for a named parameter (`:name`) on preparing, and
    /// send another text. It need not be one: it may stand in a string that the library reads otherwise.
    pub(super) fn is_rewritten(&self) -> bool {
        let name = |sign: u8| sign.is_ascii_lowercase() || sign == b'_';
        let signs = self.sql.as_bytes();
        signs
            .windows(2)
            .any(|pair| pair[0] == b':' && name(pair[1]))
    }
}

/// Where the comment ends that begins here, if one does.
fn comment_end(sql: &[u8], at: usize) -> Option<usize> {
    let line = || {
        let end = sql[at..].iter().position(|sign| *sign == b'\n');
        end.map_or(sql.len(), |length| at + length)
    };
    let rest = &sql[at..];
    if rest.starts_with(b"#") {
        return Some(line());
    }
    // `1--1` is two minus signs.
    let after_dashes = rest.strip_prefix(b"--").map(<[u8]>::first);
    if after_dashes
        .is_some_and(|next| next.is_none_or(|sign| is_blank(*sign) || sign.is_ascii_control()))
    {
        return Some(line());
    }
    let inside = rest.strip_prefix(b"/*")?;
    let end = memchr::memmem::find(inside, b"*/");
    Some(end.map_or(sql.len(), |length| at + length + 4))
}

/// Where the string or quoted name ends that begins here, if one does.
fn quoted_end(sql: &[u8], at: usize) -> Option<usize> {
    let quote = sql[at];
    if !matches!(quote, b'\'' | b'"' | b'`') {
        return None;
    }
    // No backslash escapes anything in a quoted name.
    Some(lexis::quoted_end(sql, at, quote, quote != b'`'))
}

fn is_blank(sign: u8) -> bool {
    sign.is_ascii_whitespace() || sign == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> String {
        Statement::read(text).expect(text).word
    }

    #[test]
    fn the_first_word_is_found_behind_comments_and_parentheses() {
        for (text, expected) in [
            ("SELECT 1", "select"),
            ("-- which\nSHOW TABLES", "show"),
            ("# which\n/* a */ explain SELECT 1", "explain"),
            ("; (( WITH x AS (SELECT 1) TABLE x))", "with"),
            ("--\tx\nDESC t", "desc"),
            ("'SELECT'", ""),
            ("@a := 1 SELECT", ""),
            ("--1", ""),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
    }

    #[test]
    fn only_semicolons_at_the_end_are_taken_out() {
        for (text, sql) in [
            ("SELECT 1; -- a; b", "SELECT 1  -- a; b"),
            (
                "SELECT ';', \"a;b\", `c;d` ;;",
                "SELECT ';', \"a;b\", `c;d`   ",
            ),
            (
                "SELECT 'it''s;', 'it\\'s;' ;",
                "SELECT 'it''s;', 'it\\'s;'  ",
            ),
            ("SELECT 'a\\\\' ; # '", "SELECT 'a\\\\'   # '"),
            ("SELECT `a\\`; /* ; */", "SELECT `a\\`  /* ; */"),
            ("SELECT 5--1;", "SELECT 5--1 "),
        ] {
            assert_eq!(Statement::read(text).expect(text).sql, sql, "{text}");
        }
    }

    #[test]
    fn several_statements_and_hidden_code_are_refused() {
        for (text, says) in [
            ("SELECT 1; SELECT 2", "more than one"),
            ("SELECT 1; /* x */ DROP TABLE t", "more than one"),
            ("SELECT 'a\\\\'; DROP TABLE t -- '", "more than one"),
            ("SELECT `a\\`; DROP TABLE t -- `", "more than one"),
            ("SELECT 1 -- x\n; DROP TABLE t", "more than one"),
            ("SELECT 1;--1", "more than one"),
            ("SELECT 1 /*! ; DROP TABLE t */", "comment"),
            ("SELECT 1 /*M!100000 INTO @a */", "comment"),
            ("SELECT 1 /*!50000 +1 */", "comment"),
            ("SELECT \0 1", "zero"),
            ("", "no statement"),
            (" ; -- nothing", "no statement"),
            ("SELECT a INTO OUTFILE '/tmp/a' FROM t", "OUTFILE"),
            ("SELECT a into /* x */ DumpFile '/tmp/a' FROM t", "OUTFILE"),
        ] {
            let error = Statement::read(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn only_what_reads_is_read_and_only_what_writes_is_written() {
        for text in [
            "SELECT 1",
            "(SELECT 1)",
            "VALUES (1)",
            "TABLE t",
            "show tables",
            "Desc t",
        ] {
            Statement::read(text).expect(text).must_read().expect(text);
        }
        for text in [
            "SET STATEMENT tx_read_only = 0 FOR DROP TABLE t",
            "CALL p()",
            "KILL 1",
            "SHUTDOWN",
            "COMMIT",
            "ANALYZE DELETE FROM t",
            "@a SELECT 1",
            "INSERT INTO t VALUES (1)",
        ] {
            let refused = Statement::read(text).expect(text).must_read();
            assert!(matches!(refused, Err(Error::Forbidden { .. })), "{text}");
        }
        for text in [
            "INSERT INTO t VALUES (1)",
            "REPLACE t VALUES (1)",
            "delete from t",
        ] {
            Statement::read(text).expect(text).must_write().expect(text);
        }
        for text in [
            "SELECT 1",
            "TRUNCATE t",
            "DROP TABLE t",
            "LOAD DATA INFILE 'a' INTO TABLE t",
        ] {
            assert!(
                Statement::read(text).expect(text).must_write().is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_text_that_the_library_would_change_is_told() {
        for text in [
            "SELECT :a",
            "SELECT 'it''s :a'",
            "SELECT '\\' :_'",
            "SELECT '::b'",
        ] {
            assert!(Statement::read(text).expect(text).is_rewritten(), "{text}");
        }
        for text in [
            "SELECT '12:30'",
            "SELECT @a := 1",
            "SELECT ':A'",
            "SELECT 1 :",
        ] {
            assert!(!Statement::read(text).expect(text).is_rewritten(), "{text}");
        }
    }

    #[test]
    fn torn_texts_are_read_to_their_end() {
        for torn in [
            "SELECT '",
            "SELECT \"a",
            "SELECT '\\",
            "SELECT /*",
            "SELECT `",
            "SELECT -",
            "é",
        ] {
            assert_eq!(Statement::read(torn).expect(torn).sql, torn);
        }
    }
}
