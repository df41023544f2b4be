//! Rows as DuckDB sent them, to become cells on the thread that reads them.

use std::{ops::Range, sync::Arc};

use duckdb::arrow::array::{Array as _, StructArray};
use tidegate_schema::model::{Cell, CellKind};

use super::{cells::Column, types::Type};
use crate::drivers::batch::Parcel;

/// Rows that DuckDB made at a time.
pub(super) struct Chunk {
    rows: StructArray,
    types: Arc<[Type]>,
}

impl Chunk {
    /// Rows whose columns are of these types.
    pub(super) fn new(rows: StructArray, types: Arc<[Type]>) -> Self {
        Self { rows, types }
    }

    /// How many rows it has.
    pub(super) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Its columns.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        columns(&self.rows, &self.types)
    }
}

fn columns<'a>(rows: &'a StructArray, types: &'a [Type]) -> Vec<Column<'a>> {
    let columns = rows.columns().iter().zip(types);
    columns
        .map(|(array, kind)| Column::new(array.as_ref(), kind))
        .collect()
}

/// Rows of a chunk, or of several, in their order.
#[derive(Default)]
pub(super) struct Chunks {
    parts: Vec<(Arc<Chunk>, Range<usize>)>,
    rows: usize,
}

impl Chunks {
    /// Adds a row of a chunk.
    pub(super) fn push(&mut self, chunk: &Arc<Chunk>, row: usize) {
        self.rows += 1;
        match self.parts.last_mut() {
            Some((last, rows)) if Arc::ptr_eq(last, chunk) && rows.end == row => rows.end += 1,
            _ => self.parts.push((chunk.clone(), row..row + 1)),
        }
    }
}

impl Parcel for Chunks {
    fn count(&self) -> usize {
        self.rows
    }

    fn like(&self) -> Self {
        Self::default()
    }

    fn unpack(self, _: &[CellKind]) -> Vec<Vec<Cell>> {
        let mut unpacked = Vec::with_capacity(self.rows);
        for (chunk, rows) in self.parts {
            let part = chunk.rows.slice(rows.start, rows.len());
            let columns = columns(&part, &chunk.types);
            unpacked.extend((0..part.len()).map(|row| {
                let mut cells = Vec::with_capacity(columns.len());
                cells.extend(columns.iter().map(|column| column.cell(row)));
                cells
            }));
        }
        unpacked
    }
}

#[cfg(test)]
mod tests {
    use duckdb::arrow::{
        array::{ArrayRef, Int64Array, StringArray},
        datatypes::{DataType, Field},
    };

    use super::*;

    fn chunk(numbers: Range<i64>) -> Arc<Chunk> {
        let texts = StringArray::from_iter(
            numbers
                .clone()
                .map(|n| (n != 3).then(|| "é".repeat(n as usize))),
        );
        let numbers = Int64Array::from_iter(numbers.map(Some));
        let rows = StructArray::from(vec![
            (
                Arc::new(Field::new("n", DataType::Int64, true)),
                Arc::new(numbers) as ArrayRef,
            ),
            (
                Arc::new(Field::new("t", DataType::Utf8, true)),
                Arc::new(texts) as ArrayRef,
            ),
        ]);
        Arc::new(Chunk::new(rows, [Type::Int, Type::Text].into()))
    }

    fn row(n: i64) -> Vec<Cell> {
        let text = match n {
            3 => Cell::Null,
            _ => Cell::Text("é".repeat(n as usize)),
        };
        vec![Cell::Int(n), text]
    }

    #[test]
    fn rows_of_several_chunks_come_out_as_they_went_in() {
        let (first, second) = (chunk(0..4), chunk(4..6));
        let mut chunks = Chunks::default();
        for at in 1..first.count() {
            chunks.push(&first, at);
        }
        for at in [0, 1, 0] {
            chunks.push(&second, at);
        }
        assert_eq!((chunks.count(), chunks.parts.len()), (6, 3));
        let rows: Vec<_> = [1, 2, 3, 4, 5, 4].into_iter().map(row).collect();
        assert_eq!(chunks.unpack(&[CellKind::Int, CellKind::Text]), rows);
    }
}
