//! Values and error texts, without a server; the driver itself is tried on a real one by the shared suite.

use std::{io, time::Duration};

use mysql_async::{
    Column, DriverError, Error as Said, IoError, ServerError, Value,
    consts::{ColumnFlags, ColumnType},
};
use tidegate_schema::{
    Error,
    model::{Cell, CellKind},
};

use super::{
    cells::{Shape, cell, describe, shape},
    failure::{Act, Line, Place, is_too_large},
};

const LIMIT: Duration = Duration::from_secs(3);
const BINARY: u16 = 63;
const UTF8MB4: u16 = 45;

fn place() -> Place {
    Place {
        name: "shop".into(),
        address: "db.example:3306".into(),
        password: "s3cret-word".into(),
    }
}

fn server(code: u16, message: &str) -> Said {
    Said::Server(ServerError {
        code,
        message: message.into(),
        state: "28000".into(),
    })
}

fn io(kind: io::ErrorKind, message: &str) -> Said {
    Said::Io(IoError::Io(io::Error::new(kind, message.to_owned())))
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.into())
}

fn text_of(cell: &Cell) -> String {
    cell.to_text().unwrap_or_default()
}

#[test]
fn a_refusal_names_the_place_the_reason_and_the_remedy_and_never_the_password() {
    for (act, said, parts) in [
        (
            Act::Connecting,
            server(1045, "Access denied for user 'a'@'b' (using s3cret-word)"),
            vec![
                "Access denied",
                "error 1045",
                "28000",
                "check user and password",
            ],
        ),
        (
            Act::Connecting,
            server(1049, "Unknown database 'x'"),
            vec!["Unknown database", "create the database"],
        ),
        (
            Act::Connecting,
            io(io::ErrorKind::ConnectionRefused, "Connection refused"),
            vec![
                "db.example:3306",
                "Connection refused",
                "check host and port",
            ],
        ),
        (
            Act::Connecting,
            Said::Driver(DriverError::PacketOutOfOrder),
            vec!["is no MySQL server", "check the port"],
        ),
        (
            Act::Running,
            io(io::ErrorKind::UnexpectedEof, "connection closed"),
            vec!["lost", "connection closed", "run the query again"],
        ),
        (
            Act::Running,
            server(
                1064,
                "You have an error in your SQL syntax near 'x' at line 1",
            ),
            vec!["near 'x' at line 1", "error 1064"],
        ),
    ] {
        let error = place().failed(act, LIMIT, &said).error;
        assert!(matches!(error, Error::Upstream { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("shop: "), "{text}");
        assert!(!text.contains("s3cret-word"), "{text}");
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn the_servers_clock_and_its_read_only_session_have_their_own_kinds() {
    for code in [1969, 3024] {
        let failed = place().failed(Act::Running, LIMIT, &server(code, "exceeded"));
        assert!(
            matches!(failed.error, Error::Timeout { limit, .. } if limit == LIMIT),
            "{:?}",
            failed.error
        );
        assert_eq!(failed.line, Line::Whole);
    }
    let failed = place().failed(Act::Running, LIMIT, &server(1792, "Cannot execute"));
    assert!(
        matches!(failed.error, Error::Forbidden { .. }),
        "{:?}",
        failed.error
    );
}

#[test]
fn what_is_left_of_a_connection_is_known() {
    let line = |said: &Said| place().failed(Act::Running, LIMIT, said).line;
    assert_eq!(line(&server(1064, "syntax")), Line::Whole);
    assert_eq!(line(&server(1053, "shutdown")), Line::Lost);
    assert_eq!(line(&io(io::ErrorKind::BrokenPipe, "broken")), Line::Lost);
}

#[test]
fn a_row_that_is_too_large_is_told_from_a_lost_connection() {
    let large = io(
        io::ErrorKind::Other,
        "Packet is larger than max_allowed_packet",
    );
    assert!(is_too_large(&large));
    assert!(!is_too_large(&io(io::ErrorKind::BrokenPipe, "broken pipe")));
}

#[test]
fn numbers_keep_their_digits_in_both_forms() {
    for value in [Value::Int(i64::MIN), bytes("-9223372036854775808")] {
        assert_eq!(cell(Shape::Int, value), Cell::Int(i64::MIN));
    }
    for value in [Value::UInt(u64::MAX), bytes("18446744073709551615")] {
        assert_eq!(
            cell(Shape::Int, value),
            Cell::Decimal("18446744073709551615".into())
        );
    }
    assert_eq!(
        cell(Shape::Decimal, bytes("12345678901234567890.1200")),
        Cell::Decimal("12345678901234567890.1200".into())
    );
    assert_eq!(cell(Shape::Float, Value::Float(0.1)), Cell::Float(0.1));
    assert_eq!(
        cell(Shape::Float, Value::Double(-1e300)),
        Cell::Float(-1e300)
    );
    assert_eq!(cell(Shape::Float, bytes("1.5e10")), Cell::Float(1.5e10));
    assert_eq!(cell(Shape::Int, Value::NULL), Cell::Null);
}

#[test]
fn bits_are_numbers() {
    assert_eq!(cell(Shape::Bits, Value::Bytes(vec![1])), Cell::Int(1));
    assert_eq!(cell(Shape::Bits, Value::Bytes(vec![2, 1])), Cell::Int(513));
    assert_eq!(
        cell(Shape::Bits, Value::Bytes(vec![255; 8])),
        Cell::Decimal(u64::MAX.to_string().into())
    );
}

#[test]
fn days_and_times_are_read_or_left_as_the_server_writes_them() {
    let date = |value| text_of(&cell(Shape::Date, value));
    assert_eq!(date(Value::Date(2024, 2, 29, 0, 0, 0, 0)), "2024-02-29");
    assert_eq!(date(bytes("2024-02-29")), "2024-02-29");
    for value in [Value::Date(0, 0, 0, 0, 0, 0, 0), bytes("0000-00-00")] {
        assert_eq!(cell(Shape::Date, value), Cell::Text("0000-00-00".into()));
    }
    assert_eq!(
        cell(Shape::Date, Value::Date(2024, 2, 0, 0, 0, 0, 0)),
        Cell::Text("2024-02-00".into())
    );

    let at = |digits, value| cell(Shape::Timestamp(digits), value);
    for value in [
        Value::Date(2024, 2, 29, 12, 30, 0, 250_000),
        bytes("2024-02-29 12:30:00.250"),
    ] {
        let cell = at(3, value);
        assert!(matches!(cell, Cell::Timestamp(_)), "{cell:?}");
        assert_eq!(text_of(&cell), "2024-02-29T12:30:00.250");
    }
    assert_eq!(
        at(3, Value::Date(0, 0, 0, 0, 0, 0, 0)),
        Cell::Text("0000-00-00 00:00:00.000".into())
    );
    assert_eq!(
        at(0, bytes("0000-00-00 00:00:00")),
        Cell::Text("0000-00-00 00:00:00".into())
    );

    let time = |digits, value| cell(Shape::Time(digits), value);
    for value in [Value::Time(false, 0, 23, 59, 59, 0), bytes("23:59:59")] {
        assert!(matches!(time(0, value), Cell::Time(_)));
    }
    for (value, expected) in [
        (Value::Time(true, 0, 1, 2, 3, 0), "-01:02:03"),
        (Value::Time(false, 34, 22, 59, 59, 0), "838:59:59"),
        (Value::Time(false, 1, 0, 0, 0, 0), "24:00:00"),
        (bytes("-01:02:03"), "-01:02:03"),
        (bytes("24:00:00"), "24:00:00"),
    ] {
        assert_eq!(time(0, value), Cell::Text(expected.into()));
    }
    assert_eq!(
        time(2, Value::Time(true, 0, 0, 0, 1, 500_000)),
        Cell::Text("-00:00:01.50".into())
    );
}

#[test]
fn documents_text_and_bytes_are_kept_apart() {
    assert_eq!(
        cell(Shape::Json, bytes("{\"a\": [1]}")),
        Cell::Json(serde_json::json!({"a": [1]}).into())
    );
    assert_eq!(cell(Shape::Text, bytes("")), Cell::Text(String::new()));
    assert_eq!(
        cell(Shape::Bytes, bytes("a")),
        Cell::Bytes(b"a".as_slice().into())
    );
    assert_eq!(
        cell(Shape::Text, Value::Bytes(vec![b'a', 0xff])),
        Cell::Text("a\u{fffd}".into())
    );
    let mut point = vec![0, 0, 0, 0, 1, 1, 0, 0, 0];
    point.extend(1.0_f64.to_le_bytes());
    point.extend(2.0_f64.to_le_bytes());
    assert_eq!(
        cell(Shape::Geometry, Value::Bytes(point)),
        Cell::Text("POINT(1 2)".into())
    );
}

#[test]
fn a_columns_type_says_what_its_cells_are() {
    use ColumnType as Type;

    let column = |kind, set: u16, flags| {
        Column::new(kind)
            .with_name(b"c")
            .with_character_set(set)
            .with_flags(flags)
    };
    let none = ColumnFlags::empty();
    for (column, kind, data_type) in [
        (
            column(Type::MYSQL_TYPE_TINY, BINARY, none),
            CellKind::Int,
            "tinyint",
        ),
        (
            column(
                Type::MYSQL_TYPE_LONGLONG,
                BINARY,
                ColumnFlags::UNSIGNED_FLAG,
            ),
            CellKind::Int,
            "bigint unsigned",
        ),
        (
            column(Type::MYSQL_TYPE_YEAR, BINARY, ColumnFlags::UNSIGNED_FLAG),
            CellKind::Int,
            "year",
        ),
        (
            column(Type::MYSQL_TYPE_NEWDECIMAL, BINARY, none),
            CellKind::Decimal,
            "decimal",
        ),
        (
            column(Type::MYSQL_TYPE_VAR_STRING, UTF8MB4, none),
            CellKind::Text,
            "varchar",
        ),
        (
            column(Type::MYSQL_TYPE_VAR_STRING, BINARY, none),
            CellKind::Bytes,
            "varbinary",
        ),
        (
            column(Type::MYSQL_TYPE_BLOB, UTF8MB4, none),
            CellKind::Text,
            "text",
        ),
        (
            column(Type::MYSQL_TYPE_BLOB, BINARY, none),
            CellKind::Bytes,
            "blob",
        ),
        (
            column(Type::MYSQL_TYPE_JSON, BINARY, none),
            CellKind::Json,
            "json",
        ),
        (
            column(Type::MYSQL_TYPE_GEOMETRY, BINARY, none),
            CellKind::Text,
            "geometry",
        ),
        (
            column(Type::MYSQL_TYPE_STRING, UTF8MB4, ColumnFlags::ENUM_FLAG),
            CellKind::Text,
            "enum",
        ),
        (
            column(Type::MYSQL_TYPE_STRING, BINARY, ColumnFlags::SET_FLAG),
            CellKind::Text,
            "set",
        ),
        (
            column(Type::MYSQL_TYPE_BIT, BINARY, none),
            CellKind::Int,
            "bit",
        ),
        (
            column(Type::MYSQL_TYPE_TIMESTAMP, BINARY, none),
            CellKind::Timestamp,
            "timestamp",
        ),
        (
            column(Type::MYSQL_TYPE_NULL, BINARY, none),
            CellKind::Unknown,
            "",
        ),
    ] {
        let described = describe(std::slice::from_ref(&column));
        assert_eq!(described[0].name, "c");
        assert_eq!(described[0].kind, kind, "{data_type}");
        assert_eq!(described[0].data_type, data_type);
    }
    let precise = Column::new(Type::MYSQL_TYPE_DATETIME).with_decimals(3);
    assert_eq!(shape(&precise), Shape::Timestamp(3));
    let unsaid = Column::new(Type::MYSQL_TYPE_TIME).with_decimals(31);
    assert_eq!(shape(&unsaid), Shape::Time(0));
}
