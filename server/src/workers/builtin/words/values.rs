//! Literals and spans of days, in words.

use chrono::{Datelike as _, Days, NaiveDate};
use tidegate_sqlmodel::query::Value;

/// A literal; a text is quoted.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Number(number) => number.to_string(),
        Value::Dates { start, end } => span(*start, *end),
    }
}

/// Whether it is a span of a single day.
pub(super) fn is_one_day(value: &Value) -> bool {
    matches!(value, Value::Dates { start, end } if start.succ_opt() == Some(*end))
}

/// A span of days, `end` not included, by the name a person would give it.
fn span(start: NaiveDate, end: NaiveDate) -> String {
    let months = (end.year() - start.year()) * 12 + end.month() as i32 - start.month() as i32;
    let whole = start.day() == 1 && end.day() == 1;
    match months {
        12 if whole && start.month() == 1 => start.year().to_string(),
        3 if whole && start.month0().is_multiple_of(3) => {
            format!("quarter {} of {}", start.month0() / 3 + 1, start.year())
        }
        1 if whole => start.format("%B %Y").to_string(),
        _ if start.succ_opt() == Some(end) => start.to_string(),
        _ => format!(
            "{start} to {}",
            end.checked_sub_days(Days::new(1)).unwrap_or(end)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a date")
    }

    #[test]
    fn names_spans_of_days() {
        let said = [
            (day(2024, 3, 1), day(2024, 4, 1), "March 2024"),
            (day(2024, 4, 1), day(2024, 7, 1), "quarter 2 of 2024"),
            (day(2024, 3, 5), day(2024, 3, 6), "2024-03-05"),
            (
                day(2024, 3, 4),
                day(2024, 3, 11),
                "2024-03-04 to 2024-03-10",
            ),
            (day(2022, 1, 1), day(2024, 1, 1), "2022-01-01 to 2023-12-31"),
        ];
        for (start, end, words) in said {
            assert_eq!(span(start, end), words);
        }
    }
}
