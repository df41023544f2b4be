//! Cells from the fields of a tab-separated line, by the type of their column.

use std::borrow::Cow;

use tidegate_schema::model::Cell;

use super::{
    nested,
    types::{Shape, Type},
};
use crate::drivers::{MAX_JSON_BYTES, iso};

/// How NULL is written; a text of these two signs has its backslash doubled.
const NULL: &[u8] = b"\\N";

/// Reads one field, as it stands between tabs.
///
/// What does not read as its type says (`0000-00-00`, a time beyond a day) stays text as the server writes it, and
/// text that is no UTF-8 becomes bytes.
pub(super) fn cell(kind: &Type, field: &[u8]) -> Cell {
    if field == NULL {
        return Cell::Null;
    }
    match kind.shape {
        // Their strings are escaped once, within their quotes; the field itself is not escaped again.
        Shape::Array(_) | Shape::Tuple(_) | Shape::Map(..) => nested::read(kind, field)
            .map_or_else(
                || Cell::Text(String::from_utf8_lossy(field).into_owned()),
                |document| Cell::Json(document.into()),
            ),
        Shape::State => Cell::Bytes(unescape(field).into()),
        Shape::FixedText => text(without_fill(unescape(field))),
        _ => match unescape(field) {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(words) => written(&kind.shape, Cow::Borrowed(words)),
                Err(_) => Cell::Bytes(bytes.into()),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(words) => written(&kind.shape, Cow::Owned(words)),
                Err(error) => Cell::Bytes(error.into_bytes().into()),
            },
        },
    }
}

/// Copies the words only where they are the cell.
fn written(shape: &Shape, words: Cow<'_, str>) -> Cell {
    let read = match shape {
        Shape::Bool => match &*words {
            "true" | "1" => Some(Cell::Bool(true)),
            "false" | "0" => Some(Cell::Bool(false)),
            _ => None,
        },
        Shape::Int => words
            .parse()
            .ok()
            .map(Cell::Int)
            .or_else(|| is_whole(&words).then(|| Cell::Decimal(words.to_string().into()))),
        Shape::WideInt => is_whole(&words).then(|| Cell::Decimal(words.to_string().into())),
        Shape::Float => words.parse().ok().map(Cell::Float),
        Shape::Decimal { scale } => {
            decimal(&words, *scale).map(|digits| Cell::Decimal(digits.into()))
        }
        Shape::Date => iso::any_date(&words).map(Cell::Date),
        Shape::Time => iso::any_time(&words).map(Cell::Time),
        Shape::Timestamp { utc } => timestamp(&words, *utc),
        Shape::Json if words.len() <= MAX_JSON_BYTES => {
            serde_json::from_str(&words).ok().map(Cell::Json)
        }
        _ => None,
    };
    read.unwrap_or_else(|| Cell::Text(words.into_owned()))
}

fn timestamp(words: &str, utc: bool) -> Option<Cell> {
    let at = iso::any_timestamp(words)?;
    Some(if utc {
        Cell::TimestampTz(at.and_utc().fixed_offset())
    } else {
        Cell::Timestamp(at)
    })
}

