//! JSON: one array of objects, or one object a line. Cells are what [`Cell::to_json`] says, as every other surface
//! that speaks JSON has them.

use std::io::Write;

use serde::Serialize;
use tidegate_schema::{
    Result,
    model::{Cell, ResultColumn},
};

use super::{Encoder, Written, names, text, unwritten};

/// Bytes gathered before they are written.
const GATHERED: usize = 1 << 16;

/// A JSON export under way.
pub(super) struct Documents<W> {
    out: W,
    /// Whether each object stands for itself on a line.
    lines: bool,
    /// What goes before each cell of a row: `{"a":`, `,"b":`.
    keys: Vec<Vec<u8>>,
    /// Whether a row was written.
    begun: bool,
    gathered: Vec<u8>,
}

impl<W: Write> Documents<W> {
    /// One array of objects.
    pub(super) fn array(columns: &[ResultColumn], mut out: W) -> Result<Self> {
        out.write_all(b"[").map_err(unwritten)?;
        Ok(Self::new(columns, out, false))
    }

    /// One object a line.
    pub(super) fn lines(columns: &[ResultColumn], out: W) -> Self {
        Self::new(columns, out, true)
    }

    fn new(columns: &[ResultColumn], out: W, lines: bool) -> Self {
        let key = |(index, name): (usize, String)| {
            let sign = if index == 0 { '{' } else { ',' };
            format!("{sign}{}:", serde_json::Value::String(name)).into_bytes()
        };
        Self {
            out,
            lines,
            keys: names::unique(columns)
                .into_iter()
                .enumerate()
                .map(key)
                .collect(),
            begun: false,
            gathered: Vec::with_capacity(GATHERED),
        }
    }

    fn row(&mut self, row: &[Cell]) -> Result<()> {
        if !self.lines {
            let between = if self.begun { ",\n" } else { "\n" };
            self.gathered.extend_from_slice(between.as_bytes());
        }
        self.begun = true;
        for (key, cell) in self.keys.iter().zip(row) {
            self.gathered.extend_from_slice(key);
            value(cell, &mut self.gathered)?;
        }
        let end = if self.lines { "}\n" } else { "}" };
        self.gathered.extend_from_slice(end.as_bytes());
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        self.out.write_all(&self.gathered).map_err(unwritten)?;
        self.gathered.clear();
        Ok(())
    }
}

impl<W: Write> Encoder for Documents<W> {
    fn rows(&mut self, rows: Vec<Vec<Cell>>) -> Result<()> {
        for row in rows {
            self.row(&row)?;
            if self.gathered.len() >= GATHERED {
                self.write()?;
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, _: Written) -> Result<()> {
        if !self.lines {
            let end = if self.begun { "\n]\n" } else { "]\n" };
            self.gathered.extend_from_slice(end.as_bytes());
        }
        self.write()?;
        self.out.flush().map_err(unwritten)
    }
}

/// Appends a cell as JSON.
fn value(cell: &Cell, out: &mut Vec<u8>) -> Result<()> {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(_) | Cell::Int(_) => text::append(cell, out),
        Cell::Float(number) if number.is_finite() => serialised(number, out)?,
        Cell::Text(text) => serialised(text, out)?,
        Cell::Json(value) => serialised(value, out)?,
        // Whether a decimal is a number here depends on its digits.
        Cell::Decimal(_) => serialised(&cell.to_json(), out)?,
        // None of these has a sign that JSON would have to escape.
        Cell::Float(_)
        | Cell::Bytes(_)
        | Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::TimestampTz(_) => {
            out.push(b'"');
            text::append(cell, out);
            out.push(b'"');
        }
    }
    Ok(())
}

fn serialised<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, value).map_err(unwritten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::every_cell;

    #[test]
    fn a_cell_is_the_json_that_every_surface_writes() {
        for cell in every_cell() {
            let mut out = Vec::new();
            value(&cell, &mut out).expect("written");
            let expected = cell.to_json().to_string();
            assert_eq!(String::from_utf8_lossy(&out), expected, "{cell:?}");
        }
    }
}
