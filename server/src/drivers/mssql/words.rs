//! The words of a statement, outside of strings, quoted names and comments.
//!
//! SQL Server runs several statements without any sign between them, and one of them could end the transaction whose
//! rollback the driver relies on. It cannot be told to prepare a text as one query, so the driver looks for the words
//! that begin or do something else. All of them are reserved: a column of such a name has to be quoted, so a query
//! cannot contain them bare.

use tidegate_schema::{Error, Result};

use crate::drivers::lexis::{line_end, nested_comment_end, quoted_end};

/// What a statement is handed in for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// To be run for its rows.
    Reading,
    /// To be looked at by the server only.
    Planning,
    /// To be run for the rows it changes.
    Writing,
}

impl Act {
    /// What a statement may begin with.
    fn beginnings(self) -> &'static [&'static str] {
        match self {
            Self::Reading => &["select", "with"],
            Self::Planning => &["select", "with", "insert", "update", "delete", "merge"],
            Self::Writing => &["with", "insert", "update", "delete", "merge"],
        }
    }
}

/// They end a transaction, hide another statement, leave the database or act on the server: no rollback helps.
const NEVER: [&str; 21] = [
    "backup",
    "begin",
    "bulk",
    "commit",
    "dbcc",
    "declare",
    "exec",
    "execute",
    "kill",
    "opendatasource",
    "openquery",
    "openrowset",
    "reconfigure",
    "restore",
    "revert",
    "rollback",
    "save",
    "shutdown",
    "updatetext",
    "waitfor",
    "writetext",
];

/// They define or grant something.
const DEFINITIONS: [&str; 7] = [
    "alter", "create", "deny", "drop", "grant", "revoke", "truncate",
];

/// They change rows. `MERGE` does too, except as a kind of join.
const CHANGES: [&str; 5] = ["delete", "insert", "into", "set", "update"];

/// Refuses what the act has no use for.
pub(super) fn check(sql: &str, act: Act) -> Result<()> {
    let mut words = Words { sql, at: 0 }.peekable();
    match words.peek() {
        None => return Err(Error::invalid("sql", "is empty; write a query")),
        // The first word of a text may be the name of a procedure, which is then called.
        Some(first) if !is_one_of(first, act.beginnings()) => return Err(refused(first, act)),
        Some(_) => {}
    }
    while let Some(word) = words.next() {
        let joins = words
            .peek()
            .is_some_and(|next| is_one_of(next, &["join", "union"]));
        let changes = is_one_of(word, &CHANGES) || (is_one_of(word, &["merge"]) && !joins);
        if is_one_of(word, &NEVER)
            || is_one_of(word, &DEFINITIONS)
            || (changes && act == Act::Reading)
        {
            return Err(refused(word, act));
        }
    }
    Ok(())
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn refused(word: &str, act: Act) -> Error {
    let rule = match act {
        Act::Reading => "the session is read-only; send one SELECT",
        Act::Planning | Act::Writing => "send one statement that reads or changes rows",
    };
    Error::Forbidden {
        reason: format!(
            "{} is not run: {rule} (a column or table of that name is written in brackets)",
            word.to_ascii_uppercase()
        ),
    }
}

/// The bare words in their order. Variables (`@x`) and temporary tables (`#x`) are none.
struct Words<'a> {
    sql: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        while let Some(sign) = self.sql[self.at..].chars().next() {
            if let Some(end) = opaque_end(self.sql.as_bytes(), self.at) {
                self.at = end;
                continue;
            }
            let rest = &self.sql[self.at..];
            let length = rest
                .find(|sign: char| !is_of_word(sign))
                .unwrap_or(rest.len());
            self.at += length.max(sign.len_utf8());
            let run = &rest[..length];
            if sign.is_alphabetic() {
                return Some(run);
            }
            if !matches!(sign, '@' | '#' | '_')
                && let Some(word) = word_behind_number(run)
            {
                return Some(word);
            }
        }
        None
    }
}

