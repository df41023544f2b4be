//! Cells from the server's text form, by the type the column was prepared with.

use chrono::DateTime;
use tidegate_schema::model::{Cell, CellKind};
use tokio_postgres::types::{Kind, Type};

use crate::drivers::{MAX_JSON_BYTES, iso};

/// Reads one non-null cell.
pub(super) type Reader = fn(&str) -> Cell;

/// The kind of a column, and how to read its cells.
///
/// What has no reader of its own is shown as the server writes it: intervals, arrays, ranges, enums, addresses,
/// geometry, and whatever an extension brings.
pub(super) fn reader(kind: &Type) -> (CellKind, Reader) {
    let base = match kind.kind() {
        Kind::Domain(base) => base,
        _ => kind,
    };
    match *base {
        Type::BOOL => (CellKind::Bool, |text| Cell::Bool(text == "t")),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
            (CellKind::Int, |text| parsed(text, Cell::Int))
        }
        Type::FLOAT4 => (CellKind::Float, float4),
        Type::FLOAT8 => (CellKind::Float, |text| parsed(text, Cell::Float)),
        Type::NUMERIC => (CellKind::Decimal, numeric),
        Type::DATE => (CellKind::Date, date),
        Type::TIME => (CellKind::Time, time),
        Type::TIMESTAMP => (CellKind::Timestamp, timestamp),
        Type::TIMESTAMPTZ => (CellKind::Timestamp, timestamp_with_zone),
        Type::BYTEA => (CellKind::Bytes, bytes),
        Type::JSON | Type::JSONB => (CellKind::Json, document),
        _ => (CellKind::Text, |text| Cell::Text(text.to_owned())),
    }
}

/// The value if it could be read; the server's own words (`infinity`, `0044-03-15 BC`) if not.
fn from<T>(text: &str, read: Option<T>, cell: fn(T) -> Cell) -> Cell {
    read.map_or_else(|| Cell::Text(text.to_owned()), cell)
}

fn parsed<T: std::str::FromStr>(text: &str, cell: fn(T) -> Cell) -> Cell {
    from(text, text.parse().ok(), cell)
}

/// Widened by its shortest decimal form: 0.1 stays 0.1 and does not become 0.10000000149011612.
fn float4(text: &str) -> Cell {
    parsed(text, Cell::Float)
}

/// Every digit and the scale stay. NaN and the infinities are floats, as no decimal can say them.
fn numeric(text: &str) -> Cell {
    match text {
        "NaN" => Cell::Float(f64::NAN),
        "Infinity" => Cell::Float(f64::INFINITY),
        "-Infinity" => Cell::Float(f64::NEG_INFINITY),
        digits => Cell::Decimal(digits.into()),
    }
}

fn date(text: &str) -> Cell {
    from(text, iso::any_date(text), Cell::Date)
}

fn time(text: &str) -> Cell {
    from(text, iso::any_time(text), Cell::Time)
}

fn timestamp(text: &str) -> Cell {
    from(text, iso::any_timestamp(text), Cell::Timestamp)
}

/// `2024-02-29 12:00:00.5+01`, in the session's zone; old ones have offsets with seconds and stay text.
fn timestamp_with_zone(text: &str) -> Cell {
    if let Some(at) = text.strip_suffix("+00").and_then(iso::timestamp) {
        return Cell::TimestampTz(at.and_utc().fixed_offset());
    }
    from(
        text,
        DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok(),
        Cell::TimestampTz,
    )
}

pub(super) fn document(text: &str) -> Cell {
    if text.len() > MAX_JSON_BYTES {
        return Cell::Text(text.to_owned());
    }
    from(text, serde_json::from_str(text).ok(), Cell::Json)
}

fn bytes(text: &str) -> Cell {
    let read = text.strip_prefix("\\x").map(hex::decode);
    match read {
        Some(Ok(bytes)) => Cell::Bytes(bytes.into()),
        _ => Cell::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &Type, text: &str) -> Cell {
        reader(kind).1(text)
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(
            read(&Type::INT8, "9223372036854775807"),
            Cell::Int(i64::MAX)
        );
        assert_eq!(
            read(&Type::NUMERIC, "12.500"),
            Cell::Decimal("12.500".into())
        );
        assert_eq!(read(&Type::FLOAT4, "0.1"), Cell::Float(0.1));
        assert_eq!(
            read(&Type::FLOAT8, "-Infinity"),
            Cell::Float(f64::NEG_INFINITY)
        );
        assert!(matches!(read(&Type::NUMERIC, "NaN"), Cell::Float(number) if number.is_nan()));
    }

    #[test]
    fn times_are_read_or_left_as_written() {
        let zoned = read(&Type::TIMESTAMPTZ, "2024-02-29 12:00:00.5+01");
        assert_eq!(
            zoned.to_text().as_deref(),
            Some("2024-02-29T12:00:00.500+01:00")
        );
        let half = read(&Type::TIMESTAMPTZ, "2024-02-29 12:00:00-03:30");
        assert_eq!(half.to_text().as_deref(), Some("2024-02-29T12:00:00-03:30"));
        assert_eq!(read(&Type::DATE, "infinity"), Cell::Text("infinity".into()));
        assert_eq!(
            read(&Type::DATE, "0044-03-15 BC"),
            Cell::Text("0044-03-15 BC".into())
        );
        assert_eq!(
            read(&Type::TIMESTAMP, "2024-01-01 00:00:00")
                .to_text()
                .as_deref(),
            Some("2024-01-01T00:00:00")
        );
    }

    #[test]
    fn bytes_and_documents() {
        assert_eq!(read(&Type::BYTEA, "\\x00ff"), Cell::Bytes([0, 255].into()));
        assert_eq!(
            read(&Type::JSONB, "{\"a\": [1]}"),
            Cell::Json(serde_json::json!({"a": [1]}).into())
        );
        assert_eq!(read(&Type::INT4_ARRAY, "{1,2}"), Cell::Text("{1,2}".into()));
        let long = format!("[{}1]", "1,".repeat(MAX_JSON_BYTES / 2));
        assert_eq!(read(&Type::JSON, &long), Cell::Text(long.clone()));
    }
}
