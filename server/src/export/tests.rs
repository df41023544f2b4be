//! Every format is read back by a reader that is not ours, with every kind of cell.

mod columnar;
mod flat;
mod readable;

use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveTime};
use serde_json::json;
use tidegate_schema::{
    Error, Result,
    model::{Cell, CellKind, ResultColumn},
};

use super::{Format, Plan, Written, write};
use crate::drivers::Batch;

/// Columns of every kind; two have one name.
const COLUMNS: [(&str, CellKind, &str); 13] = [
    ("flag", CellKind::Bool, "boolean"),
    ("n", CellKind::Int, "bigint"),
    ("wide", CellKind::Int, "bigint unsigned"),
    ("x", CellKind::Float, "double"),
    ("price", CellKind::Decimal, "numeric(10,2)"),
    ("exact", CellKind::Decimal, "numeric"),
    ("text", CellKind::Text, "text"),
    ("bytes", CellKind::Bytes, "blob"),
    ("day", CellKind::Date, "date"),
    ("time", CellKind::Time, "time"),
    ("at", CellKind::Timestamp, "timestamp"),
    ("at", CellKind::Timestamp, "timestamptz"),
    ("document", CellKind::Json, "json"),
];

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day")
}

fn time() -> NaiveTime {
    NaiveTime::from_hms_micro_opt(23, 59, 58, 123_456).expect("a time")
}

/// A row of [`COLUMNS`] that is hard on quotes and digits, one with what is empty, and one of NULLs.
fn rows() -> Vec<Vec<Cell>> {
    let zoned = DateTime::parse_from_rfc3339("2024-02-29T23:59:58.123456+02:00").expect("a time");
    vec![
        vec![
            Cell::Bool(true),
            Cell::Int(9_007_199_254_740_993),
            Cell::Decimal("18446744073709551615".into()),
            Cell::Float(0.1),
            Cell::Decimal("12.50".into()),
            Cell::Decimal("12345678901234567890.123".into()),
            Cell::Text("=1+1, \"quoted\"\r\nnext, Tromsø 😀".to_owned()),
            Cell::Bytes([0, 255, 16].into()),
            Cell::Date(day()),
            Cell::Time(time()),
            Cell::Timestamp(day().and_time(time())),
            Cell::TimestampTz(zoned),
            Cell::Json(json!({"a": [1, null, "x"]}).into()),
        ],
        vec![
            Cell::Bool(false),
            Cell::Int(0),
            Cell::Int(7),
            Cell::Float(f64::NAN),
            Cell::Decimal("-0.05".into()),
            Cell::Decimal("0".into()),
            Cell::Text(String::new()),
            Cell::Bytes([].into()),
            Cell::Date(NaiveDate::from_ymd_opt(1, 1, 1).expect("a day")),
            Cell::Time(NaiveTime::MIN),
            Cell::Timestamp(day().and_time(NaiveTime::MIN)),
            Cell::TimestampTz(DateTime::UNIX_EPOCH.fixed_offset()),
            Cell::Json(json!("text").into()),
        ],
        vec![Cell::Null; COLUMNS.len()],
    ]
}

/// Cells of every kind, for those who write them one by one.
pub(super) fn every_cell() -> Vec<Cell> {
    let mut cells: Vec<Cell> = rows().into_iter().flatten().collect();
    cells.extend([
        Cell::Float(1e300),
        Cell::Float(-0.5),
        Cell::Float(f64::NEG_INFINITY),
        Cell::Int(i64::MIN),
        Cell::Date(NaiveDate::from_ymd_opt(-44, 3, 15).expect("a day")),
        Cell::Date(NaiveDate::from_ymd_opt(12_024, 1, 1).expect("a day")),
    ]);
    cells
}

/// A plan for these columns.
pub(super) fn plan(format: Format, columns: &[(&str, CellKind, &str)], scratch: &Path) -> Plan {
    Plan {
        format,
        columns: columns
            .iter()
            .map(|&(name, kind, data_type)| ResultColumn {
                name: name.to_owned(),
                kind,
                data_type: data_type.to_owned(),
            })
            .collect(),
        strict: true,
        whole: false,
        bom: false,
        scratch: scratch.to_path_buf(),
    }
}

/// What a plan makes of batches.
fn written(plan: &Plan, batches: Vec<Result<Batch>>) -> Result<(Written, Vec<u8>)> {
    let mut out = Vec::new();
    let written = write(plan, batches.into_iter(), &mut out)?;
    Ok((written, out))
}

/// [`rows`] in a format, in batches that begin with one row, as the drivers send them.
fn exported(format: Format) -> Vec<u8> {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(format, &COLUMNS, scratch.path());
    let mut rows = rows();
    let rest = rows.split_off(1);
    let batches = vec![Ok(Batch::Rows(rows)), Ok(Batch::Rows(rest))];
    let (written, out) = written(&plan, batches).expect("exported");
    assert_eq!((written.rows, written.cut_at), (3, None));
    out
}

/// A result without rows.
fn empty(format: Format) -> Vec<u8> {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(format, &COLUMNS, scratch.path());
    written(&plan, Vec::new()).expect("exported").1
}

#[test]
fn a_format_is_found_by_its_name_and_an_unknown_one_names_those_there_are() {
    for format in Format::ALL {
        let name = format.name().to_ascii_uppercase();
        assert_eq!(name.parse::<Format>().expect("known"), format);
    }
    assert_eq!(
        "ndjson".parse::<Format>().expect("known"),
        Format::JsonLines
    );
    let error = "xml".parse::<Format>().expect_err("unknown").to_string();
    assert_eq!(
        error,
        "format: must be one of csv, json, jsonl, arrow, parquet, xlsx"
    );
}

#[test]
fn an_error_among_the_rows_is_the_exports_own() {
    let scratch = tempfile::tempdir().expect("a folder");
    for format in Format::ALL {
        let plan = plan(format, &[("n", CellKind::Int, "int")], scratch.path());
        let batches = vec![
            Ok(Batch::Rows(vec![vec![Cell::Int(1)]])),
            Err(Error::upstream("shop", "the server went away")),
        ];
        let error = written(&plan, batches).expect_err("broken off");
        assert!(matches!(error, Error::Upstream { .. }), "{format}: {error}");
    }
}

#[test]
fn a_cut_is_told_and_is_an_error_where_the_result_was_to_be_whole() {
    let scratch = tempfile::tempdir().expect("a folder");
    let cut = || vec![Ok(Batch::Rows(vec![vec![Cell::Int(1)]])), Ok(Batch::Cut(1))];
    for format in Format::ALL {
        let mut plan = plan(format, &[("n", CellKind::Int, "int")], scratch.path());
        let (found, _) = written(&plan, cut()).expect("exported");
        assert_eq!((found.rows, found.cut_at), (1, Some(1)), "{format}");
        plan.whole = true;
        let error = written(&plan, cut()).expect_err("not whole").to_string();
        assert!(error.contains("limits.export_rows"), "{format}: {error}");
    }
}

#[test]
fn more_columns_than_a_sheet_has_are_refused_before_a_row_is_read() {
    let scratch = tempfile::tempdir().expect("a folder");
    let columns = vec![("n", CellKind::Int, "int"); super::sheets::MOST_COLUMNS + 1];
    let wide = plan(Format::Xlsx, &columns, scratch.path());
    let error = super::check(&wide).expect_err("too wide").to_string();
    assert!(
        error.contains("16385 columns") && error.contains("csv"),
        "{error}"
    );
    assert!(super::check(&plan(Format::Csv, &columns, scratch.path())).is_ok());
}
