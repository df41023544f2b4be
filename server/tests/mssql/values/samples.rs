//! A value of every type, as the protocol has it and as it is shown.

use chrono::NaiveDate;
use tidegate_schema::model::CellKind;

use crate::tokens::{self, kind, value};

/// One column: its name, its type, a value of it, its kind, and what is shown.
pub(super) type Sample = (&'static str, Vec<u8>, Vec<u8>, CellKind, &'static str);

/// 29 February 2024 as days since the first day of a year.
fn days_since(year: i32) -> i32 {
    let day = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day");
    let first = NaiveDate::from_ymd_opt(year, 1, 1).expect("a day");
    i32::try_from((day - first).num_days()).expect("few days")
}

fn date() -> Vec<u8> {
    days_since(1).to_le_bytes()[..3].to_vec()
}

/// 10:30:00.1234567 in steps of 100 ns.
fn clock() -> Vec<u8> {
    let steps = (10 * 3600 + 30 * 60) * 10_000_000 + 1_234_567_u64;
    steps.to_le_bytes()[..5].to_vec()
}

fn datetime() -> Vec<u8> {
    let ticks = (12 * 3600 + 34 * 60 + 56) * 300 + 299_u32;
    [days_since(1900).to_le_bytes(), ticks.to_le_bytes()].concat()
}

fn small_datetime() -> Vec<u8> {
    let days = u16::try_from(days_since(1900)).expect("few days");
    let minutes = 12 * 60 + 34_u16;
    [days.to_le_bytes(), minutes.to_le_bytes()].concat()
}

fn numbers() -> Vec<Sample> {
    use CellKind::{Bool, Decimal, Float, Int};
    use value::short;

    let wide = 12_345_678_901_234_567_890_123_456_789_012_345_678;
    vec![
        ("bit", kind::BIT_OR_NULL.to_vec(), short(&[1]), Bool, "true"),
        ("tinyint", kind::int_or_null(1), short(&[255]), Int, "255"),
        (
            "smallint",
            kind::int_or_null(2),
            short(&i16::MIN.to_le_bytes()),
            Int,
            "-32768",
        ),
        (
            "int",
            kind::int_or_null(4),
            short(&(-7_i32).to_le_bytes()),
            Int,
            "-7",
        ),
        (
            "bigint",
            kind::int_or_null(8),
            short(&i64::MAX.to_le_bytes()),
            Int,
            "9223372036854775807",
        ),
        (
            "real",
            kind::float_or_null(4),
            short(&0.1_f32.to_le_bytes()),
            Float,
            "0.1",
        ),
        (
            "float",
            kind::float_or_null(8),
            short(&2.5e-3_f64.to_le_bytes()),
            Float,
            "0.0025",
        ),
        (
            "decimal",
            kind::decimal(38, 6),
            value::decimal(wide),
            Decimal,
            "12345678901234567890123456789012.345678",
        ),
        (
            "negative",
            kind::decimal(5, 3),
            value::decimal(-5),
            Decimal,
            "-0.005",
        ),
        (
            "money",
            kind::money_or_null(8),
            value::money(-125_000),
            Decimal,
            "-12.5000",
        ),
        (
            "smallmoney",
            kind::money_or_null(4),
            short(&i32::MAX.to_le_bytes()),
            Decimal,
            "214748.3647",
        ),
    ]
}

fn times() -> Vec<Sample> {
    use CellKind::{Date, Time, Timestamp};
    use value::short;

    let zone = 330_i16.to_le_bytes().to_vec();
    vec![
        (
            "date",
            kind::DATE.to_vec(),
            short(&date()),
            Date,
            "2024-02-29",
        ),
        (
            "time",
            kind::timed(0x29, 7),
            short(&clock()),
            Time,
            "10:30:00.123456700",
        ),
        (
            "datetime",
            kind::datetime_or_null(8),
            short(&datetime()),
            Timestamp,
            "2024-02-29T12:34:56.997",
        ),
        (
            "smalldatetime",
            kind::datetime_or_null(4),
            short(&small_datetime()),
            Timestamp,
            "2024-02-29T12:34:00",
        ),
        (
            "datetime2",
            kind::timed(0x2a, 7),
            short(&[clock(), date()].concat()),
            Timestamp,
            "2024-02-29T10:30:00.123456700",
        ),
        (
            "datetimeoffset",
            kind::timed(0x2b, 7),
            short(&[clock(), date(), zone].concat()),
            Timestamp,
            "2024-02-29T16:00:00.123456700+05:30",
        ),
    ]
}

fn texts_and_bytes() -> Vec<Sample> {
    use CellKind::{Bytes, Text, Unknown};
    use tokens::utf16;
    use value::{bounded, old_large, pieces, variant};

    let guid = [
        0x99, 0xbc, 0xee, 0xa0, 0x0b, 0x9c, 0xf8, 0x4e, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a,
        0x11,
    ];
    // Collation and length come with a text in a variant.
    let latin = [0x09, 0x04, 0xd0, 0x00, 0x34, 0x28, 0x00];
    let code_page = [b"caf".as_slice(), &[0xe9]].concat();
    vec![
        (
            "uniqueidentifier",
            kind::GUID.to_vec(),
            value::short(&guid),
            Text,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        ),
        (
            "varchar",
            kind::varchar(40),
            bounded(&code_page),
            Text,
            "café",
        ),
        (
            "nvarchar",
            kind::nvarchar(40),
            bounded(&utf16("Åse 日本 🦀")),
            Text,
            "Åse 日本 🦀",
        ),
        (
            "nchar",
            kind::nchar(8),
            bounded(&utf16("ab  ")),
            Text,
            "ab  ",
        ),
        (
            "nvarchar(max)",
            kind::nvarchar(0xffff),
            pieces(&utf16("long")),
            Text,
            "long",
        ),
        ("empty", kind::nvarchar(40), bounded(&[]), Text, ""),
        ("empty max", kind::nvarchar(0xffff), pieces(&[]), Text, ""),
        (
            "text",
            kind::old_large(0x23),
            old_large(&code_page),
            Text,
            "café",
        ),
        (
            "ntext",
            kind::old_large(0x63),
            old_large(&utf16("日本")),
            Text,
            "日本",
        ),
        (
            "xml",
            kind::XML.to_vec(),
            pieces(&utf16("<a>1</a>")),
            Text,
            "<a>1</a>",
        ),
        (
            "varbinary",
            kind::varbinary(8),
            bounded(&[0, 0xff]),
            Bytes,
            "0x00ff",
        ),
        (
            "varbinary(max)",
            kind::varbinary(0xffff),
            pieces(&[1, 2, 3]),
            Bytes,
            "0x010203",
        ),
        (
            "image",
            kind::old_large(0x22),
            old_large(&[9]),
            Bytes,
            "0x09",
        ),
        (
            "geometry",
            kind::made("geometry"),
            pieces(&[0xe6, 0x10]),
            Bytes,
            "0xe610",
        ),
        (
            "variant of int",
            kind::VARIANT.to_vec(),
            variant(0x38, &[], &5_i32.to_le_bytes()),
            Unknown,
            "5",
        ),
        (
            "variant of nvarchar",
            kind::VARIANT.to_vec(),
            variant(0xe7, &latin, &utf16("five")),
            Unknown,
            "five",
        ),
        (
            "variant of date",
            kind::VARIANT.to_vec(),
            variant(0x28, &[], &date()),
            Unknown,
            "2024-02-29",
        ),
    ]
}

/// Every one of them.
pub(super) fn all() -> Vec<Sample> {
    [numbers(), times(), texts_and_bytes()].concat()
}
