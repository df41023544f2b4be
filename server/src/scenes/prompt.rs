//! Prompts: which tables a model is shown, and the texts around them.

use minijinja::{Environment, Value, context};
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Dialect, Engine, Example},
};

use crate::workers::PromptMessage;

/// Most sampled values shown per column.
const SHOWN_VALUES: usize = 12;
/// Longest example shown, its question and its query each in characters: a longer one teaches little for its room.
const EXAMPLE_CHARS: usize = 1_500;
/// Most of an unreadable answer that its model is shown again.
const SAID_BACK_CHARS: usize = 4_000;
/// What is said back to a model that answered nothing.
const NOTHING_SAID: &str = "[There was no answer.]";

/// Whether the text of all tables fits `budget` bytes.
pub fn fits(catalogue: &Catalogue, budget: usize) -> bool {
    let mut left = budget;
    for table in &catalogue.tables {
        // A large schema is not written out only to be thrown away.
        let Some(rest) = left.checked_sub(table_text(table).len()) else {
            return false;
        };
        left = rest;
    }
    true
}

/// The tables shown, as positions in the catalogue in its order: of `ranked` in turn each that still fits `budget`
/// bytes. A table is shown whole or not at all; one that is too large by itself is shown alone if it is the first.
pub fn choose_tables(catalogue: &Catalogue, ranked: &[usize], budget: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    let mut left = budget;
    for &at in ranked {
        let size = table_text(&catalogue.tables[at]).len();
        if size <= left {
            left -= size;
            chosen.push(at);
        } else if chosen.is_empty() {
            return vec![at];
        }
    }
    chosen.sort_unstable();
    chosen
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
    let _ = write!(text, "{}(", table.full_name());
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
            text.push_str(" -> ");
            if let Some(schema) = &key.references_schema {
                let _ = write!(text, "{schema}.");
            }
            let _ = write!(
                text,
                "{}.{}",
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

pub(super) fn notes(engine: Engine) -> &'static str {
    match engine.dialect() {
        Dialect::Sqlite => {
            "\n- SQLite: dates are text as 'YYYY-MM-DD'; use strftime('%Y-%m', d) for months, date ranges as d >= '2024-01-01' AND d < '2025-01-01'."
        }
        Dialect::Postgres => {
            "\n- PostgreSQL: use to_char(d, 'YYYY-MM') or date_trunc for months, ILIKE for text ignoring case."
        }
        Dialect::MySql => {
            "\n- MySQL: quote names with backticks; use DATE_FORMAT(d, '%Y-%m') for months, LIMIT for the number of rows; LIKE ignores case."
        }
        Dialect::DuckDb => {
            "\n- DuckDB: use strftime(d, '%Y-%m') or date_trunc for months, ILIKE for text ignoring case."
        }
        Dialect::ClickHouse => {
            "\n- ClickHouse: use toYYYYMM(d) or toStartOfMonth(d) for months, countIf and sumIf for conditions, ILIKE for text ignoring case."
        }
        Dialect::TransactSql => {
            "\n- SQL Server: quote names with brackets; use SELECT TOP (n) instead of LIMIT, FORMAT(d, 'yyyy-MM') for months, a + b to join texts."
        }
    }
}

pub(super) fn render(template: &str, values: minijinja::Value) -> Result<String> {
    Environment::new()
        .render_str(template, values)
        .map_err(|e| Error::internal("rendering a prompt", e))
}

/// The system message for a question about a database, with questions like it and the queries that answered them.
pub fn system(
    engine: Engine,
    schema: &str,
    examples: &[Example],
    today: chrono::NaiveDate,
    most_rows: usize,
) -> Result<String> {
    let dialect = engine.title();
    let short = |text: &str| text.chars().nth(EXAMPLE_CHARS).is_none();
    let examples: Vec<Value> = examples
        .iter()
        .filter(|example| short(&example.question) && short(&example.sql))
        .map(|example| {
            context! { question => one_line(&example.question), sql => example.sql.as_str() }
        })
        .collect();
    let values = context! {
        dialect, schema, examples, notes => notes(engine), today => today.to_string(), most_rows
    };
    render(include_str!("prompts/data.j2"), values)
}

/// The system message for a question about a structure, of which the chosen tables are shown.
pub fn about_structure(
    engine: Engine,
    datasource: &str,
    catalogue: &Catalogue,
    tables: &[usize],
) -> Result<String> {
    let values = context! {
        dialect => engine.title(),
        datasource,
        schema => schema_text(catalogue, tables),
        count => catalogue.tables.len(),
        whole => tables.len() == catalogue.tables.len(),
    };
    render(include_str!("prompts/structure.j2"), values)
}

/// The messages that ask once more for an answer in the form it has to have.
pub fn ask_for_form(answer: &str) -> Result<Vec<PromptMessage>> {
    // Some servers refuse a message without text, and many models one that does not take turns.
    let said = if answer.trim().is_empty() {
        NOTHING_SAID.to_owned()
    } else {
        answer.chars().take(SAID_BACK_CHARS).collect()
    };
    Ok(vec![
        PromptMessage::assistant(said),
        PromptMessage::user(render(include_str!("prompts/form.j2"), context! {})?),
    ])
}

/// A text without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The message that hands an error back.
pub fn repair(sql: &str, error: &str) -> Result<String> {
    render(include_str!("prompts/repair.j2"), context! { sql, error })
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::{CatalogueColumn, ForeignKey};

    use super::*;
    use crate::workers::Speaker;

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

    fn is_whole(catalogue: &Catalogue, budget: usize) -> bool {
        let whole: usize = catalogue.tables.iter().map(|t| table_text(t).len()).sum();
        whole <= budget
    }

    #[test]
    fn a_small_schema_is_shown_whole() {
        let catalogue = Catalogue {
            tables: vec![table("a", &["x"], None), table("b", &["y"], None)],
        };
        for budget in [0, 1, 10, 20, 1000] {
            assert_eq!(fits(&catalogue, budget), is_whole(&catalogue, budget));
        }
        assert!(fits(&catalogue, 1000));
    }

    #[test]
    fn a_large_schema_is_cut_at_tables_in_the_order_of_their_rank() {
        let catalogue = Catalogue {
            tables: vec![
                table("small", &["a"], None),
                table("huge", &["a_very_long_column_name"; 40], None),
                table("invoices", &["client_id", "amount"], Some("clients")),
                table("clients", &["id", "name"], None),
            ],
        };
        assert_eq!(choose_tables(&catalogue, &[3, 1, 2, 0], 400), [0, 2, 3]);
        assert_eq!(choose_tables(&catalogue, &[2, 3, 0], 60), [2]);
        assert_eq!(
            choose_tables(&catalogue, &[1, 2, 3], 400),
            [1],
            "one that is too large is shown whole, and alone"
        );
        assert!(choose_tables(&catalogue, &[], 400).is_empty());
    }

    #[test]
    fn keys_name_the_schema_they_lead_to() {
        let mut invoices = table("invoices", &["client_id"], Some("clients"));
        invoices.schema = Some("fin".to_owned());
        invoices.foreign_keys[0].references_schema = Some("crm".to_owned());
        assert_eq!(
            table_text(&invoices),
            "fin.invoices(client_id TEXT -> crm.clients.id)"
        );
    }

    #[test]
    fn examples_stand_in_the_prompt_and_leave_no_trace_where_there_are_none() {
        let today = chrono::NaiveDate::default();
        let prompt = |examples: &[Example]| {
            system(Engine::Sqlite, "t(a)", examples, today, 10).expect("rendered")
        };
        let plain = prompt(&[]);
        assert!(plain.contains("- Today is 1970-01-01.\n\nAnswer with one JSON object"));
        let example = |question: &str, sql: &str| Example {
            id: tidegate_schema::model::ExampleId(1),
            datasource: tidegate_schema::ids::DatasourceId(1),
            question: question.to_owned(),
            sql: sql.to_owned(),
            tables: Vec::new(),
            source: tidegate_schema::model::ExampleSource::Given,
            created_at: chrono::DateTime::UNIX_EPOCH,
            used: 0,
        };
        let told = prompt(&[
            example("how\nmany?", "SELECT count(*)\nFROM t"),
            example("too long", &"x".repeat(EXAMPLE_CHARS + 1)),
        ]);
        assert!(told.contains("Question: how many?\nQuery: SELECT count(*)\nFROM t\n\nAnswer"));
        assert!(!told.contains("too long"));
    }

    #[test]
    fn a_question_about_the_structure_is_told_how_much_of_it_is_shown() {
        let catalogue = Catalogue {
            tables: vec![table("a", &["x"], None), table("b", &["y"], None)],
        };
        let prompt = |tables: &[usize]| {
            about_structure(Engine::Sqlite, "shop", &catalogue, tables).expect("rendered")
        };
        let whole = prompt(&[0, 1]);
        assert!(whole.contains("named shop") && whole.contains("Its tables and views:\na(x TEXT)"));
        assert!(prompt(&[1]).contains("of its 2 tables and views"));
    }

    #[test]
    fn an_empty_answer_is_not_said_back_and_turns_are_taken() {
        let empty = ask_for_form(" ").expect("rendered");
        assert_eq!(empty.len(), 2);
        assert_eq!(
            (empty[0].speaker, empty[0].text.as_str()),
            (Speaker::Assistant, NOTHING_SAID)
        );
        let said = ask_for_form("{oops").expect("rendered");
        assert_eq!(said[0].text, "{oops");
        assert!(said[1].text.contains("one JSON object"));
    }
}
