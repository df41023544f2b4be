//! JSON and JSON lines, read twice: once for the tables and their columns, once for the rows.
//!
//! An array is a table and so is every array of objects in an object, under its name; what else the object holds is
//! one row of a table named like the file. Values inside values stay JSON. A key that an object has twice counts the
//! second time, as in most readers.

use std::collections::HashMap;

use rusqlite::types::ValueRef;

use self::{
    observed::Observed,
    rows::{Row, Scalar},
    scan::{Event, Place, Scanner},
};
use super::{
    fault::Fault,
    found::Source,
    infer::Kind,
    load::{Column, Loader, MAX_COLUMNS, Table},
    names,
    text::{self, Coding},
    work::Work,
};

mod observed;
mod rows;
mod scan;

/// The column of array elements that are no objects.
const VALUE: &str = "value";

/// Arrays of objects in one file. One that is keyed by names or numbers has an array for each, and would be as many
/// tables.
const MAX_TABLES: usize = 1_000;

/// A table found in the file, by its columns' keys.
#[derive(Default)]
struct Shape {
    /// The key of its array; nothing for the file's own table.
    name: Option<String>,
    /// Column of a key.
    places: HashMap<String, usize>,
    keys: Vec<String>,
    observed: Vec<Observed>,
}

/// Tables in their order, the file's own row last.
struct Shapes {
    tables: Vec<Shape>,
    rest: Shape,
}

pub(super) fn load(
    source: &Source,
    lines: bool,
    loader: &mut Loader,
    work: &mut Work,
) -> Result<(), Fault> {
    if source.size == 0 {
        return Err(source.fault("is empty; give a file with at least one object"));
    }
    work.begin(&source.name, "looking at a data file");
    let coding = text::coding(source, work)?;
    // One object after the other is JSON lines, whatever the file is called.
    let (lines, shapes) = match shapes(source, coding, lines, work)? {
        Some(shapes) => (lines, shapes),
        None => (
            true,
            shapes(source, coding, true, work)?.ok_or_else(|| source.fault("is no JSON"))?,
        ),
    };
    work.begin(&source.name, "storing rows of a data file");
    store(source, coding, lines, &shapes, loader, work)
}

/// Reads the whole file for its tables; nothing if it turns out to be JSON lines.
fn shapes(
    source: &Source,
    coding: Coding,
    lines: bool,
    work: &mut Work,
) -> Result<Option<Shapes>, Fault> {
    let mut scanner = Scanner::new(source, text::open(source, coding)?, lines);
    let mut shapes = Shapes {
        tables: Vec::new(),
        rest: Shape::default(),
    };
    loop {
        match scanner.next_event()? {
            Event::Table => {
                if shapes.tables.len() == MAX_TABLES {
                    let line = scanner.place().line;
                    return Err(source.fault(format!(
                        "line {line}: the object holds more than {MAX_TABLES} arrays of objects, each of which would be \
                         a table; write one array, with the key as a field of its objects"
                    )));
                }
                shapes.tables.push(Shape {
                    name: scanner.key().map(str::to_owned),
                    ..Shape::default()
                });
            }
            Event::Row => {
                work.tick()?;
                let place = scanner.place();
                let row = Row::read(source, scanner.text(), place)?;
                let Some(shape) = shapes.tables.last_mut() else {
                    return Err(source.fault("is no JSON"));
                };
                for (key, value) in row.fields(VALUE) {
                    shape.observe(source, place, key, &Scalar::read(source, place, value)?)?;
                }
            }
            Event::Field => {
                let place = scanner.place();
                let value = Scalar::of_text(source, scanner.text(), place)?;
                let key = scanner.key().unwrap_or(VALUE);
                shapes.rest.observe(source, place, key, &value)?;
            }
            Event::Restart => return Ok(None),
            Event::End => break,
        }
    }
    let is_empty = |shape: &Shape| shape.keys.is_empty();
    if shapes.tables.iter().all(is_empty) && is_empty(&shapes.rest) {
        return Err(source.fault("holds no values; give a file with at least one object"));
    }
    Ok(Some(shapes))
}

