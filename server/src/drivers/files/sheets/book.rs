//! A workbook of any format, row by row.

use std::{
    fs::File,
    io::{BufReader, Read as _, Seek as _, SeekFrom},
};

use calamine::{
    Data, DataType, Dimensions, Ods, Range, Reader, SheetType, SheetVisible, Xls, Xlsb, Xlsx,
};

use super::{Row, cells, unpacked};
use crate::drivers::files::{fault::Fault, found::Source, load::MAX_ROW_BYTES, magic, work::Work};

/// The largest `.xls` file.
const MAX_XLS_BYTES: u64 = 256 << 20;
const OLD_OFFICE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

type Input = BufReader<File>;

/// An open workbook.
pub(super) enum Book {
    Xlsx(Box<Xlsx<Input>>),
    Xlsb(Box<Xlsb<Input>>),
    Xls(Box<Xls<Input>>),
    Ods(Box<Ods<Input>>),
}

/// A sheet that can hold values.
pub(super) struct Sheet {
    pub(super) name: String,
    hidden: bool,
}

/// What is done with a row: its number and its cells.
pub(super) type Visit<'v> = dyn FnMut(u32, &[(u32, cells::Field)]) -> Result<(), Fault> + 'v;

impl Sheet {
    /// For people.
    pub(super) fn title(&self) -> String {
        let hidden = if self.hidden { "hidden " } else { "" };
        format!("{hidden}sheet '{}'", self.name)
    }
}

impl Book {
    /// Opens it by what it is, whatever it is called.
    pub(super) fn open(source: &Source, work: &mut Work) -> Result<Self, Fault> {
        let file = source.open()?;
        let mut head = Vec::new();
        let mut start = file.take(512);
        start
            .read_to_end(&mut head)
            .map_err(|error| Fault::io(&source.name, &error))?;
        let mut file = start.into_inner();
        file.seek(SeekFrom::Start(0))
            .map_err(|error| Fault::io(&source.name, &error))?;
        let input = BufReader::new(file);
        let damaged = |error: &dyn std::fmt::Display| damaged(source, "", error);
        if head.starts_with(OLD_OFFICE) {
            if source.size > MAX_XLS_BYTES {
                return Err(source.fault(format!(
                    "is larger than {} MiB, and .xls can only be read as a whole; save it as .xlsx",
                    MAX_XLS_BYTES >> 20
                )));
            }
            let ending = source.path.extension().unwrap_or_default();
            // An .xlsx with a password comes in the same wrapping; its reader says so.
            return if ending.eq_ignore_ascii_case("xls") {
                let book = Xls::new(input).map_err(|error| damaged(&error))?;
                Ok(Self::Xls(Box::new(book)))
            } else {
                let book = Xlsx::new(input).map_err(|error| damaged(&error))?;
                Ok(Self::Xlsx(Box::new(book)))
            };
        }
        if !head.starts_with(b"PK") {
            let what = if head.is_empty() {
                "empty"
            } else if magic::is_html(&head) {
                "a web page or XML document under another name; open it and save it as .xlsx"
            } else {
                magic::binary(&head).unwrap_or("no workbook; is it text? then name it .csv")
            };
            return Err(source.fault(format!("is {what}")));
        }
        let kind = unpacked::check(source, BufReader::new(source.open()?), work)?;
        Ok(match kind {
            unpacked::Kind::Xlsx => {
                Self::Xlsx(Box::new(Xlsx::new(input).map_err(|error| damaged(&error))?))
            }
            unpacked::Kind::Xlsb => {
                Self::Xlsb(Box::new(Xlsb::new(input).map_err(|error| damaged(&error))?))
            }
            unpacked::Kind::Ods => {
                Self::Ods(Box::new(Ods::new(input).map_err(|error| damaged(&error))?))
            }
        })
    }

    /// Its sheets in their order, charts and macros left out.
    pub(super) fn sheets(&self) -> Vec<Sheet> {
        let sheets = match self {
            Self::Xlsx(book) => book.sheets_metadata(),
            Self::Xlsb(book) => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
            Self::Ods(book) => book.sheets_metadata(),
        };
        sheets
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
            .map(|sheet| Sheet {
                name: sheet.name.clone(),
                hidden: sheet.visible != SheetVisible::Visible,
            })
            .collect()
    }

