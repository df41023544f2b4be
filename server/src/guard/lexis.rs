//! How the database cuts a text into strings, quoted names and comments, held against how the parser's tokenizer did.
//!
//! A call can hide in what only looks like a string. So the rules of each engine are written down here once more, and
//! a text that the two readings cut differently is refused. What one engine reads differently by version or setting is
//! refused too. SQLite and PostgreSQL are looked after by the neighbours' rules in `spelling`.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace, Word};
use tidegate_schema::model::Dialect;

/// Longest tag between the dollars of `$tag$ … $tag$`.
const MAX_TAG: usize = 63;

/// What a part of the text is that is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Name,
    Comment,
}

/// Such a part, in characters from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    kind: Kind,
    start: usize,
    end: usize,
}

/// What to write instead, if the database may read the text otherwise than the tokenizer did.
pub(super) fn differs(
    sql: &str,
    tokens: &[TokenWithSpan],
    dialect: Dialect,
) -> Option<&'static str> {
    if matches!(dialect, Dialect::Sqlite | Dialect::Postgres) {
        return None;
    }
    let text: Vec<char> = sql.chars().collect();
    let scan = Scan {
        text: &text,
        dialect,
        at: 0,
        pieces: Vec::new(),
    };
    let ours = match scan.run() {
        Ok(pieces) => pieces,
        Err(remedy) => return Some(remedy),
    };
    if theirs(&text, tokens) != Some(ours) {
        return Some(
            "a quote or a comment may be read in two ways; write quotes inside of a string twice, and put blanks \
             around comments",
        );
    }
    let number = |token: &Token| matches!(token, Token::Number(..) | Token::HexStringLiteral(_));
    let together = tokens.windows(2).any(|pair| {
        number(&pair[0].token)
            && matches!(
                &pair[1].token,
                Token::Word(Word {
                    quote_style: None,
                    ..
                })
            )
    });
    together.then_some("put a blank between a number and a word")
}

/// The parts as the tokenizer found them; `None` if it cannot have read this text.
fn theirs(text: &[char], tokens: &[TokenWithSpan]) -> Option<Vec<Piece>> {
    let mut lines = vec![0];
    for (at, sign) in text.iter().enumerate() {
        if *sign == '\n' {
            lines.push(at + 1);
        }
    }
    let offset = |place: Location| {
        let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
        lines.get(line).map(|start| start + column)
    };
    let mut pieces = Vec::new();
    for token in tokens {
        let start = offset(token.span.start)?;
        if let Some(kind) = kind_of(&token.token, text.get(start + 1).copied()) {
            let end = offset(token.span.end)?;
            pieces.push(Piece { kind, start, end });
        }
    }
    Some(pieces)
}

fn kind_of(token: &Token, second: Option<char>) -> Option<Kind> {
    match token {
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Some(Kind::Comment),
        Token::Word(Word {
            quote_style: Some(_),
            ..
        }) => Some(Kind::Name),
        // 0x… is a number.
        Token::HexStringLiteral(_) => (second == Some('\'')).then_some(Kind::Text),
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::TripleSingleQuotedByteStringLiteral(_)
        | Token::TripleDoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::TripleSingleQuotedRawStringLiteral(_)
        | Token::TripleDoubleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::NationalQuoteDelimitedStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_) => Some(Kind::Text),
        _ => None,
    }
}

/// Reads a text as the engine would, as far as quotes and comments go.
struct Scan<'a> {
    text: &'a [char],
    dialect: Dialect,
    at: usize,
    pieces: Vec<Piece>,
}

/// What to write instead of what cannot be read in one way only.
type Step = Result<(), &'static str>;

