//! Stretches of days, drawn at random with their words: a year, a month, "last week".

use chrono::{Datelike, Days, NaiveDate};

use super::{MONTHS, Span, Unit, day, month_after, month_before};
use crate::generate::{dice::Dice, numbers};

const SHORT_MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

pub(super) fn any_span(years: (i32, i32), today: NaiveDate, dice: &mut Dice) -> Span {
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
pub(super) fn bound_span(years: (i32, i32), today: NaiveDate, dice: &mut Dice) -> Span {
    match dice.weighted(&[50.0, 25.0, 18.0, 5.0, 2.0]) {
        0 => year(years, dice),
        1 => month(years, dice),
        2 => one_day(years, dice),
        3 => bare_month(today, dice),
        _ => quarter(years, dice),
    }
}

pub(super) fn year((low, high): (i32, i32), dice: &mut Dice) -> Span {
    let y = dice.between(i64::from(low), i64::from(high)) as i32;
    Span {
        start: day(y, 1, 1),
        end: day(y + 1, 1, 1),
        text: y.to_string(),
        unit: Unit::Year,
    }
}

pub(super) fn month((low, high): (i32, i32), dice: &mut Dice) -> Span {
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

pub(super) fn half_or_season((low, high): (i32, i32), dice: &mut Dice) -> Span {
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

pub(super) fn one_day((low, high): (i32, i32), dice: &mut Dice) -> Span {
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
                numbers::in_words(u64::from(months))
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

pub(super) fn relative_year(today: NaiveDate, dice: &mut Dice) -> Span {
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
