//! What is known of tables and columns besides their SQL: which file they came from, what was done to their values.
//!
//! Kept in the private database itself, in a table the catalogue does not show, so that a database and what is known
//! of it cannot part.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection, OpenFlags, Result};
use tidegate_schema::model::CatalogueTable;

/// The table of notes. No table of a file has such a name: theirs begin with a letter.
pub(super) const NOTES_TABLE: &str = "_tidegate_files";

/// Comments by table, and by table and column.
#[derive(Debug, Default)]
pub(super) struct Notes(HashMap<(String, Option<String>), String>);

impl Notes {
    pub(super) fn table(&mut self, table: &str, note: String) {
        self.0.insert((table.to_owned(), None), note);
    }

    pub(super) fn column(&mut self, table: &str, column: &str, note: String) {
        self.0
            .insert((table.to_owned(), Some(column.to_owned())), note);
    }

    /// Writes them into the database they are about.
    pub(super) fn write(&self, connection: &Connection) -> Result<()> {
        connection.execute_batch(&format!(
            "CREATE TABLE {NOTES_TABLE} (table_name TEXT NOT NULL, column_name TEXT, note TEXT NOT NULL)"
        ))?;
        let mut insert =
            connection.prepare(&format!("INSERT INTO {NOTES_TABLE} VALUES (?, ?, ?)"))?;
        for ((table, column), note) in &self.0 {
            insert.execute((table, column, note))?;
        }
        Ok(())
    }

    /// Reads them from a finished database. Blocks.
    pub(super) fn read(database: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        let mut statement = connection.prepare(&format!(
            "SELECT table_name, column_name, note FROM {NOTES_TABLE}"
        ))?;
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        rows.collect::<Result<_>>().map(Self)
    }

    /// Fills in the comments.
    pub(super) fn add_to(&self, tables: &mut [CatalogueTable]) {
        for table in tables {
            let mut key = (table.name.clone(), None);
            table.comment = self.0.get(&key).cloned();
            for column in &mut table.columns {
                key.1 = Some(column.name.clone());
                column.comment = self.0.get(&key).cloned();
            }
        }
    }
}
