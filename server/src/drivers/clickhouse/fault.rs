//! What ClickHouse says when it fails, in the words of all its versions, by what the caller can do about it.

use std::time::Duration;

use tidegate_schema::Error;

/// Longer messages are cut: a server may quote the whole statement, or a whole value.
const MAX_MESSAGE_CHARS: usize = 2_000;

const UNKNOWN_DATABASE: u32 = 81;
const TIMEOUT_EXCEEDED: u32 = 159;
const TOO_SLOW: u32 = 160;
const READONLY: u32 = 164;
const UNKNOWN_USER: u32 = 192;
const WRONG_PASSWORD: u32 = 193;
const REQUIRED_PASSWORD: u32 = 194;
const MEMORY_LIMIT_EXCEEDED: u32 = 241;
const TOO_MANY_ROWS_OR_BYTES: u32 = 396;
const ACCESS_DENIED: u32 = 497;
const AUTHENTICATION_FAILED: u32 = 516;

/// Begins the exception that ends a broken answer, from version 24 on.
const MARKER: &str = "__exception__";

/// An exception of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    code: u32,
    message: String,
}

/// What an exception is told with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// The datasource's name.
    pub(super) provider: &'a str,
    /// Who asked.
    pub(super) user: &'a str,
    /// The database asked.
    pub(super) database: &'a str,
    /// How long the query might take.
    pub(super) limit: Duration,
}

impl Exception {
    /// Reads `Code: 60. DB::Exception: …`, which older servers write as
    /// `Code: 60, e.displayText() = DB::Exception: …, e.what() = DB::Exception`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let from = text.find("Code: ")?;
        let text = &text[from + "Code: ".len()..];
        let digits = text
            .find(|sign: char| !sign.is_ascii_digit())
            .unwrap_or(text.len());
        let code = text[..digits].parse().ok()?;
        let text = &text[digits..];
        let begins = ["Exception: ", "e.displayText() = ", "e.what() = "];
        let begin = begins
            .iter()
            .find_map(|mark| text.find(mark).map(|at| at + mark.len()));
        let message = text[begin.unwrap_or(0)..].trim_start_matches(['.', ',', ' ']);
        Some(Self {
            code,
            message: shortened(without_tail(message)),
        })
    }

    /// Whether the user may not read what was asked for.
    pub(super) fn is_denied(&self) -> bool {
        self.code == ACCESS_DENIED
    }

    /// The error for the caller.
    pub(super) fn explain(self, told: &Told<'_>) -> Error {
        let Self { code, message } = self;
        let say = |words: String| Error::upstream(told.provider, words);
        match code {
            TIMEOUT_EXCEEDED | TOO_SLOW => Error::Timeout {
                what: "the query".into(),
                limit: told.limit,
            },
            READONLY => Error::Forbidden {
                reason: format!("the session is read-only: {message}"),
            },
            UNKNOWN_USER | WRONG_PASSWORD | REQUIRED_PASSWORD | AUTHENTICATION_FAILED => {
                say(format!(
                    "the server refused the user '{}'; check the user name and the password",
                    told.user
                ))
            }
            UNKNOWN_DATABASE if database_of(&message) == Some(told.database) => say(format!(
                "there is no database '{}' on the server; give the name of one that is there",
                told.database
            )),
            MEMORY_LIMIT_EXCEEDED => say(format!(
                "{message}; narrow the query down, or ask for fewer groups"
            )),
            TOO_MANY_ROWS_OR_BYTES => say(format!(
                "{message}; the server limits results: end the query with a smaller LIMIT"
            )),
            _ => say(message),
        }
    }
}

/// The database in `Database web doesn't exist`, however it is quoted.
fn database_of(message: &str) -> Option<&str> {
    let name = message
        .strip_prefix("Database ")?
        .split_whitespace()
        .next()?;
    Some(name.trim_matches(['`', '\'', '"']))
}

/// Whether a line of an answer may be the beginning of an exception.
pub(super) fn may_begin(line: &[u8]) -> bool {
    let begins: [&[u8]; 3] = [
        b"Code: ",
        b"Poco::Exception. Code: ",
        b"std::exception. Code: ",
    ];
    begins.iter().any(|begin| line.starts_with(begin)) && names_exception(line)
}

/// Whether an exception stands somewhere in it, behind a row that was cut off.
pub(super) fn names_exception(line: &[u8]) -> bool {
    let has = |part: &str| memchr::memmem::find(line, part.as_bytes()).is_some();
    has("Code: ") && (has("Exception: ") || has("e.what() = "))
}

/// Whether a line announces an exception. The tag of the answer, where it has one, proves it in the next line.
pub(super) fn is_marker(line: &[u8]) -> bool {
    line.strip_suffix(b"\r").unwrap_or(line) == MARKER.as_bytes()
}

