//! Parquet.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
        Float64Array, Int64Array, ListArray, StringArray, StructArray, Time64MicrosecondArray,
        TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{DataType, Field, Int32Type},
    record_batch::RecordBatch,
};
use parquet::arrow::ArrowWriter;

use super::{Place, rows, types};
use crate::drivers::Driver as _;

fn saved(place: &Place, name: &str, columns: Vec<(&str, ArrayRef)>, times: usize) {
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = File::create(place.path(name)).expect("created");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    for _ in 0..times {
        writer.write(&batch).expect("written");
    }
    writer.close().expect("closed");
}

fn column(name: &str, array: impl Array + 'static) -> (&str, ArrayRef) {
    (name, Arc::new(array))
}

fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> Decimal128Array {
    Decimal128Array::from(values)
        .with_precision_and_scale(precision, scale)
        .expect("decimals")
}

#[tokio::test]
async fn every_type_survives() {
    let place = Place::new();
    // 2024-01-02T03:04:05.5 in microseconds.
    let at = 1_704_164_645_500_000;
    let point = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Float64, true)),
        Arc::new(Float64Array::from(vec![Some(1.5), None])) as ArrayRef,
    )]);
    let lists =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    saved(
        &place,
        "t.parquet",
        vec![
            column("id", Int64Array::from(vec![i64::MAX, 2])),
            column("big", UInt64Array::from(vec![u64::MAX, 2])),
            column("small", UInt64Array::from(vec![1, 2])),
            column("pay", decimals(vec![Some(1_250), None], 10, 2)),
            column(
                "wide",
                decimals(vec![Some(1_500_000_000_000_000_000), Some(0)], 38, 18),
            ),
            column(
                "long",
                decimals(vec![Some(1_234_567_890_123_456_789), None], 38, 9),
            ),
            column("share", Float32Array::from(vec![0.1, f32::NAN])),
            column("ok", BooleanArray::from(vec![Some(true), None])),
            column("day", Date32Array::from(vec![Some(19_724), None])),
            column("at", TimestampMicrosecondArray::from(vec![Some(at), None])),
            column(
                "zoned",
                TimestampMicrosecondArray::from(vec![Some(at), None]).with_timezone("UTC"),
            ),
            column(
                "time",
                Time64MicrosecondArray::from(vec![Some(1_000_000), None]),
            ),
            column("word", StringArray::from(vec![Some("Åse"), Some("")])),
            column("raw", BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None])),
            column("list", lists),
            column("point", point),
        ],
        1,
    );
    let files = place.opened("t.parquet").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        [
            "id INTEGER",
            "big TEXT",
            "small INTEGER",
            "pay DECIMAL(10,2)",
            "wide DECIMAL(38,18)",
            "long TEXT",
            "share REAL",
            "ok BOOLEAN",
            "day DATE",
            "at TIMESTAMP",
            "zoned TIMESTAMP",
            "time TIME",
            "word TEXT",
            "raw BLOB",
            "list JSON",
            "point JSON"
        ]
    );
    assert_eq!(
        rows(&files, "SELECT * FROM t").await,
        [
            "9223372036854775807|18446744073709551615|1|12.50|1.500000000000000000|1234567890.123456789|0.1|true|\
             2024-01-02|2024-01-02T03:04:05.500|2024-01-02T03:04:05.500+00:00|00:00:01|Åse|0x00ff|[1,null]|{\"x\":1.5}",
            "2|2|2|-|0.000000000000000000|-|-|-|-|-|-|-||-|-|{\"x\":null}"
        ]
    );
    let table = files.introspect().await.expect("reads").tables.remove(0);
    assert_eq!(
        table.columns[6].comment.as_deref(),
        Some("NaN is read as NULL")
    );
    assert_eq!(table.comment.as_deref(), Some("t.parquet"));
}

#[tokio::test]
async fn many_rows_are_read_in_batches() {
    let place = Place::new();
    let numbers = Int64Array::from((0..10_000).collect::<Vec<i64>>());
    saved(&place, "many.parquet", vec![column("n", numbers)], 5);
    let files = place.opened("many.parquet").await;
    assert_eq!(
        rows(&files, "SELECT count(*), max(n) FROM many").await,
        ["50000|9999"]
    );
}

#[tokio::test]
async fn what_is_no_parquet_is_named() {
    let place = Place::with("t.parquet", "id,name\n1,x\n");
    let error = place.refused("t.parquet").await;
    assert!(
        error.contains("'t.parquet': cannot be read as Parquet"),
        "{error}"
    );
    saved(
        &place,
        "t.parquet",
        vec![column("n", Int64Array::from(vec![1]))],
        1,
    );
    let whole = std::fs::read(place.path("t.parquet")).expect("there");
    place.write("t.parquet", &whole[..whole.len() / 2]);
    let error = place.refused("t.parquet").await;
    assert!(error.contains("cannot be read as Parquet"), "{error}");
}
