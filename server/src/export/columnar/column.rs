//! One column of one type, filled cell by cell.

use std::{fmt, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
        Int64Builder, StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Date32Type, TimeUnit},
};
use chrono::{NaiveTime, Timelike as _};
use tidegate_schema::model::Cell;

use super::types::Kind;

/// The zone of columns of points in time: each value is one, whatever zone it was written in.
const ZONE: &str = "UTC";
/// Largest whole number of which every smaller one is a float too.
const EXACT: u64 = 1 << 53;

/// A column being filled.
pub(super) struct Column {
    kind: Kind,
    builder: Builder,
}

enum Builder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
}

/// A cell that does not go into its column's type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    cell: &'static str,
    kind: Kind,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} among ", self.cell)?;
        match self.kind {
            Kind::Bool => f.write_str("truth values"),
            Kind::Int => f.write_str("whole numbers of 64 bits"),
            Kind::Float => f.write_str("floating-point numbers"),
            Kind::Decimal { precision, scale } => {
                write!(
                    f,
                    "decimals of {precision} digits, {scale} behind the point"
                )
            }
            Kind::Text => f.write_str("texts"),
            Kind::Bytes => f.write_str("bytes"),
            Kind::Date => f.write_str("days"),
            Kind::Time => f.write_str("times of day"),
            Kind::Timestamp => f.write_str("times without a zone"),
            Kind::Instant => f.write_str("times with a zone"),
        }
    }
}

impl Column {
    /// An empty column.
    pub(super) fn new(kind: Kind) -> Self {
        let builder = match kind {
            Kind::Bool => Builder::Bool(BooleanBuilder::new()),
            Kind::Int => Builder::Int(Int64Builder::new()),
            Kind::Float => Builder::Float(Float64Builder::new()),
            Kind::Decimal { .. } => {
                let builder = Decimal128Builder::new().with_data_type(data_type(kind));
                Builder::Decimal(builder)
            }
            Kind::Text => Builder::Text(StringBuilder::new()),
            Kind::Bytes => Builder::Bytes(BinaryBuilder::new()),
            Kind::Date => Builder::Date(Date32Builder::new()),
            Kind::Time => Builder::Time(Time64MicrosecondBuilder::new()),
            Kind::Timestamp | Kind::Instant => {
                let builder = TimestampMicrosecondBuilder::new().with_data_type(data_type(kind));
                Builder::Timestamp(builder)
            }
        };
        Self { kind, builder }
    }

    /// Its type.
    pub(super) fn data_type(&self) -> DataType {
        data_type(self.kind)
    }

    /// Appends a cell; about how many bytes it takes here.
    pub(super) fn append(&mut self, cell: Cell) -> Result<usize, Misfit> {
        if matches!(cell, Cell::Null) {
            self.append_null();
            return Ok(size_of::<u64>());
        }
        let kind = self.kind;
        let misfit = |cell: &Cell| Misfit {
            cell: called(cell),
            kind,
        };
        match (&mut self.builder, cell) {
            (Builder::Bool(builder), Cell::Bool(value)) => builder.append_value(value),
            (Builder::Int(builder), Cell::Int(value)) => builder.append_value(value),
            (Builder::Float(builder), Cell::Float(value)) => builder.append_value(value),
            // The same number, where it is one.
            (Builder::Float(builder), Cell::Int(value)) if value.unsigned_abs() <= EXACT => {
                builder.append_value(value as f64);
            }
            (Builder::Decimal(builder), cell) => {
                let value = scaled(&cell, kind).ok_or_else(|| misfit(&cell))?;
                builder.append_value(value);
                return Ok(size_of::<i128>());
            }
            (Builder::Text(builder), Cell::Text(text)) => {
                builder.append_value(&text);
                return Ok(size_of::<u64>() + text.len());
            }
            (Builder::Text(builder), cell) => {
                let text = cell.to_text().unwrap_or_default();
                builder.append_value(&text);
                return Ok(size_of::<u64>() + text.len());
            }
            (Builder::Bytes(builder), Cell::Bytes(bytes)) => {
                builder.append_value(&bytes);
                return Ok(size_of::<u64>() + bytes.len());
            }
            (Builder::Date(builder), Cell::Date(day)) => {
                builder.append_value(Date32Type::from_naive_date(day));
            }
            (Builder::Time(builder), Cell::Time(time)) => builder.append_value(micros(time)),
            (Builder::Timestamp(builder), Cell::Timestamp(at)) if kind == Kind::Timestamp => {
                builder.append_value(at.and_utc().timestamp_micros());
            }
            (Builder::Timestamp(builder), Cell::TimestampTz(at)) if kind == Kind::Instant => {
                builder.append_value(at.timestamp_micros());
            }
            (_, cell) => return Err(misfit(&cell)),
        }
        Ok(size_of::<u64>())
    }

