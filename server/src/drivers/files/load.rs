//! Writes tables into a private database in the making.
//!
//! It is nobody else's yet and worth nothing unfinished, so it is written without a journal and without waiting for
//! the disk; it is synced once, before it gets its name.

use std::path::Path;

use rusqlite::{
    Connection, Statement, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    fault::{Fault, MAX_DATABASE_BYTES},
    found::Source,
    infer::Kind,
    names::{self, Taken},
    notes::Notes,
};
use crate::drivers::lexis::quoted;

/// Columns of one table; SQLite has no more.
pub(super) const MAX_COLUMNS: usize = 2_000;
/// A row of a file. A little less than the largest value the SQLite session reads.
pub(super) const MAX_ROW_BYTES: usize = 15 << 20;
/// Rows written together.
const ROWS_PER_TRANSACTION: u64 = 10_000;
const PAGE_BYTES: u64 = 4_096;

/// A column to be made.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// What a reader of the catalogue should know of its values.
    pub(super) note: Option<String>,
}

/// The database in the making.
pub(super) struct Loader {
    connection: Connection,
    taken: Taken,
    notes: Notes,
    /// The name of the last table made.
    last: String,
}

/// One table being filled, a row at a time.
pub(super) struct Table<'l> {
    source: &'l Source,
    connection: &'l Connection,
    insert: Statement<'l>,
    rows: u64,
    row_bytes: usize,
}

impl Loader {
    pub(super) fn create(path: &Path) -> Result<Self, Fault> {
        let connection = Connection::open(path)?;
        // These answer with a row, which `execute_batch` ignores.
        connection.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             PRAGMA locking_mode = EXCLUSIVE; PRAGMA max_page_count = {};",
            MAX_DATABASE_BYTES / PAGE_BYTES
        ))?;
        Ok(Self {
            connection,
            taken: Taken::default(),
            notes: Notes::default(),
            last: String::new(),
        })
    }

    /// Makes a table of a free name like `wanted`. `part` is the sheet or array it comes from, for its comment.
    pub(super) fn table<'l>(
        &'l mut self,
        source: &'l Source,
        wanted: &str,
        part: Option<&str>,
        columns: &[Column],
    ) -> Result<Table<'l>, Fault> {
        check_width(source, part, columns.len())?;
        let name = self.taken.take(&names::table(wanted));
        let of = part.map(|part| format!("{part} of ")).unwrap_or_default();
        self.notes.table(&name, format!("{of}{}", source.name));
        let mut definitions = Vec::with_capacity(columns.len());
        for column in columns {
            definitions.push(format!(
                "{} {}",
                quoted(&column.name),
                column.kind.declared()
            ));
            if let Some(note) = &column.note {
                self.notes.column(&name, &column.name, note.clone());
            }
        }
        let definitions = definitions.join(", ");
        self.last = name;
        let name = quoted(&self.last);
        let places = vec!["?"; columns.len()].join(", ");
        self.connection
            .execute_batch(&format!("CREATE TABLE {name} ({definitions})"))?;
        let insert = self
            .connection
            .prepare(&format!("INSERT INTO {name} VALUES ({places})"))?;
        self.connection.execute_batch("BEGIN")?;
        Ok(Table {
            source,
            connection: &self.connection,
            insert,
            rows: 0,
            row_bytes: 0,
        })
    }

    /// What turned out to be worth knowing of a column of the last table made.
    pub(super) fn note(&mut self, column: &str, note: &str) {
        self.notes.column(&self.last, column, note.to_owned());
    }

    /// Writes what is left and closes the database.
    pub(super) fn finish(self) -> Result<(), Fault> {
        self.notes.write(&self.connection)?;
        self.connection
            .close()
            .map_err(|(_, error)| Fault::from(error))
    }
}

impl Table<'_> {
    /// Sets the cell of a column, counted from 0, in the row to come. A cell not set is NULL.
    pub(super) fn set(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), Fault> {
        if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value {
            self.row_bytes += bytes.len();
            if self.row_bytes > MAX_ROW_BYTES {
                return Err(self.source.fault(format!(
                    "row {} is larger than {} MiB; take it out, or load the file into a database server",
                    self.rows + 1,
                    MAX_ROW_BYTES >> 20
                )));
            }
        }
        self.insert.raw_bind_parameter(column + 1, Bound(value))?;
        Ok(())
    }

    /// Writes the row.
    pub(super) fn add(&mut self) -> Result<(), Fault> {
        self.insert.raw_execute()?;
        self.insert.clear_bindings();
        self.row_bytes = 0;
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_PER_TRANSACTION) {
            self.connection.execute_batch("COMMIT; BEGIN")?;
        }
        Ok(())
    }

    /// Ends the table.
    pub(super) fn end(self) -> Result<(), Fault> {
        self.connection.execute_batch("COMMIT")?;
        Ok(())
    }
}

/// A value bound as it is, without a copy of ours.
struct Bound<'a>(ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// A table as wide as that can be made.
pub(super) fn check_width(
    source: &Source,
    part: Option<&str>,
    columns: usize,
) -> Result<(), Fault> {
    let place = part.map(|part| format!("{part} ")).unwrap_or_default();
    match columns {
        0 => Err(source.fault(format!("{place}has no columns"))),
        1..=MAX_COLUMNS => Ok(()),
        _ => Err(source.fault(format!(
            "{place}has {columns} columns; at most {MAX_COLUMNS} can be read, so split it into several files or turn \
             columns into rows"
        ))),
    }
}
