//! A stored value as a cell of its column's kind.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use rusqlite::types::ValueRef;
use tidegate_schema::model::{Cell, CellKind};

use crate::drivers::{MAX_JSON_BYTES, iso};

/// A stored value, read as the column's kind where it fits and as what it is where it does not.
pub(super) fn cell(kind: CellKind, value: ValueRef<'_>) -> Cell {
    match (kind, value) {
        (_, ValueRef::Null) => Cell::Null,
        (CellKind::Bool, ValueRef::Integer(number @ (0 | 1))) => Cell::Bool(number == 1),
        (CellKind::Decimal, ValueRef::Integer(number)) => Cell::Decimal(number.to_string().into()),
        // Rust prints a float with the fewest digits that read back the same, and never with an exponent.
        (CellKind::Decimal, ValueRef::Real(number)) if number.is_finite() => {
            let digits = short_decimal(number).unwrap_or_else(|| number.to_string());
            Cell::Decimal(digits.into())
        }
        (_, ValueRef::Integer(number)) => Cell::Int(number),
        (_, ValueRef::Real(number)) => Cell::Float(number),
        (_, ValueRef::Blob(bytes)) => Cell::Bytes(bytes.into()),
        (kind, ValueRef::Text(bytes)) => {
            // Much faster than a lossy reading, which looks at one byte at a time.
            let text = std::str::from_utf8(bytes)
                .map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
            typed_text(kind, &text).unwrap_or_else(|| Cell::Text(text.into_owned()))
        }
    }
}

/// Text in the spellings SQLite's own date functions write and read.
fn typed_text(kind: CellKind, text: &str) -> Option<Cell> {
    match kind {
        CellKind::Date => iso::any_date(text).map(Cell::Date),
        CellKind::Time => iso::any_time(text)
            .or_else(|| NaiveTime::parse_from_str(text, "%H:%M").ok())
            .map(Cell::Time),
        CellKind::Timestamp => timestamp(text),
        CellKind::Decimal => is_plain_decimal(text).then(|| Cell::Decimal(text.into())),
        CellKind::Json if text.len() <= MAX_JSON_BYTES => {
            serde_json::from_str(text).ok().map(Cell::Json)
        }
        _ => None,
    }
}

fn timestamp(text: &str) -> Option<Cell> {
    const PLAIN: [&str; 4] = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ];
    // A bare day in a timestamp column is midnight to SQLite's own functions.
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN);
    if let Some(at) = iso::timestamp(text).or_else(|| iso::date(text).map(midnight)) {
        return Some(Cell::Timestamp(at));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Cell::TimestampTz(at));
    }
    if let Some(at) = PLAIN
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    {
        return Some(Cell::Timestamp(at));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(Cell::Timestamp(midnight(day)))
}

/// A number of at most four decimal places and fifteen digits, as `to_string` writes it and several times faster: no
/// two decimals so short are the same float, so the one that reads back is the shortest.
fn short_decimal(number: f64) -> Option<String> {
    const PLACES: usize = 4;
    const SCALE: u64 = 10_000;

    let scaled = (number * SCALE as f64).round();
    // Zero may have a sign.
    if scaled == 0.0 || scaled.abs() >= 1e15 || scaled / SCALE as f64 != number {
        return None;
    }
    let units = scaled.abs() as u64;
    let (whole, part) = (units / SCALE, units % SCALE);
    // Every digit that there may be: a sign, eleven, a point, four.
    let mut text = String::with_capacity(20);
    if number < 0.0 {
        text.push('-');
    }
    push_digits(&mut text, whole, 1);
    if part > 0 {
        text.push('.');
        push_digits(&mut text, part, PLACES);
        text.truncate(text.trim_end_matches('0').len());
    }
    Some(text)
}

/// Writes a number of at most eleven digits, filled up with zeros to so many.
fn push_digits(text: &mut String, mut number: u64, least: usize) {
    let (mut digits, mut count) = ([b'0'; 11], 0);
    while number > 0 && count < digits.len() {
        digits[count] = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
    }
    for digit in digits[..count.max(least)].iter().rev() {
        text.push(char::from(*digit));
    }
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().is_some_and(all_digits) && parts.next().is_none_or(all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_stays_what_it_is() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        assert_eq!(
            cell(CellKind::Date, text("soon")),
            Cell::Text("soon".into())
        );
        assert_eq!(cell(CellKind::Bool, ValueRef::Integer(7)), Cell::Int(7));
        assert_eq!(
            cell(CellKind::Decimal, text("1e5")),
            Cell::Text("1e5".into())
        );
        assert_eq!(cell(CellKind::Json, text("{")), Cell::Text("{".into()));
        assert_eq!(
            cell(CellKind::Decimal, text("0.10")),
            Cell::Decimal("0.10".into())
        );
        assert_eq!(
            cell(CellKind::Decimal, ValueRef::Real(1e20)),
            Cell::Decimal(("1".to_owned() + &"0".repeat(20)).into())
        );
        for (written, zoned) in [
            ("2024-02-29T12:00:00Z", true),
            ("2024-02-29T12:00:00", false),
        ] {
            let read = cell(CellKind::Timestamp, text(written));
            assert_eq!(matches!(read, Cell::TimestampTz(_)), zoned, "{read:?}");
        }
        let noon = NaiveDate::from_ymd_opt(2024, 2, 29).and_then(|day| day.and_hms_opt(12, 0, 0));
        assert_eq!(
            cell(CellKind::Timestamp, text("2024-02-29 12:00")),
            noon.map_or(Cell::Null, Cell::Timestamp)
        );
    }

    #[test]
    fn short_decimals_are_written_as_any_float_is() {
        let mut numbers = vec![
            0.0,
            -0.0,
            1e15,
            1e20,
            99_999_999_999.999_9,
            123_456_789_012.5,
            0.0001,
            0.00005,
            5e-324,
            0.1 + 0.2,
            f64::MIN,
        ];
        numbers.extend((-30_000..30_000).map(|n| f64::from(n) / 100.0));
        numbers.extend((1..20_000).map(|n| f64::from(n) * 7_919.0 / 10_000.0));
        numbers.extend((1..20_000).map(|n| f64::from(n) / 7.0));
        for number in numbers {
            if let Some(text) = short_decimal(number) {
                assert_eq!(text, number.to_string());
            }
        }
        for (number, text) in [
            (1234.5, "1234.5"),
            (-0.05, "-0.05"),
            (10.0, "10"),
            (70.0301, "70.0301"),
        ] {
            assert_eq!(short_decimal(number).as_deref(), Some(text));
        }
        assert_eq!(short_decimal(1.0 / 3.0), None);
        assert_eq!(short_decimal(-0.0), None);
    }
}
