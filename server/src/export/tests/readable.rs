//! CSV, JSON and XLSX, read back.

use std::io::Cursor;

use calamine::{Data, DataType as _, Reader as _, Xlsx};
use serde_json::{Value, json};
use tidegate_schema::model::{Cell, CellKind, RowSet};

use super::*;

/// Header and records of a CSV.
fn records(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv);
    reader
        .records()
        .map(|record| {
            record
                .expect("a record")
                .iter()
                .map(str::to_owned)
                .collect()
        })
        .collect()
}

#[test]
fn csv_reads_back_as_the_text_of_every_cell() {
    let found = records(&exported(Format::Csv));
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.0).collect();
    assert_eq!(found[0], names, "names are as the query has them");
    let texts: Vec<Vec<String>> = rows()
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| cell.to_text().unwrap_or_default())
                .collect()
        })
        .collect();
    assert_eq!(found[1..], texts);
    assert_eq!(records(&empty(Format::Csv)).len(), 1, "the header alone");
}

#[test]
fn csv_tells_null_from_empty_text_and_may_begin_with_a_mark() {
    let scratch = tempfile::tempdir().expect("a folder");
    let columns = [
        ("a", CellKind::Text, "text"),
        ("b,c", CellKind::Text, "text"),
    ];
    let mut plan = plan(Format::Csv, &columns, scratch.path());
    let rows = vec![
        vec![Cell::Null, Cell::Text(String::new())],
        vec![Cell::Text("=1+1".to_owned()), Cell::Text("-2".to_owned())],
    ];
    let batch = || vec![Ok(Batch::Rows(rows.clone()))];
    let (_, out) = written(&plan, batch()).expect("exported");
    assert_eq!(
        String::from_utf8_lossy(&out),
        "a,\"b,c\"\r\n,\"\"\r\n=1+1,-2\r\n"
    );
    plan.bom = true;
    let (_, out) = written(&plan, batch()).expect("exported");
    assert!(out.starts_with("\u{feff}a,".as_bytes()));
}

#[test]
fn a_result_at_hand_is_the_same_csv() {
    let scratch = tempfile::tempdir().expect("a folder");
    let columns = plan(Format::Csv, &COLUMNS, scratch.path()).columns;
    let result = RowSet {
        columns,
        rows: rows(),
        ..RowSet::default()
    };
    assert_eq!(
        super::super::csv(&result).expect("written"),
        exported(Format::Csv)
    );
}

/// The rows as objects, with the names that an object needs.
fn objects() -> Vec<Value> {
    let names = [
        "flag", "n", "wide", "x", "price", "exact", "text", "bytes", "day", "time", "at", "at_2",
        "document",
    ];
    rows()
        .iter()
        .map(|row| {
            let cells = row.iter().map(Cell::to_json);
            Value::Object(names.into_iter().map(str::to_owned).zip(cells).collect())
        })
        .collect()
}

#[test]
fn json_reads_back_as_an_array_and_jsonl_line_by_line() {
    let array: Vec<Value> =
        serde_json::from_slice(&exported(Format::Json)).expect("a JSON document");
    assert_eq!(array, objects());
    assert_eq!(array[0]["n"].to_string(), "9007199254740993");
    assert_eq!(array[0]["exact"], "12345678901234567890.123");
    assert_eq!(array[1]["x"], "NaN");
    let lines = String::from_utf8(exported(Format::JsonLines)).expect("text");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON document"))
        .collect();
    assert_eq!(lines, objects());
    let none: Value = serde_json::from_slice(&empty(Format::Json)).expect("a JSON document");
    assert_eq!(none, json!([]));
    assert!(empty(Format::JsonLines).is_empty());
}

#[test]
fn xlsx_reads_back_with_numbers_days_and_texts() {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(exported(Format::Xlsx))).expect("a workbook");
    assert_eq!(book.sheet_names(), ["Result"]);
    let range = book.worksheet_range("Result").expect("a sheet");
    let found: Vec<Vec<Data>> = range.rows().map(<[Data]>::to_vec).collect();
    let text = |text: &str| Data::String(text.to_owned());
    let names: Vec<Data> = COLUMNS.iter().map(|column| text(column.0)).collect();
    assert_eq!(found[0], names);
    let first = &found[1];
    assert_eq!(first[0], Data::Bool(true));
    assert_eq!(
        first[1],
        text("9007199254740993"),
        "more digits than Excel keeps"
    );
    assert_eq!(first[2], text("18446744073709551615"));
    assert_eq!(first[3], Data::Float(0.1));
    assert_eq!(first[4], Data::Float(12.5));
    assert_eq!(first[5], text("12345678901234567890.123"));
    assert!(
        first[6].to_string().starts_with("=1+1, \"quoted\""),
        "a text, and no formula: {:?}",
        first[6]
    );
    assert_eq!(first[7], text("0x00ff10"));
    assert_eq!(first[8].as_date(), Some(day()));
    let seconds = |time: NaiveTime| time.format("%H:%M:%S").to_string();
    assert_eq!(first[9].as_time().map(seconds), Some("23:59:58".to_owned()));
    let at = first[10].as_datetime().expect("a time");
    let apart = day().and_time(time()) - at;
    assert!(apart.num_milliseconds().abs() <= 1, "{at}");
    assert_eq!(first[11], text("2024-02-29T23:59:58.123456+02:00"));
    assert_eq!(first[12], text("{\"a\":[1,null,\"x\"]}"));
    let second = &found[2];
    assert_eq!(second[3], text("NaN"));
    assert_eq!(second[6], Data::Empty);
    assert_eq!(second[8], text("0001-01-01"), "before Excel's days");
    // The row of NULLs, which readers may leave out.
    assert!(found[3..].iter().flatten().all(Data::is_empty));
}

#[test]
fn a_workbook_of_a_cut_result_says_so() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(Format::Xlsx, &[("n", CellKind::Int, "int")], scratch.path());
    let batches = vec![Ok(Batch::Rows(vec![vec![Cell::Int(1)]])), Ok(Batch::Cut(1))];
    let (_, out) = written(&plan, batches).expect("exported");
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(out)).expect("a workbook");
    let range = book.worksheet_range("Cut").expect("a sheet");
    let said = range.rows().next().map(|row| row[0].to_string());
    assert_eq!(
        said.as_deref(),
        Some("The result was cut after 1 rows; there are more.")
    );
}

#[test]
fn a_text_too_long_for_a_sheet_names_its_row_and_column() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(
        Format::Xlsx,
        &[("story", CellKind::Text, "text")],
        scratch.path(),
    );
    let rows = vec![
        vec![Cell::Text("short".to_owned())],
        vec![Cell::Text("x".repeat(32_768))],
    ];
    let error = written(&plan, vec![Ok(Batch::Rows(rows))]).expect_err("too long");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("row 2, column 'story': "), "{said}");
    assert!(said.contains("csv"), "{said}");
}
