//! Prompts: which tables a model is shown, and the texts around them.

use std::collections::{BTreeSet, HashMap};

use minijinja::{Environment, context};
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Engine},
};

/// Most sampled values shown per column.
const SHOWN_VALUES: usize = 12;

/// Tables chosen for a question, as positions in the catalogue: all when their text fits `budget` characters,
/// else those whose words the question shares, closed over foreign keys. A table is shown whole or not at all.
pub fn choose_tables(catalogue: &Catalogue, question: &str, budget: usize) -> Vec<usize> {
    let sizes: Vec<usize> = catalogue
        .tables
        .iter()
        .map(|table| table_text(table).len())
        .collect();
    if sizes.iter().sum::<usize>() <= budget {
        return (0..catalogue.tables.len()).collect();
    }
    let asked = words(question);
    let mut frequency: HashMap<String, usize> = HashMap::new();
    let table_words: Vec<BTreeSet<String>> = catalogue
        .tables
        .iter()
        .map(|table| {
            let found = words(&table_text(table));
            for word in &found {
                *frequency.entry(word.clone()).or_default() += 1;
            }
            found
        })
        .collect();
    let mut ranked: Vec<(f64, usize)> = table_words
        .iter()
        .enumerate()
        .map(|(i, found)| {
            let name = words(&catalogue.tables[i].name);
            let score: f64 = asked
                .intersection(found)
                .map(|word| {
                    let rarity =
                        (catalogue.tables.len() as f64 / frequency[word] as f64).ln() + 0.1;
                    if name.contains(word) {
                        3.0 * rarity
                    } else {
                        rarity
                    }
                })
                .sum();
            (score, i)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut chosen = BTreeSet::new();
    let mut used = 0;
    for (_, start) in ranked {
        let mut wanted = vec![start];
        wanted.extend(referred(catalogue, start));
        let extra: usize = wanted
            .iter()
            .filter(|i| !chosen.contains(*i))
            .map(|&i| sizes[i])
            .sum();
        if used + extra > budget && !chosen.is_empty() {
            continue;
        }
        used += extra;
        chosen.extend(wanted);
        if used >= budget {
            break;
        }
    }
    chosen.into_iter().collect()
}

/// Tables a table's foreign keys lead to.
fn referred(catalogue: &Catalogue, table: usize) -> Vec<usize> {
    catalogue.tables[table]
        .foreign_keys
        .iter()
        .filter_map(|key| {
            catalogue.tables.iter().position(|other| {
                other.name == key.references_table && other.schema == key.references_schema
            })
        })
        .collect()
}

/// Lower-case words of a text, without a plural s.
fn words(text: &str) -> BTreeSet<String> {
    tidegate_sqlmodel::schema::identifier_words(text)
        .into_iter()
        .filter(|word| word.len() > 2)
        .map(|word| word.strip_suffix('s').map_or(word.clone(), str::to_owned))
        .collect()
}

/// The chosen tables as text for a model.
pub fn schema_text(catalogue: &Catalogue, tables: &[usize]) -> String {
    tables
        .iter()
        .map(|&i| table_text(&catalogue.tables[i]))
        .collect::<Vec<_>>()
        .join("\n")
}

fn table_text(table: &CatalogueTable) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    let name = table.schema.as_ref().map_or(table.name.clone(), |schema| {
        format!("{schema}.{}", table.name)
    });
    let _ = write!(text, "{name}(");
    for (i, column) in table.columns.iter().enumerate() {
        let _ = write!(
            text,
            "{}{} {}",
            if i > 0 { ", " } else { "" },
            column.name,
            column.data_type
        );
        if table.primary_key.contains(&column.name) {
            text.push_str(" primary key");
        }
        if let Some(key) = table
            .foreign_keys
            .iter()
            .find(|key| key.columns == [column.name.clone()])
        {
            let _ = write!(
                text,
                " -> {}.{}",
                key.references_table,
                key.references_columns.join(",")
            );
        }
        if column.values_complete
            && column.values.len() <= SHOWN_VALUES
            && !column.values.is_empty()
        {
            let _ = write!(
                text,
                " in ({})",
                column
                    .values
                    .iter()
                    .map(|v| format!("'{v}'"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        if let Some(comment) = &column.comment {
            let _ = write!(text, " /* {comment} */");
        }
    }
    text.push(')');
    if let Some(comment) = &table.comment {
        let _ = write!(text, " -- {comment}");
    }
    text
}

fn notes(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "\n- SQLite: dates are text as 'YYYY-MM-DD'; use strftime('%Y-%m', d) for months, date ranges as d >= '2024-01-01' AND d < '2025-01-01'."
        }
        Engine::Postgres => {
            "\n- PostgreSQL: use to_char(d, 'YYYY-MM') or date_trunc for months, ILIKE for text ignoring case."
        }
    }
}

fn render(template: &str, values: minijinja::Value) -> Result<String> {
    Environment::new()
        .render_str(template, values)
        .map_err(|e| Error::internal("rendering a prompt", e))
}

/// The system message for a question about a database.
pub fn system(
    engine: Engine,
    schema: &str,
    today: chrono::NaiveDate,
    most_rows: usize,
) -> Result<String> {
    let dialect = match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let values =
        context! { dialect, schema, notes => notes(engine), today => today.to_string(), most_rows };
    render(include_str!("prompts/data.j2"), values)
}

/// The message that hands an error back.
pub fn repair(sql: &str, error: &str) -> Result<String> {
    render(include_str!("prompts/repair.j2"), context! { sql, error })
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::{CatalogueColumn, ForeignKey};

    use super::*;

    fn table(name: &str, columns: &[&str], refers: Option<&str>) -> CatalogueTable {
        CatalogueTable {
            name: name.to_owned(),
            columns: columns
                .iter()
                .map(|c| CatalogueColumn {
                    name: (*c).to_owned(),
                    data_type: "TEXT".to_owned(),
                    ..CatalogueColumn::default()
                })
                .collect(),
            foreign_keys: refers
                .map(|to| ForeignKey {
                    columns: vec![columns[0].to_owned()],
                    references_schema: None,
                    references_table: to.to_owned(),
                    references_columns: vec!["id".to_owned()],
                })
                .into_iter()
                .collect(),
            ..CatalogueTable::default()
        }
    }

    #[test]
    fn a_small_schema_is_shown_whole() {
        let catalogue = Catalogue {
            tables: vec![table("a", &["x"], None), table("b", &["y"], None)],
        };
        assert_eq!(choose_tables(&catalogue, "anything", 1000), [0, 1]);
    }

    #[test]
    fn a_large_schema_is_cut_at_tables_and_closed_over_foreign_keys() {
        let mut tables: Vec<CatalogueTable> = (0..200)
            .map(|i| table(&format!("noise_{i}"), &["alpha", "beta"], None))
            .collect();
        tables.push(table("invoices", &["client_id", "amount"], Some("clients")));
        tables.push(table("clients", &["id", "name"], None));
        let catalogue = Catalogue { tables };
        let chosen = choose_tables(&catalogue, "total amount of the invoices", 400);
        assert!(chosen.contains(&200) && chosen.contains(&201), "{chosen:?}");
        assert!(chosen.len() < 50);
    }
}
