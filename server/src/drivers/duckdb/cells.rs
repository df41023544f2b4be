//! Cells from Arrow's arrays, a column at a time.

use std::ops::Range;

use duckdb::arrow::{
    array::{Array, AsArray, OffsetSizeTrait},
    buffer::NullBuffer,
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type,
        Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
        Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
    util::display::array_value_to_string,
};
use tidegate_schema::model::{Cell, CellKind};

use super::{
    nested,
    times::{date, time, timestamp},
    types::Type,
};
use crate::drivers::{MAX_JSON_BYTES, batch::cell_bytes, floats::widened};

pub(super) type Read<'a> = Box<dyn Fn(usize) -> Cell + 'a>;
/// Bytes of the values of several rows beyond the cells themselves.
pub(super) type Weigh<'a> = Box<dyn Fn(Range<usize>) -> usize + 'a>;
/// How to read the values of an array, and how to weigh them.
pub(super) type Reader<'a> = (Read<'a>, Weight<'a>);

/// What the values of an array weigh beyond the cells themselves.
pub(super) enum Weight<'a> {
    /// Nothing.
    None,
    /// So much.
    Known(Weigh<'a>),
    /// So much at least: only the cells tell the rest.
    AtLeast(Weigh<'a>),
}

/// Most characters of a decimal: as many digits as the scale has, one before them, a sign and a point.
const LONGEST_DECIMAL: usize = i8::MAX as usize + 3;

/// One column of a chunk of rows.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    read: Read<'a>,
    weight: Weight<'a>,
}

impl<'a> Column<'a> {
    pub(super) fn new(array: &'a dyn Array, kind: &'a Type) -> Self {
        let found = reader(array, kind);
        let (read, weight) = found.unwrap_or_else(|| {
            let read: Read<'a> = Box::new(move |row| as_arrow_writes(array, row));
            (read, by_cell())
        });
        Self {
            nulls: array.nulls(),
            read,
            weight,
        }
    }

    /// The cell of a row.
    pub(super) fn cell(&self, row: usize) -> Cell {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            Cell::Null
        } else {
            (self.read)(row)
        }
    }

    /// What the cell of a row weighs.
    pub(super) fn weight(&self, row: usize) -> usize {
        match &self.weight {
            Weight::None => size_of::<Cell>(),
            Weight::Known(weigh) => size_of::<Cell>() + weigh(row..row + 1),
            Weight::AtLeast(_) => cell_bytes(&self.cell(row)),
        }
    }

    /// What the cells of several rows weigh at least, told without making one.
    pub(super) fn weight_of(&self, rows: Range<usize>) -> usize {
        let cells = rows.len() * size_of::<Cell>();
        match &self.weight {
            Weight::None => cells,
            Weight::Known(weigh) | Weight::AtLeast(weigh) => cells + weigh(rows),
        }
    }
}

/// What the cells of an array are, where its type has no name that is known.
pub(super) fn kind(array: &DataType) -> CellKind {
    match array {
        DataType::Boolean => CellKind::Bool,
        // What HUGEINT looks like.
        DataType::Decimal128(38, 0) => CellKind::Int,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            CellKind::Decimal
        }
        DataType::Float32 | DataType::Float64 => CellKind::Float,
        DataType::Date32 => CellKind::Date,
        DataType::Time64(_) => CellKind::Time,
        DataType::Timestamp(..) => CellKind::Timestamp,
        DataType::Binary | DataType::LargeBinary => CellKind::Bytes,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            CellKind::Text
        }
        number if number.is_integer() => CellKind::Int,
        nested if nested.is_nested() => CellKind::Json,
        _ => CellKind::Unknown,
    }
}

