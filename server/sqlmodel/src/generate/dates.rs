//! Dates as people write them, each with the days it means.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::dice::Dice;
use crate::query::{Bucket, Predicate, Value, When};
use crate::schema::ColumnId;

const MONTHS: [&str; 12] = [
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
const SHORT_MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
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

fn relative_year(today: NaiveDate, dice: &mut Dice) -> Span {
    let this = day(today.year(), 1, 1);
    let (start, text) = if dice.chance(0.5) {
        (month_before(this, 12), "last year")
    } else {
        (this, "this year")
    };
    Span {
        start,
        end: month_after(start, 12),
        text: text.to_owned(),
        unit: Unit::Relative,
    }
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

fn any_span(years: (i32, i32), today: NaiveDate, dice: &mut Dice) -> Span {
    match dice.weighted(&[40.0, 22.0, 7.0, 9.0, 5.0, 13.0, 4.0]) {
        0 => year(years, dice),
        1 => month(years, dice),
        2 => quarter(years, dice),
        3 => one_day(years, dice),
        4 => bare_month(today, dice),
        5 => relative(today, dice),
        _ => half_or_season(years, dice),
    }
}

/// A span that makes sense after "before" or "since".
fn bound_span(years: (i32, i32), today: NaiveDate, dice: &mut Dice) -> Span {
    match dice.weighted(&[50.0, 25.0, 18.0, 5.0, 2.0]) {
        0 => year(years, dice),
        1 => month(years, dice),
        2 => one_day(years, dice),
        3 => bare_month(today, dice),
        _ => quarter(years, dice),
    }
}

fn year((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    Span {
        start: day(y, 1, 1),
        end: day(y + 1, 1, 1),
        text: y.to_string(),
        unit: Unit::Year,
    }
}

fn month((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    let m = dice.below(12);
    let start = day(y, m as u32 + 1, 1);
    let year = y.to_string();
    let number = format!("{:02}", m + 1);
    let text = dice.fill(
        "[{M} {y}|{M} {y}|{M} {y}|{M} {y}|{m} {y}|{M} of {y}|{M}, {y}|{y}-{n}]",
        &[
            ("M", MONTHS[m]),
            ("m", SHORT_MONTHS[m]),
            ("y", &year),
            ("n", &number),
        ],
    );
    Span {
        start,
        end: month_after(start, 1),
        text,
        unit: Unit::Month,
    }
}

fn quarter((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    let q = dice.below(4);
    let start = day(y, q as u32 * 3 + 1, 1);
    let digit = (q + 1).to_string();
    let ordinal = ["first", "second", "third", "fourth"][q];
    let text = dice.fill(
        "[Q{q} {y}|Q{q} {y}|q{q} {y}|Q{q} of {y}|the {o} quarter of {y}|the {o} quarter {y}]",
        &[("q", &digit), ("o", ordinal), ("y", &y.to_string())],
    );
    Span {
        start,
        end: month_after(start, 3),
        text,
        unit: Unit::Quarter,
    }
}

fn half_or_season((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    let year = y.to_string();
    let (start, months, words) = match dice.below(3) {
        0 => (day(y, 1, 1), 6, "[the first half of {y}|H1 {y}|H1 of {y}]"),
        1 => (day(y, 7, 1), 6, "[the second half of {y}|H2 {y}|H2 of {y}]"),
        _ => (day(y, 6, 1), 3, "[summer {y}|the summer of {y}]"),
    };
    let text = dice.fill(words, &[("y", &year)]);
    Span {
        start,
        end: month_after(start, months),
        text,
        unit: Unit::Quarter,
    }
}

fn one_day((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    let m = dice.below(12);
    let d = dice.between(1, 28) as u32;
    let start = day(y, m as u32 + 1, d);
    let ordinal = match (d % 10, d) {
        (_, 11..=13) => format!("{d}th"),
        (1, _) => format!("{d}st"),
        (2, _) => format!("{d}nd"),
        (3, _) => format!("{d}rd"),
        _ => format!("{d}th"),
    };
    let iso = start.format("%Y-%m-%d").to_string();
    let text = dice.fill(
        "[{d} {M} {y}|{d} {M} {y}|{M} {d}, {y}|{M} {o}, {y}|{M} {o} {y}|the {o} of {M} {y}|{iso}|{iso}|{d} {m} {y}|{m} {d}, {y}|{m} {d} {y}]",
        &[
            ("M", MONTHS[m]),
            ("m", SHORT_MONTHS[m]),
            ("y", &y.to_string()),
            ("d", &d.to_string()),
            ("o", &ordinal),
            ("iso", &iso),
        ],
    );
    Span {
        start,
        end: start + Days::new(1),
        text,
        unit: Unit::Day,
    }
}

/// A month without a year is the latest one that has begun before today.
fn bare_month(today: NaiveDate, dice: &mut Dice) -> Span {
    let m = dice.below(12) as u32;
    let mut start = day(today.year(), m + 1, 1);
    if start > today {
        start = day(today.year() - 1, m + 1, 1);
    }
    Span {
        start,
        end: month_after(start, 1),
        text: MONTHS[m as usize].to_owned(),
        unit: Unit::Month,
    }
}

fn relative(today: NaiveDate, dice: &mut Dice) -> Span {
    let this_month = day(today.year(), today.month(), 1);
    let this_year = day(today.year(), 1, 1);
    let this_quarter = day(today.year(), (today.month0() / 3) * 3 + 1, 1);
    let monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    let tomorrow = today + Days::new(1);
    let span = |start, end, text: &str| Span {
        start,
        end,
        text: text.to_owned(),
        unit: Unit::Relative,
    };
    match dice.weighted(&[5.0, 4.0, 4.0, 3.0, 1.5, 1.5, 2.0, 2.0, 2.0, 2.0, 3.0, 2.0]) {
        0 => span(month_before(this_year, 12), this_year, "last year"),
        1 => span(this_year, month_after(this_year, 12), "this year"),
        2 => span(month_before(this_month, 1), this_month, "last month"),
        3 => span(this_month, month_after(this_month, 1), "this month"),
        4 => span(month_before(this_quarter, 3), this_quarter, "last quarter"),
        5 => span(this_quarter, month_after(this_quarter, 3), "this quarter"),
        6 => span(monday - Days::new(7), monday, "last week"),
        7 => span(monday, monday + Days::new(7), "this week"),
        8 => span(today - Days::new(1), today, "yesterday"),
        9 => span(today, tomorrow, "today"),
        10 => {
            let days = dice
                .pick(&[7_u64, 10, 14, 30, 60, 90])
                .copied()
                .unwrap_or(30);
            let text = dice.fill("the [last|past] {n} days", &[("n", &days.to_string())]);
            Span {
                start: today - Days::new(days),
                end: tomorrow,
                text,
                unit: Unit::Rolling,
            }
        }
        _ => {
            let months = dice.pick(&[3_u32, 6, 12, 2]).copied().unwrap_or(6);
            let n = if dice.chance(0.3) {
                super::numbers::in_words(u64::from(months))
                    .unwrap_or_default()
                    .to_owned()
            } else {
                months.to_string()
            };
            let text = dice.fill("the [last|past] {n} months", &[("n", &n)]);
            Span {
                start: month_before(today, months),
                end: tomorrow,
                text,
                unit: Unit::Rolling,
            }
        }
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
