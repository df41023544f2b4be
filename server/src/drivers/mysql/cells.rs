//! Cells from either of the wire's two forms, by the type the server gives the column.
//!
//! Prepared statements bring numbers and times in binary, `SHOW` and what cannot be prepared brings everything as
//! text; a column's shape says what both mean.

use chrono::{NaiveDate, NaiveTime};
use mysql_async::{
    Column, Row, Value,
    consts::{ColumnFlags, ColumnType},
};
use tidegate_schema::model::{Cell, CellKind, ResultColumn};

use super::geometry;
use crate::drivers::{MAX_JSON_BYTES, floats::widened, iso};

/// The character set of what is no text.
const BINARY: u16 = 63;

/// How to read the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Int,
    Float,
    Decimal,
    Date,
    /// With so many digits of a second.
    Timestamp(u8),
    /// With so many digits of a second.
    Time(u8),
    Bits,
    Json,
    Text,
    Bytes,
    Geometry,
    Unknown,
}

/// How to read a column's cells.
pub(super) fn shape(column: &Column) -> Shape {
    use ColumnType as Type;

    match column.column_type() {
        // TINYINT(1) too, which is what BOOLEAN becomes: the server lets any small number in, and shows a number.
        Type::MYSQL_TYPE_TINY
        | Type::MYSQL_TYPE_SHORT
        | Type::MYSQL_TYPE_INT24
        | Type::MYSQL_TYPE_LONG
        | Type::MYSQL_TYPE_LONGLONG
        | Type::MYSQL_TYPE_YEAR => Shape::Int,
        Type::MYSQL_TYPE_FLOAT | Type::MYSQL_TYPE_DOUBLE => Shape::Float,
        Type::MYSQL_TYPE_DECIMAL | Type::MYSQL_TYPE_NEWDECIMAL => Shape::Decimal,
        Type::MYSQL_TYPE_DATE | Type::MYSQL_TYPE_NEWDATE => Shape::Date,
        // TIMESTAMP is a point in time, but the server sends what the session's clock shows, which is set to UTC.
        Type::MYSQL_TYPE_DATETIME
        | Type::MYSQL_TYPE_TIMESTAMP
        | Type::MYSQL_TYPE_DATETIME2
        | Type::MYSQL_TYPE_TIMESTAMP2 => Shape::Timestamp(digits(column)),
        Type::MYSQL_TYPE_TIME | Type::MYSQL_TYPE_TIME2 => Shape::Time(digits(column)),
        Type::MYSQL_TYPE_BIT => Shape::Bits,
        // MariaDB's JSON is LONGTEXT with a check, and is sent as text.
        Type::MYSQL_TYPE_JSON => Shape::Json,
        Type::MYSQL_TYPE_GEOMETRY => Shape::Geometry,
        Type::MYSQL_TYPE_VECTOR => Shape::Bytes,
        Type::MYSQL_TYPE_NULL => Shape::Unknown,
        _ if column.character_set() == BINARY && !is_enum_or_set(column) => Shape::Bytes,
        _ => Shape::Text,
    }
}

/// Digits of a second; a server that does not say has none.
fn digits(column: &Column) -> u8 {
    match column.decimals() {
        digits @ 0..=6 => digits,
        _ => 0,
    }
}

fn is_enum_or_set(column: &Column) -> bool {
    column
        .flags()
        .intersects(ColumnFlags::ENUM_FLAG | ColumnFlags::SET_FLAG)
}

/// Whether the library can read the column in binary; it panics at what it does not know.
pub(super) fn has_binary_form(column: &Column) -> bool {
    !matches!(
        column.column_type(),
        ColumnType::MYSQL_TYPE_TIMESTAMP2
            | ColumnType::MYSQL_TYPE_DATETIME2
            | ColumnType::MYSQL_TYPE_TIME2
            | ColumnType::MYSQL_TYPE_TYPED_ARRAY
            | ColumnType::MYSQL_TYPE_UNKNOWN
    )
}

/// The columns as a result shows them.
pub(super) fn describe(columns: &[Column]) -> Vec<ResultColumn> {
    columns
        .iter()
        .map(|column| ResultColumn {
            name: column.name_str().into_owned(),
            kind: kind(shape(column)),
            data_type: type_name(column),
        })
        .collect()
}

fn kind(shape: Shape) -> CellKind {
    match shape {
        Shape::Int | Shape::Bits => CellKind::Int,
        Shape::Float => CellKind::Float,
        Shape::Decimal => CellKind::Decimal,
        Shape::Date => CellKind::Date,
        Shape::Timestamp(_) => CellKind::Timestamp,
        Shape::Time(_) => CellKind::Time,
        Shape::Json => CellKind::Json,
        Shape::Text | Shape::Geometry => CellKind::Text,
        Shape::Bytes => CellKind::Bytes,
        Shape::Unknown => CellKind::Unknown,
    }
}

