//! Pages: what is on them, and what never is.

use tidegate_schema::model::{CellKind, ResultColumn};

use super::{axes::Axis, *};

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

fn chart(kind: ChartKind, outcome: Result<RowSet, String>) -> PageChart {
    PageChart {
        title: "A chart".to_owned(),
        thoughts: "Why.".to_owned(),
        sql: "SELECT 1".to_owned(),
        kind,
        outcome,
    }
}

fn page(charts: Vec<PageChart>) -> String {
    html(&Page {
        title: "Orders".to_owned(),
        about: "shop".to_owned(),
        charts,
    })
}

/// A result that every kind can draw.
fn rich() -> RowSet {
    let rows = ["2024-01", "2024-02", "2024-03"]
        .into_iter()
        .zip(1_i64..)
        .flat_map(|(month, n)| {
            ["Oslo", "Bergen"].map(|city| {
                vec![
                    text(month),
                    text(city),
                    Cell::Int(n),
                    Cell::Float(n as f64 / 2.0),
                    Cell::Int(10 - n),
                ]
            })
        })
        .collect();
    result(&["month", "city", "a", "b", "c"], rows)
}

#[test]
fn every_kind_is_drawn_or_shown_as_a_table_and_never_blank() {
    for kind in ChartKind::ALL {
        let drawn = page(vec![chart(kind, Ok(rich()))]);
        let expected = match kind {
            ChartKind::Table => "<table>",
            ChartKind::Number => "class=\"figures\"",
            ChartKind::Line | ChartKind::Area | ChartKind::Pie | ChartKind::Donut => "<path d=",
            ChartKind::Bar | ChartKind::Heatmap => "<rect ",
            ChartKind::Scatter | ChartKind::Bubble => "<circle ",
        };
        assert!(drawn.contains(expected), "{kind:?}: {drawn}");
        assert!(
            !drawn.contains("NaN") && !drawn.contains("inf"),
            "{kind:?}: {drawn}"
        );
        let names = result(&["name"], vec![vec![text("Ann")]]);
        let bare = page(vec![chart(kind, Ok(names))]);
        assert!(bare.contains("<td>Ann</td>"), "{kind:?}: {bare}");
        let empty = page(vec![chart(kind, Ok(result(&["a", "b"], Vec::new())))]);
        assert!(empty.contains("Nothing matches."), "{kind:?}: {empty}");
    }
}

#[test]
fn nothing_on_a_page_is_markup_that_came_from_elsewhere_or_leads_there() {
    let evil = "<script src='https://evil.example/x.js'>\"&\u{0}</script>";
    let rows = vec![
        vec![text(evil), Cell::Int(1)],
        vec![text("b"), Cell::Int(2)],
    ];
    let charts = ChartKind::ALL
        .into_iter()
        .map(|kind| PageChart {
            title: evil.to_owned(),
            thoughts: evil.to_owned(),
            sql: evil.to_owned(),
            kind,
            outcome: Ok(result(&[evil, "n"], rows.clone())),
        })
        .chain([chart(ChartKind::Table, Err(evil.to_owned()))])
        .collect();
    let page = html(&Page {
        title: evil.to_owned(),
        about: evil.to_owned(),
        charts,
    });
    assert!(!page.contains("<script"), "{page}");
    assert!(
        !page.contains("src='") && !page.contains("src=\""),
        "{page}"
    );
    assert!(!page.contains("href") && !page.contains("url("), "{page}");
    assert!(!page.contains('\0'), "{page}");
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_chart_that_failed_says_why() {
    let failed = page(vec![chart(
        ChartKind::Bar,
        Err("no such table: x".to_owned()),
    )]);
    assert!(
        failed.contains("could not be drawn: no such table: x"),
        "{failed}"
    );
}

#[test]
fn null_breaks_a_line_and_numbers_beyond_all_bounds_are_drawn() {
    let gap = result(
        &["day", "n"],
        vec![
            vec![text("2024-01-03"), Cell::Int(3)],
            vec![text("2024-01-01"), Cell::Int(1)],
            vec![text("2024-01-02"), Cell::Null],
        ],
    );
    let drawn = page(vec![chart(ChartKind::Line, Ok(gap))]);
    assert_eq!(drawn.matches("stroke-width=\"2\"").count(), 2, "{drawn}");
    let first = drawn.find("2024-01-01, n: 1").expect("the first day");
    let last = drawn.find("2024-01-03, n: 3").expect("the last day");
    assert!(first < last, "in the order of time: {drawn}");
    let wild = result(
        &["k", "n"],
        vec![
            vec![text("a"), Cell::Float(f64::MAX)],
            vec![text("b"), Cell::Float(f64::MIN)],
            vec![text("c"), Cell::Float(f64::NAN)],
            vec![text("d"), Cell::Float(5e-324)],
        ],
    );
    for kind in ChartKind::ALL {
        let drawn = page(vec![chart(kind, Ok(wild.clone()))]);
        assert!(
            !drawn.contains("=\"NaN") && !drawn.contains("=\"inf"),
            "{kind:?}: {drawn}"
        );
    }
}

#[test]
fn a_pie_of_one_slice_is_whole_and_many_slices_are_gathered() {
    let slices = |count: i64| {
        let rows = (1..=count)
            .map(|n| vec![text(&format!("k{n}")), Cell::Int(n)])
            .collect();
        page(vec![chart(ChartKind::Pie, Ok(result(&["k", "n"], rows)))])
    };
    assert!(slices(1).contains("(100.0 %)"));
    let many = slices(30);
    assert!(many.contains("19 more"), "{many}");
    let negative = result(&["k", "n"], vec![vec![text("a"), Cell::Int(-1)]]);
    let shown = page(vec![chart(ChartKind::Pie, Ok(negative))]);
    assert!(shown.contains("<td class=\"number\">-1</td>"), "{shown}");
}

#[test]
fn an_axis_ends_at_round_numbers() {
    let axis = |values: &[f64], from_nought| {
        Axis::over(values.iter().copied(), from_nought).expect("values")
    };
    let bars = axis(&[3.0, 97.0], true);
    assert!(bars.share(0.0).abs() < 1e-9 && (bars.share(100.0) - 1.0).abs() < 1e-9);
    let same = axis(&[7.0, 7.0], false);
    assert!(same.share(7.0) > 0.2 && same.share(7.0) < 0.8);
    assert_eq!(Axis::over([f64::NAN].into_iter(), true), None);
    let smallest = axis(&[0.0, 5e-324], true);
    assert!(smallest.share(0.0).is_finite());
}

#[test]
fn numbers_are_short() {
    let written = [0.0, -0.00001, 1234.5, 20_000.0, 1.5e6, 2e9, 3e12, 1e20].map(axes::number);
    assert_eq!(
        written,
        ["0", "-1e-5", "1234.5", "20k", "1.5M", "2G", "3T", "1e20"]
    );
}