/// How to read an array; `None` for what DuckDB is not known to send.
fn reader<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let read: Read<'a> = match array.data_type() {
        DataType::Null => Box::new(|_| Cell::Null),
        DataType::Boolean => {
            let array = array.as_boolean_opt()?;
            Box::new(move |row| Cell::Bool(array.value(row)))
        }
        DataType::Int8 => ints::<Int8Type>(array)?,
        DataType::Int16 => ints::<Int16Type>(array)?,
        DataType::Int32 => ints::<Int32Type>(array)?,
        DataType::Int64 => ints::<Int64Type>(array)?,
        DataType::UInt8 => ints::<UInt8Type>(array)?,
        DataType::UInt16 => ints::<UInt16Type>(array)?,
        DataType::UInt32 => ints::<UInt32Type>(array)?,
        DataType::Float32 => values::<Float32Type>(array, |value| Cell::Float(widened(value)))?,
        DataType::Float64 => values::<Float64Type>(array, Cell::Float)?,
        _ => return weighty(array, kind),
    };
    Some((read, Weight::None))
}

/// How to read an array whose values may be, or become, more than a cell holds itself.
fn weighty<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let read: Read<'a> = match array.data_type() {
        DataType::UInt64 => values::<UInt64Type>(array, |value| whole(value.into()))?,
        // HUGEINT and DECIMAL(38,0) look the same here: only the type's name tells them apart.
        DataType::Decimal128(38, 0) if *kind != Type::Decimal => {
            values::<Decimal128Type>(array, whole)?
        }
        DataType::Decimal32(digits, scale) => {
            return decimals::<Decimal32Type>(array, *digits, *scale);
        }
        DataType::Decimal64(digits, scale) => {
            return decimals::<Decimal64Type>(array, *digits, *scale);
        }
        DataType::Decimal128(digits, scale) => {
            return decimals::<Decimal128Type>(array, *digits, *scale);
        }
        DataType::Date32 => values::<Date32Type>(array, date)?,
        DataType::Time64(TimeUnit::Microsecond) => {
            values::<Time64MicrosecondType>(array, |value| time(value, 1_000_000))?
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            values::<Time64NanosecondType>(array, |value| time(value, 1_000_000_000))?
        }
        DataType::Timestamp(unit, zone) => timestamps(array, *unit, zone.is_some())?,
        DataType::Dictionary(..) => labels(array)?,
        DataType::Utf8 => return texts::<i32>(array, kind),
        DataType::LargeUtf8 => return texts::<i64>(array, kind),
        DataType::Utf8View => {
            let array = array.as_string_view_opt()?;
            return Some(at_least(
                move |row| text(kind, array.value(row)),
                move |row| array.value(row).len(),
            ));
        }
        DataType::Binary => return bytes::<i32>(array),
        DataType::LargeBinary => return bytes::<i64>(array),
        _ => return nested::reader(array, kind),
    };
    Some((read, by_cell()))
}

/// What only the cells tell.
fn by_cell<'a>() -> Weight<'a> {
    Weight::AtLeast(Box::new(|_| 0))
}

/// A reader of values that weigh so much each, or more once they are cells.
pub(super) fn at_least<'a>(
    read: impl Fn(usize) -> Cell + 'a,
    weigh: impl Fn(usize) -> usize + 'a,
) -> Reader<'a> {
    let weigh = move |rows: Range<usize>| rows.map(&weigh).sum::<usize>();
    (Box::new(read), Weight::AtLeast(Box::new(weigh)))
}

fn values<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    cell: impl Fn(T::Native) -> Cell + 'a,
) -> Option<Read<'a>> {
    let array = array.as_primitive_opt::<T>()?;
    Some(Box::new(move |row| cell(array.value(row))))
}

fn ints<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<Read<'_>>
where
    T::Native: Into<i64>,
{
    values::<T>(array, |value| Cell::Int(value.into()))
}

fn decimals<T: ArrowPrimitiveType>(array: &dyn Array, digits: u8, scale: i8) -> Option<Reader<'_>>
where
    T::Native: Into<i128>,
{
    let read = values::<T>(array, move |value| {
        Cell::Decimal(decimal(value.into(), scale).into())
    })?;
    // Each as if it had all its digits, and a sign, a zero and a point.
    let longest = usize::from(digits) + 3;
    let weigh = move |rows: Range<usize>| rows.len() * longest;
    Some((read, Weight::Known(Box::new(weigh))))
}

