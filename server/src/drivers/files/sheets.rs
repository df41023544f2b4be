//! Excel and OpenDocument workbooks: every sheet with a value in it is a table.
//!
//! Formulas count as what they last came to, errors as NULL. Each sheet is read twice: once for its heading and the
//! types of its columns, once for its rows. Sheets of `.xlsx` and `.xlsb` are streamed; the older `.xls` and `.ods`
//! can only be read as a whole, so those files have a lower bound on their size.

use std::collections::BTreeMap;

use self::{
    book::{Book, Sheet},
    cells::{Field, Seen},
    heading::Heading,
};
use super::{
    fault::Fault,
    found::Source,
    load::{Column, Loader, check_width},
    names,
    work::Work,
};

mod book;
mod cells;
mod heading;
mod unpacked;

/// A row with a value in it: its number, counted from 0, and its cells that are not blank, by column.
type Row = (u32, Vec<(u32, Field)>);

/// Rows looked at for a heading.
const HEAD_ROWS: usize = 50;

/// A sheet and how it is to be read.
struct Layout {
    sheet: Sheet,
    heading: Heading,
    /// Columns by where they stand in the sheet.
    columns: BTreeMap<u32, Column>,
}

/// `prefix`: what the tables' names begin with, if there are several files.
pub(super) fn load(
    source: &Source,
    prefix: Option<&str>,
    loader: &mut Loader,
    work: &mut Work,
) -> Result<(), Fault> {
    work.begin(&source.name, "looking at a workbook");
    let mut book = Book::open(source, work)?;
    let mut layouts = Vec::new();
    for sheet in book.sheets() {
        layouts.extend(layout(source, &mut book, sheet, work)?);
    }
    if layouts.is_empty() {
        return Err(source.fault("has no sheet with a value in it"));
    }
    let is_only = layouts.len() == 1;
    for layout in &layouts {
        work.begin(&source.name, "storing rows of a workbook");
        let sheet = &layout.sheet.name;
        let wanted = match prefix {
            _ if is_only => source.stem.clone(),
            Some(prefix) => format!("{prefix}_{sheet}"),
            None => sheet.clone(),
        };
        store(source, &mut book, layout, &wanted, loader, work)?;
    }
    Ok(())
}

/// Reads a whole sheet for its heading and types; nothing if it has no values.
fn layout(
    source: &Source,
    book: &mut Book,
    sheet: Sheet,
    work: &mut Work,
) -> Result<Option<Layout>, Fault> {
    let merged = book.merged(source, &sheet.name)?;
    let mut head: Vec<Row> = Vec::new();
    let mut seen: BTreeMap<u32, Seen> = BTreeMap::new();
    let mut heading = None;
    let observe = |seen: &mut BTreeMap<u32, Seen>, cells: &[(u32, Field)]| {
        for (column, field) in cells {
            seen.entry(*column).or_default().add(field);
        }
    };
    book.each_row(source, &sheet.name, &mut |row, cells| {
        work.tick()?;
        if heading.is_some() {
            observe(&mut seen, cells);
            return Ok(());
        }
        head.push((row, cells.to_vec()));
        if head.len() == HEAD_ROWS {
            let found = heading::find(&head, &merged);
            for (_, cells) in head.drain(..).skip(found.rows) {
                observe(&mut seen, &cells);
            }
            heading = Some(found);
        }
        Ok(())
    })?;
    let heading = heading.unwrap_or_else(|| {
        let found = heading::find(&head, &merged);
        for (_, cells) in head.drain(..).skip(found.rows) {
            observe(&mut seen, &cells);
        }
        found
    });
    for column in heading.names.keys() {
        seen.entry(*column).or_default();
    }
    if seen.is_empty() {
        return Ok(None);
    }
    check_width(source, Some(&sheet.title()), seen.len())?;
    let written: Vec<&str> = seen
        .keys()
        .map(|column| heading.names.get(column).map_or("", String::as_str))
        .collect();
    let names = names::columns(&written);
    let column = |((at, seen), name): ((u32, Seen), String)| {
        let (kind, note) = seen.kind();
        let note = note.map(str::to_owned);
        (at, Column { name, kind, note })
    };
    let columns = seen.into_iter().zip(names).map(column).collect();
    Ok(Some(Layout {
        sheet,
        heading,
        columns,
    }))
}

fn store(
    source: &Source,
    book: &mut Book,
    layout: &Layout,
    wanted: &str,
    loader: &mut Loader,
    work: &mut Work,
) -> Result<(), Fault> {
    let columns: Vec<Column> = layout.columns.values().cloned().collect();
    // A column's place among them.
    let places: BTreeMap<u32, usize> = layout.columns.keys().copied().zip(0..).collect();
    let mut title = layout.sheet.title();
    if let Some(words) = &layout.heading.title {
        title = format!("{title} ({words})");
    }
    let mut table = loader.table(source, wanted, Some(&title), &columns)?;
    let mut skip = layout.heading.rows;
    let mut spelled = String::new();
    book.each_row(source, &layout.sheet.name, &mut |_, cells| {
        work.tick()?;
        if skip > 0 {
            skip -= 1;
            return Ok(());
        }
        for (column, field) in cells {
            if let Some(place) = places.get(column) {
                table.set(*place, field.value(columns[*place].kind, &mut spelled))?;
            }
        }
        table.add()
    })?;
    table.end()
}
