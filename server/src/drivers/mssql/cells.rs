//! From the library's values to cells, exactly.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use tiberius::{ColumnData, ColumnType, numeric::Numeric, time};
use tidegate_schema::model::{Cell, CellKind};

use crate::drivers::{MAX_JSON_BYTES, floats::widened};

/// Days from the first day of year 1 to the first of 1900, from which the older types count, plus one.
const DAYS_TO_1900: i32 = 693_596;
/// Digits behind the point of `money`.
const MONEY_SCALE: u8 = 4;
/// Up to here a float holds every whole number.
const EXACT_IN_FLOAT: f64 = 9_007_199_254_740_992.0;

/// How to read the cells of one column.
pub(super) struct Reader {
    column: ColumnType,
    /// The server calls it `json`; on the wire it is text.
    is_json: bool,
}

impl Reader {
    /// For a column of the wire's type, with the server's own name for it if known.
    pub(super) fn new(column: ColumnType, data_type: &str) -> Self {
        let is_json = data_type.eq_ignore_ascii_case("json");
        Self { column, is_json }
    }

    /// What the cells are.
    pub(super) fn kind(&self) -> CellKind {
        use ColumnType as Type;

        match self.column {
            Type::Bit | Type::Bitn => CellKind::Bool,
            Type::Int1 | Type::Int2 | Type::Int4 | Type::Int8 | Type::Intn => CellKind::Int,
            Type::Float4 | Type::Float8 | Type::Floatn => CellKind::Float,
            Type::Money | Type::Money4 | Type::Decimaln | Type::Numericn => CellKind::Decimal,
            Type::Daten => CellKind::Date,
            Type::Timen => CellKind::Time,
            Type::Datetime
            | Type::Datetime4
            | Type::Datetimen
            | Type::Datetime2
            | Type::DatetimeOffsetn => CellKind::Timestamp,
            Type::BigVarBin | Type::BigBinary | Type::Image | Type::Udt => CellKind::Bytes,
            Type::SSVariant | Type::Null => CellKind::Unknown,
            _ if self.is_json => CellKind::Json,
            _ => CellKind::Text,
        }
    }

    /// One cell.
    pub(super) fn cell(&self, data: ColumnData<'static>) -> Cell {
        cell(data, self.column, self.is_json).unwrap_or(Cell::Null)
    }

    /// Whether the server may have cut the value off at so many bytes of its own, which are less by a character if
    /// that would have been cut in half.
    pub(super) fn may_be_cut(&self, data: &ColumnData<'static>, bytes: usize) -> bool {
        match data {
            ColumnData::String(Some(text)) => match self.column {
                ColumnType::NVarchar | ColumnType::NText => {
                    let units = || text.encode_utf16().count();
                    text.len() * 2 + 2 >= bytes && units() * 2 + 2 >= bytes
                }
                _ => text.len() + 1 >= bytes,
            },
            ColumnData::Xml(Some(document)) => {
                let text: &str = (**document).as_ref();
                text.len() >= bytes
            }
            ColumnData::Binary(Some(value)) => value.len() >= bytes,
            _ => false,
        }
    }
}

/// The type's name when the server was not asked for its own.
pub(super) fn type_name(column: ColumnType) -> &'static str {
    use ColumnType as Type;

    match column {
        Type::Null => "",
        Type::Bit | Type::Bitn => "bit",
        Type::Int1 => "tinyint",
        Type::Int2 => "smallint",
        Type::Int4 | Type::Intn => "int",
        Type::Int8 => "bigint",
        Type::Float4 => "real",
        Type::Float8 | Type::Floatn => "float",
        Type::Money => "money",
        Type::Money4 => "smallmoney",
        Type::Datetime | Type::Datetimen => "datetime",
        Type::Datetime4 => "smalldatetime",
        Type::Guid => "uniqueidentifier",
        Type::Decimaln => "decimal",
        Type::Numericn => "numeric",
        Type::Daten => "date",
        Type::Timen => "time",
        Type::Datetime2 => "datetime2",
        Type::DatetimeOffsetn => "datetimeoffset",
        Type::BigVarBin => "varbinary",
        Type::BigVarChar => "varchar",
        Type::BigBinary => "binary",
        Type::BigChar => "char",
        Type::NVarchar => "nvarchar",
        Type::NChar => "nchar",
        Type::Xml => "xml",
        Type::Udt => "udt",
        Type::Text => "text",
        Type::Image => "image",
        Type::NText => "ntext",
        Type::SSVariant => "sql_variant",
    }
}

