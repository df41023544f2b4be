//! Questions that tables suggest, for a model that answers one question at a time and cannot think of any itself.
//!
//! They are asked in plain words, as a person would: how many there are, how many per kind, per month, per what they
//! refer to, and what their figures come to. What the model makes of them is judged and run like any other query.

use std::{cmp::Reverse, collections::HashSet};

use tidegate_schema::model::{Catalogue, CatalogueColumn, CatalogueTable};
use tidegate_sqlmodel::schema::identifier_words;

use crate::linking::stems;

/// Most charts that are made this way, questions that are asked, and tables that are asked about.
pub(super) const MOST_CHARTS: usize = 6;
const MOST_QUESTIONS: usize = 10;
const MOST_TABLES: usize = 2;
/// Kinds of a category that fit a chart.
const MOST_KINDS: usize = 20;

/// Names of columns that hold categories, where no values were sampled.
const CATEGORIES: &[&str] = &[
    "status",
    "state",
    "type",
    "kind",
    "category",
    "city",
    "country",
    "region",
    "gender",
    "segment",
    "channel",
    "department",
    "priority",
    "level",
    "genre",
    "brand",
    "method",
];
/// Words of figures that are averaged: their sum says nothing.
const AVERAGED: &[&str] = &[
    "price",
    "rate",
    "age",
    "score",
    "rating",
    "percent",
    "percentage",
    "ratio",
    "discount",
    "temperature",
    "duration",
    "speed",
    "height",
    "grade",
];
/// Words of numbers that measure nothing.
const NO_FIGURES: &[&str] = &[
    "id",
    "year",
    "month",
    "day",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "zip",
    "code",
    "number",
    "no",
    "phone",
    "position",
    "rank",
    "version",
];

/// A question with the title of the chart that answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) title: String,
    pub(super) text: String,
}

/// Questions about the tables that a wish names, or else those that others hang on most.
pub(super) fn questions(catalogue: &Catalogue, wish: &str) -> Vec<Question> {
    let wished: HashSet<String> = stems(wish).into_iter().collect();
    let mut ranked: Vec<(usize, &CatalogueTable)> = catalogue
        .tables
        .iter()
        .map(|table| (weight(table, &wished), table))
        .collect();
    // Stable: of equals the first in the catalogue's order.
    ranked.sort_by_key(|(weight, _)| Reverse(*weight));
    let mut questions: Vec<Question> = Vec::new();
    for (_, table) in ranked.into_iter().take(MOST_TABLES) {
        for question in about(table, catalogue) {
            if questions.len() < MOST_QUESTIONS && !questions.contains(&question) {
                questions.push(question);
            }
        }
    }
    questions
}

/// How likely a table is what a dashboard is about.
fn weight(table: &CatalogueTable, wished: &HashSet<String>) -> usize {
    let named = stems(&words_of(&table.name))
        .iter()
        .any(|stem| wished.contains(stem));
    let column_named = table.columns.iter().any(|column| {
        stems(&words_of(&column.name))
            .iter()
            .any(|stem| wished.contains(stem))
    });
    let refers = table.foreign_keys.len().min(3);
    let measured = usize::from(measure(table).is_some());
    let dated = usize::from(date(table).is_some());
    let real = usize::from(!table.is_view);
    20 * usize::from(named) + 4 * usize::from(column_named) + 2 * refers + measured + dated + real
}

/// The questions about one table.
fn about(table: &CatalogueTable, catalogue: &Catalogue) -> Vec<Question> {
    let things = words_of(&table.name);
    let category = category(table).map(|column| words_of(&column.name));
    let figure = measure(table).map(|column| {
        let name = words_of(&column.name);
        let says = |words: &[&str]| name.split(' ').any(|word| words.contains(&word));
        if says(&["total", "average"]) {
            return format!("{name} of {things}");
        }
        let how = if says(AVERAGED) { "average" } else { "total" };
        format!("{how} {name} of {things}")
    });
    let dated = date(table).is_some();
    let mut asked = vec![format!("number of {things}")];
    if let Some(category) = &category {
        asked.push(format!("number of {things} per {category}"));
    }
    if dated {
        asked.push(format!("number of {things} per month"));
    }
    if let Some(figure) = &figure {
        asked.push(figure.clone());
        if dated {
            asked.push(format!("{figure} per month"));
        }
        if let Some(category) = &category {
            asked.push(format!("{figure} per {category}"));
        }
    }
    if let Some(other) = referred(table, catalogue) {
        let others = words_of(&other.name);
        asked.push(format!("top 10 {others} by number of {things}"));
    }
    asked
        .into_iter()
        .map(|text| Question {
            title: title(&text),
            text,
        })
        .collect()
}

/// The column that says of what kind a row is: the one with the fewest values that are all known, else one that is
/// called so.
fn category(table: &CatalogueTable) -> Option<&CatalogueColumn> {
    let open = || {
        let columns = table.columns.iter();
        columns.filter(move |column| !is_key(table, column))
    };
    let known = open()
        .filter(|column| column.values_complete && (2..=MOST_KINDS).contains(&column.values.len()))
        .min_by_key(|column| column.values.len());
    known.or_else(|| {
        open().find(|column| {
            let name = words_of(&column.name);
            let last = name.rsplit(' ').next().unwrap_or_default();
            is_text(column) && CATEGORIES.contains(&last)
        })
    })
}

