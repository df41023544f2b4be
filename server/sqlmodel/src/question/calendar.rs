//! Calendar words and calendar arithmetic, one word at a time.

use chrono::{Datelike, Days, Months, NaiveDate};

/// A part of a year, or days already known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Year,
    Half(u32),
    Quarter(u32),
    /// First month; winter begins in the year it is named after.
    Season(u32),
    Month(u32),
    Day(u32, u32),
    Fixed(NaiveDate, NaiveDate),
}

impl Part {
    pub(super) fn in_year(self, year: i32) -> Option<(NaiveDate, NaiveDate)> {
        let months = |first: u32, count: u32| {
            let start = NaiveDate::from_ymd_opt(year, first, 1)?;
            Some((start, start.checked_add_months(Months::new(count))?))
        };
        match self {
            Self::Year => months(1, 12),
            Self::Half(half) => months(half * 6 - 5, 6),
            Self::Quarter(quarter) => months(quarter * 3 - 2, 3),
            Self::Season(first) => months(first, 3),
            Self::Month(month) => months(month, 1),
            Self::Day(month, day) => {
                let start = NaiveDate::from_ymd_opt(year, month, day)?;
                Some((start, start.succ_opt()?))
            }
            Self::Fixed(start, end) => Some((start, end)),
        }
    }

    /// The latest one that has begun by `limit`.
    pub(super) fn latest(self, limit: NaiveDate) -> Option<(i32, NaiveDate, NaiveDate)> {
        // Eight years back: 29 February.
        (0..=8).find_map(|back| {
            let year = limit.year() - back;
            self.in_year(year)
                .filter(|(start, _)| *start <= limit)
                .map(|(start, end)| (year, start, end))
        })
    }

    pub(super) fn takes_year(self) -> bool {
        !matches!(self, Self::Year | Self::Fixed(..))
    }
}

/// Four digits that read as a year.
pub(super) fn year(lower: &str) -> Option<i32> {
    let digits = lower.strip_prefix("fy").unwrap_or(lower);
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|y| (1900..=2099).contains(y))
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Number of a month's name; the flag tells whether it can hardly be another word.
pub(super) fn month(lower: &str) -> Option<(u32, bool)> {
    if let Some(at) = MONTHS.iter().position(|&m| m == lower) {
        return Some((at as u32 + 1, !matches!(lower, "march" | "may")));
    }
    let short = if lower == "sept" { "sep" } else { lower };
    if short.len() != 3 {
        return None;
    }
    MONTHS
        .iter()
        .position(|m| m.starts_with(short))
        .map(|at| (at as u32 + 1, false))
}

pub(super) fn season(lower: &str) -> Option<u32> {
    Some(match lower {
        "spring" => 3,
        "summer" => 6,
        "autumn" | "fall" => 9,
        "winter" => 12,
        _ => return None,
    })
}

pub(super) fn ordinal(lower: &str) -> Option<u32> {
    const NAMES: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
    if let Some(at) = NAMES.iter().position(|&n| n == lower) {
        return Some(at as u32 + 1);
    }
    let digits = lower
        .strip_suffix("st")
        .or_else(|| lower.strip_suffix("nd"))
        .or_else(|| lower.strip_suffix("rd"))
        .or_else(|| lower.strip_suffix("th"))?;
    digits.parse().ok().filter(|n| (1..=31).contains(n))
}

pub(super) fn day_number(lower: &str) -> Option<u32> {
    if lower.len() <= 2 && lower.bytes().all(|b| b.is_ascii_digit()) {
        return lower.parse().ok().filter(|n| (1..=31).contains(n));
    }
    ordinal(lower)
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

pub(super) fn unit(lower: &str) -> Option<(Unit, bool)> {
    Some(match lower {
        "day" => (Unit::Day, false),
        "days" => (Unit::Day, true),
        "week" => (Unit::Week, false),
        "weeks" => (Unit::Week, true),
        "month" => (Unit::Month, false),
        "months" => (Unit::Month, true),
        "quarter" => (Unit::Quarter, false),
        "quarters" => (Unit::Quarter, true),
        "year" => (Unit::Year, false),
        "years" => (Unit::Year, true),
        _ => return None,
    })
}

/// The calendar unit around a day; weeks begin on Monday.
pub(super) fn around(day: NaiveDate, unit: Unit) -> Option<(NaiveDate, NaiveDate)> {
    let (start, months) = match unit {
        Unit::Day => return Some((day, day.succ_opt()?)),
        Unit::Week => {
            let start =
                day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))?;
            return Some((start, start.checked_add_days(Days::new(7))?));
        }
        Unit::Month => (day.with_day(1)?, 1),
        Unit::Quarter => (
            NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1)?,
            3,
        ),
        Unit::Year => (NaiveDate::from_ymd_opt(day.year(), 1, 1)?, 12),
    };
    Some((start, start.checked_add_months(Months::new(months))?))
}

fn days_or_months(unit: Unit, count: f64) -> Option<Result<Days, Months>> {
    // Nobody asks for more than a few thousand years; calendars end somewhere.
    if !(0.0..=100_000.0).contains(&count) {
        return None;
    }
    let count = count.round() as u32;
    Some(match unit {
        Unit::Day => Ok(Days::new(u64::from(count))),
        Unit::Week => Ok(Days::new(u64::from(count) * 7)),
        Unit::Month => Err(Months::new(count)),
        Unit::Quarter => Err(Months::new(count * 3)),
        Unit::Year => Err(Months::new(count * 12)),
    })
}

pub(super) fn back(day: NaiveDate, unit: Unit, count: f64) -> Option<NaiveDate> {
    match days_or_months(unit, count)? {
        Ok(days) => day.checked_sub_days(days),
        Err(months) => day.checked_sub_months(months),
    }
}

pub(super) fn forward(day: NaiveDate, unit: Unit, count: f64) -> Option<NaiveDate> {
    match days_or_months(unit, count)? {
        Ok(days) => day.checked_add_days(days),
        Err(months) => day.checked_add_months(months),
    }
}