/// What stands between the marker and its repetition.
pub(super) fn marked(text: &str, tag: Option<&str>) -> String {
    let text = text.trim_start().trim_start_matches(MARKER).trim_start();
    let text = tag.map_or(text, |tag| text.trim_start_matches(tag).trim_start());
    let text = text.rfind(MARKER).map_or(text, |at| &text[..at]);
    // The message's length and the tag stand in a line of their own.
    let text = match (tag, text.trim_end().rsplit_once('\n')) {
        (Some(tag), Some((message, last))) if last.trim_end().ends_with(tag) => message,
        _ => text,
    };
    text.trim().to_owned()
}

/// The message without version, stack trace and repetition.
fn without_tail(message: &str) -> &str {
    let mut message = message;
    for tail in ["Stack trace:", " (version ", ", e.what() = "] {
        if let Some(at) = message.rfind(tail) {
            message = &message[..at];
        }
    }
    message.trim_end_matches([' ', '\n', '\r', ','])
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: Told<'static> = Told {
        provider: "logs",
        user: "ann",
        database: "web",
        limit: Duration::from_secs(3),
    };

    #[test]
    fn the_words_of_all_versions_are_read() {
        for (text, code, message) in [
            (
                "Code: 60, e.displayText() = DB::Exception: Table default.x doesn't exist., e.what() = DB::Exception\n",
                60,
                "Table default.x doesn't exist.",
            ),
            (
                "Code: 60, e.displayText() = DB::Exception: Table default.wtf doesn't exist (version 21.3.1.1)",
                60,
                "Table default.wtf doesn't exist",
            ),
            (
                "Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE) (version 23.8.2.7 (official build))",
                60,
                "Table x does not exist. (UNKNOWN_TABLE)",
            ),
            (
                "Code: 62. DB::Exception: Syntax error:\nSELEC 1\n. Expected one of: SELECT. (SYNTAX_ERROR)",
                62,
                "Syntax error:\nSELEC 1\n. Expected one of: SELECT. (SYNTAX_ERROR)",
            ),
            (
                "Poco::Exception. Code: 1000, e.code() = 111, e.displayText() = Connection refused, e.what() = Connection refused",
                1000,
                "Connection refused",
            ),
            (
                "std::exception. Code: 1001, type: std::bad_alloc, e.what() = std::bad_alloc",
                1001,
                "std::bad_alloc",
            ),
            ("Code: 7", 7, ""),
        ] {
            let read = Exception::read(text).expect(text);
            assert_eq!(
                (read.code, read.message.as_str()),
                (code, message),
                "{text}"
            );
        }
        assert_eq!(Exception::read("<html>Not found</html>"), None);
        assert_eq!(Exception::read("Code: none"), None);
        let long = format!("Code: 1. DB::Exception: {}", "ß".repeat(100_000));
        assert!(Exception::read(&long).expect("read").message.len() < 5_000);
    }

    #[test]
    fn codes_become_kinds_of_error() {
        let told = |code: u32, message: &str| {
            Exception {
                code,
                message: message.into(),
            }
            .explain(&TOLD)
        };
        assert!(matches!(told(159, ""), Error::Timeout { limit, .. } if limit == TOLD.limit));
        assert!(matches!(told(164, "no"), Error::Forbidden { .. }));
        for code in [192, 193, 194, 516] {
            let error = told(code, "ann: secret words").to_string();
            assert!(
                error.contains("'ann'") && !error.contains("secret"),
                "{error}"
            );
        }
        let error = told(81, "Database web doesn't exist").to_string();
        assert!(error.contains("no database 'web'"), "{error}");
        let other = "Database other does not exist. Maybe you meant web?";
        assert_eq!(told(81, other).to_string(), format!("logs: {other}"));
    }

    #[test]
    fn an_exception_in_an_answer_is_found() {
        assert!(may_begin(
            b"Code: 153, e.displayText() = DB::Exception: Division by zero"
        ));
        assert!(may_begin(b"Code: 395. DB::Exception: no"));
        assert!(!may_begin(b"Code: 12"));
        assert!(!may_begin(b"1\tCode: 395. DB::Exception: no"));
        assert!(names_exception(b"1\tabCode: 395. DB::Exception: no"));
        assert!(is_marker(b"__exception__\r") && is_marker(b"__exception__"));
    }

    #[test]
    fn a_marked_exception_is_taken_out_of_its_frame() {
        let frame = "__exception__\r\nabcdefghijklmnop\r\nCode: 395. DB::Exception: no\nmore: lines\n\
                     41 abcdefghijklmnop\r\n__exception__\r\n";
        assert_eq!(
            marked(frame, Some("abcdefghijklmnop")),
            "Code: 395. DB::Exception: no\nmore: lines"
        );
        let untagged = "__exception__\nCode: 395. DB::Exception: no\n";
        assert_eq!(marked(untagged, None), "Code: 395. DB::Exception: no");
        let torn = "__exception__\r\nabc\r\nCode: 395. DB::Exc";
        assert_eq!(marked(torn, Some("abc")), "Code: 395. DB::Exc");
    }
}
