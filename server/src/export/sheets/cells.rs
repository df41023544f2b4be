//! Cells as Excel holds them: numbers of 15 digits, days from 1900 on, texts of 32,767 characters.

use std::borrow::Cow;

use chrono::{Datelike as _, NaiveDate, NaiveTime, Timelike as _};
use rust_xlsxwriter::{ExcelDateTime, Format, Worksheet, XlsxError};
use tidegate_schema::{Result, model::Cell};

use crate::export::{Place, misfit, unwritten};

/// Digits that Excel keeps of a number; one with more stays text.
const EXACT_DIGITS: usize = 15;
/// Largest whole number of so many digits.
const EXACT: u64 = 999_999_999_999_999;
/// Characters of a text, as UTF-16 counts them.
const MOST_CHARS: usize = 32_767;
/// Before this day Excel counts the days with a 29th of February that the year 1900 did not have.
const FIRST_DAY: (i32, u32, u32) = (1900, 3, 1);

/// How cells are shown.
pub(super) struct Formats {
    header: Format,
    blank: Format,
    date: Format,
    time: Format,
    time_ms: Format,
    timestamp: Format,
    timestamp_ms: Format,
}

impl Formats {
    pub(super) fn new() -> Self {
        let shown = |code: &str| Format::new().set_num_format(code);
        Self {
            header: Format::new().set_bold(),
            blank: shown("@"),
            date: shown("yyyy-mm-dd"),
            time: shown("hh:mm:ss"),
            time_ms: shown("hh:mm:ss.000"),
            timestamp: shown("yyyy-mm-dd hh:mm:ss"),
            timestamp_ms: shown("yyyy-mm-dd hh:mm:ss.000"),
        }
    }

    /// Writes a column's name.
    pub(super) fn header(
        &self,
        sheet: &mut Worksheet,
        column: u16,
        name: &str,
        place: Place<'_>,
    ) -> Result<()> {
        check_length(name, place)?;
        sheet
            .write_string_with_format(0, column, name, &self.header)
            .map_err(unwritten)?;
        Ok(())
    }

    /// Writes a cell that shows nothing into the first column.
    pub(super) fn blank(&self, sheet: &mut Worksheet, row: u32) -> Result<()> {
        sheet.write_blank(row, 0, &self.blank).map_err(unwritten)?;
        Ok(())
    }

    /// Writes a cell at `(row, column)`; the bytes of its text, if it is written as one.
    pub(super) fn cell(
        &self,
        sheet: &mut Worksheet,
        at: (u32, u16),
        cell: &Cell,
        place: Place<'_>,
    ) -> Result<usize> {
        let (row, column) = at;
        let Some(held) = held(cell) else {
            return Ok(0);
        };
        let mut bytes = 0;
        let done = match held {
            Held::Bool(value) => sheet.write_boolean(row, column, value),
            Held::Number(value) => sheet.write_number(row, column, value),
            Held::Text(text) => {
                check_length(&text, place)?;
                bytes = text.len();
                sheet.write_string(row, column, text)
            }
            Held::Moment(moment, shown) => {
                let format = match shown {
                    Shown::Date => &self.date,
                    Shown::Time { finer: false } => &self.time,
                    Shown::Time { finer: true } => &self.time_ms,
                    Shown::Timestamp { finer: false } => &self.timestamp,
                    Shown::Timestamp { finer: true } => &self.timestamp_ms,
                };
                sheet.write_datetime_with_format(row, column, &moment, format)
            }
        };
        done.map_err(unwritten)?;
        Ok(bytes)
    }
}

/// Whether a cell is shown as nothing: Excel has no empty text.
pub(super) fn is_blank(cell: &Cell) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// What Excel holds of a cell.
enum Held<'a> {
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Moment(ExcelDateTime, Shown),
}

/// How a point in time is shown; `finer` with milliseconds.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Date,
    Time { finer: bool },
    Timestamp { finer: bool },
}

