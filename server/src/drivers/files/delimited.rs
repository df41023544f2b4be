//! CSV, TSV and their kin, read twice: once for what the columns are, once for the rows.
//!
//! An empty field without quotes is NULL and one with quotes is empty text. A row of fewer or more fields than the
//! heading is a fault and not patched up, unless what it has more is empty.

use super::{
    fault::Fault,
    found::Source,
    infer::{Guess, value},
    load::{Column, Loader, check_width},
    names,
    text::{self, Coding},
    work::Work,
};
use records::Records;

mod heading;
mod records;
mod separator;

/// Rows looked at for a heading.
const HEAD_ROWS: usize = 100;
/// Bytes of those.
const HEAD_BYTES: usize = 1 << 20;

/// How the file is to be read.
struct Layout {
    coding: Coding,
    separator: u8,
    /// The first line names the separator, as Excel reads and writes it.
    names_separator: bool,
    has_heading: bool,
    columns: Vec<Column>,
}

pub(super) fn load(source: &Source, loader: &mut Loader, work: &mut Work) -> Result<(), Fault> {
    if source.size == 0 {
        return Err(source.fault("is empty; give a file with at least a heading"));
    }
    let layout = layout(source, work)?;
    let mut table = loader.table(source, &source.stem, None, &layout.columns)?;
    work.begin(&source.name, "storing rows of a data file");
    let mut records = layout.records(source)?;
    let mut wanted = records.advance()?;
    if layout.has_heading {
        wanted = wanted && records.advance()?;
    }
    let mut spelled = String::new();
    while wanted {
        work.tick()?;
        for (index, column) in layout.columns.iter().enumerate().take(records.len()) {
            if let Some(field) = records.field(index)? {
                table.set(index, value(column.kind, field, &mut spelled))?;
            }
        }
        table.add()?;
        wanted = records.advance()?;
    }
    table.end()
}

impl Layout {
    fn records<'s>(&self, source: &'s Source) -> Result<Records<'s>, Fault> {
        let reader = text::open(source, self.coding)?;
        let mut records = Records::new(source, reader, self.separator);
        if self.names_separator {
            records.advance()?;
        }
        Ok(records)
    }
}

/// Reads the whole file for its separator, its heading and the types of its columns.
fn layout(source: &Source, work: &mut Work) -> Result<Layout, Fault> {
    work.begin(&source.name, "looking at a data file");
    let coding = text::coding(source, work)?;
    let (separator, names_separator) = separator::find(source, coding)?;
    let mut layout = Layout {
        coding,
        separator,
        names_separator,
        has_heading: false,
        columns: Vec::new(),
    };
    let mut records = layout.records(source)?;
    let mut head: Vec<Vec<Option<String>>> = Vec::new();
    let mut head_bytes = 0;
    let mut more = records.advance()?;
    let width = records.len();
    if !more {
        return Err(
            source.fault("holds nothing but blank lines; give a file with at least a heading")
        );
    }
    check_width(source, None, width)?;
    while more && head.len() < HEAD_ROWS && head_bytes < HEAD_BYTES {
        check_row(source, &records, width)?;
        let mut row = Vec::with_capacity(width);
        for index in 0..width {
            let field = records.field(index)?.map(str::to_owned);
            head_bytes += field.as_ref().map_or(0, String::len);
            row.push(field);
        }
        head.push(row);
        work.tick()?;
        more = records.advance()?;
    }
    layout.has_heading = heading::is_first(&head);
    let mut guesses = vec![Guess::default(); width];
    for row in head.iter().skip(usize::from(layout.has_heading)) {
        for (guess, field) in guesses.iter_mut().zip(row) {
            guess.add(field.as_deref().unwrap_or_default());
        }
    }
    while more {
        check_row(source, &records, width)?;
        for (index, guess) in guesses.iter_mut().enumerate() {
            guess.add(records.field(index)?.unwrap_or_default());
        }
        work.tick()?;
        more = records.advance()?;
    }
    let heading: Vec<String> = if layout.has_heading {
        let first = head.swap_remove(0);
        first.into_iter().map(Option::unwrap_or_default).collect()
    } else {
        vec![String::new(); width]
    };
    layout.columns = columns(&heading, &guesses, layout.has_heading);
    Ok(layout)
}

fn columns(heading: &[String], guesses: &[Guess], has_heading: bool) -> Vec<Column> {
    let column = |(name, guess): (String, &Guess)| {
        let (kind, note) = guess.kind();
        Column {
            name,
            kind,
            note: note.map(str::to_owned),
        }
    };
    let names = names::columns(heading);
    let mut columns: Vec<Column> = names.into_iter().zip(guesses).map(column).collect();
    // A separator at the end of every line makes columns that are none.
    let is_nothing = |index: usize| heading[index].trim().is_empty() && !guesses[index].any();
    while has_heading && columns.len() > 1 && is_nothing(columns.len() - 1) {
        columns.pop();
    }
    columns
}

/// Padding a short row would put values into other columns than they were meant for, without a word.
fn check_row(source: &Source, records: &Records<'_>, width: usize) -> Result<(), Fault> {
    let has = records.len();
    let mut fits = has >= width;
    for index in width..has {
        fits = fits
            && records
                .field(index)?
                .is_none_or(|field| field.trim().is_empty());
    }
    if fits {
        return Ok(());
    }
    Err(source.fault(format!(
        "row {} (line {}) has {has} fields where the first row has {width}; mend that row (a field that holds the \
         separator or a line break needs quotes around it)",
        records.number(),
        records.line(),
    )))
}