impl Scan<'_> {
    fn run(mut self) -> Result<Vec<Piece>, &'static str> {
        while let Some(sign) = self.peek(0) {
            match sign {
                '-' if self.peek(1) == Some('-') && self.dashes_begin_a_comment() => self.line()?,
                '#' => match self.dialect {
                    Dialect::MySql => self.line()?,
                    Dialect::ClickHouse => return Err("begin a comment by two dashes"),
                    Dialect::TransactSql => return Err("leave temporary tables (#name) out"),
                    _ => self.at += 1,
                },
                '/' if self.peek(1) == Some('*') => self.block()?,
                '\'' => self.quoted(self.at, Kind::Text, '\'')?,
                '"' if self.dialect == Dialect::MySql => self.quoted(self.at, Kind::Text, '"')?,
                '"' => self.quoted(self.at, Kind::Name, '"')?,
                '`' => match self.dialect {
                    Dialect::MySql | Dialect::ClickHouse => {
                        self.quoted(self.at, Kind::Name, '`')?;
                    }
                    _ => return Err("quote names in \"double quotes\""),
                },
                '[' if self.dialect == Dialect::TransactSql => {
                    self.quoted(self.at, Kind::Name, ']')?;
                }
                '$' => self.dollar()?,
                '\\' => return Err("leave the backslash out"),
                sign if self.is_word(sign) => self.word()?,
                sign if sign.is_ascii() => self.at += 1,
                _ => {
                    return Err(
                        "a blank or sign beyond ASCII stands outside of quotes; use a plain blank, or quote the name",
                    );
                }
            }
        }
        Ok(self.pieces)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn is_word(&self, sign: char) -> bool {
        if !sign.is_ascii() {
            // ClickHouse knows curly quotes, and no letters beyond ASCII outside of quotes.
            return self.dialect != Dialect::ClickHouse && sign.is_alphanumeric();
        }
        sign.is_ascii_alphanumeric()
            || sign == '_'
            || (sign == '$' && self.dialect != Dialect::ClickHouse)
            || (sign == '@' && matches!(self.dialect, Dialect::MySql | Dialect::TransactSql))
    }

    /// In MySQL `5--1` is six.
    fn dashes_begin_a_comment(&self) -> bool {
        self.dialect != Dialect::MySql
            || self
                .peek(2)
                .is_none_or(|sign| sign.is_ascii_whitespace() || sign.is_ascii_control())
    }

    /// A comment to the end of the line. Engines differ in what ends a line.
    fn line(&mut self) -> Step {
        let start = self.at;
        while let Some(sign) = self.peek(0).filter(|sign| *sign != '\n') {
            let ends = matches!(
                sign,
                '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            );
            if ends && !(sign == '\r' && self.peek(1) == Some('\n')) {
                return Err("end a comment by a plain line feed");
            }
            self.at += 1;
        }
        self.push(Kind::Comment, start);
        Ok(())
    }

    fn block(&mut self) -> Step {
        let start = self.at;
        self.at += 2;
        let executed = match (self.peek(0), self.peek(1)) {
            (Some('!' | '+'), _) => true,
            // MariaDB's own begin by M!, and TiDB's by T!.
            (Some(letter), Some('!')) => letter.is_ascii_alphabetic(),
            _ => false,
        };
        if self.dialect == Dialect::MySql && executed {
            return Err(
                "the database executes comments that begin by /*! or /*+; write plain ones",
            );
        }
        let nests = matches!(self.dialect, Dialect::DuckDb | Dialect::TransactSql);
        let mut depth = 1;
        while depth > 0 {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err("a comment is not closed"),
                (Some('/'), Some('*')) if nests => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('/'), Some('*')) => return Err("leave the comment inside of a comment out"),
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.push(Kind::Comment, start);
        Ok(())
    }

    /// From a quote to its partner; `start` is where the part begins, prefix included.
    fn quoted(&mut self, start: usize, kind: Kind, close: char) -> Step {
        let escapes =
            kind == Kind::Text && matches!(self.dialect, Dialect::MySql | Dialect::ClickHouse);
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err("a quote is not closed"),
                Some('\\') if escapes => self.at += 2,
                Some('\\') if kind == Kind::Name && self.dialect == Dialect::ClickHouse => {
                    return Err("leave the backslash in a name out");
                }
                Some(sign) if sign == close && self.peek(1) == Some(close) => self.at += 2,
                Some(sign) => {
                    self.at += 1;
                    if sign == close {
                        break;
                    }
                }
            }
        }
        self.push(kind, start);
        Ok(())
    }

    /// A word or number, and the string it is the prefix of.
    fn word(&mut self) -> Step {
        let start = self.at;
        while self.peek(0).is_some_and(|sign| self.is_word(sign)) {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        let next = self.peek(0);
        let introduces = self.dialect == Dialect::MySql && word[0] == '_';
        match next {
            Some('\'' | '"') if introduces => Ok(()),
            Some('\'') => {
                let prefix = match word {
                    [one] => one.to_ascii_lowercase(),
                    _ => ' ',
                };
                match (self.dialect, prefix) {
                    (Dialect::MySql | Dialect::DuckDb | Dialect::ClickHouse, 'x') => {
                        self.digits(start, 16)
                    }
                    (Dialect::MySql, 'b') => self.digits(start, 2),
                    (Dialect::MySql | Dialect::TransactSql, 'n') => {
                        self.quoted(start, Kind::Text, '\'')
                    }
                    _ => Err("put a blank before a quote"),
                }
            }
            Some('"' | '`') => Err("put a blank before a quote"),
            Some('[') if self.dialect == Dialect::TransactSql => Err("put a blank before a quote"),
            _ => Ok(()),
        }
    }

    /// `x'…'` and `b'…'`: with digits alone it ends at the same quote for everyone.
    fn digits(&mut self, start: usize, radix: u32) -> Step {
        let first = self.at + 1;
        self.quoted(start, Kind::Text, '\'')?;
        let inside = &self.text[first..self.at - 1];
        if inside.iter().all(|digit| digit.is_digit(radix)) {
            Ok(())
        } else {
            Err("x'...' takes hexadecimal digits, and b'...' the digits 0 and 1")
        }
    }

    /// DuckDB's `$tag$ … $tag$`; elsewhere a dollar at the beginning is read in several ways.
    fn dollar(&mut self) -> Step {
        if self.dialect != Dialect::DuckDb {
            return Err("leave the dollar sign out, or quote the name");
        }
        let start = self.at;
        let tag = self.text[start + 1..]
            .iter()
            .take(MAX_TAG + 1)
            .take_while(|sign| sign.is_alphanumeric() || **sign == '_')
            .count();
        let open = start + 1 + tag;
        let digit = self.peek(1).is_some_and(|sign| sign.is_ascii_digit());
        if tag > MAX_TAG {
            return Err("shorten the tag between the dollars");
        }
        if digit || self.text.get(open) != Some(&'$') {
            self.at += 1;
            return Ok(());
        }
        let delimiter = &self.text[start..=open];
        let rest = &self.text[open + 1..];
        let Some(close) = rest
            .windows(delimiter.len())
            .position(|part| part == delimiter)
        else {
            return Err("a quote is not closed");
        };
        self.at = open + 1 + close + delimiter.len();
        self.push(Kind::Text, start);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let end = self.at;
        self.pieces.push(Piece { kind, start, end });
    }
}
