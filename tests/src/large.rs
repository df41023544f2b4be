//! A large enterprise database: 2,500 tables and 30,000 columns in some twenty schemas, the same every time.
//!
//! `tests/fixtures/large/schema.txt` says what the enterprise is about. Around each of those tables grows what grows in
//! real ones: histories, notes, attachments, codes, and copies that nobody dared to drop.
//! `tests/fixtures/large/questions.toml` asks for the tables that were there first, and so does `tuning.toml`, which is
//! what the recall was tuned on.

mod grow;
mod read;

use std::fmt::Write as _;

use serde::Deserialize;
use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};

use crate::paths;

/// Tables of the database.
pub const TABLES: usize = 2_500;
/// Columns of all of them.
pub const COLUMNS: usize = 30_000;
/// Statements of one transaction: each table takes locks, and a server has only so many.
const TOGETHER: usize = 100;

/// A table to be made.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Namespace; `public` is the default one.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Comment; empty for none.
    pub comment: String,
    /// Columns, the key `id` first.
    pub columns: Vec<Column>,
}

/// A column to be made.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type, as SQL.
    pub data_type: &'static str,
    /// Full name of the table it refers to.
    pub refers: Option<String>,
    /// Values that occur, where they are few.
    pub values: Vec<String>,
    /// Comment; empty for none.
    pub comment: String,
}

/// A question and the tables it cannot be answered without.
#[derive(Debug, Clone, Deserialize)]
pub struct Question {
    /// The question.
    pub text: String,
    /// Full names.
    pub needs: Vec<String>,
}

impl Table {
    /// The name as the product gives it: with the schema, unless that is the default one.
    pub fn full_name(&self) -> String {
        if self.schema == "public" {
            self.name.clone()
        } else {
            format!("{}.{}", self.schema, self.name)
        }
    }
}

/// The questions that measure. Nothing is tuned on them.
///
/// # Panics
/// When they cannot be read.
pub fn measuring() -> Vec<Question> {
    questions("fixtures/large/questions.toml")
}

/// The questions for tuning.
///
/// # Panics
/// When they cannot be read.
pub fn tuning() -> Vec<Question> {
    questions("fixtures/large/tuning.toml")
}

fn questions(path: &str) -> Vec<Question> {
    #[derive(Deserialize)]
    struct All {
        question: Vec<Question>,
    }
    let all: All = toml::from_str(&paths::text(path)).expect("the list of questions is TOML");
    all.question
}

/// Every table, in the order in which they are made.
///
/// # Panics
/// When the description is not what the generator reads.
pub fn tables() -> Vec<Table> {
    grow::around(&read::description(&paths::text(
        "fixtures/large/schema.txt",
    )))
}

/// What introspection should find in it, without values.
pub fn catalogue(tables: &[Table]) -> Catalogue {
    let schema = |name: &str| (name != "public").then(|| name.to_owned());
    let mut found: Vec<CatalogueTable> = tables
        .iter()
        .map(|table| CatalogueTable {
            schema: schema(&table.schema),
            name: table.name.clone(),
            comment: (!table.comment.is_empty()).then(|| table.comment.clone()),
            columns: table
                .columns
                .iter()
                .map(|column| CatalogueColumn {
                    name: column.name.clone(),
                    data_type: column.data_type.to_owned(),
                    nullable: column.name != "id",
                    comment: (!column.comment.is_empty()).then(|| column.comment.clone()),
                    ..CatalogueColumn::default()
                })
                .collect(),
            primary_key: vec!["id".to_owned()],
            foreign_keys: table.columns.iter().filter_map(key).collect(),
            ..CatalogueTable::default()
        })
        .collect();
    found.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Catalogue { tables: found }
}

fn key(column: &Column) -> Option<ForeignKey> {
    let target = column.refers.as_deref()?;
    let (schema, name) = match target.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, target),
    };
    Some(ForeignKey {
        columns: vec![column.name.clone()],
        references_schema: schema,
        references_table: name.to_owned(),
        references_columns: vec!["id".to_owned()],
    })
}