/// The type's name as the manual writes it; the wire does not tell TEXT from LONGTEXT.
fn type_name(column: &Column) -> String {
    use ColumnType as Type;

    let flags = column.flags();
    let is_binary = column.character_set() == BINARY;
    let name = match column.column_type() {
        _ if flags.contains(ColumnFlags::ENUM_FLAG) => "enum",
        _ if flags.contains(ColumnFlags::SET_FLAG) => "set",
        Type::MYSQL_TYPE_TINY => "tinyint",
        Type::MYSQL_TYPE_SHORT => "smallint",
        Type::MYSQL_TYPE_INT24 => "mediumint",
        Type::MYSQL_TYPE_LONG => "int",
        Type::MYSQL_TYPE_LONGLONG => "bigint",
        Type::MYSQL_TYPE_YEAR => "year",
        Type::MYSQL_TYPE_FLOAT => "float",
        Type::MYSQL_TYPE_DOUBLE => "double",
        Type::MYSQL_TYPE_DECIMAL | Type::MYSQL_TYPE_NEWDECIMAL => "decimal",
        Type::MYSQL_TYPE_DATE | Type::MYSQL_TYPE_NEWDATE => "date",
        Type::MYSQL_TYPE_DATETIME | Type::MYSQL_TYPE_DATETIME2 => "datetime",
        Type::MYSQL_TYPE_TIMESTAMP | Type::MYSQL_TYPE_TIMESTAMP2 => "timestamp",
        Type::MYSQL_TYPE_TIME | Type::MYSQL_TYPE_TIME2 => "time",
        Type::MYSQL_TYPE_BIT => "bit",
        Type::MYSQL_TYPE_JSON => "json",
        Type::MYSQL_TYPE_GEOMETRY => "geometry",
        Type::MYSQL_TYPE_VECTOR => "vector",
        Type::MYSQL_TYPE_ENUM => "enum",
        Type::MYSQL_TYPE_SET => "set",
        Type::MYSQL_TYPE_STRING if is_binary => "binary",
        Type::MYSQL_TYPE_STRING => "char",
        Type::MYSQL_TYPE_VARCHAR | Type::MYSQL_TYPE_VAR_STRING if is_binary => "varbinary",
        Type::MYSQL_TYPE_VARCHAR | Type::MYSQL_TYPE_VAR_STRING => "varchar",
        Type::MYSQL_TYPE_TINY_BLOB
        | Type::MYSQL_TYPE_MEDIUM_BLOB
        | Type::MYSQL_TYPE_LONG_BLOB
        | Type::MYSQL_TYPE_BLOB => {
            if is_binary {
                "blob"
            } else {
                "text"
            }
        }
        Type::MYSQL_TYPE_NULL | Type::MYSQL_TYPE_TYPED_ARRAY | Type::MYSQL_TYPE_UNKNOWN => "",
    };
    let is_number = matches!(shape(column), Shape::Int | Shape::Float | Shape::Decimal);
    // A year is marked as unsigned too, and has no other kind.
    if is_number && name != "year" && flags.contains(ColumnFlags::UNSIGNED_FLAG) {
        format!("{name} unsigned")
    } else {
        name.to_owned()
    }
}

/// The cells of a row. Both are of one size, so that the cells take the place of the values: `zip` would stand against
/// that, and `map_while` would have each cell looked at before it is put there.
pub(super) fn row(shapes: &[Shape], row: Row) -> Vec<Cell> {
    let mut shapes = shapes.iter();
    let values = row.unwrap_raw().into_iter();
    values
        .map(|value| {
            let shape = shapes.next().copied().unwrap_or(Shape::Unknown);
            read(shape, value)
        })
        .collect()
}

/// The cells of a row as the server writes them, `None` for NULL.
pub(super) fn texts(row: Row) -> Vec<Option<String>> {
    let values = row.unwrap_raw().into_iter();
    values
        .map(|value| cell(Shape::Text, value.unwrap_or(Value::NULL)).to_text())
        .collect()
}

/// One value of a row as a cell: what comes most is read here, and whatever else by [`cell`].
#[expect(
    clippy::inline_always,
    reason = "called for each value, with it and its cell copied, it took a fifth of an export's time"
)]
#[inline(always)]
fn read(shape: Shape, value: Option<Value>) -> Cell {
    match value {
        None | Some(Value::NULL) => Cell::Null,
        Some(Value::Int(number)) => Cell::Int(number),
        Some(Value::Double(number)) => Cell::Float(number),
        Some(Value::Bytes(bytes)) if matches!(shape, Shape::Text | Shape::Decimal) => {
            match String::from_utf8(bytes) {
                Ok(text) if shape == Shape::Decimal => Cell::Decimal(text.into()),
                Ok(text) => Cell::Text(text),
                Err(error) => written(shape, error.into_bytes()),
            }
        }
        Some(Value::Date(year, month, day, hour, minute, second, micros)) => {
            moment(shape, (year, month, day), (hour, minute, second, micros))
        }
        Some(value) => cell(shape, value),
    }
}

