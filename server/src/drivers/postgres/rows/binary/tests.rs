//! Values as the server sends them in binary, and what is read of them.

use super::*;

fn read(kind: &Type, bytes: &[u8]) -> Cell {
    let decoder = decoder(kind).expect("a type with a binary form");
    decoder.read(bytes).expect("a value of the type")
}

/// A number from its groups.
fn number(groups: &[u16], weight: i16, sign: u16, scale: u16) -> Cell {
    let count = u16::try_from(groups.len()).expect("few groups");
    let head = [count, weight.cast_unsigned(), sign, scale];
    let words = head.iter().chain(groups);
    let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    read(&Type::NUMERIC, &bytes)
}

fn day(days: i32) -> Cell {
    read(&Type::DATE, &days.to_be_bytes())
}

fn moment(kind: &Type, micros: i64) -> Cell {
    read(kind, &micros.to_be_bytes())
}

fn text(cell: &Cell) -> String {
    cell.to_text().expect("a value")
}

#[test]
fn numbers_keep_their_scale_and_lose_leading_zeros() {
    for (groups, weight, sign, scale, written) in [
        (&[12_u16, 5000][..], 0, 0, 3, "12.500"),
        (&[], 0, 0, 0, "0"),
        (&[], 0, 0, 2, "0.00"),
        (&[1], 0, 0x4000, 0, "-1"),
        (&[5000], -1, 0x4000, 1, "-0.5"),
        (&[1], -2, 0, 8, "0.00000001"),
        (&[1], -2, 0, 10, "0.0000000100"),
        (&[1234, 5600], -1, 0, 6, "0.123456"),
        (&[1], 2, 0, 0, "100000000"),
        (&[1], 2, 0, 2, "100000000.00"),
        (&[9, 1, 20, 300], 3, 0, 0, "9000100200300"),
        (&[1000, 1], 1, 0, 0, "10000001"),
        (&[3, 1415, 9265], 0, 0, 7, "3.1415926"),
    ] {
        assert_eq!(
            number(groups, weight, sign, scale),
            Cell::Decimal(written.into())
        );
    }
    let large = number(&[1], 100, 0, 0);
    assert_eq!(large, Cell::Decimal(format!("1{}", "0".repeat(400)).into()));
}

#[test]
fn numbers_that_no_decimal_says_are_floats() {
    assert!(matches!(number(&[], 0, 0xC000, 0), Cell::Float(value) if value.is_nan()));
    assert_eq!(number(&[], 0, 0xD000, 0), Cell::Float(f64::INFINITY));
    assert_eq!(number(&[], 0, 0xF000, 0), Cell::Float(f64::NEG_INFINITY));
}

#[test]
fn whole_numbers_and_floats() {
    assert_eq!(read(&Type::BOOL, &[1]), Cell::Bool(true));
    assert_eq!(read(&Type::INT2, &(-2_i16).to_be_bytes()), Cell::Int(-2));
    assert_eq!(
        read(&Type::INT4, &i32::MIN.to_be_bytes()),
        Cell::Int(i64::from(i32::MIN))
    );
    assert_eq!(
        read(&Type::INT8, &i64::MAX.to_be_bytes()),
        Cell::Int(i64::MAX)
    );
    assert_eq!(
        read(&Type::OID, &u32::MAX.to_be_bytes()),
        Cell::Int(i64::from(u32::MAX))
    );
    assert_eq!(
        read(&Type::FLOAT8, &0.1_f64.to_be_bytes()),
        Cell::Float(0.1)
    );
    for (value, written) in [
        (0.1_f32, 0.1),
        (-1.5e-40, -1.5e-40),
        (3.402_823_5e38, 3.402_823_5e38),
        // 33554450 would be shorter, and lies just between this number and the next.
        (33_554_448.0, 33_554_448.0),
        (f32::INFINITY, f64::INFINITY),
    ] {
        let read = read(&Type::FLOAT4, &value.to_be_bytes());
        assert_eq!(read, Cell::Float(written), "{value}");
    }
}