/// A decimal with all the digits of its scale: newer servers leave out zeros at the end.
pub(super) fn decimal(words: &str, scale: usize) -> Option<String> {
    let (whole, part) = words.split_once('.').unwrap_or((words, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole(whole) || !digits(part) {
        return None;
    }
    let filled = scale.max(part.len());
    Some(if filled == 0 {
        whole.to_owned()
    } else {
        let mut text = String::with_capacity(whole.len() + 1 + filled);
        text.push_str(whole);
        text.push('.');
        text.push_str(part);
        text.extend(std::iter::repeat_n('0', filled - part.len()));
        text
    })
}

/// Digits, perhaps behind a minus.
fn is_whole(words: &str) -> bool {
    let digits = words.strip_prefix('-').unwrap_or(words);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn text(bytes: Cow<'_, [u8]>) -> Cell {
    String::from_utf8(bytes.into_owned())
        .map_or_else(|error| Cell::Bytes(error.into_bytes().into()), Cell::Text)
}

/// A fixed string without the NULs it was filled up with, if it is text at all: a hash keeps every byte.
fn without_fill(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    if end == bytes.len() || bytes[..end].contains(&0) || std::str::from_utf8(&bytes).is_err() {
        return bytes;
    }
    Cow::Owned(bytes[..end].to_vec())
}

/// What stood in a text before it was escaped.
pub(super) fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', field) else {
        return Cow::Borrowed(field);
    };
    let mut done = Vec::with_capacity(field.len());
    done.extend_from_slice(&field[..first]);
    let mut rest = &field[first..];
    while let [b'\\', after @ ..] = rest {
        let Some((sign, after)) = after.split_first() else {
            done.push(b'\\');
            break;
        };
        done.push(match sign {
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'0' => 0,
            b'a' => 7,
            b'v' => 11,
            other => *other,
        });
        let next = memchr::memchr(b'\\', after).unwrap_or(after.len());
        done.extend_from_slice(&after[..next]);
        rest = &after[next..];
    }
    Cow::Owned(done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, field: &str) -> Cell {
        cell(&Type::parse(kind), field.as_bytes())
    }

    fn shown(kind: &str, field: &str) -> String {
        read(kind, field).to_text().unwrap_or_else(|| "NULL".into())
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(read("Int64", "-9223372036854775808"), Cell::Int(i64::MIN));
        assert_eq!(
            read("UInt64", "18446744073709551615"),
            Cell::Decimal("18446744073709551615".into())
        );
        assert_eq!(read("UInt64", "7"), Cell::Int(7));
        assert_eq!(read("Int256", "-1"), Cell::Decimal("-1".into()));
        assert_eq!(read("Float32", "0.1"), Cell::Float(0.1));
        assert_eq!(read("Float64", "1e-300"), Cell::Float(1e-300));
        assert_eq!(read("Float64", "-inf"), Cell::Float(f64::NEG_INFINITY));
        assert!(matches!(read("Float64", "nan"), Cell::Float(number) if number.is_nan()));
        for (name, field, expected) in [
            ("Decimal(9, 2)", "12.5", "12.50"),
            ("Decimal(9, 2)", "-0.50", "-0.50"),
            ("Decimal(9, 2)", "7", "7.00"),
            ("Decimal(9, 0)", "7", "7"),
            (
                "Decimal(76, 2)",
                "99999999999999999999999999999999999999.01",
                "99999999999999999999999999999999999999.01",
            ),
        ] {
            assert_eq!(read(name, field), Cell::Decimal(expected.into()), "{name}");
        }
        assert_eq!(read("Bool", "true"), Cell::Bool(true));
        assert_eq!(read("Bool", "ja"), Cell::Text("ja".into()));
    }

    #[test]
    fn times_are_read_or_left_as_written() {
        for (kind, field, expected) in [
            ("Date", "2024-02-29", "2024-02-29"),
            ("Date", "0000-00-00", "0000-00-00"),
            ("Date32", "1900-01-01", "1900-01-01"),
            ("DateTime", "2024-02-29 12:00:00", "2024-02-29T12:00:00"),
            ("DateTime", "0000-00-00 00:00:00", "0000-00-00 00:00:00"),
            (
                "DateTime('UTC')",
                "2024-02-29 12:00:00",
                "2024-02-29T12:00:00+00:00",
            ),
            (
                "DateTime64(6, 'Europe/Oslo')",
                "2024-02-29 12:00:00.000125",
                "2024-02-29T12:00:00.000125",
            ),
            ("Time", "12:34:56", "12:34:56"),
            ("Time64(3)", "-999:59:59.999", "-999:59:59.999"),
        ] {
            assert_eq!(shown(kind, field), expected, "{kind}");
        }
        assert!(matches!(read("Date", "0000-00-00"), Cell::Text(_)));
        assert!(matches!(
            read("DateTime('UTC')", "2024-02-29 12:00:00"),
            Cell::TimestampTz(_)
        ));
    }

    #[test]
    fn text_is_unescaped_and_null_is_told_from_it() {
        assert_eq!(read("Nullable(String)", r"\N"), Cell::Null);
        assert_eq!(read("Nullable(String)", r"\\N"), Cell::Text(r"\N".into()));
        assert_eq!(read("Nullable(String)", ""), Cell::Text(String::new()));
        assert_eq!(
            read("String", r"a\tb\nc\\d\'e\0f\bg\rh"),
            Cell::Text("a\tb\nc\\d'e\0f\u{8}g\rh".into())
        );
        assert_eq!(read("String", "Åse \\"), Cell::Text("Åse \\".into()));
        assert_eq!(
            cell(&Type::parse("String"), b"\xff\\0"),
            Cell::Bytes([255, 0].into())
        );
        assert_eq!(read("FixedString(4)", r"ab\0\0"), Cell::Text("ab".into()));
        assert_eq!(read("FixedString(2)", r"\0\0"), Cell::Text(String::new()));
        assert_eq!(read("FixedString(3)", r"a\0b"), Cell::Text("a\0b".into()));
        assert_eq!(
            cell(&Type::parse("FixedString(3)"), b"\xfe\\0\\0"),
            Cell::Bytes([254, 0, 0].into())
        );
        assert_eq!(
            cell(&Type::parse("AggregateFunction(sum, UInt8)"), b"\\0\x07"),
            Cell::Bytes([0, 7].into())
        );
        let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        assert_eq!(read("UUID", uuid), Cell::Text(uuid.into()));
        assert_eq!(read("Enum8('a' = 1)", "a"), Cell::Text("a".into()));
        assert_eq!(read("Point", "(1,2)"), Cell::Text("(1,2)".into()));
    }

    #[test]
    fn documents_are_read_unless_they_are_long() {
        let field = r#"{"a":[1,"it\'s"]}"#;
        assert_eq!(
            read("JSON", field),
            Cell::Json(json!({"a": [1, "it's"]}).into())
        );
        let long = format!("[{}1]", "1,".repeat(MAX_JSON_BYTES / 2));
        assert_eq!(read("JSON", &long), Cell::Text(long.clone()));
        assert_eq!(read("Array(UInt8)", &long), Cell::Text(long.clone()));
        assert_eq!(read("JSON", "{"), Cell::Text("{".into()));
    }
}