fn timestamps(array: &dyn Array, unit: TimeUnit, zoned: bool) -> Option<Read<'_>> {
    match unit {
        TimeUnit::Second => values::<TimestampSecondType>(array, move |at| timestamp(at, 1, zoned)),
        TimeUnit::Millisecond => {
            values::<TimestampMillisecondType>(array, move |at| timestamp(at, 1_000, zoned))
        }
        TimeUnit::Microsecond => {
            values::<TimestampMicrosecondType>(array, move |at| timestamp(at, 1_000_000, zoned))
        }
        TimeUnit::Nanosecond => {
            values::<TimestampNanosecondType>(array, move |at| timestamp(at, 1_000_000_000, zoned))
        }
    }
}

/// An enumeration comes as numbers of its labels.
fn labels(array: &dyn Array) -> Option<Read<'_>> {
    let array = array.as_any_dictionary_opt()?;
    let labels = array.values().as_string_opt::<i32>()?;
    if labels.is_empty() {
        return Some(Box::new(|_| Cell::Null));
    }
    let keys = array.normalized_keys();
    Some(Box::new(move |row| {
        keys.get(row)
            .map_or(Cell::Null, |&key| Cell::Text(labels.value(key).to_owned()))
    }))
}

fn texts<'a, O: OffsetSizeTrait>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let array = array.as_string_opt::<O>()?;
    let read: Read<'a> = Box::new(move |row| text(kind, array.value(row)));
    let weigh = lengths(array.value_offsets());
    let weight = match kind {
        Type::Json => Weight::AtLeast(weigh),
        _ => Weight::Known(weigh),
    };
    Some((read, weight))
}

fn bytes<O: OffsetSizeTrait>(array: &dyn Array) -> Option<Reader<'_>> {
    let array = array.as_binary_opt::<O>()?;
    let read: Read<'_> = Box::new(move |row| Cell::Bytes(array.value(row).into()));
    Some((read, Weight::Known(lengths(array.value_offsets()))))
}

/// Values that lie one behind the other weigh what lies between the first and the last.
fn lengths<O: OffsetSizeTrait>(offsets: &[O]) -> Weigh<'_> {
    Box::new(move |rows| offsets[rows.end].as_usize() - offsets[rows.start].as_usize())
}

/// A whole number that may be larger than most.
fn whole(value: i128) -> Cell {
    i64::try_from(value).map_or_else(|_| Cell::Decimal(value.to_string().into()), Cell::Int)
}

fn decimal(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or_default();
    // Written from its end, one digit at least before the point.
    let mut text = [b'0'; LONGEST_DECIMAL];
    let (mut start, mut digits, mut rest) = (text.len(), 0, value.unsigned_abs());
    while rest > 0 || digits <= scale {
        if digits == scale && scale > 0 {
            start -= 1;
            text[start] = b'.';
        }
        // Few values are so wide that they have to be divided as such, which takes long.
        let (tenth, digit) = match u64::try_from(rest) {
            Ok(rest) => (u128::from(rest / 10), (rest % 10) as u8),
            Err(_) => (rest / 10, (rest % 10) as u8),
        };
        start -= 1;
        text[start] = b'0' + digit;
        (rest, digits) = (tenth, digits + 1);
    }
    if value < 0 {
        start -= 1;
        text[start] = b'-';
    }
    String::from_utf8_lossy(&text[start..]).into_owned()
}

fn text(kind: &Type, text: &str) -> Cell {
    match kind {
        Type::Json if text.len() <= MAX_JSON_BYTES => {
            serde_json::from_str(text).map_or_else(|_| Cell::Text(text.to_owned()), Cell::Json)
        }
        Type::Digits => text
            .parse()
            .map_or_else(|_| Cell::Decimal(text.into()), Cell::Int),
        _ => Cell::Text(text.to_owned()),
    }
}