#[test]
fn days_are_dates_or_what_the_server_writes() {
    assert_eq!(text(&day(0)), "2000-01-01");
    assert_eq!(text(&day(-1)), "1999-12-31");
    assert_eq!(text(&day(59)), "2000-02-29");
    assert!(matches!(day(-730_119), Cell::Date(_)));
    assert_eq!(text(&day(-730_119)), "0001-01-01");
    assert_eq!(day(-730_120), Cell::Text("0001-12-31 BC".into()));
    // The server's first day, and the last one with four digits and the one after it.
    assert_eq!(day(-2_451_545), Cell::Text("4714-11-24 BC".into()));
    assert_eq!(text(&day(2_921_939)), "9999-12-31");
    assert_eq!(day(2_921_940), Cell::Text("10000-01-01".into()));
    assert_eq!(day(i32::MAX), Cell::Text("infinity".into()));
    assert_eq!(day(i32::MIN), Cell::Text("-infinity".into()));
}

#[test]
fn times_keep_their_fractions_and_their_era() {
    let at = |micros| text(&moment(&Type::TIMESTAMP, micros));
    assert_eq!(at(0), "2000-01-01T00:00:00");
    assert_eq!(at(-1), "1999-12-31T23:59:59.999999");
    let zoned = moment(&Type::TIMESTAMPTZ, -MICROS_PER_DAY + 500_000);
    assert_eq!(text(&zoned), "1999-12-31T00:00:00.500+00:00");
    let old = -730_120 * MICROS_PER_DAY + 43_200_250_000;
    assert_eq!(
        moment(&Type::TIMESTAMP, old),
        Cell::Text("0001-12-31 12:00:00.25 BC".into())
    );
    assert_eq!(
        moment(&Type::TIMESTAMPTZ, old),
        Cell::Text("0001-12-31 12:00:00.25+00 BC".into())
    );
    for kind in [Type::TIMESTAMP, Type::TIMESTAMPTZ] {
        assert_eq!(moment(&kind, i64::MAX), Cell::Text("infinity".into()));
        assert_eq!(moment(&kind, i64::MIN), Cell::Text("-infinity".into()));
    }
    assert_eq!(text(&moment(&Type::TIME, 3_600_000_000)), "01:00:00");
    assert_eq!(
        moment(&Type::TIME, MICROS_PER_DAY),
        Cell::Text("24:00:00".into())
    );
}

#[test]
fn texts_documents_bytes_and_identifiers() {
    assert_eq!(read(&Type::VARCHAR, "Å".as_bytes()), Cell::Text("Å".into()));
    let document = Cell::Json(serde_json::json!({"a": [1]}).into());
    assert_eq!(read(&Type::JSON, b"{\"a\": [1]}"), document);
    assert_eq!(read(&Type::JSONB, b"\x01{\"a\": [1]}"), document);
    assert_eq!(read(&Type::BYTEA, &[0, 255]), Cell::Bytes([0, 255].into()));
    assert_eq!(
        read(&Type::UUID, &[0xAB; 16]),
        Cell::Text("abababab-abab-abab-abab-abababababab".into())
    );
}

#[test]
fn what_is_not_of_its_form_is_no_cell() {
    for (kind, bytes) in [
        (Type::INT4, &[0_u8; 3][..]),
        (Type::NUMERIC, &[0; 7]),
        (Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0]),
        (Type::NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 255, 255]),
        (Type::JSONB, b"{}"),
        (Type::TEXT, &[255]),
        (Type::TIME, &[255; 8]),
    ] {
        let decoder = decoder(&kind).expect("a type with a binary form");
        assert_eq!(decoder.read(bytes), None, "{kind}");
    }
    for kind in [Type::INT4_ARRAY, Type::INTERVAL, Type::MONEY, Type::INET] {
        assert!(decoder(&kind).is_none(), "{kind}");
    }
}