/// `None` for NULL. What is beyond the calendar cannot come from a server; it is shown as the library shows it.
fn cell(data: ColumnData<'static>, column: ColumnType, is_json: bool) -> Option<Cell> {
    let strange = |value: &dyn std::fmt::Debug| Cell::Text(format!("{value:?}"));
    Some(match data {
        ColumnData::U8(value) => Cell::Int(value?.into()),
        ColumnData::I16(value) => Cell::Int(value?.into()),
        ColumnData::I32(value) => Cell::Int(value?.into()),
        ColumnData::I64(value) => Cell::Int(value?),
        ColumnData::F32(value) => Cell::Float(widened(value?)),
        ColumnData::F64(value) if matches!(column, ColumnType::Money | ColumnType::Money4) => {
            money(value?)
        }
        ColumnData::F64(value) => Cell::Float(value?),
        ColumnData::Bit(value) => Cell::Bool(value?),
        ColumnData::String(value) => text(value?.into_owned(), is_json),
        // Upper case, as the server writes it.
        ColumnData::Guid(value) => Cell::Text(value?.to_string().to_ascii_uppercase()),
        ColumnData::Binary(value) => Cell::Bytes(value?.into()),
        ColumnData::Numeric(value) => numeric(value?),
        ColumnData::Xml(value) => Cell::Text(value?.into_owned().into_string()),
        ColumnData::DateTime(value) => {
            let value = value?;
            datetime(value).map_or_else(|| strange(&value), Cell::Timestamp)
        }
        ColumnData::SmallDateTime(value) => {
            let value = value?;
            smalldatetime(value).map_or_else(|| strange(&value), Cell::Timestamp)
        }
        ColumnData::Time(value) => {
            let value = value?;
            clock(value).map_or_else(|| strange(&value), Cell::Time)
        }
        ColumnData::Date(value) => {
            let value = value?;
            day(value).map_or_else(|| strange(&value), Cell::Date)
        }
        ColumnData::DateTime2(value) => {
            let value = value?;
            datetime2(value).map_or_else(|| strange(&value), Cell::Timestamp)
        }
        ColumnData::DateTimeOffset(value) => {
            let value = value?;
            with_offset(value).map_or_else(|| strange(&value), Cell::TimestampTz)
        }
    })
}

fn text(text: String, is_json: bool) -> Cell {
    if is_json
        && text.len() <= MAX_JSON_BYTES
        && let Ok(document) = serde_json::from_str(&text)
    {
        return Cell::Json(document);
    }
    Cell::Text(text)
}

/// The library reads money as a float. Where that is too coarse for all its digits, it stays one and does not pretend
/// to be exact; queries that return the large kind are asked for decimals in its place.
fn money(value: f64) -> Cell {
    let scaled = (value * 1e4).round();
    if scaled.abs() < EXACT_IN_FLOAT {
        Cell::Decimal(decimal(scaled as i128, MONEY_SCALE))
    } else {
        Cell::Float(value)
    }
}

fn numeric(value: Numeric) -> Cell {
    Cell::Decimal(decimal(value.value(), value.scale()))
}

/// Every digit, and as many behind the point as the type has.
fn decimal(unscaled: i128, scale: u8) -> Box<str> {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}").into()
}

fn day(value: time::Date) -> Option<NaiveDate> {
    let days = i32::try_from(value.days()).ok()?;
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(1)?)
}

fn clock(value: time::Time) -> Option<NaiveTime> {
    let finer = 9_u32.checked_sub(value.scale().into())?;
    let nanos = value.increments().checked_mul(10_u64.pow(finer))?;
    from_midnight(nanos)
}

fn from_midnight(nanos: u64) -> Option<NaiveTime> {
    let seconds = u32::try_from(nanos / 1_000_000_000).ok()?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, (nanos % 1_000_000_000) as u32)
}

fn datetime2(value: time::DateTime2) -> Option<NaiveDateTime> {
    Some(day(value.date())?.and_time(clock(value.time())?))
}

/// The wire carries the point in time in UTC, and the offset beside it.
fn with_offset(value: time::DateTimeOffset) -> Option<DateTime<FixedOffset>> {
    let offset = FixedOffset::east_opt(i32::from(value.offset()) * 60)?;
    let utc = datetime2(value.datetime2())?;
    // Near the ends of the calendar the local time may not exist.
    utc.checked_add_offset(offset)?;
    Some(DateTime::from_naive_utc_and_offset(utc, offset))
}

/// Counts in 300ths of a second, and is shown in the milliseconds nearest to them: .000, .003, .007.
fn datetime(value: time::DateTime) -> Option<NaiveDateTime> {
    let day = NaiveDate::from_num_days_from_ce_opt(DAYS_TO_1900.checked_add(value.days())?)?;
    let millis = (u64::from(value.seconds_fragments()) * 20 + 3) / 6;
    Some(day.and_time(from_midnight(millis * 1_000_000)?))
}

