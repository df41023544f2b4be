//! Parquet files, a batch of rows at a time. The file says what its columns are; only numbers that may have more
//! digits than SQLite calculates with are looked at first.

use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    compute::cast,
    datatypes::{DataType, Schema, UInt64Type},
    record_batch::RecordBatch,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::{ConvertedType, LogicalType},
    file::metadata::ParquetMetaData,
    schema::types::{SchemaDescriptor, Type},
};

use self::values::{Mark, decimal, plain};
use super::{
    fault::Fault,
    found::Source,
    infer::{DIGITS_NOTE, Kind, NAN_NOTE},
    load::{Column, Loader, check_width},
    moments::{MomentKind, Order, Zone},
    names,
    numbers::{Number, number},
    work::Work,
};

mod nested;
mod values;

/// Rows in memory at a time, and their bytes, roughly.
const BATCH_ROWS: usize = 512;
const BATCH_BYTES: i64 = 16 << 20;
/// Digits that are exact in SQLite's numbers.
const EXACT_DIGITS: u8 = 15;

pub(super) fn load(source: &Source, loader: &mut Loader, work: &mut Work) -> Result<(), Fault> {
    work.begin(&source.name, "looking at a Parquet file");
    let file = builder(source)?;
    let schema = file.schema().clone();
    check_width(source, None, schema.fields().len())?;
    let marks = marks(file.parquet_schema());
    let long = long_columns(source, &schema, work)?;
    let kinds: Vec<Kind> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(index, field)| kind(field.data_type(), marks[index], long[index]))
        .collect();
    let columns = columns(&schema, &kinds, &long);
    let mut nans = vec![false; columns.len()];
    work.begin(&source.name, "storing rows of a Parquet file");
    let mut table = loader.table(source, &source.stem, None, &columns)?;
    let mut spelled = String::new();
    let mut rows = 0_u64;
    for batch in reader(source, file)? {
        let batch =
            batch.map_err(|error| damaged(source, &format!("behind row {rows}: {error}")))?;
        let arrays = decoded(source, &batch)?;
        for row in 0..batch.num_rows() {
            work.tick()?;
            rows += 1;
            for (index, array) in arrays.iter().enumerate() {
                if array.is_null(row) {
                    continue;
                }
                nans[index] = nans[index] || values::is_nan(array, row);
                let value = values::read(array, row, kinds[index], marks[index], &mut spelled);
                let value = value.map_err(|error| {
                    let column = &columns[index].name;
                    damaged(source, &format!("row {rows}, column '{column}': {error}"))
                })?;
                table.set(index, value)?;
            }
            table.add()?;
        }
    }
    table.end()?;
    for (column, _) in columns.iter().zip(nans).filter(|(_, has)| *has) {
        loader.note(&column.name, NAN_NOTE);
    }
    Ok(())
}

fn builder(source: &Source) -> Result<ParquetRecordBatchReaderBuilder<std::fs::File>, Fault> {
    if source.size == 0 {
        return Err(source.fault("is empty; give a Parquet file"));
    }
    let file = source.open()?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(source, &error))
}

fn reader(
    source: &Source,
    builder: ParquetRecordBatchReaderBuilder<std::fs::File>,
) -> Result<ParquetRecordBatchReader, Fault> {
    let rows = batch_rows(builder.metadata());
    let reader = builder.with_batch_size(rows).build();
    reader.map_err(|error| damaged(source, &error))
}

/// Rows to be read together: fewer where the file says that they are large.
fn batch_rows(file: &ParquetMetaData) -> usize {
    let groups = file.row_groups().iter();
    let row_bytes = groups
        .map(|group| group.total_byte_size() / group.num_rows().max(1))
        .max()
        .unwrap_or_default();
    let rows = BATCH_BYTES / row_bytes.max(1);
    usize::try_from(rows)
        .unwrap_or(BATCH_ROWS)
        .clamp(1, BATCH_ROWS)
}

fn damaged(source: &Source, error: &dyn std::fmt::Display) -> Fault {
    source.fault(format!(
        "cannot be read as Parquet: {error}; is it damaged, cut off or something else? Write it again"
    ))
}

