//! Arrow and Parquet, read back.

use arrow::{
    array::{Array as _, AsArray as _},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType,
        TimeUnit, TimestampMicrosecondType,
    },
    ipc::reader::StreamReader,
    record_batch::RecordBatch,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidegate_schema::model::{Cell, CellKind};

use super::*;
use crate::export::columnar::CUT_KEY;

fn from_arrow(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = StreamReader::try_new(bytes, None).expect("an Arrow stream");
    reader.map(|batch| batch.expect("a batch")).collect()
}

fn from_parquet(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .expect("a Parquet file");
    reader.map(|batch| batch.expect("a batch")).collect()
}

/// Both formats of the test rows, each as one batch.
fn both() -> [RecordBatch; 2] {
    let only = |mut batches: Vec<RecordBatch>| {
        assert_eq!(batches.len(), 1);
        batches.remove(0)
    };
    [
        only(from_arrow(&exported(Format::Arrow))),
        only(from_parquet(exported(Format::Parquet))),
    ]
}

#[test]
fn types_are_those_of_the_columns() {
    let micros = TimeUnit::Microsecond;
    let expected = [
        ("flag", DataType::Boolean),
        ("n", DataType::Int64),
        ("wide", DataType::Decimal128(38, 0)),
        ("x", DataType::Float64),
        ("price", DataType::Decimal128(10, 2)),
        ("exact", DataType::Utf8),
        ("text", DataType::Utf8),
        ("bytes", DataType::Binary),
        ("day", DataType::Date32),
        ("time", DataType::Time64(micros)),
        ("at", DataType::Timestamp(micros, None)),
        ("at_2", DataType::Timestamp(micros, Some("UTC".into()))),
        ("document", DataType::Utf8),
    ];
    for batch in both() {
        let schema = batch.schema();
        let found: Vec<(&str, DataType)> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.data_type().clone()))
            .collect();
        assert_eq!(found, expected);
        assert!(schema.fields().iter().all(|field| field.is_nullable()));
    }
}

#[test]
fn values_read_back_with_every_digit() {
    for batch in both() {
        assert_eq!(batch.num_rows(), 3);
        let column = |index: usize| batch.column(index);
        assert!(column(0).as_boolean().value(0) && !column(0).as_boolean().value(1));
        assert_eq!(
            column(1).as_primitive::<Int64Type>().value(0),
            9_007_199_254_740_993
        );
        let wide = column(2).as_primitive::<Decimal128Type>();
        assert_eq!(
            (wide.value(0), wide.value(1)),
            (18_446_744_073_709_551_615, 7)
        );
        let floats = column(3).as_primitive::<Float64Type>();
        assert_eq!(floats.value(0), 0.1);
        assert!(floats.value(1).is_nan() && floats.is_valid(1));
        let prices = column(4).as_primitive::<Decimal128Type>();
        assert_eq!(prices.value_as_string(0), "12.50");
        assert_eq!(prices.value_as_string(1), "-0.05");
        let texts =
            |index: usize, row: usize| column(index).as_string::<i32>().value(row).to_owned();
        assert_eq!(texts(5, 0), "12345678901234567890.123");
        assert!(texts(6, 0).ends_with("Tromsø 😀"));
        assert_eq!(texts(6, 1), "");
        assert_eq!(texts(12, 0), "{\"a\":[1,null,\"x\"]}");
        assert_eq!(column(7).as_binary::<i32>().value(0), [0, 255, 16]);
        let days = column(8).as_primitive::<Date32Type>();
        assert_eq!(days.value_as_date(0), Some(day()));
        assert_eq!(days.value_as_date(1), NaiveDate::from_ymd_opt(1, 1, 1));
        let times = column(9).as_primitive::<Time64MicrosecondType>();
        assert_eq!(times.value_as_time(0), Some(time()));
        let plain = column(10).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(plain.value_as_datetime(0), Some(day().and_time(time())));
        let zoned = column(11).as_primitive::<TimestampMicrosecondType>();
        let expected = DateTime::parse_from_rfc3339("2024-02-29T21:59:58.123456Z").expect("a time");
        assert_eq!(zoned.value(0), expected.timestamp_micros());
        assert_eq!(zoned.value(1), 0);
        for column in batch.columns() {
            assert!(
                column.is_null(2) && column.is_valid(0),
                "{:?}",
                column.data_type()
            );
        }
    }
}

#[test]
fn a_result_without_rows_still_has_its_columns() {
    let stream = empty(Format::Arrow);
    let reader = StreamReader::try_new(stream.as_slice(), None).expect("an Arrow stream");
    assert_eq!(reader.schema().fields().len(), COLUMNS.len());
    assert_eq!(reader.count(), 0);
    let file = bytes::Bytes::from(empty(Format::Parquet));
    let file = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    assert_eq!(file.schema().fields().len(), COLUMNS.len());
    assert_eq!(file.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn what_the_engine_does_not_type_is_text_whatever_comes() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(
        Format::Arrow,
        &[("x", CellKind::Unknown, "")],
        scratch.path(),
    );
    let cells = [
        Cell::Int(1),
        Cell::Float(2.5),
        Cell::Text("three".to_owned()),
        Cell::Bytes([4].into()),
    ];
    let rows = cells.map(|cell| vec![cell]).to_vec();
    let (_, out) = written(&plan, vec![Ok(Batch::Rows(rows))]).expect("exported");
    let batches = from_arrow(&out);
    let texts: Vec<Option<&str>> = batches[0].column(0).as_string::<i32>().iter().collect();
    assert_eq!(texts, [Some("1"), Some("2.5"), Some("three"), Some("0x04")]);
}

#[test]
fn a_value_of_another_type_ends_the_export_with_its_place_and_the_remedy() {
    let scratch = tempfile::tempdir().expect("a folder");
    for format in [Format::Arrow, Format::Parquet] {
        let plan = plan(format, &[("day", CellKind::Date, "date")], scratch.path());
        let batches = vec![
            Ok(Batch::Rows(vec![vec![Cell::Date(day())]])),
            Ok(Batch::Rows(vec![
                vec![Cell::Null],
                vec![Cell::Text("0000-00-00".to_owned())],
            ])),
        ];
        let error = written(&plan, batches).expect_err("no day").to_string();
        assert!(
            error.starts_with("row 3, column 'day': a text among days; "),
            "{error}"
        );
        assert!(error.contains("CAST") && !error.contains("0000"), "{error}");
    }
}

#[test]
fn a_cut_stands_in_the_metadata_of_a_parquet_file() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plan = plan(
        Format::Parquet,
        &[("n", CellKind::Int, "int")],
        scratch.path(),
    );
    let said = |cut: bool| {
        let mut batches = vec![Ok(Batch::Rows(vec![vec![Cell::Int(1)]]))];
        batches.extend(cut.then_some(Ok(Batch::Cut(1))));
        let (_, out) = written(&plan, batches).expect("exported");
        let file = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out))
            .expect("a Parquet file");
        let metadata = file
            .metadata()
            .file_metadata()
            .key_value_metadata()
            .cloned();
        metadata
            .into_iter()
            .flatten()
            .find(|entry| entry.key == CUT_KEY)
            .and_then(|entry| entry.value)
    };
    assert_eq!(said(true).as_deref(), Some("1"));
    assert_eq!(said(false), None);
}
