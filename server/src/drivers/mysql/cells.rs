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

/// The cells of a row.
pub(super) fn row(shapes: &[Shape], row: Row) -> Vec<Cell> {
    let values = row.unwrap_raw().into_iter();
    values
        .zip(shapes)
        .map(|(value, shape)| value.map_or(Cell::Null, |value| cell(*shape, value)))
        .collect()
}

/// The cells of a row as the server writes them, `None` for NULL.
pub(super) fn texts(row: Row) -> Vec<Option<String>> {
    let values = row.unwrap_raw().into_iter();
    values
        .map(|value| cell(Shape::Text, value.unwrap_or(Value::NULL)).to_text())
        .collect()
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
            let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
            let time =
                NaiveTime::from_hms_micro_opt(hour.into(), minute.into(), second.into(), micros);
            let as_sent = || format!("{year:04}-{month:02}-{day:02}");
            match (shape, date, time) {
                (Shape::Date, Some(date), _) => Cell::Date(date),
                // 0000-00-00 and 2024-02-00, which no calendar has.
                (Shape::Date, None, _) => Cell::Text(as_sent()),
                (_, Some(date), Some(time)) => Cell::Timestamp(date.and_time(time)),
                _ => Cell::Text(format!(
                    "{} {hour:02}:{minute:02}:{second:02}{}",
                    as_sent(),
                    fraction(shape, micros)
                )),
            }
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let all_hours = u64::from(days) * 24 + u64::from(hours);
            let of_day = u32::try_from(all_hours).ok().and_then(|hours| {
                NaiveTime::from_hms_micro_opt(hours, minutes.into(), seconds.into(), micros)
            });
            match of_day {
                Some(time) if !negative => Cell::Time(time),
                // TIME is a length as well: up to 838 hours, both ways.
                _ => Cell::Text(format!(
                    "{}{all_hours:02}:{minutes:02}:{seconds:02}{}",
                    if negative { "-" } else { "" },
                    fraction(shape, micros)
                )),
            }
        }
    }
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
    i64::try_from(number).map_or_else(|_| Cell::Decimal(number.to_string()), Cell::Int)
}

/// A cell the server has written out.
fn written(shape: Shape, bytes: Vec<u8>) -> Cell {
    match shape {
        Shape::Bytes => return Cell::Bytes(bytes),
        Shape::Bits => return bits(bytes),
        Shape::Geometry => return Cell::Text(geometry::text(&bytes)),
        _ => {}
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // The session asks for UTF-8; a server that sends something else is shown as far as it can be read.
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    let read = match shape {
        Shape::Int => text
            .parse::<i64>()
            .map(Cell::Int)
            .or_else(|_| text.parse::<u64>().map(whole))
            .ok(),
        Shape::Float => text.parse::<f64>().map(Cell::Float).ok(),
        Shape::Decimal => return Cell::Decimal(text),
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
        return Cell::Bytes(bytes);
    }
    whole(
        bytes
            .iter()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}
