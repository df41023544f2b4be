//! Reports and values, by upstream's rules.

use chrono::NaiveDate;
use serde_json::json;

use super::*;
use crate::model::{CellKind, ResultColumn};

fn result(columns: &[&str], rows: Vec<Vec<Cell>>) -> RowSet {
    RowSet {
        columns: columns
            .iter()
            .map(|name| ResultColumn {
                name: (*name).to_owned(),
                kind: CellKind::Unknown,
                data_type: String::new(),
            })
            .collect(),
        rows,
        ..RowSet::default()
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn items(result: &RowSet) -> Value {
    serde_json::to_value(value_items(result)).expect("serialises")
}

#[test]
fn no_rows_are_no_values() {
    assert_eq!(items(&result(&["a"], Vec::new())), json!([]));
}

#[test]
fn the_first_text_names_the_values_of_the_other_columns() {
    let cities = result(
        &["n", "city", "total"],
        vec![
            vec![Cell::Int(3), text("Oslo"), Cell::Float(120.5)],
            vec![Cell::Int(2), text("Bergen"), Cell::Null],
            vec![Cell::Int(1), Cell::Null, Cell::Float(7.0)],
        ],
    );
    let expected = json!([
        {"name": "Oslo", "type": "n", "value": "3"},
        {"name": "Bergen", "type": "n", "value": "0"},
        {"name": "None", "type": "n", "value": "0"},
        {"name": "Oslo", "type": "total", "value": "120.5"},
        {"name": "Bergen", "type": "total", "value": "0"},
        {"name": "None", "type": "total", "value": "0"},
    ]);
    assert_eq!(items(&cities), expected);
}

#[test]
fn without_a_text_a_date_names_them_and_without_that_an_id() {
    let day = Cell::Date(NaiveDate::from_ymd_opt(2024, 3, 1).expect("a day"));
    let days = result(&["id", "day"], vec![vec![Cell::Int(9), day]]);
    assert_eq!(
        items(&days),
        json!([{"name": "2024-03-01", "type": "id", "value": "9"}])
    );
    let ids = result(
        &["n", "customer_id"],
        vec![vec![Cell::Int(2), Cell::Int(17)]],
    );
    assert_eq!(
        items(&ids),
        json!([{"name": "17", "type": "n", "value": "2"}])
    );
}

#[test]
fn without_any_name_each_column_gives_its_sum() {
    let totals = result(
        &["orders", "revenue", "nothing"],
        vec![
            vec![Cell::Int(3), Cell::Decimal("1.25".into()), Cell::Null],
            vec![Cell::Int(4), Cell::Float(0.25), Cell::Null],
            vec![Cell::Null, Cell::Null, Cell::Null],
        ],
    );
    let expected = json!([
        {"name": "orders", "type": "orders_amount", "value": "7"},
        {"name": "revenue", "type": "revenue_amount", "value": "1.5"},
        {"name": "nothing", "type": "nothing_amount", "value": "0"},
    ]);
    assert_eq!(items(&totals), expected);
    let one = result(&["total"], vec![vec![Cell::Decimal("12.50".into())]]);
    assert_eq!(
        items(&one),
        json!([{"name": "total", "type": "total_amount", "value": "12.50"}])
    );
}

#[test]
fn decimals_are_summed_without_losing_a_digit() {
    let sum = |cells: &[Cell]| {
        let rows = cells.iter().map(|cell| vec![cell.clone()]).collect();
        value_items(&result(&["n"], rows))[0].value.clone()
    };
    let decimal = |text: &str| Cell::Decimal(text.into());
    for (cells, expected) in [
        (&[decimal("0.1"), decimal("0.2")][..], "0.3"),
        (
            &[decimal("9007199254740993.25"), Cell::Int(2)],
            "9007199254740995.25",
        ),
        (&[decimal("-0.50"), decimal("0.25")], "-0.25"),
        (&[decimal("1.50"), decimal("0.5")], "2.00"),
        (&[decimal("1e3"), Cell::Int(1)], "1001"),
        (
            &[decimal(&format!("0.{}", "0".repeat(70_000))), Cell::Int(1)],
            "1",
        ),
        (&[Cell::Int(i64::MAX), Cell::Int(1)], "9223372036854775808"),
    ] {
        assert_eq!(sum(cells), expected);
    }
}

#[test]
fn a_text_that_stands_alone_is_shown() {
    let names = result(&["name"], vec![vec![text("Ann")], vec![text("Bo")]]);
    let expected = json!([
        {"name": "Ann", "type": "name", "value": "Ann"},
        {"name": "Bo", "type": "name", "value": "Bo"},
    ]);
    assert_eq!(items(&names), expected);
}

#[test]
fn a_report_has_upstreams_fields_and_says_why_a_chart_is_missing() {
    let dashboard = json!({"conversation": "c-1", "charts": [
        {
            "id": "u-1", "title": "Orders by status", "thoughts": "Volume.", "sql": "SELECT 1", "chart": "area",
            "columns": [{"name": "status", "kind": "text"}, {"name": "orders", "kind": "int"}],
            "rows": [["sent", 3]], "cut_at": 1, "error": null,
        },
        {"id": "u-2", "title": "Broken", "thoughts": "", "sql": "SELECT x", "chart": "table", "error": "no x"},
    ]});
    let report = serde_json::to_value(ReportOut::of(&dashboard)).expect("serialises");
    let expected = json!({
        "conv_uid": "c-1", "template_name": "report", "template_introduce": null, "charts": [
            {
                "chart_uid": "u-1", "chart_name": "Orders by status", "chart_type": "LineChart",
                "chart_desc": "Volume. Cut after 1 row; there are more.", "chart_sql": "SELECT 1",
                "column_name": ["status", "orders"],
                "values": [{"name": "sent", "type": "orders", "value": "3"}], "style": null,
            },
            {
                "chart_uid": "u-2", "chart_name": "Broken", "chart_type": "Table", "chart_desc": "",
                "chart_sql": "SELECT x", "column_name": ["error"],
                "values": [{"name": "Broken", "type": "error", "value": "no x"}], "style": null,
                "err_msg": "no x",
            },
        ],
    });
    assert_eq!(report, expected);
}

#[test]
fn a_reports_text_survives_readers_that_undo_line_breaks() {
    let dashboard = json!({"conversation": "c", "charts": [
        {"title": "a\nb", "thoughts": "C:\\new \"x\"", "sql": "SELECT 1\r\n", "columns": [], "rows": []},
    ]});
    let report = ReportOut::of(&dashboard);
    let text = report.text();
    assert!(!text.contains("\\n") && !text.contains('\n'), "{text}");
    let read: ReportOut = serde_json::from_str(&text.replace("\\n", "\n")).expect("JSON");
    assert_eq!(read, report);
}