/// `1drop` is a number and a word, `0xdrop` and `$5drop` too.
fn word_behind_number(run: &str) -> Option<&str> {
    let ends_with = |word: &&str| {
        let start = run.len().checked_sub(word.len())?;
        run.get(start..)
            .filter(|end| end.eq_ignore_ascii_case(word))
    };
    [&NEVER[..], &DEFINITIONS, &CHANGES, &["merge"]]
        .into_iter()
        .flatten()
        .find_map(ends_with)
}

/// Where the comment, string or quoted name ends that begins here, if one does.
fn opaque_end(sql: &[u8], at: usize) -> Option<usize> {
    let next = sql.get(at + 1);
    match sql[at] {
        quote @ (b'\'' | b'"') => Some(quoted_end(sql, at, quote, false)),
        b'[' => Some(quoted_end(sql, at, b']', false)),
        b'-' if next == Some(&b'-') => Some(line_end(sql, at)),
        // Comments nest in SQL Server.
        b'/' if next == Some(&b'*') => Some(nested_comment_end(sql, at)),
        _ => None,
    }
}

/// Other signs outside of ASCII, a no-break space say, end a word.
fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '@' | '#' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_outside_of_strings_names_and_comments() {
        for (text, expected) in [
            (
                "SELECT [drop], \"kill\", 'exec' -- commit\nFROM t",
                "select from t",
            ),
            ("/* a /* drop */ b */ select N'it''s' ;", "select n"),
            (
                "SELECT [a]]drop] FROM #exec WHERE @kill = 1e5",
                "select from where",
            ),
            ("select 1delete from t", "select delete from t"),
            (
                "select 1e5EXEC, 0xKILL, $5drop, €5drop",
                "select exec kill drop drop",
            ),
            ("select 0xBEEF, 1e5 from t\u{a0}drop", "select from t drop"),
            ("SELECT é FROM naïve", "select é from naïve"),
            ("'", ""),
            ("[a", ""),
            ("/* /* */", ""),
        ] {
            let words: Vec<String> = Words { sql: text, at: 0 }
                .map(str::to_ascii_lowercase)
                .collect();
            assert_eq!(words.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn reads_are_let_through() {
        for text in [
            "SELECT a, b FROM t ORDER BY a OFFSET 5 ROWS FETCH NEXT 5 ROWS ONLY",
            "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
            "(SELECT 1) UNION (SELECT 2)",
            "SELECT * FROM a INNER MERGE JOIN b ON a.x = b.x OPTION (MERGE JOIN, USE HINT('X'))",
            "SELECT [commit], t.\"update\" FROM [begin] AS t; ",
            "SELECT 'DROP TABLE t' AS warning FOR JSON PATH",
        ] {
            assert!(check(text, Act::Reading).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_escapes_a_rollback_is_refused_whatever_the_guard_said() {
        for text in [
            "SELECT 1 COMMIT DELETE FROM t",
            "SELECT 1COMMIT DELETE FROM t",
            "COMMIT; SELECT 1",
            "SELECT 1; EXEC('x')",
            "SELECT * INTO u FROM t",
            "SELECT 1 DROP TABLE t",
            "SELECT * FROM OPENROWSET(BULK 'c:\\x', SINGLE_CLOB) AS f",
            "WITH x AS (SELECT 1 AS n) DELETE FROM x",
            "MERGE t USING u ON t.a = u.a WHEN MATCHED THEN DELETE;",
            "SELECT 1 WAITFOR DELAY '1:00'",
            "UPDATE t SET a = 1",
            "SET XACT_ABORT OFF SELECT 1",
            "sp_help",
        ] {
            let error = check(text, Act::Reading).expect_err(text).to_string();
            assert!(error.contains("read-only"), "{error}");
        }
        assert!(check(" -- nothing", Act::Reading).is_err());
    }

    #[test]
    fn a_change_may_be_planned_and_written_but_not_committed() {
        for act in [Act::Planning, Act::Writing] {
            assert!(check("UPDATE t SET a = 1 WHERE b = 2", act).is_ok());
            assert!(check("INSERT INTO t VALUES (1)", act).is_ok());
            for text in [
                "UPDATE t SET a = 1 COMMIT",
                "DELETE FROM t DROP TABLE t",
                "INSERT INTO t EXEC p",
                "sp_rename 'a', 'b'",
            ] {
                assert!(check(text, act).is_err(), "{text}");
            }
        }
    }
}