fn held(cell: &Cell) -> Option<Held<'_>> {
    if is_blank(cell) {
        return None;
    }
    let found = match cell {
        Cell::Bool(value) => Held::Bool(*value),
        Cell::Int(value) if value.unsigned_abs() <= EXACT => Held::Number(*value as f64),
        Cell::Float(value) if value.is_finite() => Held::Number(*value),
        Cell::Decimal(text) => match exact(text) {
            Some(value) => Held::Number(value),
            None => Held::Text(Cow::Borrowed(text)),
        },
        Cell::Text(text) => Held::Text(Cow::Borrowed(text)),
        Cell::Date(day) => match date(*day) {
            Some(Ok(moment)) => Held::Moment(moment, Shown::Date),
            _ => shown_as_text(cell),
        },
        Cell::Time(time) => {
            let (hour, minute, second, milli) = parts(*time);
            match ExcelDateTime::from_hms_milli(hour, minute, second, milli) {
                Ok(moment) => Held::Moment(moment, Shown::Time { finer: milli > 0 }),
                Err(_) => shown_as_text(cell),
            }
        }
        Cell::Timestamp(at) => {
            let (hour, minute, second, milli) = parts(at.time());
            let moment = date(at.date())
                .map(|day| day.and_then(|day| day.and_hms_milli(hour, minute, second, milli)));
            match moment {
                Some(Ok(moment)) => Held::Moment(moment, Shown::Timestamp { finer: milli > 0 }),
                _ => shown_as_text(cell),
            }
        }
        // Excel has no zones, and no numbers beyond the finite ones.
        _ => shown_as_text(cell),
    };
    Some(found)
}

fn shown_as_text(cell: &Cell) -> Held<'_> {
    Held::Text(Cow::Owned(cell.to_text().unwrap_or_default()))
}

/// A decimal as a number, if Excel keeps all its digits.
fn exact(text: &str) -> Option<f64> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text
        .bytes()
        .all(|sign| sign.is_ascii_digit() || matches!(sign, b'-' | b'.'));
    (plain && digits <= EXACT_DIGITS)
        .then(|| text.parse().ok())
        .flatten()
}

/// A day, if Excel counts it as everybody else does.
fn date(day: NaiveDate) -> Option<Result<ExcelDateTime, XlsxError>> {
    let (year, month, first) = FIRST_DAY;
    let begins = NaiveDate::from_ymd_opt(year, month, first)?;
    let year = u16::try_from(day.year()).ok()?;
    (day >= begins).then(|| ExcelDateTime::from_ymd(year, day.month() as u8, day.day() as u8))
}

/// Hour, minute, second and millisecond. Finer digits are cut off, and a leap second is the last one of its minute.
fn parts(time: NaiveTime) -> (u16, u8, u8, u16) {
    let milli = (time.nanosecond() / 1_000_000).min(999);
    (
        time.hour() as u16,
        time.minute() as u8,
        time.second() as u8,
        milli as u16,
    )
}

fn check_length(text: &str, place: Place<'_>) -> Result<()> {
    // A character takes at least as many bytes as it takes units of UTF-16.
    if text.len() <= MOST_CHARS || text.encode_utf16().count() <= MOST_CHARS {
        return Ok(());
    }
    Err(misfit(
        place,
        "the text has more than the 32,767 characters that a cell of Excel holds",
        "shorten it in the query, or export csv, json or parquet",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_more_digits_than_excel_keeps_stay_text() {
        let text = |cell: &Cell| match held(cell) {
            Some(Held::Text(text)) => text.into_owned(),
            Some(Held::Number(number)) => format!("number {number}"),
            _ => String::new(),
        };
        assert_eq!(
            text(&Cell::Int(999_999_999_999_999)),
            "number 999999999999999"
        );
        assert_eq!(text(&Cell::Int(9_007_199_254_740_993)), "9007199254740993");
        assert_eq!(text(&Cell::Decimal("12.50".into())), "number 12.5");
        let long = "12345678901234.567";
        assert_eq!(text(&Cell::Decimal(long.into())), long);
        assert_eq!(text(&Cell::Float(f64::NAN)), "NaN");
    }

    #[test]
    fn days_that_excel_counts_wrongly_stay_text() {
        let day = |year, month, day| {
            let day = NaiveDate::from_ymd_opt(year, month, day).expect("a day");
            match held(&Cell::Date(day)) {
                Some(Held::Moment(moment, _)) => moment.to_excel(),
                _ => -1.0,
            }
        };
        assert_eq!(day(1900, 2, 28), -1.0);
        assert_eq!(day(1900, 3, 1), 61.0);
        assert_eq!(day(2024, 2, 29), 45_351.0);
        assert_eq!(day(-5, 1, 1), -1.0);
        assert_eq!(day(12_024, 1, 1), -1.0);
    }

    #[test]
    fn a_text_is_measured_as_excel_does() {
        let place = Place {
            row: 7,
            column: "story",
        };
        // Two units of UTF-16 and four bytes each.
        assert!(check_length(&"😀".repeat(16_383), place).is_ok());
        let error = check_length(&"😀".repeat(16_384), place).expect_err("too long");
        assert!(
            error.to_string().starts_with("row 7, column 'story': "),
            "{error}"
        );
    }
}
