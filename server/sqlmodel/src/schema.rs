//! What the model sees of a database: tables, columns, their kinds, keys and a sample of their values.

use serde::{Deserialize, Serialize};

mod describe;
mod kinds;
mod labels;

pub use describe::{
    Booleans, ColumnDescription, ForeignKeyDescription, TableDescription, describe,
};
pub use kinds::kind_of;

/// Position of a table in [`Schema::tables`].
pub type TableId = usize;
/// Position of a column in [`Schema::columns`] (all tables' columns in one list, grouped by table).
pub type ColumnId = usize;

/// What a column holds, as far as a question about it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A key without meaning of its own (primary keys, codes).
    Id,
    /// A reference to another table's key; see [`Column::references`].
    Key,
    /// Any text: names, categories, free text.
    Text,
    /// Integers and decimals that can be summed or averaged.
    Number,
    /// Dates and timestamps.
    Date,
    /// Yes or no; also 0/1 columns that are named like flags.
    Flag,
}

/// One column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Column {
    /// The table it belongs to.
    pub table: TableId,
    /// Its name in the database, unquoted.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// A comment of the database's own, if any; helps linking.
    pub comment: Option<String>,
    /// Whether it is (part of) the primary key.
    pub primary: bool,
    /// Whether NULL may occur.
    pub nullable: bool,
    /// The column it refers to, for [`Kind::Key`].
    pub references: Option<ColumnId>,
    /// Distinct values seen, for text columns: all of them when there are few, else a sample.
    pub values: Vec<String>,
    /// Whether `values` holds every distinct value (a category) or is only a sample (names, free text).
    pub values_complete: bool,
    /// How the engine stores a flag: `true` when as a number (0/1), `false` when as a boolean.
    pub numeric_flag: bool,
}

/// One table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// Its name, unquoted.
    pub name: String,
    /// The database schema (namespace) it lives in, when it has to be named in SQL.
    pub namespace: Option<String>,
    /// A comment of the database's own, if any.
    pub comment: Option<String>,
    /// Its columns' positions in [`Schema::columns`].
    pub columns: std::ops::Range<usize>,
    /// The column a person would name a row by (`name`, `title`, …), if there is one.
    pub label: Option<ColumnId>,
}

/// A whole database as the model sees it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Schema {
    /// All tables.
    pub tables: Vec<Table>,
    /// All columns, grouped by table.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The single primary-key column of a table, if it has exactly one.
    pub fn primary_key(&self, table: TableId) -> Option<ColumnId> {
        let mut keys = self.tables[table]
            .columns
            .clone()
            .filter(|&c| self.columns[c].primary);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Some(key),
            _ => None,
        }
    }

    /// The column a row of the table is shown by: its label, else its primary key, else its first column.
    pub fn display_column(&self, table: TableId) -> Option<ColumnId> {
        self.tables[table]
            .label
            .or_else(|| self.primary_key(table))
            .or_else(|| self.tables[table].columns.clone().next())
    }

    /// Every foreign key as (referring column, referred column).
    pub fn foreign_keys(&self) -> impl Iterator<Item = (ColumnId, ColumnId)> + '_ {
        self.columns
            .iter()
            .enumerate()
            .filter_map(|(id, c)| c.references.map(|to| (id, to)))
    }
}

/// Splits an identifier into lower-case words: `unitPrice_USD2` gives `unit price usd 2`.
pub fn identifier_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous: Option<char> = None;
    for ch in name.chars() {
        if !ch.is_alphanumeric() {
            previous = None;
            continue;
        }
        let starts = match previous {
            None => true,
            Some(p) => {
                (p.is_lowercase() && ch.is_uppercase()) || (p.is_numeric() != ch.is_numeric())
            }
        };
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(ch.to_lowercase());
        }
        previous = Some(ch);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_snake_and_camel_case_names() {
        assert_eq!(
            identifier_words("unitPrice_USD2"),
            ["unit", "price", "usd", "2"]
        );
        assert_eq!(identifier_words("order_items"), ["order", "items"]);
    }
}
