//! Cuts a JSON file into tables and rows without reading more than one row into memory.
//!
//! Only the outermost brackets are understood here. What is between them is handed out as text, up to a bound, and
//! whoever reads it finds what is wrong inside.

use std::io::{self, BufRead};

use crate::drivers::files::{fault::Fault, found::Source, load::MAX_ROW_BYTES};

/// Where something begins, both counted from 1; columns in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// What comes next in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// An array of rows; [`Scanner::key`] is its name, if it has one.
    Table,
    /// A row of the table: [`Scanner::text`].
    Row,
    /// A value of the outermost object that is no table: [`Scanner::key`] and [`Scanner::text`].
    Field,
    /// Another value behind the object that should have been the file: these are JSON lines.
    Restart,
    /// The end of the file.
    End,
}

/// Inside of what the scanner is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// A value a line.
    Lines,
    /// The outermost array, or a table of the outermost object.
    Array {
        named: bool,
        first: bool,
    },
    Object {
        first: bool,
    },
    /// Behind the outermost value.
    Behind,
}

pub(super) struct Scanner<'s> {
    source: &'s Source,
    reader: Box<dyn BufRead>,
    state: State,
    lines: bool,
    /// It was an object, behind which JSON lines may go on.
    was_object: bool,
    key: Option<String>,
    text: Vec<u8>,
    /// Of what [`Scanner::text`] holds.
    place: Place,
    /// Of the next byte.
    at: Place,
}

impl<'s> Scanner<'s> {
    /// `lines`: a value a line, whatever the first one is.
    pub(super) fn new(source: &'s Source, reader: Box<dyn BufRead>, lines: bool) -> Self {
        let start = Place { line: 1, column: 1 };
        Self {
            source,
            reader,
            state: State::Start,
            lines,
            was_object: false,
            key: None,
            text: Vec::new(),
            place: start,
            at: start,
        }
    }

