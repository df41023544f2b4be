//! Records of separated text, one at a time, in memory that does not grow with the file.
//!
//! Our own reader because we need three things of it: whether an empty field had quotes, the line and field of
//! whatever is wrong, and a bound on a record, which one open quote would otherwise make as large as the file.

use std::io::{self, BufRead};

use memchr::{memchr, memchr_iter, memchr3};

use crate::drivers::files::{fault::Fault, found::Source, load::MAX_ROW_BYTES};

/// Fields of a record: far more than a table has columns, so that those of one that is too wide can be counted.
const MAX_FIELDS: usize = 100_000;

/// A reader of records, and the record it is at.
pub(super) struct Records<'s> {
    source: &'s Source,
    reader: Box<dyn BufRead>,
    separator: u8,
    /// The record's fields, one behind the other.
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// Records so far, blank lines not counted.
    number: u64,
    /// Where the record begins, counted from 1.
    line: u64,
    next_line: u64,
    /// The last record ended with a carriage return: a line feed right behind it belongs to it.
    swallow_feed: bool,
}

#[derive(Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    quoted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or half of a doubled one.
    Quote,
}

/// What the bytes of a chunk led to.
enum Step {
    /// The chunk is used up.
    More,
    /// A record ended.
    End,
    /// Something is wrong.
    Fault(Fault),
}

impl<'s> Records<'s> {
    pub(super) fn new(source: &'s Source, reader: Box<dyn BufRead>, separator: u8) -> Self {
        Self {
            source,
            reader,
            separator,
            bytes: Vec::new(),
            fields: Vec::new(),
            number: 0,
            line: 1,
            next_line: 1,
            swallow_feed: false,
        }
    }

    /// Goes to the next record that is no blank line; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        while self.read()? {
            if self.fields.len() > 1
                || self
                    .fields
                    .iter()
                    .any(|field| field.quoted || field.end > 0)
            {
                self.number += 1;
                return Ok(true);
            }
        }
        self.fields.clear();
        Ok(false)
    }

    /// Fields of this record.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Its number, counted from 1, the heading included.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The line it begins in, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// A field of this record; `None` if it is empty and has no quotes, or is not there.
    pub(super) fn field(&self, index: usize) -> Result<Option<&str>, Fault> {
        let Some(field) = self.fields.get(index) else {
            return Ok(None);
        };
        if field.start == field.end {
            return Ok(field.quoted.then_some(""));
        }
        let bytes = &self.bytes[field.start..field.end];
        let fault = |what: &str| {
            let (row, line) = (self.number, self.line);
            let column = index + 1;
            let reason = format!("row {row} (line {line}), column {column} {what}");
            self.source.fault(reason)
        };
        if memchr(0, bytes).is_some() {
            return Err(fault("holds a zero byte: the file is no text, or damaged"));
        }
        std::str::from_utf8(bytes).map(Some).map_err(|_| {
            fault("holds bytes that are not UTF-8; mend it, or save the file as UTF-8 again")
        })
    }

    /// Reads one record; false if there is none.
    fn read(&mut self) -> Result<bool, Fault> {
        self.bytes.clear();
        self.fields.clear();
        self.line = self.next_line;
        let mut state = State::Start;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let place = (self.number + 1, self.line, self.fields.len() + 1);
                    return Err(unreadable(self.source, place, &error));
                }
            };
            if chunk.is_empty() {
                return self.end_of_file(state);
            }
            let mut record = Record {
                source: self.source,
                separator: self.separator,
                bytes: &mut self.bytes,
                fields: &mut self.fields,
                line: self.line,
                next_line: &mut self.next_line,
                swallow_feed: &mut self.swallow_feed,
                state,
            };
            let (used, step) = record.take(chunk);
            state = record.state;
            self.reader.consume(used);
            match step {
                Step::More => {}
                Step::End => return Ok(true),
                Step::Fault(fault) => return Err(fault),
            }
        }
    }

    fn end_of_file(&mut self, state: State) -> Result<bool, Fault> {
        match state {
            State::Start if self.fields.is_empty() => return Ok(false),
            State::Quoted => {
                return Err(self.source.fault(format!(
                    "the record that begins in line {} has a quote that is never closed",
                    self.line
                )));
            }
            State::Start | State::Plain | State::Quote => {}
        }
        let (start, end) = (self.begun(), self.bytes.len());
        self.fields.push(Field {
            start,
            end,
            quoted: state == State::Quote,
        });
        Ok(true)
    }

    /// Where the field being read begins.
    fn begun(&self) -> usize {
        self.fields.last().map_or(0, |field| field.end)
    }
}