/// For arrays DuckDB is not known to send.
fn as_arrow_writes(array: &dyn Array, row: usize) -> Cell {
    Cell::Text(
        array_value_to_string(array, row)
            .unwrap_or_else(|_| format!("a value of the type {}", array.data_type())),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use duckdb::arrow::array::{
        ArrayRef, Date32Array, Decimal128Array, Float32Array, Int64Array, StringArray, UInt64Array,
    };

    use super::*;

    fn cells(array: &ArrayRef, kind: &str) -> Vec<Cell> {
        let kind = Type::parse(kind);
        let column = Column::new(array.as_ref(), &kind);
        (0..array.len()).map(|row| column.cell(row)).collect()
    }

    #[test]
    fn numbers_keep_every_digit() {
        let huge: ArrayRef = Arc::new(
            Decimal128Array::from(vec![Some(7), None, Some(i128::from(i64::MAX) + 1)])
                .with_precision_and_scale(38, 0)
                .expect("fits"),
        );
        assert_eq!(
            cells(&huge, "HUGEINT"),
            [
                Cell::Int(7),
                Cell::Null,
                Cell::Decimal("9223372036854775808".into())
            ]
        );
        assert_eq!(cells(&huge, "DECIMAL(38,0)")[0], Cell::Decimal("7".into()));
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(
            cells(&large, "UBIGINT"),
            [Cell::Decimal("18446744073709551615".into())]
        );
        let small: ArrayRef = Arc::new(Float32Array::from(vec![0.1]));
        assert_eq!(cells(&small, "FLOAT"), [Cell::Float(0.1)]);
        let written: ArrayRef = Arc::new(StringArray::from(vec![
            "12",
            "340282366920938463463374607431768211455",
        ]));
        assert_eq!(
            cells(&written, "UHUGEINT"),
            [
                Cell::Int(12),
                Cell::Decimal("340282366920938463463374607431768211455".into())
            ]
        );
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(1_230, 2), "12.30");
        assert_eq!(decimal(-7, 0), "-7");
        assert_eq!(decimal(0, 0), "0");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(i128::MIN, 0), i128::MIN.to_string());
        assert_eq!(
            decimal(i128::MAX, 38),
            "1.70141183460469231731687303715884105727"
        );
        let deep = format!("-0.{}1", "0".repeat(126));
        assert_eq!(decimal(-1, i8::MAX), deep);
    }

    #[test]
    fn values_are_weighed_as_the_cells_they_become() {
        let kind = Type::Text;
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["abc", ""]));
        let column = Column::new(texts.as_ref(), &kind);
        assert_eq!(column.weight(0), size_of::<Cell>() + 3);
        assert_eq!(column.weight(1), size_of::<Cell>());
        assert_eq!(column.weight_of(0..2), 2 * size_of::<Cell>() + 3);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let column = Column::new(numbers.as_ref(), &kind);
        assert_eq!(column.weight_of(0..3), 3 * size_of::<Cell>());
        let json: ArrayRef = Arc::new(StringArray::from(vec!["7", "[1,[],{\"a\":[2,3]},\"x,y\"]"]));
        let decimals = Decimal128Array::from(vec![0, -99_999]).with_precision_and_scale(5, 5);
        let decimals: ArrayRef = Arc::new(decimals.expect("fits"));
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![0, i32::MAX]));
        for (array, kind) in [
            (json, "JSON"),
            (decimals, "DECIMAL(5,5)"),
            (large, "UBIGINT"),
            (days, "DATE"),
        ] {
            let kind = Type::parse(kind);
            let column = Column::new(array.as_ref(), &kind);
            for row in 0..2 {
                let weight = cell_bytes(&column.cell(row));
                assert!(column.weight(row) >= weight, "{kind:?} {row}");
                assert!(
                    column.weight_of(row..row + 1) <= weight + 7,
                    "{kind:?} {row}"
                );
            }
        }
    }
}