/// Whatever the library calls them, these are minutes.
fn smalldatetime(value: time::SmallDateTime) -> Option<NaiveDateTime> {
    let days = DAYS_TO_1900.checked_add(value.days().into())?;
    let day = NaiveDate::from_num_days_from_ce_opt(days)?;
    let minutes = u64::from(value.seconds_fragments());
    Some(day.and_time(from_midnight(minutes * 60_000_000_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(column: ColumnType, data: ColumnData<'static>) -> Option<String> {
        Reader::new(column, "").cell(data).to_text()
    }

    #[test]
    fn decimals_keep_every_digit_and_their_scale() {
        for (unscaled, scale, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 3, "0.005"),
            (-5, 3, "-0.005"),
            (12_500, 3, "12.500"),
            (
                99_999_999_999_999_999_999_999_999_999_999_999_999,
                0,
                "99999999999999999999999999999999999999",
            ),
            (
                -99_999_999_999_999_999_999_999_999_999_999_999_999,
                38,
                "-0.99999999999999999999999999999999999999",
            ),
        ] {
            assert_eq!(&*decimal(unscaled, scale), expected);
        }
    }

    #[test]
    fn money_is_exact_or_says_that_it_is_not() {
        assert_eq!(money(12.5), Cell::Decimal("12.5000".into()));
        assert_eq!(money(-0.0001), Cell::Decimal("-0.0001".into()));
        assert_eq!(money(214_748.364_7), Cell::Decimal("214748.3647".into()));
        assert!(matches!(money(922_337_203_685_477.6), Cell::Float(_)));
        // In a variant nobody says whether it was money.
        let data = ColumnData::F64(Some(12.5));
        assert_eq!(read(ColumnType::SSVariant, data).as_deref(), Some("12.5"));
    }

    #[test]
    fn times_are_what_the_server_shows() {
        let last_tick = time::DateTime::new(45_350, 86_400 * 300 - 1);
        assert_eq!(
            read(ColumnType::Datetime, ColumnData::DateTime(Some(last_tick))).as_deref(),
            Some("2024-03-01T23:59:59.997")
        );
        let first = time::DateTime::new(-53_690, 1);
        assert_eq!(
            read(ColumnType::Datetime, ColumnData::DateTime(Some(first))).as_deref(),
            Some("1753-01-01T00:00:00.003")
        );
        let small = time::SmallDateTime::new(0, 23 * 60 + 59);
        assert_eq!(
            read(
                ColumnType::Datetime4,
                ColumnData::SmallDateTime(Some(small))
            )
            .as_deref(),
            Some("1900-01-01T23:59:00")
        );
        let fine = time::DateTime2::new(
            time::Date::new(3_652_058),
            time::Time::new(863_999_999_999, 7),
        );
        assert_eq!(
            read(ColumnType::Datetime2, ColumnData::DateTime2(Some(fine))).as_deref(),
            Some("9999-12-31T23:59:59.999999900")
        );
        let noon = time::DateTime2::new(time::Date::new(0), time::Time::new(12 * 3600, 0));
        let zoned = time::DateTimeOffset::new(noon, 330);
        assert_eq!(
            read(
                ColumnType::DatetimeOffsetn,
                ColumnData::DateTimeOffset(Some(zoned))
            )
            .as_deref(),
            Some("0001-01-01T17:30:00+05:30")
        );
    }

    #[test]
    fn real_numbers_keep_their_shortest_form_and_json_is_read() {
        assert_eq!(
            read(ColumnType::Float4, ColumnData::F32(Some(0.1))).as_deref(),
            Some("0.1")
        );
        let reader = Reader::new(ColumnType::NVarchar, "json");
        assert_eq!(reader.kind(), CellKind::Json);
        let document = ColumnData::String(Some("{\"a\": [1]}".into()));
        assert_eq!(
            reader.cell(document),
            Cell::Json(serde_json::json!({"a": [1]}).into())
        );
        assert_eq!(
            reader.cell(ColumnData::String(Some("{".into()))),
            Cell::Text("{".into())
        );
        assert_eq!(reader.cell(ColumnData::String(None)), Cell::Null);
    }

    #[test]
    fn a_value_that_fills_its_space_may_be_cut() {
        let wide = Reader::new(ColumnType::NVarchar, "");
        let text = |text: &'static str| ColumnData::String(Some(text.into()));
        assert!(wide.may_be_cut(&text("ab"), 4));
        assert!(!wide.may_be_cut(&text("日本"), 8));
        assert!(!wide.may_be_cut(&text("a"), 6));
        let narrow = Reader::new(ColumnType::BigVarChar, "");
        assert!(narrow.may_be_cut(&text("abcd"), 4));
        assert!(!narrow.may_be_cut(&text("ab"), 4));
        let bytes = Reader::new(ColumnType::BigVarBin, "");
        assert!(bytes.may_be_cut(&ColumnData::Binary(Some(vec![0; 4].into())), 4));
        assert!(!bytes.may_be_cut(&ColumnData::Binary(None), 4));
    }
}