/// A record in the making.
struct Record<'r> {
    source: &'r Source,
    separator: u8,
    bytes: &'r mut Vec<u8>,
    fields: &'r mut Vec<Field>,
    line: u64,
    next_line: &'r mut u64,
    swallow_feed: &'r mut bool,
    state: State,
}

impl Record<'_> {
    /// Takes bytes of a chunk until a record ends; how many, and why it stopped.
    fn take(&mut self, chunk: &[u8]) -> (usize, Step) {
        let mut at = 0;
        if std::mem::take(self.swallow_feed) && chunk[0] == b'\n' {
            at = 1;
        }
        while at < chunk.len() {
            let rest = &chunk[at..];
            match self.state {
                State::Start if rest[0] == b'"' => {
                    self.state = State::Quoted;
                    at += 1;
                }
                State::Start | State::Plain => {
                    let run = memchr3(self.separator, b'\n', b'\r', rest);
                    let length = run.unwrap_or(rest.len());
                    self.bytes.extend_from_slice(&rest[..length]);
                    self.state = State::Plain;
                    at += length;
                    if run.is_some() {
                        at += 1;
                        if self.end_field(chunk[at - 1], false) {
                            return (at, Step::End);
                        }
                    }
                }
                State::Quoted => {
                    let run = memchr(b'"', rest);
                    let inside = &rest[..run.unwrap_or(rest.len())];
                    self.bytes.extend_from_slice(inside);
                    *self.next_line += memchr_iter(b'\n', inside).count() as u64;
                    at += inside.len();
                    if run.is_some() {
                        self.state = State::Quote;
                        at += 1;
                    }
                }
                State::Quote => {
                    at += 1;
                    match rest[0] {
                        b'"' => {
                            self.bytes.push(b'"');
                            self.state = State::Quoted;
                        }
                        b' ' => {}
                        byte if byte == self.separator || byte == b'\n' || byte == b'\r' => {
                            if self.end_field(byte, true) {
                                return (at, Step::End);
                            }
                        }
                        _ => return (at, Step::Fault(self.text_behind_quote())),
                    }
                }
            }
            if self.bytes.len() > MAX_ROW_BYTES {
                return (at, Step::Fault(self.too_long()));
            }
            if self.fields.len() > MAX_FIELDS {
                return (at, Step::Fault(self.too_many()));
            }
        }
        (at, Step::More)
    }

    /// Ends a field at a separator or a line end; true if the record ends too.
    fn end_field(&mut self, byte: u8, quoted: bool) -> bool {
        let start = self.fields.last().map_or(0, |field| field.end);
        self.fields.push(Field {
            start,
            end: self.bytes.len(),
            quoted,
        });
        self.state = State::Start;
        if byte == self.separator {
            return false;
        }
        *self.next_line += 1;
        *self.swallow_feed = byte == b'\r';
        true
    }

    fn text_behind_quote(&self) -> Fault {
        self.source.fault(format!(
            "the record that begins in line {} has text behind the closing quote of field {}; write a quote inside a \
             quoted field as two",
            self.line,
            self.fields.len() + 1
        ))
    }

    fn too_long(&self) -> Fault {
        self.source.fault(format!(
            "the record that begins in line {} is longer than {} MiB; is a quote left open there?",
            self.line,
            MAX_ROW_BYTES >> 20
        ))
    }

    fn too_many(&self) -> Fault {
        self.source.fault(format!(
            "the record that begins in line {} has more than {MAX_FIELDS} fields; is the file something else than \
             rows?",
            self.line
        ))
    }
}

/// Reading failed on the way; text that is none is told with its row, line and column.
fn unreadable(source: &Source, place: (u64, u64, usize), error: &io::Error) -> Fault {
    if error.kind() != io::ErrorKind::InvalidData {
        return source.read_fault(error);
    }
    let (row, line, column) = place;
    source.fault(format!("row {row} (line {line}), column {column}: {error}"))
}
