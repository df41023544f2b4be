//! A hundred thousand rows: what was read and not yet written stays within a few megabytes, whatever is still to come.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidegate_schema::model::{Cell, CellKind};

use super::*;
use crate::export::columnar::GROUP_ROWS;

const ROWS: usize = 100_000;
/// Packing a workbook takes long in a build for tests.
const SHEET_ROWS: usize = 20_000;
const BATCH: usize = 256;

/// Takes everything, keeps what a test wants to read, and counts.
#[derive(Clone, Default)]
struct Counting {
    bytes: Arc<AtomicUsize>,
    /// The largest piece that came at once.
    largest: Arc<AtomicUsize>,
}

impl Write for Counting {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.bytes.fetch_add(piece.len(), Ordering::Relaxed);
        self.largest.fetch_max(piece.len(), Ordering::Relaxed);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Row by row the same length, so that rows and bytes can be compared: about a hundred bytes of cells.
fn row(n: usize) -> Vec<Cell> {
    vec![
        Cell::Int(1_000_000 + n as i64),
        Cell::Float(0.5),
        Cell::Text(format!("{n:06} {}", "words ".repeat(8))),
    ]
}

fn batches(rows: usize) -> impl Iterator<Item = Result<Batch>> {
    (0..rows).step_by(BATCH).map(move |first| {
        let last = rows.min(first + BATCH);
        Ok(Batch::Rows((first..last).map(row).collect()))
    })
}

const SHAPE: [(&str, CellKind, &str); 3] = [
    ("n", CellKind::Int, "bigint"),
    ("x", CellKind::Float, "double"),
    ("words", CellKind::Text, "text"),
];

#[test]
fn rows_are_written_as_they_come() {
    let scratch = tempfile::tempdir().expect("a folder");
    for (format, most_behind) in [
        (Format::Csv, BATCH * 8),
        (Format::Json, BATCH * 8),
        (Format::JsonLines, BATCH * 8),
        // Whole batches of columns.
        (Format::Arrow, 8_192 + BATCH),
    ] {
        let out = Counting::default();
        let plan = plan(format, &SHAPE, scratch.path());
        // What had been written when each batch was asked for.
        let mut seen = Vec::new();
        let counted = batches(ROWS).inspect(|_| seen.push(out.bytes.load(Ordering::Relaxed)));
        let written = write(&plan, counted, out.clone()).expect("exported");
        assert_eq!(written.rows, ROWS as u64);
        let whole = out.bytes.load(Ordering::Relaxed);
        for (asked, bytes) in seen.into_iter().enumerate() {
            let rows = (bytes as f64 / whole as f64 * ROWS as f64) as usize;
            let behind = (asked * BATCH).saturating_sub(rows);
            assert!(
                behind <= most_behind,
                "{format}: {behind} rows behind at batch {asked}"
            );
        }
        let largest = out.largest.load(Ordering::Relaxed);
        assert!(largest <= 4 << 20, "{format}: a piece of {largest} bytes");
    }
}

#[test]
fn parquet_goes_out_group_by_group() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(Format::Parquet, &SHAPE, scratch.path());
    let mut out = Vec::new();
    write(&plan, batches(ROWS), &mut out).expect("exported");
    let file =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).expect("a Parquet file");
    let groups: Vec<i64> = file
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(groups.iter().sum::<i64>(), ROWS as i64);
    assert!(groups.len() >= 2, "{groups:?}");
    // A group ends with the batch of columns that fills it.
    let most = (GROUP_ROWS + 8_192) as i64;
    assert!(groups.iter().all(|rows| *rows <= most), "{groups:?}");
}

#[test]
fn a_workbook_waits_on_disk_and_holds_every_row() {
    use calamine::Reader as _;

    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(Format::Xlsx, &SHAPE, scratch.path());
    let mut out = Vec::new();
    let written = write(&plan, batches(SHEET_ROWS), &mut out).expect("exported");
    assert_eq!(written.rows, SHEET_ROWS as u64);
    let mut book: calamine::Xlsx<_> =
        calamine::Xlsx::new(io::Cursor::new(out)).expect("a workbook");
    let range = book.worksheet_range("Result").expect("a sheet");
    assert_eq!(range.height(), SHEET_ROWS + 1);
    let last = range.rows().next_back().map(|row| row[0].to_string());
    assert_eq!(last.as_deref(), Some("1019999"));
    let left = std::fs::read_dir(scratch.path()).expect("a folder").count();
    assert_eq!(left, 0, "the rows' own files are gone");
}