/// The statements that make it in PostgreSQL, a transaction for every hundred of them.
pub fn sql(tables: &[Table]) -> String {
    let mut statements = Vec::new();
    let mut schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    for schema in schemas.into_iter().filter(|schema| *schema != "public") {
        statements.push(format!("CREATE SCHEMA {}", quoted(schema)));
    }
    statements.extend(tables.iter().map(create));
    statements.extend(tables.iter().flat_map(comments));
    statements.extend(tables.iter().filter_map(keys));
    statements.extend(tables.iter().filter_map(rows));
    statements
        .chunks(TOGETHER)
        .fold(String::new(), |mut sql, some| {
            let _ = write!(sql, "BEGIN;\n{};\nCOMMIT;\n", some.join(";\n"));
            sql
        })
}

fn place(table: &Table) -> String {
    format!("{}.{}", quoted(&table.schema), quoted(&table.name))
}

fn create(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let primary = if column.name == "id" {
                " PRIMARY KEY"
            } else {
                ""
            };
            format!("{} {}{primary}", quoted(&column.name), column.data_type)
        })
        .collect();
    format!("CREATE TABLE {} ({})", place(table), columns.join(", "))
}

fn comments(table: &Table) -> Vec<String> {
    let own = (!table.comment.is_empty()).then(|| {
        format!(
            "COMMENT ON TABLE {} IS {}",
            place(table),
            text(&table.comment)
        )
    });
    let columns = table
        .columns
        .iter()
        .filter(|column| !column.comment.is_empty())
        .map(|column| {
            format!(
                "COMMENT ON COLUMN {}.{} IS {}",
                place(table),
                quoted(&column.name),
                text(&column.comment)
            )
        });
    own.into_iter().chain(columns).collect()
}

fn keys(table: &Table) -> Option<String> {
    let keys: Vec<String> = table
        .columns
        .iter()
        .filter_map(|column| {
            let target = column.refers.as_deref()?;
            let (schema, name) = target.split_once('.').unwrap_or(("public", target));
            Some(format!(
                "ADD FOREIGN KEY ({}) REFERENCES {}.{} (id)",
                quoted(&column.name),
                quoted(schema),
                quoted(name)
            ))
        })
        .collect();
    (!keys.is_empty()).then(|| format!("ALTER TABLE {} {}", place(table), keys.join(", ")))
}

/// A row for each value that occurs.
fn rows(table: &Table) -> Option<String> {
    let valued: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| !column.values.is_empty())
        .collect();
    let count = valued.iter().map(|column| column.values.len()).max()?;
    let names: Vec<String> = valued.iter().map(|column| quoted(&column.name)).collect();
    let rows: Vec<String> = (0..count)
        .map(|nth| {
            let values: Vec<String> = valued
                .iter()
                .map(|column| text(&column.values[nth % column.values.len()]))
                .collect();
            format!("({}, {})", nth + 1, values.join(", "))
        })
        .collect();
    Some(format!(
        "INSERT INTO {} (id, {}) VALUES {}",
        place(table),
        names.join(", "),
        rows.join(", ")
    ))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_as_many_tables_and_columns_as_promised() {
        let tables = tables();
        let columns: usize = tables.iter().map(|table| table.columns.len()).sum();
        assert_eq!((tables.len(), columns), (TABLES, COLUMNS));
        let names: HashSet<String> = tables.iter().map(Table::full_name).collect();
        assert_eq!(names.len(), TABLES, "names differ");
        for table in &tables {
            let own: HashSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(own.len(), table.columns.len(), "{}", table.full_name());
            for target in table.columns.iter().filter_map(|c| c.refers.as_ref()) {
                assert!(names.contains(target), "{} refers to {target}", table.name);
            }
        }
    }

    #[test]
    fn questions_need_tables_that_are_there_and_do_not_name_them() {
        let names: HashSet<String> = tables().iter().map(Table::full_name).collect();
        let (measuring, tuning) = (measuring(), tuning());
        assert_eq!((measuring.len(), tuning.len()), (50, 162));
        for question in measuring.iter().chain(&tuning) {
            assert!(!question.needs.is_empty() && question.needs.len() <= 4);
            for name in &question.needs {
                assert!(names.contains(name), "{}: {name}", question.text);
                assert!(!question.text.contains(name.as_str()) || !name.contains('.'));
            }
        }
    }
}
