//! An Excel workbook: a sheet with a header, going on on further sheets where one is full.
//!
//! The rows lie in files of their own in the scratch folder until the last one is there, since a workbook cannot be
//! written before its sheets are known; memory holds one row. The workbook itself goes out as it is packed.

mod cells;

use std::io::Write;

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};
use tidegate_schema::{Result, model::Cell};

use self::cells::Formats;
use super::{Encoder, Place, Plan, Written, unwritten};

/// Columns of a sheet.
pub(super) const MOST_COLUMNS: usize = 16_384;
/// Rows of a sheet, the header among them.
const MOST_ROWS: u32 = 1_048_576;
/// A part of a ZIP archive that may become larger than 4 GiB is written for readers that know of such.
const LARGE: u64 = 3 << 30;
/// What a cell's XML takes beside its text, at most.
const MARKUP: u64 = 64;
/// What a character of text takes at most in XML: `&quot;`.
const ESCAPED: u64 = 6;

/// A workbook under way.
pub(super) struct Sheets<W> {
    out: W,
    workbook: Workbook,
    names: Vec<String>,
    formats: Formats,
    most_rows: u32,
    /// Sheets begun.
    begun: usize,
    /// The next free row of the sheet.
    next: u32,
    /// Rows taken so far.
    taken: u64,
    /// What the sheet's XML weighs at most.
    weight: u64,
    large: bool,
}

impl<W: Write + Send> Sheets<W> {
    /// Begins the first sheet.
    pub(super) fn begin(plan: &Plan, out: W) -> Result<Self> {
        Self::with_sheets_of(plan, out, MOST_ROWS)
    }

    /// With sheets of so many rows.
    pub(super) fn with_sheets_of(plan: &Plan, out: W, most_rows: u32) -> Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(&plan.scratch).map_err(unwritten)?;
        let mut sheets = Self {
            out,
            workbook,
            names: plan
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            formats: Formats::new(),
            most_rows,
            begun: 0,
            next: 0,
            taken: 0,
            weight: 0,
            large: false,
        };
        sheets.begin_sheet()?;
        Ok(sheets)
    }

    /// Begins a sheet with the header.
    fn begin_sheet(&mut self) -> Result<()> {
        self.begun += 1;
        self.next = 0;
        self.weight = 0;
        let name = if self.begun == 1 {
            "Result".to_owned()
        } else {
            format!("Result {}", self.begun)
        };
        let sheet = self
            .workbook
            .add_worksheet_with_constant_memory()
            .and_then(|sheet| sheet.set_name(name))
            .and_then(|sheet| sheet.set_freeze_panes(1, 0))
            .map_err(unwritten)?;
        for (index, name) in self.names.iter().enumerate() {
            let place = Place {
                row: 0,
                column: name,
            };
            self.formats.header(sheet, index as u16, name, place)?;
        }
        self.next = 1;
        Ok(())
    }

    fn row(&mut self, row: &[Cell]) -> Result<()> {
        if self.next >= self.most_rows {
            self.begin_sheet()?;
        }
        self.taken += 1;
        let Some(sheet) = self.workbook.worksheets_mut().last_mut() else {
            return Err(unwritten("the workbook has no sheet"));
        };
        for ((index, name), cell) in self.names.iter().enumerate().zip(row) {
            let place = Place {
                row: self.taken,
                column: name,
            };
            let bytes = self
                .formats
                .cell(sheet, (self.next, index as u16), cell, place)?;
            self.weight += MARKUP + ESCAPED * bytes as u64;
        }
        if row.iter().all(cells::is_blank) {
            // So that the sheet has the row all the same.
            self.formats.blank(sheet, self.next)?;
        }
        self.large |= self.weight > LARGE;
        self.next += 1;
        Ok(())
    }
}

impl<W: Write + Send> Encoder for Sheets<W> {
    fn rows(&mut self, rows: Vec<Vec<Cell>>) -> Result<()> {
        rows.iter().try_for_each(|row| self.row(row))
    }

    fn end(mut self: Box<Self>, written: Written) -> Result<()> {
        if let Some(rows) = written.cut_at {
            notice(self.workbook.add_worksheet(), rows).map_err(unwritten)?;
        }
        self.workbook.use_zip_large_file(self.large);
        self.workbook
            .save_to_writer(&mut self.out)
            .map_err(unwritten)?;
        self.out.flush().map_err(unwritten)
    }
}

/// A sheet that says that rows are missing.
fn notice(sheet: &mut Worksheet, rows: usize) -> Result<(), XlsxError> {
    sheet.set_name("Cut")?;
    let words = format!("The result was cut after {rows} rows; there are more.");
    sheet.write_string(0, 0, words)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader as _, Xlsx};
    use tidegate_schema::model::CellKind;

    use super::*;
    use crate::export::{Format, tests};

    #[test]
    fn a_full_sheet_goes_on_on_the_next_one_with_the_header_again() {
        let scratch = tempfile::tempdir().expect("a folder");
        let plan = tests::plan(Format::Xlsx, &[("n", CellKind::Int, "int")], scratch.path());
        let mut out = Vec::new();
        let sheets = Sheets::with_sheets_of(&plan, &mut out, 3).expect("begun");
        let mut sheets: Box<dyn Encoder + '_> = Box::new(sheets);
        let rows = (1..=5).map(|n| vec![Cell::Int(n)]).collect();
        sheets.rows(rows).expect("taken");
        sheets.end(Written::default()).expect("written");
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(out)).expect("a workbook");
        assert_eq!(book.sheet_names(), ["Result", "Result 2", "Result 3"]);
        let mut found = Vec::new();
        for name in book.sheet_names() {
            let range = book.worksheet_range(&name).expect("a sheet");
            let column: Vec<Data> = range.rows().map(|row| row[0].clone()).collect();
            assert_eq!(column[0], Data::String("n".to_owned()));
            found.extend(column.into_iter().skip(1));
        }
        let expected: Vec<Data> = (1..=5).map(|n| Data::Float(f64::from(n))).collect();
        assert_eq!(found, expected);
    }
}