    fn append_null(&mut self) {
        match &mut self.builder {
            Builder::Bool(builder) => builder.append_null(),
            Builder::Int(builder) => builder.append_null(),
            Builder::Float(builder) => builder.append_null(),
            Builder::Decimal(builder) => builder.append_null(),
            Builder::Text(builder) => builder.append_null(),
            Builder::Bytes(builder) => builder.append_null(),
            Builder::Date(builder) => builder.append_null(),
            Builder::Time(builder) => builder.append_null(),
            Builder::Timestamp(builder) => builder.append_null(),
        }
    }

    /// The cells so far; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match &mut self.builder {
            Builder::Bool(builder) => Arc::new(builder.finish()),
            Builder::Int(builder) => Arc::new(builder.finish()),
            Builder::Float(builder) => Arc::new(builder.finish()),
            Builder::Decimal(builder) => Arc::new(builder.finish()),
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Bytes(builder) => Arc::new(builder.finish()),
            Builder::Date(builder) => Arc::new(builder.finish()),
            Builder::Time(builder) => Arc::new(builder.finish()),
            Builder::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        Kind::Text => DataType::Utf8,
        Kind::Bytes => DataType::Binary,
        Kind::Date => DataType::Date32,
        Kind::Time => DataType::Time64(TimeUnit::Microsecond),
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into())),
    }
}

/// What a cell is called in a message.
fn called(cell: &Cell) -> &'static str {
    match cell {
        Cell::Null => "a NULL",
        Cell::Bool(_) => "a truth value",
        Cell::Int(_) => "a whole number",
        Cell::Float(_) => "a floating-point number",
        Cell::Decimal(_) => "a decimal",
        Cell::Text(_) => "a text",
        Cell::Bytes(_) => "bytes",
        Cell::Date(_) => "a day",
        Cell::Time(_) => "a time of day",
        Cell::Timestamp(_) => "a time without a zone",
        Cell::TimestampTz(_) => "a time with a zone",
        Cell::Json(_) => "a JSON document",
    }
}

/// Microseconds since midnight; finer digits are cut off, and a leap second is the last one of its minute.
fn micros(time: NaiveTime) -> i64 {
    let fraction = i64::from(time.nanosecond() / 1_000).min(999_999);
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + fraction
}

/// A number as its digits with the point taken out, if it has no more of them than the column.
fn scaled(cell: &Cell, kind: Kind) -> Option<i128> {
    let Kind::Decimal { precision, scale } = kind else {
        return None;
    };
    let (precision, scale) = (usize::from(precision), usize::from(scale));
    let text = match cell {
        Cell::Decimal(text) => text.to_string(),
        Cell::Int(value) => value.to_string(),
        _ => return None,
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.as_str()),
    };
    if digits.is_empty() {
        return None;
    }
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
    // Noughts at the end say how exact a number is, not which number it is.
    let behind = if behind.len() > scale {
        behind.trim_end_matches('0')
    } else {
        behind
    };
    let whole = whole.trim_start_matches('0');
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(behind) || behind.len() > scale || whole.len() + scale > precision {
        return None;
    }
    let noughts = scale - behind.len();
    let digits = format!("{whole}{behind}{}", "0".repeat(noughts));
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse::<i128>().ok().map(|value| sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, precision: u8, scale: u8) -> Option<i128> {
        scaled(
            &Cell::Decimal(text.into()),
            Kind::Decimal { precision, scale },
        )
    }

    #[test]
    fn a_decimal_keeps_every_digit_or_does_not_fit() {
        assert_eq!(number("12.5", 10, 2), Some(1_250));
        assert_eq!(number("-0.05", 10, 2), Some(-5));
        assert_eq!(number("0", 10, 0), Some(0));
        assert_eq!(number("12.5000", 10, 2), Some(1_250));
        assert_eq!(
            number("12.505", 10, 2),
            None,
            "a digit too many behind the point"
        );
        assert_eq!(
            number("123456789.00", 10, 2),
            None,
            "a digit too many before it"
        );
        let most = "9".repeat(38);
        assert_eq!(number(&most, 38, 0), most.parse().ok());
        for odd in ["NaN", "1e5", "", "-", "1.2.3", "+1"] {
            assert_eq!(number(odd, 10, 2), None, "{odd}");
        }
        let kind = Kind::Decimal {
            precision: 38,
            scale: 0,
        };
        assert_eq!(scaled(&Cell::Int(i64::MIN), kind), Some(i64::MIN.into()));
        assert_eq!(scaled(&Cell::Float(1.0), kind), None);
    }

    #[test]
    fn a_misfit_is_named_by_what_it_is_and_not_by_its_value() {
        let mut column = Column::new(Kind::Date);
        let misfit = column
            .append(Cell::Text("0000-00-00".to_owned()))
            .expect_err("no day");
        assert_eq!(misfit.to_string(), "a text among days");
        let mut column = Column::new(Kind::Int);
        assert!(
            column
                .append(Cell::Decimal("18446744073709551615".into()))
                .is_err()
        );
        let mut column = Column::new(Kind::Float);
        assert!(column.append(Cell::Int(1 << 53)).is_ok());
        assert!(column.append(Cell::Int((1 << 53) + 1)).is_err());
    }
}