    /// Its merged cells, where the format's reader knows them.
    pub(super) fn merged(
        &mut self,
        source: &Source,
        sheet: &str,
    ) -> Result<Vec<Dimensions>, Fault> {
        match self {
            Self::Xlsx(book) => book
                .merge_cells_by_sheet_name(sheet)
                .map_err(|error| damaged(source, sheet, &error)),
            Self::Xls(book) => book
                .merge_cells_by_sheet_name(sheet)
                .map_err(|error| damaged(source, sheet, &error)),
            Self::Xlsb(_) | Self::Ods(_) => Ok(Vec::new()),
        }
    }

    /// Visits the rows of a sheet that have a value, from top to bottom.
    pub(super) fn each_row(
        &mut self,
        source: &Source,
        sheet: &str,
        visit: &mut Visit<'_>,
    ) -> Result<(), Fault> {
        let mut rows = Rows {
            source,
            sheet,
            visit,
            row: (0, Vec::new()),
            bytes: 0,
        };
        match self {
            Self::Xlsx(book) => {
                let mut reader = book
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| damaged(source, sheet, &error))?;
                while let Some(cell) = reader
                    .next_cell()
                    .map_err(|error| damaged(source, sheet, &error))?
                {
                    rows.add(cell.get_position(), cell.get_value())?;
                }
            }
            Self::Xlsb(book) => {
                let mut reader = book
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| damaged(source, sheet, &error))?;
                while let Some(cell) = reader
                    .next_cell()
                    .map_err(|error| damaged(source, sheet, &error))?
                {
                    rows.add(cell.get_position(), cell.get_value())?;
                }
            }
            Self::Xls(book) => {
                let range = book.worksheet_range(sheet);
                rows.add_all(&range.map_err(|error| damaged(source, sheet, &error))?)?;
            }
            Self::Ods(book) => {
                let range = book.worksheet_range(sheet);
                rows.add_all(&range.map_err(|error| damaged(source, sheet, &error))?)?;
            }
        }
        rows.end()
    }
}

/// Gathers cells into rows.
struct Rows<'r, 'v> {
    source: &'r Source,
    sheet: &'r str,
    visit: &'r mut Visit<'v>,
    row: Row,
    /// Of the row's text.
    bytes: usize,
}

impl Rows<'_, '_> {
    fn add<T: DataType>(&mut self, (row, column): (u32, u32), value: &T) -> Result<(), Fault> {
        let Some(field) = cells::read(value) else {
            return Ok(());
        };
        if row != self.row.0 {
            if row < self.row.0 {
                return Err(damaged(
                    self.source,
                    self.sheet,
                    &"its rows are out of order",
                ));
            }
            self.end()?;
            self.row.0 = row;
        }
        self.bytes += field.text_bytes();
        if self.bytes > MAX_ROW_BYTES {
            return Err(self.source.fault(format!(
                "sheet '{}', row {}: holds more than {} MiB; take it out",
                self.sheet,
                row + 1,
                MAX_ROW_BYTES >> 20
            )));
        }
        self.row.1.push((column, field));
        Ok(())
    }

    fn add_all(&mut self, range: &Range<Data>) -> Result<(), Fault> {
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            self.add((top + row as u32, left + column as u32), value)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.row.1.is_empty() {
            return Ok(());
        }
        (self.visit)(self.row.0, &self.row.1)?;
        self.row.1.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// The reader's own words.
fn damaged(source: &Source, sheet: &str, error: &dyn std::fmt::Display) -> Fault {
    let words = error.to_string();
    if words.contains("password protected") {
        return source.fault("is protected by a password; save a copy without one");
    }
    let place = if sheet.is_empty() {
        String::new()
    } else {
        format!("sheet '{sheet}': ")
    };
    source.fault(format!(
        "{place}cannot be read as a workbook: {words}; open it in a spreadsheet program and save it again"
    ))
}
