//! Rows as SQLite stores them, many in two pieces of memory, to become cells on the thread that reads them.

use rusqlite::types::ValueRef;
use tidegate_schema::model::{Cell, CellKind};

use super::cells;
use crate::drivers::batch::{BYTES_PER_BATCH, Parcel};

/// A decimal that SQLite stores as a number is a text of about so many bytes.
const DECIMAL: usize = 16;

/// A value; a text or bytes end where it says, and begin where the one before them ends.
#[derive(Debug, Clone, Copy)]
enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(usize),
    Blob(usize),
}

/// Whole rows, and the one that is being read.
#[derive(Debug, Default)]
pub(super) struct Stored {
    values: Vec<Value>,
    /// Texts and bytes, one behind the other.
    bytes: Vec<u8>,
    rows: usize,
}

impl Stored {
    /// The next value of the row.
    pub(super) fn push(&mut self, value: ValueRef<'_>) {
        let value = match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => Value::Text(self.keep(text)),
            ValueRef::Blob(bytes) => Value::Blob(self.keep(bytes)),
        };
        self.values.push(value);
    }

    /// The row is whole. One that never is, is not unpacked.
    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    fn keep(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len()
    }
}

impl Parcel for Stored {
    fn count(&self) -> usize {
        self.rows
    }

    fn like(&self) -> Self {
        Self {
            values: Vec::with_capacity(self.values.len()),
            bytes: Vec::with_capacity(self.bytes.len().min(BYTES_PER_BATCH)),
            rows: 0,
        }
    }

    fn unpack(self, kinds: &[CellKind]) -> Vec<Vec<Cell>> {
        let mut start = 0;
        let mut between = |end| {
            let bytes = &self.bytes[start..end];
            start = end;
            bytes
        };
        let mut cell = |kind: &CellKind, value: &Value| {
            let value = match *value {
                Value::Null => ValueRef::Null,
                Value::Integer(number) => ValueRef::Integer(number),
                Value::Real(number) => ValueRef::Real(number),
                Value::Text(end) => ValueRef::Text(between(end)),
                Value::Blob(end) => ValueRef::Blob(between(end)),
            };
            cells::cell(*kind, value)
        };
        // A query has at least one column.
        let rows = self.values.chunks_exact(kinds.len().max(1)).take(self.rows);
        rows.map(|row| {
            let mut cells = Vec::with_capacity(kinds.len());
            cells.extend(kinds.iter().zip(row).map(|(kind, value)| cell(kind, value)));
            cells
        })
        .collect()
    }
}

/// What a value weighs once it is a cell, or a little more.
pub(super) fn weight(kind: CellKind, value: ValueRef<'_>) -> usize {
    size_of::<Cell>()
        + match (kind, value) {
            (CellKind::Json, ValueRef::Text(text)) => text.len() + json_bytes(text),
            (_, ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.len(),
            (CellKind::Decimal, ValueRef::Integer(_) | ValueRef::Real(_)) => DECIMAL,
            _ => 0,
        }
}

/// What the values in a JSON text weigh beside their letters: there are at most as many as commas and opening brackets,
/// and one.
fn json_bytes(text: &[u8]) -> usize {
    let values = text
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    (values.count() + 1) * size_of::<serde_json::Value>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::batch::cell_bytes;

    #[test]
    fn rows_come_out_as_they_went_in() {
        let kinds = [CellKind::Int, CellKind::Text, CellKind::Bytes];
        let mut stored = Stored::default();
        let mut expected = Vec::new();
        for n in 0..3_i64 {
            let text = "é".repeat(n as usize);
            stored.push(ValueRef::Integer(n));
            stored.push(ValueRef::Text(text.as_bytes()));
            stored.push(if n == 1 {
                ValueRef::Null
            } else {
                ValueRef::Blob(&[0, 255])
            });
            stored.end_row();
            let last = if n == 1 {
                Cell::Null
            } else {
                Cell::Bytes([0, 255].into())
            };
            expected.push(vec![Cell::Int(n), Cell::Text(text), last]);
        }
        let room = stored.like();
        assert!(room.count() == 0 && room.bytes.capacity() >= stored.bytes.len());
        assert_eq!(stored.unpack(&kinds), expected);
    }

    #[test]
    fn a_row_that_never_ended_stays_behind() {
        let mut stored = Stored::default();
        stored.push(ValueRef::Integer(1));
        stored.push(ValueRef::Text(b"whole"));
        stored.end_row();
        stored.push(ValueRef::Integer(2));
        stored.push(ValueRef::Text(b"left out"));
        assert_eq!(stored.count(), 1);
        let rows = stored.unpack(&[CellKind::Int, CellKind::Text]);
        assert_eq!(rows, [vec![Cell::Int(1), Cell::Text("whole".into())]]);
    }

    #[test]
    fn a_value_weighs_no_less_than_its_cell() {
        for (kind, text) in [
            (CellKind::Text, "plain"),
            (CellKind::Json, "7"),
            (CellKind::Json, "[1,[],{\"a\":[2,3]},\"x,y\"]"),
            (CellKind::Json, "[[[[]]],{}]"),
        ] {
            let value = ValueRef::Text(text.as_bytes());
            let cell = cells::cell(kind, value);
            let weight = weight(kind, value);
            assert!(weight >= cell_bytes(&cell), "{text}: {weight}, {cell:?}");
        }
        let number = ValueRef::Real(1_234_567.25);
        let cell = cells::cell(CellKind::Decimal, number);
        assert!(weight(CellKind::Decimal, number) >= cell_bytes(&cell));
    }
}
