//! Dates as people write them, each with the days it means.

mod spans;

use chrono::{Months, NaiveDate};

use self::spans::{any_span, bound_span, half_or_season, month, one_day, relative_year, year};
use super::dice::Dice;
use crate::query::{Bucket, Predicate, Value, When};
use crate::schema::ColumnId;

/// Months as people write them, January first.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A stretch of days with its words.
struct Span {
    start: NaiveDate,
    end: NaiveDate,
    text: String,
    unit: Unit,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Year,
    Quarter,
    Month,
    Day,
    /// Said without a preposition: "last year", "yesterday".
    Relative,
    /// "the last 30 days".
    Rolling,
}

impl Span {
    fn value(&self) -> Value {
        Value::Dates {
            start: self.start,
            end: self.end,
        }
    }
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

fn month_after(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_add_months(Months::new(months)).unwrap_or(date)
}

fn month_before(date: NaiveDate, months: u32) -> NaiveDate {
    date.checked_sub_months(Months::new(months)).unwrap_or(date)
}

/// A condition on a date column with its words, preposition included: "in March 2024", "since 2022".
pub(super) fn condition(
    column: ColumnId,
    range: Option<[f64; 2]>,
    today: NaiveDate,
    dice: &mut Dice,
) -> (Predicate, String) {
    let [low, high] = range.unwrap_or([2018.0, 2025.0]);
    let years = (low as i32, high as i32);
    match dice.weighted(&[56.0, 10.0, 10.0, 12.0, 3.0, 9.0]) {
        0 => {
            let span = any_span(years, today, dice);
            let text = during(&span, dice);
            (Predicate::Date(column, When::During, span.value()), text)
        }
        1 => {
            let span = bound_span(years, today, dice);
            let text = dice.fill(
                "[before|before|prior to|earlier than|up to but not including]",
                &[],
            );
            (
                Predicate::Date(column, When::Before, span.value()),
                format!("{text} {}", span.text),
            )
        }
        2 => {
            let span = bound_span(years, today, dice);
            let word = dice.word(&["after", "after", "later than", "following"]);
            (
                Predicate::Date(column, When::After, span.value()),
                format!("{word} {}", span.text),
            )
        }
        3 => {
            let span = bound_span(years, today, dice);
            let text = dice.fill(
                "[since {d}|since {d}|since {d}|from {d} on|from {d} onwards|from {d} onward|starting {d}|starting from {d}|as of {d}|in {d} or later|{d} or later|beginning {d}]",
                &[("d", &span.text)],
            );
            let text = if span.unit == Unit::Day {
                text.replace("in ", "on ")
            } else {
                text
            };
            (Predicate::Date(column, When::Since, span.value()), text)
        }
        4 => {
            let span = bound_span(years, today, dice);
            let text = dice.fill(
                "[until {d}|till {d}|up to {d}|up until {d}|through {d}|until the end of {d}|by the end of {d}]",
                &[("d", &span.text)],
            );
            let text = if span.unit == Unit::Day {
                text.replace("the end of ", "")
            } else {
                text
            };
            (Predicate::Date(column, When::Until, span.value()), text)
        }
        _ => {
            let (first, second, text) = two_ends(years, dice);
            (Predicate::DateBetween(column, first, second), text)
        }
    }
}

/// A plain "in 2024" kind of phrase, for places where nothing longer fits.
pub(super) fn plain(
    column: ColumnId,
    range: Option<[f64; 2]>,
    today: NaiveDate,
    dice: &mut Dice,
) -> (Predicate, String) {
    let [low, high] = range.unwrap_or([2018.0, 2025.0]);
    let span = any_span((low as i32, high as i32), today, dice);
    let text = during(&span, dice);
    (Predicate::Date(column, When::During, span.value()), text)
}

/// A stretch of time to look at by this calendar unit.
pub(super) fn period(
    column: ColumnId,
    range: Option<[f64; 2]>,
    bucket: Bucket,
    today: NaiveDate,
    dice: &mut Dice,
) -> (Predicate, String) {
    let [low, high] = range.unwrap_or([2018.0, 2025.0]);
    let years = (low as i32, high as i32);
    if bucket == Bucket::Year || dice.chance(0.2) {
        if dice.chance(0.5) {
            let (first, second, text) = two_ends(years, dice);
            return (Predicate::DateBetween(column, first, second), text);
        }
        let span = year(years, dice);
        let text = dice.fill(
            "[since {d}|since {d}|from {d} on|from {d} onwards|starting {d}]",
            &[("d", &span.text)],
        );
        return (Predicate::Date(column, When::Since, span.value()), text);
    }
    let span = match (bucket, dice.below(8)) {
        (Bucket::Day, 0..6) => month(years, dice),
        (_, 0) => relative_year(today, dice),
        (_, 1) => half_or_season(years, dice),
        _ => year(years, dice),
    };
    let text = during(&span, dice);
    (Predicate::Date(column, When::During, span.value()), text)
}

/// "in March 2024", "on 5 June", "last year".
fn during(span: &Span, dice: &mut Dice) -> String {
    let text = span.text.as_str();
    match span.unit {
        Unit::Year => dice.fill(
            "[in {d}|in {d}|in {d}|in {d}|during {d}|for {d}|from {d}|of {d}|in the year {d}|{d}|in calendar year {d}|throughout {d}]",
            &[("d", text)],
        ),
        Unit::Quarter => dice.fill("[in {d}|in {d}|in {d}|during {d}|for {d}|{d}]", &[("d", text)]),
        Unit::Month => {
            dice.fill("[in {d}|in {d}|in {d}|in {d}|during {d}|for {d}|from {d}|{d}]", &[("d", text)])
        }
        Unit::Day => dice.fill("[on {d}|on {d}|on {d}|{d}|dated {d}]", &[("d", text)]),
        Unit::Relative => text.to_owned(),
        Unit::Rolling => dice.fill("[in|in|over|during|within|from] {d}", &[("d", text)]),
    }
}

/// "between March and May 2024", "from 2020 to 2022".
fn two_ends(years: (i32, i32), dice: &mut Dice) -> (Value, Value, String) {
    let (first, second, a, b) = match dice.weighted(&[4.0, 3.0, 2.0, 2.0]) {
        0 if years.1 > years.0 => {
            let low = dice.between(i64::from(years.0), i64::from(years.1) - 1) as i32;
            let high = dice.between(i64::from(low) + 1, i64::from(years.1)) as i32;
            (
                Value::Dates {
                    start: day(low, 1, 1),
                    end: day(low + 1, 1, 1),
                },
                Value::Dates {
                    start: day(high, 1, 1),
                    end: day(high + 1, 1, 1),
                },
                low.to_string(),
                high.to_string(),
            )
        }
        0 | 1 => {
            let y = dice.between(i64::from(years.0), i64::from(years.1)) as i32;
            let m = dice.below(11);
            let n = m + 1 + dice.below(11 - m);
            let (s, t) = (day(y, m as u32 + 1, 1), day(y, n as u32 + 1, 1));
            (
                Value::Dates {
                    start: s,
                    end: month_after(s, 1),
                },
                Value::Dates {
                    start: t,
                    end: month_after(t, 1),
                },
                MONTHS[m].to_owned(),
                format!("{} {y}", MONTHS[n]),
            )
        }
        2 => {
            let (s, t) = (month(years, dice), month(years, dice));
            let (s, t) = if s.start <= t.start { (s, t) } else { (t, s) };
            (s.value(), t.value(), s.text, t.text)
        }
        _ => {
            let (s, t) = (one_day(years, dice), one_day(years, dice));
            let (s, t) = if s.start <= t.start { (s, t) } else { (t, s) };
            (s.value(), t.value(), s.text, t.text)
        }
    };
    let text = dice.fill(
        "[between {a} and {b}|between {a} and {b}|from {a} to {b}|from {a} until {b}|from {a} through {b}|{a} to {b}]",
        &[("a", &a), ("b", &b)],
    );
    (first, second, text)
}
