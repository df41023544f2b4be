//! Specifications: their fields, scales and order, and that they lead nowhere.

use super::*;
use crate::model::{Cell, CellKind, ResultColumn};

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

fn cities() -> RowSet {
    let rows = vec![
        vec![text("Oslo"), Cell::Int(3)],
        vec![text("Bergen"), Cell::Null],
    ];
    result(&["city", "n"], rows)
}

#[test]
fn bars_name_their_fields_types_and_order() {
    let found = vega_lite(&cities(), ChartKind::Bar, Some("Per city")).expect("bars");
    let expected = json!({
        "$schema": SCHEMA,
        "title": "Per city",
        "data": {"values": [{"city": "Oslo", "n": 3}, {"city": "Bergen", "n": null}]},
        "mark": {"type": "bar", "invalid": "filter", "tooltip": true},
        "encoding": {
            "x": {"field": "city", "type": "nominal", "title": "city", "sort": null},
            "y": {"field": "n", "type": "quantitative", "title": "n"},
        },
    });
    assert_eq!(found, expected);
    assert_eq!(
        without_values(&found, "data")["data"],
        json!({"name": "data"})
    );
}

#[test]
fn a_table_and_a_result_without_numbers_have_none() {
    assert_eq!(vega_lite(&cities(), ChartKind::Table, None), None);
    let names = result(&["name"], vec![vec![text("a")]]);
    for kind in ChartKind::ALL {
        assert_eq!(vega_lite(&names, kind, None), None, "{kind:?}");
    }
}

#[test]
fn months_are_ordered_and_days_are_times() {
    let axis = |cell: Cell| {
        let rows = vec![vec![cell, Cell::Int(1)]];
        let found = vega_lite(&result(&["d", "n"], rows), ChartKind::Line, None);
        found.expect("a line")["encoding"]["x"].clone()
    };
    let month = axis(text("2024-03"));
    assert_eq!(
        (&month["type"], &month["sort"]),
        (&json!("ordinal"), &json!("ascending"))
    );
    let day = axis(text("2024-03-01"));
    assert_eq!(
        (&day["type"], &day["scale"]),
        (&json!("temporal"), &json!({"type": "utc"}))
    );
}

#[test]
fn several_numbers_are_folded_into_series_under_free_names() {
    let two = result(
        &["series", "a.b", "c"],
        vec![vec![text("x"), Cell::Int(1), Cell::Int(2)]],
    );
    let found = vega_lite(&two, ChartKind::Bar, None).expect("bars");
    assert_eq!(
        found["transform"],
        json!([{"fold": ["a\\.b", "c"], "as": ["series_", "value"]}])
    );
    assert_eq!(found["encoding"]["color"]["field"], "series_");
    assert_eq!(found["encoding"]["xOffset"]["field"], "series_");
}

#[test]
fn every_kind_has_a_mark_and_no_data_from_elsewhere() {
    let rich = result(
        &["month", "city", "a", "b", "c"],
        vec![
            vec![
                text("2024-01"),
                text("Oslo"),
                Cell::Int(1),
                Cell::Float(2.5),
                Cell::Int(3)
            ];
            3
        ],
    );
    for kind in ChartKind::ALL
        .into_iter()
        .filter(|kind| *kind != ChartKind::Table)
    {
        let found = vega_lite(&rich, kind, None).expect("it can be drawn");
        assert!(found["mark"]["type"].is_string(), "{kind:?}: {found}");
        assert!(found["data"]["values"].is_array(), "{kind:?}: {found}");
        let text = found.to_string();
        assert_eq!(text.matches("http").count(), 1, "its version alone: {text}");
        assert!(!text.contains("\"url\""), "{text}");
    }
}