/// Reads the file again and stores what it holds.
fn store(
    source: &Source,
    coding: Coding,
    lines: bool,
    shapes: &Shapes,
    loader: &mut Loader,
    work: &mut Work,
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(source, text::open(source, coding)?, lines);
    let mut rest: Vec<(usize, String)> = Vec::new();
    let mut tables = shapes.tables.iter();
    let mut event = scanner.next_event()?;
    loop {
        match event {
            Event::Table => {
                let Some(shape) = tables.next() else {
                    return Err(changed(source));
                };
                event = store_table(source, shape, &mut scanner, loader, work)?;
                continue;
            }
            Event::Field => {
                let key = scanner.key().unwrap_or(VALUE);
                let index = shapes.rest.places.get(key);
                let index = *index.ok_or_else(|| changed(source))?;
                let text = String::from_utf8_lossy(scanner.text()).into_owned();
                rest.push((index, text));
            }
            Event::Row | Event::Restart => return Err(changed(source)),
            Event::End => break,
        }
        event = scanner.next_event()?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let columns = shapes.rest.columns();
    let mut table = loader.table(source, &source.stem, None, &columns)?;
    for (index, text) in &rest {
        let value = Scalar::of_text(source, text.as_bytes(), scanner.place())?;
        set(&mut table, *index, columns[*index].kind, &value)?;
    }
    table.add()?;
    table.end()
}

/// Stores the rows of one table; the event behind the last of them.
fn store_table(
    source: &Source,
    shape: &Shape,
    scanner: &mut Scanner<'_>,
    loader: &mut Loader,
    work: &mut Work,
) -> Result<Event, Fault> {
    let columns = shape.columns();
    if columns.is_empty() {
        // An empty array, or one of empty objects: there is nothing to ask of it.
        loop {
            match scanner.next_event()? {
                Event::Row => {}
                event => return Ok(event),
            }
        }
    }
    let wanted = shape.name.as_deref().unwrap_or(&source.stem);
    let mut table = loader.table(source, wanted, shape.name.as_deref(), &columns)?;
    loop {
        match scanner.next_event()? {
            Event::Row => {
                work.tick()?;
                let place = scanner.place();
                let row = Row::read(source, scanner.text(), place)?;
                for (key, value) in row.fields(VALUE) {
                    let index = *shape.places.get(key).ok_or_else(|| changed(source))?;
                    let value = Scalar::read(source, place, value)?;
                    set(&mut table, index, columns[index].kind, &value)?;
                }
                table.add()?;
            }
            event => {
                table.end()?;
                return Ok(event);
            }
        }
    }
}

impl Shape {
    fn observe(
        &mut self,
        source: &Source,
        place: Place,
        key: &str,
        value: &Scalar<'_>,
    ) -> Result<(), Fault> {
        let index = if let Some(index) = self.places.get(key) {
            *index
        } else {
            if self.keys.len() == MAX_COLUMNS {
                return Err(source.fault(format!(
                    "line {}: the objects have more than {MAX_COLUMNS} different keys, and a table has at most so \
                     many columns; put what varies into one key",
                    place.line
                )));
            }
            self.places.insert(key.to_owned(), self.keys.len());
            self.keys.push(key.to_owned());
            self.observed.push(Observed::default());
            self.keys.len() - 1
        };
        self.observed[index].add(value);
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        let columns = names::columns(&self.keys).into_iter().zip(&self.observed);
        columns
            .map(|(name, observed)| {
                let (kind, note) = observed.kind();
                Column {
                    name,
                    kind,
                    note: note.map(str::to_owned),
                }
            })
            .collect()
    }
}

fn set(table: &mut Table<'_>, index: usize, kind: Kind, value: &Scalar<'_>) -> Result<(), Fault> {
    let mut spelled = String::new();
    let text: &str = match (kind, value) {
        (_, Scalar::Null) => return table.set(index, ValueRef::Null),
        (Kind::Boolean, Scalar::Bool(is)) => {
            return table.set(index, ValueRef::Integer(i64::from(*is)));
        }
        // Beside objects and arrays, text stays JSON, in quotes.
        (Kind::Json, Scalar::Text { raw, .. }) => raw,
        (_, Scalar::Bool(true)) => "true",
        (_, Scalar::Bool(false)) => "false",
        (_, Scalar::Number(text) | Scalar::Nested(text)) => text,
        (_, Scalar::Text { text, .. }) => text,
    };
    table.set(index, super::infer::value(kind, text, &mut spelled))
}

/// The second reading found something else than the first.
fn changed(source: &Source) -> Fault {
    source.fault("changed while it was being read; ask again")
}
