//! From plain table descriptions, as introspection gives them, to the model's [`Schema`].
//!
//! Kinds, labels and missing foreign keys are inferred here, so the server and the generator see a database
//! with the same eyes.

use super::{Kind, Schema};

/// How the engine stores yes and no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booleans {
    /// A type of its own (PostgreSQL).
    Native,
    /// As 0 and 1, whatever the declared type says (SQLite).
    Numeric,
}

/// A column as the catalogue describes it.
#[derive(Debug, Clone, Default)]
pub struct ColumnDescription {
    /// Its name, unquoted.
    pub name: String,
    /// The declared type, as the catalogue spells it; may be empty (SQLite).
    pub declared: String,
    /// Whether NULL may occur.
    pub nullable: bool,
    /// Whether it is (part of) the primary key.
    pub primary: bool,
    /// Whether a constraint or the samples say that its values differ in every row.
    pub unique: bool,
    /// The catalogue's comment.
    pub comment: Option<String>,
    /// Distinct values seen, as text.
    pub samples: Vec<String>,
    /// Whether `samples` holds all of them.
    pub samples_complete: bool,
}

/// A foreign key; `columns` and `references` correspond.
#[derive(Debug, Clone, Default)]
pub struct ForeignKeyDescription {
    /// Referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// Its columns; empty means its primary key.
    pub references: Vec<String>,
}

/// A table as the catalogue describes it.
#[derive(Debug, Clone, Default)]
pub struct TableDescription {
    /// Its name, unquoted.
    pub name: String,
    /// The namespace, when it has to be named in SQL.
    pub namespace: Option<String>,
    /// The catalogue's comment.
    pub comment: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKeyDescription>,
}

/// Builds the model's view.
pub fn describe(_tables: &[TableDescription], _booleans: Booleans) -> Schema {
    unimplemented!()
}

/// What a column holds, from its declared type, its name and what was seen in it. Keys are the caller's to know.
pub fn kind_of(_declared: &str, _name: &str, _samples: &[String], _primary: bool) -> Kind {
    unimplemented!()
}
