//! `tidegate db tables` and `tidegate db describe`: what a database holds, as far as it is known.

use serde_json::{Value, json};
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueColumn, CatalogueTable, ForeignKey},
};

use crate::{
    app::App,
    cli::{caller, for_terminal, print, print_json, wide_table},
};

/// Sampled values of a column that a person is shown.
const MOST_VALUES: usize = 8;
/// How alike two names are, from 0 to 1, if one may be meant for the other.
const ALIKE: f64 = 0.7;

/// Prints the tables and views of a database.
pub(super) async fn list(app: &App, name: &str, json: bool) -> anyhow::Result<()> {
    let catalogue = app.datasources().catalogue(&caller(), name).await?;
    if json {
        return print_json(&catalogue.tables.iter().map(entry).collect());
    }
    let mut table = wide_table();
    table.set_header(["table", "kind", "columns", "rows, about", "comment"]);
    for found in &catalogue.tables {
        table.add_row([
            for_terminal(&found.full_name()),
            kind(found).to_owned(),
            found.columns.len().to_string(),
            found
                .row_estimate
                .map_or_else(String::new, |rows| rows.to_string()),
            for_terminal(found.comment.as_deref().unwrap_or_default()),
        ]);
    }
    print(&format!("{table}\n"))
}

/// Prints one table or view: columns, keys, values.
pub(super) async fn describe(app: &App, name: &str, table: &str, json: bool) -> anyhow::Result<()> {
    let catalogue = app.datasources().catalogue(&caller(), name).await?;
    let found = find(&catalogue, table)?;
    if json {
        return print_json(&document(found));
    }
    print(&show(found))
}

/// The table of a name: as it is written, or in other case, or without its schema where only one table is called so.
fn find<'a>(catalogue: &'a Catalogue, wanted: &str) -> Result<&'a CatalogueTable> {
    let tables = &catalogue.tables;
    if let Some(exact) = tables.iter().find(|table| table.full_name() == wanted) {
        return Ok(exact);
    }
    let alike: Vec<&CatalogueTable> = tables
        .iter()
        .filter(|table| {
            table.full_name().eq_ignore_ascii_case(wanted)
                || table.name.eq_ignore_ascii_case(wanted)
        })
        .collect();
    let hint = match alike.as_slice() {
        [only] => return Ok(*only),
        [] => nearest(tables, wanted),
        several => {
            let names: Vec<String> = several.iter().map(|table| table.full_name()).collect();
            Some(format!("name its schema: {}", names.join(", ")))
        }
    };
    Err(Error::NotFound {
        what: "table",
        name: wanted.to_owned(),
        hint: hint.or_else(|| Some("`tidegate db tables` lists those there are".to_owned())),
    })
}

fn nearest(tables: &[CatalogueTable], wanted: &str) -> Option<String> {
    let wanted = wanted.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
    let (score, table) = tables
        .iter()
        .map(|table| {
            let full = likeness(&table.full_name());
            (full.max(likeness(&table.name)), table)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > ALIKE).then(|| format!("did you mean '{}'?", table.full_name()))
}

fn kind(table: &CatalogueTable) -> &'static str {
    if table.is_view { "view" } else { "table" }
}

/// One table as a person reads it.
fn show(found: &CatalogueTable) -> String {
    use std::fmt::Write as _;

    let mut text = format!("{} {}\n", kind(found), for_terminal(&found.full_name()));
    if let Some(comment) = &found.comment {
        let _ = writeln!(text, "{}", for_terminal(comment));
    }
    if let Some(rows) = found.row_estimate {
        let _ = writeln!(text, "about {rows} rows");
    }
    let mut table = wide_table();
    table.set_header([
        "column", "type", "null", "key", "default", "values", "comment",
    ]);
    for column in &found.columns {
        let is_key = found.primary_key.contains(&column.name);
        table.add_row([
            for_terminal(&column.name),
            for_terminal(&column.data_type),
            if column.nullable { "yes" } else { "no" }.to_owned(),
            if is_key { "primary" } else { "" }.to_owned(),
            for_terminal(column.default.as_deref().unwrap_or_default()),
            for_terminal(&values(column)),
            for_terminal(column.comment.as_deref().unwrap_or_default()),
        ]);
    }
    let _ = writeln!(text, "{table}");
    for key in &found.foreign_keys {
        let line = format!(
            "{} -> {}({})",
            key.columns.join(", "),
            target(key),
            key.references_columns.join(", ")
        );
        let _ = writeln!(text, "{}", for_terminal(&line));
    }
    text
}

