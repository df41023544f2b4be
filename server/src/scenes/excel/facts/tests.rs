//! Facts of tables made here.

use tidegate_schema::model::{Cell, CellKind, ResultColumn};

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

fn sales() -> TableFacts {
    let table = CatalogueTable {
        name: "sales".to_owned(),
        comment: Some("sales.csv".to_owned()),
        columns: vec![
            column("order_id", "INTEGER", &[]),
            column("day", "DATE", &[]),
            column("region", "TEXT", &["South", "North"]),
            column("revenue", "DECIMAL(10,2)", &[]),
        ],
        ..CatalogueTable::default()
    };
    let count = RowSet {
        rows: vec![vec![Cell::Int(200)]],
        ..RowSet::default()
    };
    let rows = RowSet {
        columns: vec![ResultColumn {
            name: "order_id".to_owned(),
            kind: CellKind::Int,
            data_type: "INTEGER".to_owned(),
        }],
        rows: vec![vec![Cell::Int(7)], vec![Cell::Null], vec![Cell::Int(7)]],
        ..RowSet::default()
    };
    TableFacts::of(&table, Some(&count), Some(&rows))
}

fn facts(tables: Vec<TableFacts>) -> Facts {
    Facts {
        file: "sales.csv".to_owned(),
        tables,
        ..Facts::default()
    }
}

#[test]
fn a_table_is_told_with_its_rows_columns_and_a_few_values() {
    let facts = facts(vec![sales()]);
    assert_eq!(
        facts.summary(),
        "**sales.csv** holds one table with 200 rows."
    );
    assert_eq!(
        facts.tables_text(),
        "**sales** (sales.csv, 200 rows)\n\n| Column | Type | For example |\n| --- | --- | --- |\n\
         | order\\_id | INTEGER | 7 |\n| day | DATE |  |\n| region | TEXT | South, North |\n\
         | revenue | DECIMAL(10,2) |  |"
    );
}

#[test]
fn questions_are_about_amounts_groups_and_days_and_not_about_ids() {
    assert_eq!(
        facts(vec![sales()]).questions(),
        [
            "How many rows are there in sales?",
            "What is the total revenue per region in sales, largest first?",
            "What is the total revenue per month of day in sales?"
        ]
    );
    let bare = TableFacts {
        name: "t".to_owned(),
        ..TableFacts::default()
    };
    assert_eq!(
        facts(vec![bare]).questions(),
        ["How many rows are there in t?"]
    );
}

#[test]
fn what_a_file_holds_is_no_markup() {
    assert_eq!(
        cut("<img src=x onerror=alert(1)>|a\nb`", 100),
        "&lt;img src=x onerror=alert(1)&gt;\\|a b\\`"
    );
    assert_eq!(cut("abcdef", 3), "abc…");
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("  ", 3), "");
}

#[test]
fn wide_tables_and_long_workbooks_are_cut() {
    let table = CatalogueTable {
        name: "wide".to_owned(),
        columns: (0..40)
            .map(|n| column(&format!("c{n}"), "TEXT", &[]))
            .collect(),
        ..CatalogueTable::default()
    };
    let mut facts = facts(vec![TableFacts::of(&table, None, None)]);
    facts.named = vec!["t1".to_owned(), "t2".to_owned()];
    facts.unnamed = 5;
    let text = facts.tables_text();
    assert!(text.contains("and 10 more columns."), "{text}");
    assert!(
        text.ends_with("Further tables: t1, t2 and 5 more."),
        "{text}"
    );
    assert_eq!(facts.summary(), "**sales.csv** holds 8 tables.");
}