    /// The key of this table or field.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The text of this row or field.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where this row or field begins.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    pub(super) fn next_event(&mut self) -> Result<Event, Fault> {
        match self.state {
            State::Start => self.start(),
            State::Lines => {
                if self.after_space()?.is_none() {
                    return Ok(Event::End);
                }
                self.take_value()?;
                Ok(Event::Row)
            }
            State::Array { named, first } => self.element(named, first),
            State::Object { first } => self.member(first),
            State::Behind => match self.after_space()? {
                None => Ok(Event::End),
                Some(b'{') if self.was_object => Ok(Event::Restart),
                Some(_) => Err(self.unexpected("the end of the file")),
            },
        }
    }

    fn start(&mut self) -> Result<Event, Fault> {
        let first = self.after_space()?;
        if first.is_none() {
            self.state = State::Behind;
            return Ok(Event::End);
        }
        if self.lines {
            self.state = State::Lines;
            return Ok(Event::Table);
        }
        match first {
            Some(b'[') => {
                self.skip()?;
                self.state = State::Array {
                    named: false,
                    first: true,
                };
                Ok(Event::Table)
            }
            Some(b'{') => {
                self.skip()?;
                self.was_object = true;
                self.state = State::Object { first: true };
                self.next_event()
            }
            _ => Err(self.unexpected("an array or an object")),
        }
    }

    fn element(&mut self, named: bool, first: bool) -> Result<Event, Fault> {
        let mut next = self.after_space()?;
        if next == Some(b']') {
            self.skip()?;
            self.state = if named {
                State::Object { first: false }
            } else {
                State::Behind
            };
            return self.next_event();
        }
        if !first {
            if next != Some(b',') {
                return Err(self.unexpected("a comma or ]"));
            }
            self.skip()?;
            next = self.after_space()?;
        }
        if matches!(next, None | Some(b',' | b']')) {
            return Err(self.unexpected("a value"));
        }
        self.take_value()?;
        self.state = State::Array {
            named,
            first: false,
        };
        Ok(Event::Row)
    }

    fn member(&mut self, first: bool) -> Result<Event, Fault> {
        let mut next = self.after_space()?;
        if next == Some(b'}') {
            self.skip()?;
            self.state = State::Behind;
            return self.next_event();
        }
        if !first {
            if next != Some(b',') {
                return Err(self.unexpected("a comma or }"));
            }
            self.skip()?;
            next = self.after_space()?;
        }
        if next != Some(b'"') {
            return Err(self.unexpected("a key in quotes"));
        }
        self.take_value()?;
        let key: Result<String, _> = serde_json::from_slice(&self.text);
        let key = key.map_err(|error| self.fault(&format!("the key is none: {error}")))?;
        self.key = Some(key);
        if self.after_space()? != Some(b':') {
            return Err(self.unexpected("a colon"));
        }
        self.skip()?;
        match self.after_space()? {
            Some(b'[') => self.array_member(),
            Some(byte) if !matches!(byte, b',' | b'}' | b']') => {
                self.take_value()?;
                self.state = State::Object { first: false };
                Ok(Event::Field)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// An array whose first element is an object is a table; any other is a value.
    fn array_member(&mut self) -> Result<Event, Fault> {
        self.place = self.at;
        self.skip()?;
        if self.after_space()? == Some(b'{') {
            self.state = State::Array {
                named: true,
                first: true,
            };
            return Ok(Event::Table);
        }
        self.text.clear();
        self.text.push(b'[');
        self.take_nested(1)?;
        self.state = State::Object { first: false };
        Ok(Event::Field)
    }

    /// Takes the value that begins here into [`Scanner::text`].
    fn take_value(&mut self) -> Result<(), Fault> {
        self.text.clear();
        self.place = self.at;
        match self.peek()? {
            Some(b'{' | b'[' | b'"') => self.take_nested(0),
            _ => self.take_bare(),
        }
    }

    /// Takes bytes until all brackets and quotes are closed, `depth` brackets being open.
    fn take_nested(&mut self, mut depth: usize) -> Result<(), Fault> {
        let (mut quoted, mut escaped) = (false, false);
        loop {
            let Self {
                source,
                reader,
                text,
                at,
                ..
            } = self;
            let chunk = buffer(source, reader)?;
            if chunk.is_empty() {
                let Place { line, column } = self.place;
                return Err(self.source.fault(format!(
                    "what begins in line {line}, column {column} is never closed; is the file cut off?"
                )));
            }
            let mut used = 0;
            let mut closed = false;
            for byte in chunk {
                used += 1;
                at.pass(*byte);
                if quoted {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quoted = false,
                        _ => continue,
                    }
                    closed = !quoted && depth == 0;
                } else {
                    match byte {
                        b'"' => quoted = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => {
                            depth = depth.saturating_sub(1);
                            closed = depth == 0;
                        }
                        _ => {}
                    }
                }
                if closed {
                    break;
                }
            }
            text.extend_from_slice(&chunk[..used]);
            reader.consume(used);
            self.check_size()?;
            if closed {
                return Ok(());
            }
        }
    }

    /// Takes a number or a word.
    fn take_bare(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.peek()? {
            if byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"')
            {
                break;
            }
            self.text.push(byte);
            self.check_size()?;
            self.skip()?;
        }
        if self.text.is_empty() {
            return Err(self.unexpected("a value"));
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), Fault> {
        if self.text.len() <= MAX_ROW_BYTES {
            return Ok(());
        }
        let Place { line, column } = self.place;
        Err(self.source.fault(format!(
            "what begins in line {line}, column {column} is longer than {} MiB; split it into several objects",
            MAX_ROW_BYTES >> 20
        )))
    }

    /// The next byte that is no white space, not taken.
    fn after_space(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.skip()?,
                other => return Ok(other),
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        Ok(buffer(self.source, &mut self.reader)?.first().copied())
    }

    fn skip(&mut self) -> Result<(), Fault> {
        if let Some(byte) = self.peek()? {
            self.at.pass(byte);
            self.reader.consume(1);
        }
        Ok(())
    }

    fn unexpected(&mut self, wanted: &str) -> Fault {
        let found = match self.peek() {
            Ok(Some(byte)) if byte.is_ascii_graphic() => format!("'{}'", char::from(byte)),
            Ok(Some(byte)) => format!("the byte 0x{byte:02x}"),
            Ok(None) => "the end of the file".to_owned(),
            Err(fault) => return fault,
        };
        self.fault(&format!(
            "{found} where {wanted} should be; mend the JSON there"
        ))
    }

    fn fault(&self, what: &str) -> Fault {
        let Place { line, column } = self.at;
        self.source
            .fault(format!("line {line}, column {column}: {what}"))
    }
}

impl Place {
    fn pass(&mut self, byte: u8) {
        if byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }
}

/// What is read already, or the next piece of the file; empty at its end.
fn buffer<'r>(source: &Source, reader: &'r mut Box<dyn BufRead>) -> Result<&'r [u8], Fault> {
    // Twice, for the borrow checker: the second call finds the buffer full and fails no more.
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(source.read_fault(&error));
        }
    }
    let full = reader.fill_buf();
    full.map_err(|error| source.read_fault(&error))
}
