//! Which type a column gets, from what the database says of it.

use tidegate_schema::model::{Cell, CellKind, ResultColumn};

/// Digits a 128-bit decimal may have.
const MOST_DIGITS: u8 = 38;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    /// With so many digits, so many of them behind the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    Text,
    Bytes,
    Date,
    Time,
    /// Without zone.
    Timestamp,
    /// A point in time.
    Instant,
}

/// The type of a column. `strict` says whether the database holds values to the declared type: where it does not,
/// digits that are declared promise nothing. `first` are the column's first cells, which tell times with a zone from
/// those without.
pub(super) fn of<'a>(
    column: &ResultColumn,
    first: impl Iterator<Item = &'a Cell>,
    strict: bool,
) -> Kind {
    let declared = column.data_type.to_ascii_lowercase();
    match column.kind {
        CellKind::Bool => Kind::Bool,
        CellKind::Int if strict && is_wide(&declared) => Kind::Decimal {
            precision: MOST_DIGITS,
            scale: 0,
        },
        CellKind::Int => Kind::Int,
        CellKind::Float => Kind::Float,
        CellKind::Decimal => match digits(&declared) {
            Some((precision, scale)) if strict => Kind::Decimal { precision, scale },
            _ => Kind::Text,
        },
        CellKind::Bytes => Kind::Bytes,
        CellKind::Date => Kind::Date,
        CellKind::Time => Kind::Time,
        CellKind::Timestamp => {
            if is_zoned(&declared, first) {
                Kind::Instant
            } else {
                Kind::Timestamp
            }
        }
        // Whatever comes, it has a text: what the engine does not type may change from row to row.
        CellKind::Text | CellKind::Json | CellKind::Unknown => Kind::Text,
    }
}

/// Whether whole numbers of this type may not fit into 64 bits with a sign.
fn is_wide(declared: &str) -> bool {
    ["hugeint", "ubigint", "uint64", "bignum", "varint"]
        .iter()
        .any(|name| declared.contains(name))
        || (declared.contains("bigint") && declared.contains("unsigned"))
        || declared == "bit"
}

/// The digits of a decimal type, and those behind the point: `numeric(10,2)`, `Nullable(Decimal(10, 2))`, `money`.
fn digits(declared: &str) -> Option<(u8, u8)> {
    match declared {
        "money" => return Some((19, 4)),
        "smallmoney" => return Some((10, 4)),
        _ => {}
    }
    let inside = ["decimal(", "numeric("].iter().find_map(|head| {
        let start = declared.find(head)? + head.len();
        declared[start..].split(')').next()
    })?;
    let mut parts = inside.split(',').map(|part| part.trim().parse::<u8>());
    let precision = parts.next()?.ok()?;
    let scale = parts.next().map_or(Some(0), Result::ok)?;
    ((1..=MOST_DIGITS).contains(&precision) && scale <= precision).then_some((precision, scale))
}

/// Whether times of this column have a zone: the first one there is tells, else the type's name.
fn is_zoned<'a>(declared: &str, first: impl Iterator<Item = &'a Cell>) -> bool {
    for cell in first {
        match cell {
            Cell::Timestamp(_) => return false,
            Cell::TimestampTz(_) => return true,
            _ => {}
        }
    }
    declared.contains("timestamptz")
        || declared.contains("with time zone")
        || declared.contains("datetimeoffset")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn kind(kind: CellKind, data_type: &str, cells: &[Cell], strict: bool) -> Kind {
        let column = ResultColumn {
            name: "x".to_owned(),
            kind,
            data_type: data_type.to_owned(),
        };
        of(&column, cells.iter(), strict)
    }

    #[test]
    fn a_decimal_has_its_digits_where_the_database_keeps_to_them_and_is_text_elsewhere() {
        let decimal = |precision, scale| Kind::Decimal { precision, scale };
        for (declared, expected) in [
            ("numeric(10,2)", decimal(10, 2)),
            ("DECIMAL(18,3)", decimal(18, 3)),
            ("Nullable(Decimal(9, 4))", decimal(9, 4)),
            ("decimal(7)", decimal(7, 0)),
            ("money", decimal(19, 4)),
            ("numeric", Kind::Text),
            ("Decimal(76, 10)", Kind::Text),
            ("decimal(2,3)", Kind::Text),
        ] {
            let found = kind(CellKind::Decimal, declared, &[], true);
            assert_eq!(found, expected, "{declared}");
        }
        assert_eq!(
            kind(CellKind::Decimal, "DECIMAL(10,2)", &[], false),
            Kind::Text
        );
    }

    #[test]
    fn whole_numbers_beyond_64_bits_are_decimals_without_a_point() {
        let wide = Kind::Decimal {
            precision: 38,
            scale: 0,
        };
        for declared in ["bigint unsigned", "HUGEINT", "Nullable(UInt64)"] {
            assert_eq!(kind(CellKind::Int, declared, &[], true), wide, "{declared}");
        }
        for declared in ["bigint", "int unsigned", "UInt32", ""] {
            assert_eq!(
                kind(CellKind::Int, declared, &[], true),
                Kind::Int,
                "{declared}"
            );
        }
        // SQLite has no such numbers, whatever a column is called.
        assert_eq!(
            kind(CellKind::Int, "BIGINT UNSIGNED", &[], false),
            Kind::Int
        );
    }

    #[test]
    fn the_first_time_tells_whether_there_is_a_zone_else_the_types_name() {
        let zoned = Cell::TimestampTz(DateTime::UNIX_EPOCH.fixed_offset());
        let plain = Cell::Timestamp(chrono::DateTime::UNIX_EPOCH.naive_utc());
        let of = |declared: &str, cells: &[Cell]| kind(CellKind::Timestamp, declared, cells, true);
        assert_eq!(of("timestamp", &[Cell::Null, zoned]), Kind::Instant);
        assert_eq!(of("timestamptz", &[plain]), Kind::Timestamp);
        assert_eq!(of("timestamptz", &[]), Kind::Instant);
        assert_eq!(of("TIMESTAMP WITH TIME ZONE", &[Cell::Null]), Kind::Instant);
        assert_eq!(of("datetime", &[]), Kind::Timestamp);
    }
}