/// One value as a cell.
pub(super) fn cell(shape: Shape, value: Value) -> Cell {
    match value {
        Value::NULL => Cell::Null,
        Value::Bytes(bytes) => written(shape, bytes),
        Value::Int(number) => Cell::Int(number),
        Value::UInt(number) => whole(number),
        Value::Float(number) => Cell::Float(widened(number)),
        Value::Double(number) => Cell::Float(number),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            moment(shape, (year, month, day), (hour, minute, second, micros))
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let hours = u64::from(days) * 24 + u64::from(hours);
            let of_day = u32::try_from(hours).ok().and_then(|hours| {
                NaiveTime::from_hms_micro_opt(hours, minutes.into(), seconds.into(), micros)
            });
            match of_day {
                Some(time) if !negative => Cell::Time(time),
                // TIME is a length as well: up to 838 hours, both ways.
                _ => Cell::Text(format!(
                    "{}{hours:02}:{minutes:02}:{seconds:02}{}",
                    if negative { "-" } else { "" },
                    fraction(shape, micros)
                )),
            }
        }
    }
}

/// A day, or one with a time of day.
fn moment(shape: Shape, day: (u16, u8, u8), time: (u8, u8, u8, u32)) -> Cell {
    let date = NaiveDate::from_ymd_opt(day.0.into(), day.1.into(), day.2.into());
    let read = if shape == Shape::Date {
        date.map(Cell::Date)
    } else {
        let at = |date: NaiveDate| {
            date.and_hms_micro_opt(time.0.into(), time.1.into(), time.2.into(), time.3)
        };
        date.and_then(at).map(Cell::Timestamp)
    };
    read.unwrap_or_else(|| Cell::Text(no_moment(shape, day, time)))
}

/// 0000-00-00 and 2024-02-00, which no calendar has.
#[cold]
fn no_moment(shape: Shape, day: (u16, u8, u8), time: (u8, u8, u8, u32)) -> String {
    let date = format!("{:04}-{:02}-{:02}", day.0, day.1, day.2);
    if shape == Shape::Date {
        return date;
    }
    let fraction = fraction(shape, time.3);
    format!("{date} {:02}:{:02}:{:02}{fraction}", time.0, time.1, time.2)
}

/// The digits of a second that the column has.
fn fraction(shape: Shape, micros: u32) -> String {
    match shape {
        Shape::Timestamp(digits @ 1..) | Shape::Time(digits @ 1..) => {
            let all = format!("{micros:06}");
            format!(".{}", &all[..usize::from(digits).min(all.len())])
        }
        _ => String::new(),
    }
}

/// Every digit of a number beyond `i64`.
fn whole(number: u64) -> Cell {
    i64::try_from(number).map_or_else(|_| Cell::Decimal(number.to_string().into()), Cell::Int)
}

/// A cell the server has written out.
fn written(shape: Shape, bytes: Vec<u8>) -> Cell {
    match shape {
        Shape::Bytes => return Cell::Bytes(bytes.into()),
        Shape::Bits => return bits(bytes),
        Shape::Geometry => return Cell::Text(geometry::text(&bytes)),
        _ => {}
    }
    // The session asks for UTF-8; a server that sends something else is shown as far as it can be read.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let read = match shape {
        Shape::Int => text
            .parse::<i64>()
            .map(Cell::Int)
            .or_else(|_| text.parse::<u64>().map(whole))
            .ok(),
        Shape::Float => text.parse::<f64>().map(Cell::Float).ok(),
        Shape::Decimal => return Cell::Decimal(text.into()),
        Shape::Date => iso::any_date(&text).map(Cell::Date),
        Shape::Timestamp(_) => iso::any_timestamp(&text).map(Cell::Timestamp),
        Shape::Time(_) => iso::any_time(&text).map(Cell::Time),
        Shape::Json if text.len() <= MAX_JSON_BYTES => {
            serde_json::from_str(&text).map(Cell::Json).ok()
        }
        _ => None,
    };
    read.unwrap_or(Cell::Text(text))
}

/// BIT(1) to BIT(64), sent as bytes with the highest first.
fn bits(bytes: Vec<u8>) -> Cell {
    if bytes.len() > size_of::<u64>() {
        return Cell::Bytes(bytes.into());
    }
    whole(
        bytes
            .iter()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}