/// The first of a column's sampled values, and whether there are more.
fn values(column: &CatalogueColumn) -> String {
    let mut text = column
        .values
        .iter()
        .take(MOST_VALUES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if column.values.len() > MOST_VALUES || (!column.values.is_empty() && !column.values_complete) {
        text.push_str(", …");
    }
    text
}

/// The table that a foreign key points at.
fn target(key: &ForeignKey) -> String {
    key.references_schema.as_ref().map_or_else(
        || key.references_table.clone(),
        |schema| format!("{schema}.{}", key.references_table),
    )
}

/// A table in a list, as JSON.
fn entry(table: &CatalogueTable) -> Value {
    json!({
        "schema": table.schema,
        "name": table.name,
        "kind": kind(table),
        "columns": table.columns.len(),
        "row_estimate": table.row_estimate,
        "comment": table.comment,
    })
}

/// One table with everything known of it, as JSON.
fn document(table: &CatalogueTable) -> Value {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.data_type,
                "nullable": column.nullable,
                "default": column.default,
                "comment": column.comment,
                "values": column.values,
                "values_complete": column.values_complete,
            })
        })
        .collect();
    let foreign_keys: Vec<Value> = table
        .foreign_keys
        .iter()
        .map(|key| {
            json!({
                "columns": key.columns,
                "references_schema": key.references_schema,
                "references_table": key.references_table,
                "references_columns": key.references_columns,
            })
        })
        .collect();
    json!({
        "schema": table.schema,
        "name": table.name,
        "kind": kind(table),
        "comment": table.comment,
        "row_estimate": table.row_estimate,
        "primary_key": table.primary_key,
        "columns": columns,
        "foreign_keys": foreign_keys,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let table = |schema: Option<&str>, name: &str| CatalogueTable {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            ..CatalogueTable::default()
        };
        Catalogue {
            tables: vec![
                table(None, "Orders"),
                table(Some("hr"), "people"),
                table(Some("sales"), "people"),
            ],
        }
    }

    #[test]
    fn a_table_is_found_by_its_name_in_any_case_and_by_its_schema_where_it_needs_one() {
        let catalogue = catalogue();
        let found = |wanted: &str| find(&catalogue, wanted).map(CatalogueTable::full_name);
        assert_eq!(found("orders").expect("found"), "Orders");
        assert_eq!(found("HR.people").expect("found"), "hr.people");
        let said = |wanted: &str| found(wanted).expect_err("not found").to_string();
        assert!(said("people").contains("hr.people, sales.people"));
        assert!(said("ordres").ends_with("did you mean 'Orders'?"));
        assert!(said("zzz").contains("tidegate db tables"));
    }

    #[test]
    fn values_that_are_not_all_there_say_so() {
        let column = |count: usize, values_complete| CatalogueColumn {
            values: (0..count).map(|n| n.to_string()).collect(),
            values_complete,
            ..CatalogueColumn::default()
        };
        assert_eq!(values(&column(2, true)), "0, 1");
        assert_eq!(values(&column(2, false)), "0, 1, …");
        assert_eq!(values(&column(9, true)), "0, 1, 2, 3, 4, 5, 6, 7, …");
        assert_eq!(values(&column(0, false)), "");
    }
}
