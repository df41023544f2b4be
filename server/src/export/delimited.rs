//! CSV by RFC 4180: a header, CRLF, quotes where they are needed.
//!
//! NULL is nothing at all and empty text is `""`, so that a reader who cares can tell them apart. A text that a
//! spreadsheet would take for a formula stays as it is: an export is the data, and a mark put before it would be in
//! the data of every other reader.

use std::io::Write;

use tidegate_schema::{
    Result,
    model::{Cell, ResultColumn},
};

use super::{Encoder, Plan, Written, text, unwritten};

/// Bytes gathered before they are written.
const GATHERED: usize = 1 << 16;

/// A CSV under way.
pub(super) struct Csv<W> {
    out: W,
    gathered: Vec<u8>,
}

impl<W: Write> Csv<W> {
    /// Writes the header.
    pub(super) fn begin(plan: &Plan, out: W) -> Result<Self> {
        let mut csv = Self {
            out,
            gathered: Vec::with_capacity(GATHERED),
        };
        if plan.bom {
            csv.gathered.extend_from_slice("\u{feff}".as_bytes());
        }
        csv.header(&plan.columns);
        csv.write()?;
        Ok(csv)
    }

    fn header(&mut self, columns: &[ResultColumn]) {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                self.gathered.push(b',');
            }
            quoted(&column.name, &mut self.gathered);
        }
        self.gathered.extend_from_slice(b"\r\n");
    }

    fn write(&mut self) -> Result<()> {
        self.out.write_all(&self.gathered).map_err(unwritten)?;
        self.gathered.clear();
        Ok(())
    }
}

impl<W: Write> Encoder for Csv<W> {
    fn rows(&mut self, rows: Vec<Vec<Cell>>) -> Result<()> {
        for row in rows {
            for (index, cell) in row.iter().enumerate() {
                if index > 0 {
                    self.gathered.push(b',');
                }
                match cell {
                    Cell::Text(text) => quoted(text, &mut self.gathered),
                    Cell::Json(value) => quoted(&value.to_string(), &mut self.gathered),
                    plain => text::append(plain, &mut self.gathered),
                }
            }
            self.gathered.extend_from_slice(b"\r\n");
            if self.gathered.len() >= GATHERED {
                self.write()?;
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, _: Written) -> Result<()> {
        self.write()?;
        self.out.flush().map_err(unwritten)
    }
}

/// Appends a text, in quotes if it would be read otherwise without them.
fn quoted(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let needs = bytes.is_empty()
        || memchr::memchr3(b'"', b',', b'\n', bytes).is_some()
        || memchr::memchr(b'\r', bytes).is_some();
    if !needs {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