/// What the file says of its columns that their types here do not.
fn marks(schema: &SchemaDescriptor) -> Vec<Mark> {
    let mark = |field: &Type| {
        let basic = field.get_basic_info();
        match (basic.logical_type_ref(), basic.converted_type()) {
            _ if !field.is_primitive() => Mark::None,
            (Some(LogicalType::Uuid), _) => Mark::Uuid,
            (Some(LogicalType::Json), _) | (None, ConvertedType::JSON) => Mark::Json,
            (Some(LogicalType::Enum), _) | (None, ConvertedType::ENUM) => Mark::Enum,
            _ => Mark::None,
        }
    };
    let fields = schema.root_schema().get_fields();
    fields.iter().map(|field| mark(field)).collect()
}

/// Which columns hold numbers whose digits no number of SQLite's keeps, by a look at those that may.
fn long_columns(source: &Source, schema: &Schema, work: &mut Work) -> Result<Vec<bool>, Fault> {
    let may_be_long = |data_type: &DataType| match data_type {
        DataType::UInt64 => true,
        DataType::Decimal32(digits, _)
        | DataType::Decimal64(digits, _)
        | DataType::Decimal128(digits, _)
        | DataType::Decimal256(digits, _) => *digits > EXACT_DIGITS,
        _ => false,
    };
    let mut long = vec![false; schema.fields().len()];
    let wanted: Vec<usize> = (0..long.len())
        .filter(|index| may_be_long(undictionaried(schema.field(*index).data_type())))
        .collect();
    if wanted.is_empty() {
        return Ok(long);
    }
    let file = builder(source)?;
    let mask = ProjectionMask::roots(file.parquet_schema(), wanted.iter().copied());
    for batch in reader(source, file.with_projection(mask))? {
        let batch = batch.map_err(|error| damaged(source, &error))?;
        let arrays = decoded(source, &batch)?;
        for (index, array) in wanted.iter().zip(&arrays) {
            long[*index] = long[*index] || has_long(array);
        }
        work.look()?;
    }
    Ok(long)
}

fn has_long(array: &ArrayRef) -> bool {
    (0..array.len())
        .filter(|row| !array.is_null(*row))
        .any(|row| {
            if let Some(numbers) = array.as_primitive_opt::<UInt64Type>() {
                return i64::try_from(numbers.value(row)).is_err();
            }
            let text = decimal(array, row).unwrap_or_default();
            match number(plain(&text)) {
                Some(Number::Whole { .. }) => false,
                Some(Number::Fraction { significant, .. }) => significant > u32::from(EXACT_DIGITS),
                // Zero may come with a sign.
                _ => plain(&text) != "-0",
            }
        })
}

/// A type without the encoding that keeps each value once.
fn undictionaried(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    }
}

/// The batch's columns without such encodings.
fn decoded(source: &Source, batch: &RecordBatch) -> Result<Vec<ArrayRef>, Fault> {
    let decode = |array: &ArrayRef| {
        let wanted = undictionaried(array.data_type());
        if wanted == array.data_type() {
            Ok(ArrayRef::clone(array))
        } else {
            cast(array, wanted).map_err(|error| damaged(source, &error))
        }
    };
    batch.columns().iter().map(decode).collect()
}

fn kind(data_type: &DataType, mark: Mark, is_long: bool) -> Kind {
    match undictionaried(data_type) {
        DataType::Boolean => Kind::Boolean,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => Kind::Integer,
        DataType::UInt64 if !is_long => Kind::Integer,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Real,
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale)
            if !is_long =>
        {
            Kind::Decimal {
                precision: u32::from(*digits),
                scale: u32::try_from(*scale).unwrap_or(0),
            }
        }
        DataType::Date32 | DataType::Date64 => Kind::Moment(MomentKind::Date(Order::Ymd)),
        DataType::Time32(_) | DataType::Time64(_) => Kind::Time,
        DataType::Timestamp(_, zone) => {
            let zone = if zone.is_some() {
                Zone::Utc
            } else {
                Zone::None
            };
            Kind::Moment(MomentKind::Timestamp(Order::Ymd, zone))
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
            if mark == Mark::None =>
        {
            Kind::Blob
        }
        DataType::List(_)
        | DataType::ListView(_)
        | DataType::FixedSizeList(..)
        | DataType::LargeList(_)
        | DataType::LargeListView(_)
        | DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Union(..) => Kind::Json,
        _ if mark == Mark::Json => Kind::Json,
        _ => Kind::Text,
    }
}

fn columns(schema: &Schema, kinds: &[Kind], long: &[bool]) -> Vec<Column> {
    let written: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let column = |(index, name): (usize, String)| Column {
        name,
        kind: kinds[index],
        note: long[index].then(|| DIGITS_NOTE.to_owned()),
    };
    let names = names::columns(&written);
    names.into_iter().enumerate().map(column).collect()
}
