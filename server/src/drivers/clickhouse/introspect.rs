//! The catalogue of a ClickHouse database, in four queries of its system tables.
//!
//! Which columns those have differs by version, so that is asked first.

use std::collections::{HashMap, HashSet};

use tidegate_schema::{
    Result,
    model::{Catalogue, CatalogueColumn, CatalogueTable, Cell},
};

use super::{ClickHouse, names, types::Type};
use crate::drivers::values::MAX_VALUES;

const KNOWN: &str = "SELECT table, name FROM system.columns \
    WHERE database = 'system' AND table IN ('tables', 'columns')";

/// Rows by the parts they lie in, for servers that keep no count by table.
const PARTS: &str = "SELECT table, sum(rows) FROM system.parts \
    WHERE active AND database = currentDatabase() GROUP BY table";

/// What materialized views keep their rows in; it is reached by the view's name.
const INNER: [&str; 3] = [".inner.", ".inner_id.", ".tmp."];

/// Which columns the system tables have.
struct Known(HashSet<(String, String)>);

impl Known {
    async fn ask(database: &ClickHouse) -> Result<Self> {
        let rows = database.catalogue_rows(KNOWN).await?;
        let names = rows.iter().map(|row| (text(row, 0), text(row, 1)));
        Ok(Self(names.collect()))
    }

    /// The column if the table has it, else what stands for it.
    fn or<'a>(&self, table: &str, column: &'a str, other: &'a str) -> &'a str {
        if self.has(table, column) {
            column
        } else {
            other
        }
    }

    fn has(&self, table: &str, column: &str) -> bool {
        self.0.contains(&(table.to_owned(), column.to_owned()))
    }
}

pub(super) async fn catalogue(database: &ClickHouse) -> Result<Catalogue> {
    let known = Known::ask(database).await?;
    let mut found = Found::default();
    for row in database.catalogue_rows(&tables_sql(&known)).await? {
        found.table(&row);
    }
    for row in database.catalogue_rows(&columns_sql(&known)).await? {
        found.column(&row);
    }
    if !known.has("tables", "total_rows") {
        // Without the right to read it there are no estimates, and that is all.
        match database.catalogue_rows(PARTS).await {
            Ok(rows) => {
                for row in &rows {
                    found.rows(row);
                }
            }
            Err(error) => tracing::debug!(%error, "no numbers of rows"),
        }
    }
    Ok(found.finish())
}

/// One line that changes with the tables and columns.
pub(super) async fn fingerprint(database: &ClickHouse) -> Result<Option<String>> {
    let known = Known::ask(database).await?;
    let mut parts = vec!["table", "name", "type"];
    parts.extend(
        [
            "default_kind",
            "default_expression",
            "comment",
            "position",
            "is_in_primary_key",
        ]
        .into_iter()
        .filter(|column| known.has("columns", column)),
    );
    let sql = format!(
        "SELECT count(), sum(cityHash64({})) FROM system.columns WHERE database = currentDatabase()",
        parts.join(", ")
    );
    let rows = database.catalogue_rows(&sql).await?;
    Ok(rows
        .first()
        .map(|row| format!("{}-{}", text(row, 0), text(row, 1))))
}

fn tables_sql(known: &Known) -> String {
    let lasting = if known.has("tables", "is_temporary") {
        " AND NOT is_temporary"
    } else {
        ""
    };
    format!(
        "SELECT name, engine, {}, {}, {} FROM system.tables \
         WHERE database = currentDatabase(){lasting} ORDER BY name",
        known.or("tables", "comment", "'' AS no_comment"),
        known.or("tables", "total_rows", "NULL AS no_rows"),
        known.or("tables", "primary_key", "'' AS no_key"),
    )
}

fn columns_sql(known: &Known) -> String {
    let order = if known.has("columns", "position") {
        " ORDER BY table, position"
    } else {
        // Older servers list the columns of a table in their order.
        ""
    };
    format!(
        "SELECT table, name, type, {}, {}, {}, {} FROM system.columns WHERE database = currentDatabase(){order}",
        known.or("columns", "default_kind", "'' AS no_kind"),
        known.or("columns", "default_expression", "'' AS no_default"),
        known.or("columns", "comment", "'' AS no_comment"),
        known.or("columns", "is_in_primary_key", "0 AS no_key"),
    )
}

#[derive(Default)]
struct Found {
    tables: Vec<CatalogueTable>,
    place: HashMap<String, usize>,
    /// The expression of each table's primary key.
    keys: Vec<String>,
}

impl Found {
    fn table(&mut self, row: &[Cell]) {
        let name = text(row, 0);
        if INNER.iter().any(|start| name.starts_with(start)) {
            return;
        }
        self.place.insert(name.clone(), self.tables.len());
        self.keys.push(text(row, 4));
        self.tables.push(CatalogueTable {
            name,
            is_view: text(row, 1).ends_with("View"),
            comment: some(text(row, 2)),
            row_estimate: number(row, 3),
            ..CatalogueTable::default()
        });
    }

