//! The catalogue of a DuckDB file, in two queries over what DuckDB tells about itself.

use std::collections::HashMap;

use duckdb::{Connection, Result, Row};
use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey};

use super::types::Type;
use crate::drivers::{
    lexis::quoted,
    values::{MAX_VALUE_CHARS, MAX_VALUES},
};

/// The schema of what is named without one.
const DEFAULT_SCHEMA: &str = "main";

/// One row per column of every table and view. Tables and views share their names.
const COLUMNS: &str = "
    SELECT c.schema_name, c.table_name, t.table_name IS NULL, t.estimated_size, coalesce(t.comment, v.comment),
           c.column_name, c.data_type, c.is_nullable, c.column_default, c.comment
    FROM duckdb_columns() c
    LEFT JOIN duckdb_tables() t
        ON t.database_name = c.database_name AND t.schema_name = c.schema_name AND t.table_name = c.table_name
    LEFT JOIN duckdb_views() v
        ON v.database_name = c.database_name AND v.schema_name = c.schema_name AND v.view_name = c.table_name
    WHERE c.database_name = current_database() AND NOT c.internal
    ORDER BY c.schema_name, c.table_name, c.column_index";

/// Primary and foreign keys, a row per column in key order. A foreign key stays in its schema.
const KEYS: &str = "
    SELECT schema_name, table_name, constraint_type, constraint_index, referenced_table,
           unnest(constraint_column_names), unnest(referenced_column_names),
           generate_subscripts(constraint_column_names, 1) AS nth
    FROM duckdb_constraints()
    WHERE database_name = current_database() AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')
    ORDER BY schema_name, table_name, constraint_index, nth";

/// Everything of the catalogue but the numbers of rows.
const FINGERPRINT: &str = "
    SELECT concat_ws('-',
        (SELECT md5(string_agg(concat_ws('|', schema_name, table_name, column_name, data_type,
                    CAST(is_nullable AS VARCHAR), coalesce(column_default, ''), coalesce(comment, '')), ';'
                    ORDER BY schema_name, table_name, column_index))
         FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal),
        (SELECT md5(string_agg(concat_ws('|', schema_name, table_name, constraint_text), ';'
                    ORDER BY schema_name, table_name, constraint_index))
         FROM duckdb_constraints() WHERE database_name = current_database()),
        (SELECT md5(string_agg(concat_ws('|', schema_name, table_name, comment), ';' ORDER BY schema_name, table_name))
         FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal AND comment IS NOT NULL))";

pub(super) fn catalogue(connection: &Connection) -> Result<Catalogue> {
    let mut found = Found::default();
    let mut statement = connection.prepare(COLUMNS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.column(row)?;
    }
    let mut statement = connection.prepare(KEYS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.key(row)?;
    }
    Ok(Catalogue {
        tables: found.finished(),
    })
}

pub(super) fn fingerprint(connection: &Connection) -> Result<String> {
    let found: Option<String> = connection.query_row(FINGERPRINT, [], |row| row.get(0))?;
    Ok(found.unwrap_or_default())
}

/// A table's full name as SQL.
pub(super) fn full_name(table: &CatalogueTable) -> String {
    let schema = table.schema.as_deref().unwrap_or(DEFAULT_SCHEMA);
    format!("{}.{}", quoted(schema), quoted(&table.name))
}

#[derive(Default)]
struct Found {
    tables: Vec<CatalogueTable>,
    /// Tables by their full names.
    place: HashMap<(String, String), usize>,
    /// The key that the last row was of.
    last_key: Option<(usize, i64)>,
}

impl Found {
    fn column(&mut self, row: &Row<'_>) -> Result<()> {
        let full: (String, String) = (row.get(0)?, row.get(1)?);
        let at = if let Some(&at) = self.place.get(&full) {
            at
        } else {
            let rows: Option<i64> = row.get(3)?;
            self.tables.push(CatalogueTable {
                schema: (full.0 != DEFAULT_SCHEMA).then(|| full.0.clone()),
                name: full.1.clone(),
                is_view: row.get(2)?,
                comment: row.get(4)?,
                row_estimate: rows.and_then(|rows| u64::try_from(rows).ok()),
                ..CatalogueTable::default()
            });
            self.place.insert(full, self.tables.len() - 1);
            self.tables.len() - 1
        };
        let mut column = CatalogueColumn {
            name: row.get(5)?,
            data_type: row.get(6)?,
            nullable: row.get(7)?,
            default: row.get(8)?,
            comment: row.get(9)?,
            ..CatalogueColumn::default()
        };
        if let Type::Enum(labels) = Type::parse(&column.data_type) {
            column.data_type = "ENUM".into();
            let short = |label: &String| label.chars().count() <= MAX_VALUE_CHARS;
            column.values_complete = labels.len() <= MAX_VALUES && labels.iter().all(short);
            column.values = labels.into_iter().filter(short).take(MAX_VALUES).collect();
        }
        self.tables[at].columns.push(column);
        Ok(())
    }

    fn key(&mut self, row: &Row<'_>) -> Result<()> {
        let (schema, table, kind): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let Some(column) = row.get::<_, Option<String>>(5)? else {
            return Ok(());
        };
        let Some(&at) = self.place.get(&(schema.clone(), table)) else {
            return Ok(());
        };
        if kind == "PRIMARY KEY" {
            self.tables[at].primary_key.push(column);
            return Ok(());
        }
        let (Some(target), Some(to)) = (
            row.get::<_, Option<String>>(4)?,
            row.get::<_, Option<String>>(6)?,
        ) else {
            return Ok(());
        };
        let Some(&target) = self.place.get(&(schema, target)) else {
            return Ok(());
        };
        let this = Some((at, row.get::<_, i64>(3)?));
        if self.last_key != this {
            self.last_key = this;
            let key = ForeignKey {
                columns: Vec::new(),
                references_schema: self.tables[target].schema.clone(),
                references_table: self.tables[target].name.clone(),
                references_columns: Vec::new(),
            };
            self.tables[at].foreign_keys.push(key);
        }
        if let Some(key) = self.tables[at].foreign_keys.last_mut() {
            key.columns.push(column);
            key.references_columns.push(to);
        }
        Ok(())
    }

    /// A column of the primary key is never NULL, even where no constraint of its own says so.
    fn finished(mut self) -> Vec<CatalogueTable> {
        for table in &mut self.tables {
            for column in &mut table.columns {
                column.nullable &= !table.primary_key.contains(&column.name);
            }
        }
        self.tables
            .sort_by(|a, b| (&a.name, &a.schema).cmp(&(&b.name, &b.schema)));
        self.tables
    }
}
