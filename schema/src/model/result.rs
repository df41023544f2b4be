//! Rows of a query, with their types.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

/// What a column's cells are, for rendering and charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Yes or no.
    Bool,
    /// Whole numbers.
    Int,
    /// Floating-point numbers.
    Float,
    /// Exact decimals.
    Decimal,
    /// Text, and everything that is shown as text (UUIDs, enums, intervals, arrays, geometry).
    Text,
    /// Bytes.
    Bytes,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A point in time, with or without zone.
    Timestamp,
    /// A JSON document.
    Json,
    /// The engine does not say (SQLite expressions).
    Unknown,
}

/// One column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    /// Name as the query gives it.
    pub name: String,
    /// What its cells are.
    pub kind: CellKind,
    /// The engine's type name, may be empty.
    pub data_type: String,
}

/// One cell. Numbers beyond 2^53 and decimals keep every digit.
///
/// Cells lie by the million. One is three words long, of which text takes all: what else may be long is kept in two.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number, NaN and infinities included.
    Float(f64),
    /// An exact decimal, in plain notation.
    Decimal(Box<str>),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A point in time without zone.
    Timestamp(NaiveDateTime),
    /// A point in time with zone.
    TimestampTz(DateTime<FixedOffset>),
    /// A JSON document, as the database writes it.
    Json(Box<serde_json::Value>),
}

impl Cell {
    /// The cell as plain text, `None` for NULL. Timestamps are ISO 8601, bytes are hexadecimal with `0x`.
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Decimal(text) => text.to_string(),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => format!("0x{}", hex::encode(bytes)),
            Self::Date(date) => date.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Timestamp(at) => at.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            Self::TimestampTz(at) => at.to_rfc3339(),
            Self::Json(value) => value.to_string(),
        })
    }

    /// The cell as a number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// A whole (capped) result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowSet {
    /// Columns, present even when there is no row.
    pub columns: Vec<ResultColumn>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Set when a cap cut the result: after so many rows.
    pub cut_at: Option<usize>,
    /// How long the database took, milliseconds.
    pub elapsed_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_three_words_long() {
        assert_eq!(size_of::<Cell>(), size_of::<String>());
    }
}