/// The column that is summed up: of the numbers that measure something one whose sum does too, if there is one.
fn measure(table: &CatalogueTable) -> Option<&CatalogueColumn> {
    let figures = || {
        table.columns.iter().filter(move |column| {
            is_number(column)
                && !is_key(table, column)
                && !words_of(&column.name)
                    .split(' ')
                    .any(|word| NO_FIGURES.contains(&word))
        })
    };
    let summed = figures().find(|column| {
        !words_of(&column.name)
            .split(' ')
            .any(|word| AVERAGED.contains(&word))
    });
    summed.or_else(|| figures().next())
}

fn date(table: &CatalogueTable) -> Option<&CatalogueColumn> {
    table.columns.iter().find(|column| is_date(column))
}

/// A table that this one refers to, and that has a name to show.
fn referred<'a>(table: &CatalogueTable, catalogue: &'a Catalogue) -> Option<&'a CatalogueTable> {
    table.foreign_keys.iter().find_map(|key| {
        catalogue.tables.iter().find(|other| {
            other.name == key.references_table
                && other.schema == key.references_schema
                && other.name != table.name
                && other.columns.iter().any(is_text)
        })
    })
}

fn is_key(table: &CatalogueTable, column: &CatalogueColumn) -> bool {
    let name = column.name.to_lowercase();
    table.primary_key.contains(&column.name)
        || table
            .foreign_keys
            .iter()
            .any(|key| key.columns.contains(&column.name))
        || name == "id"
        || name.ends_with("_id")
}

fn type_of(column: &CatalogueColumn) -> String {
    column.data_type.to_lowercase()
}

fn is_number(column: &CatalogueColumn) -> bool {
    let kind = type_of(column);
    let other = ["interval", "point", "range", "[]", "array", "bool"];
    let numbers = [
        "int", "numeric", "decimal", "real", "double", "float", "money", "number",
    ];
    !other.iter().any(|word| kind.contains(word)) && numbers.iter().any(|word| kind.contains(word))
}

fn is_date(column: &CatalogueColumn) -> bool {
    let kind = type_of(column);
    if kind.contains("date") || kind.contains("timestamp") {
        return true;
    }
    // Some engines keep days as text.
    let name = words_of(&column.name);
    is_text(column) && name.split(' ').any(|word| word == "date" || word == "at")
}

fn is_text(column: &CatalogueColumn) -> bool {
    let kind = type_of(column);
    kind.is_empty()
        || ["char", "text", "string", "enum"]
            .iter()
            .any(|word| kind.contains(word))
}

/// A name's words as people say them: `OrderItems` and `order_items` are `order items`.
fn words_of(name: &str) -> String {
    identifier_words(name).join(" ")
}

/// A question as a title: with a capital letter.
fn title(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(signs).collect()
    })
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::ForeignKey;

    use super::*;

    fn column(name: &str, data_type: &str, values: &[&str]) -> CatalogueColumn {
        CatalogueColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
            values_complete: !values.is_empty(),
            ..CatalogueColumn::default()
        }
    }

    fn shop() -> Catalogue {
        let customers = CatalogueTable {
            name: "customers".to_owned(),
            columns: vec![
                column("customer_id", "INTEGER", &[]),
                column("name", "TEXT", &[]),
                column("city", "TEXT", &[]),
            ],
            primary_key: vec!["customer_id".to_owned()],
            ..CatalogueTable::default()
        };
        let orders = CatalogueTable {
            name: "orders".to_owned(),
            columns: vec![
                column("order_id", "INTEGER", &[]),
                column("customer_id", "INTEGER", &[]),
                column("order_date", "TEXT", &[]),
                column("status", "TEXT", &["sent", "paid"]),
                column("unit_price", "NUMERIC(10,2)", &[]),
                column("total_amount", "NUMERIC(12,2)", &[]),
            ],
            primary_key: vec!["order_id".to_owned()],
            foreign_keys: vec![ForeignKey {
                columns: vec!["customer_id".to_owned()],
                references_schema: None,
                references_table: "customers".to_owned(),
                references_columns: vec!["customer_id".to_owned()],
            }],
            ..CatalogueTable::default()
        };
        Catalogue {
            tables: vec![customers, orders],
        }
    }

    fn texts(wish: &str) -> Vec<String> {
        questions(&shop(), wish)
            .into_iter()
            .map(|question| question.text)
            .collect()
    }

    #[test]
    fn a_table_suggests_counts_figures_kinds_and_months() {
        assert_eq!(
            texts("an overview")[..7],
            [
                "number of orders",
                "number of orders per status",
                "number of orders per month",
                "total amount of orders",
                "total amount of orders per month",
                "total amount of orders per status",
                "top 10 customers by number of orders",
            ]
        );
        let first = &questions(&shop(), "an overview")[0];
        assert_eq!(first.title, "Number of orders");
    }

    #[test]
    fn the_table_that_is_named_comes_first() {
        let asked = texts("everything about our customers");
        assert_eq!(asked[0], "number of customers");
        assert_eq!(asked[1], "number of customers per city");
        assert!(asked.len() <= MOST_QUESTIONS);
    }

    #[test]
    fn nothing_suggests_nothing() {
        assert!(questions(&Catalogue::default(), "x").is_empty());
    }

    #[test]
    fn what_is_averaged_is_not_summed_and_ids_are_neither() {
        let table = CatalogueTable {
            name: "ratings".to_owned(),
            columns: vec![
                column("id", "int", &[]),
                column("year", "int", &[]),
                column("score", "int", &[]),
            ],
            ..CatalogueTable::default()
        };
        let catalogue = Catalogue {
            tables: vec![table],
        };
        let texts: Vec<String> = questions(&catalogue, "")
            .into_iter()
            .map(|question| question.text)
            .collect();
        assert_eq!(texts, ["number of ratings", "average score of ratings"]);
    }
}