    fn column(&mut self, row: &[Cell]) {
        let Some(&at) = self.place.get(&text(row, 0)) else {
            return;
        };
        let default_kind = text(row, 3);
        // Such a column is for inserting only: it cannot be read.
        if default_kind == "EPHEMERAL" {
            return;
        }
        let table = &mut self.tables[at];
        let (name, data_type) = (text(row, 1), text(row, 2));
        if number(row, 6) == Some(1) {
            table.primary_key.push(name.clone());
        }
        let mut labels = names::enum_labels(&data_type).unwrap_or_default();
        let complete = !labels.is_empty() && labels.len() <= MAX_VALUES;
        labels.truncate(MAX_VALUES);
        table.columns.push(CatalogueColumn {
            name,
            nullable: Type::parse(&data_type).nullable,
            data_type,
            default: some(text(row, 4)),
            comment: some(text(row, 5)),
            values: labels,
            values_complete: complete,
        });
    }

    fn rows(&mut self, row: &[Cell]) {
        if let Some(&at) = self.place.get(&text(row, 0)) {
            self.tables[at].row_estimate = number(row, 1);
        }
    }

    fn finish(mut self) -> Catalogue {
        for (table, key) in self.tables.iter_mut().zip(&self.keys) {
            order_key(&mut table.primary_key, key);
        }
        // A table whose columns may not be seen is of no use.
        self.tables.retain(|table| !table.columns.is_empty());
        Catalogue {
            tables: self.tables,
        }
    }
}

/// Brings the columns of a key into the order of its expression, which may also hold calls.
fn order_key(columns: &mut [String], expression: &str) {
    let parts = names::arguments(expression);
    let place = |column: &String| {
        let found = parts
            .iter()
            .position(|part| part.trim_matches('`') == column);
        found.unwrap_or(parts.len())
    };
    columns.sort_by_key(place);
}

fn text(row: &[Cell], at: usize) -> String {
    row.get(at).and_then(Cell::to_text).unwrap_or_default()
}

fn number(row: &[Cell], at: usize) -> Option<u64> {
    text(row, at).parse().ok()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells
            .iter()
            .map(|cell| Cell::Text((*cell).into()))
            .collect()
    }

    #[test]
    fn only_columns_that_are_there_are_asked_for() {
        let old = Known(HashSet::new());
        assert_eq!(
            tables_sql(&old),
            "SELECT name, engine, '' AS no_comment, NULL AS no_rows, '' AS no_key FROM system.tables \
             WHERE database = currentDatabase() ORDER BY name"
        );
        assert!(columns_sql(&old).ends_with("currentDatabase()"));
        let names = [
            ("tables", "comment"),
            ("tables", "is_temporary"),
            ("columns", "position"),
        ];
        let known = names.map(|(table, name)| (table.to_owned(), name.to_owned()));
        let new = Known(HashSet::from(known));
        assert!(tables_sql(&new).contains("engine, comment, NULL AS"));
        assert!(tables_sql(&new).contains(" AND NOT is_temporary ORDER"));
        assert!(columns_sql(&new).ends_with(" ORDER BY table, position"));
    }

    #[test]
    fn rows_of_the_system_tables_become_a_catalogue() {
        let mut found = Found::default();
        found.table(&row(&[
            "visits",
            "MergeTree",
            "Who came",
            "12",
            "day, toStartOfHour(at), `id`",
        ]));
        found.table(&row(&[".inner.daily", "MergeTree", "", "", ""]));
        found.table(&row(&["daily", "MaterializedView", "", "", ""]));
        found.table(&row(&["hidden", "MergeTree", "", "", ""]));
        for column in [
            ["visits", "id", "UInt64", "", "", "", "1"],
            ["visits", "day", "Date", "DEFAULT", "today()", "When", "1"],
            [
                "visits",
                "mood",
                "Nullable(Enum8('sad' = 1, 'ok' = 2))",
                "",
                "",
                "",
                "0",
            ],
            ["visits", "once", "String", "EPHEMERAL", "", "", "0"],
            ["daily", "day", "Date", "", "", "", "0"],
            [".inner.daily", "day", "Date", "", "", "", "0"],
        ] {
            found.column(&row(&column));
        }
        let tables = found.finish().tables;
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["visits", "daily"]);
        assert!(tables[1].is_view);
        let visits = &tables[0];
        assert_eq!(visits.primary_key, ["day", "id"]);
        assert_eq!(visits.comment.as_deref(), Some("Who came"));
        assert_eq!(visits.row_estimate, Some(12));
        let columns: Vec<&str> = visits
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(columns, ["id", "day", "mood"]);
        assert_eq!(visits.columns[1].default.as_deref(), Some("today()"));
        let mood = &visits.columns[2];
        assert!(mood.nullable && mood.values_complete);
        assert_eq!(mood.values, ["sad", "ok"]);
    }
}
