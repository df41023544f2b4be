//! Days and times as DuckDB counts them. What chrono cannot hold is written as DuckDB writes it.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use tidegate_schema::model::Cell;

/// Days from the first day of the year 1 to 1970-01-01, which chrono counts from 1.
const EPOCH: i32 = 719_163;
const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A day, in days since 1970-01-01.
pub(super) fn date(days: i32) -> Cell {
    match days {
        i32::MAX => endless(true),
        days if days == -i32::MAX => endless(false),
        days => days
            .checked_add(EPOCH)
            .and_then(NaiveDate::from_num_days_from_ce_opt)
            .map_or_else(|| Cell::Text(written_date(days.into())), Cell::Date),
    }
}

/// A time of day, in units since midnight.
pub(super) fn time(value: i64, units_per_second: i64) -> Cell {
    let (seconds, nanos) = split(value, units_per_second);
    u32::try_from(seconds)
        .ok()
        .and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos))
        .map_or_else(|| Cell::Text(written_time(seconds, nanos)), Cell::Time)
}

/// A point in time, in units since 1970-01-01; with a zone it is UTC.
pub(super) fn timestamp(value: i64, units_per_second: i64, zoned: bool) -> Cell {
    if value == i64::MAX || value == -i64::MAX {
        return endless(value > 0);
    }
    let (seconds, nanos) = split(value, units_per_second);
    match DateTime::<Utc>::from_timestamp(seconds, nanos) {
        Some(at) if zoned => Cell::TimestampTz(at.fixed_offset()),
        Some(at) => Cell::Timestamp(at.naive_utc()),
        None => {
            let day = written_date(seconds.div_euclid(SECONDS_PER_DAY));
            let time = written_time(seconds.rem_euclid(SECONDS_PER_DAY), nanos);
            let zone = if zoned { "+00" } else { "" };
            Cell::Text(format!("{day} {time}{zone}"))
        }
    }
}

fn endless(later: bool) -> Cell {
    Cell::Text(if later { "infinity" } else { "-infinity" }.into())
}

/// Whole seconds, rounded down, and the nanoseconds beyond.
fn split(value: i64, units_per_second: i64) -> (i64, u32) {
    let rest = value.rem_euclid(units_per_second) * (NANOS_PER_SECOND / units_per_second);
    (value.div_euclid(units_per_second), rest as u32)
}

fn written_time(seconds: i64, nanos: u32) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let mut text = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if nanos > 0 {
        text.push_str(format!(".{nanos:09}").trim_end_matches('0'));
    }
    text
}

/// The Gregorian calendar, which repeats every 400 years. Years are counted from March, so that the leap day is last.
fn written_date(days: i64) -> String {
    const DAYS_OF_ERA: i64 = 146_097;
    // 0000-03-01 is so many days before 1970-01-01.
    let since_march = days + 719_468;
    let era = since_march.div_euclid(DAYS_OF_ERA);
    let day = since_march.rem_euclid(DAYS_OF_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + next;
    if year > 0 {
        format!("{year:04}-{month:02}-{day_of_month:02}")
    } else {
        // There is no year 0: before the year 1 comes the year 1 BC.
        format!("{:04}-{month:02}-{day_of_month:02} (BC)", 1 - year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chrono_holds_is_a_date_and_the_rest_is_written() {
        assert_eq!(date(0).to_text().as_deref(), Some("1970-01-01"));
        assert_eq!(date(-719_162).to_text().as_deref(), Some("0001-01-01"));
        assert_eq!(date(i32::MAX), Cell::Text("infinity".into()));
        assert_eq!(date(-i32::MAX), Cell::Text("-infinity".into()));
        assert_eq!(date(2_147_483_646), Cell::Text("5881580-07-10".into()));
    }

    #[test]
    fn the_written_calendar_is_the_common_one() {
        for days in [
            -719_162, -1, 0, 59, 10_957, 11_016, 19_782, 47_540, 2_932_896,
        ] {
            let known = NaiveDate::from_num_days_from_ce_opt(days + EPOCH).expect("in range");
            assert_eq!(written_date(days.into()), known.to_string());
        }
        assert_eq!(written_date(-719_163), "0001-12-31 (BC)");
        assert_eq!(written_date(-735_160), "0044-03-15 (BC)");
    }

    #[test]
    fn times_keep_their_fractions() {
        assert_eq!(
            time(86_399_999_999, 1_000_000).to_text().as_deref(),
            Some("23:59:59.999999")
        );
        assert_eq!(
            time(86_400_000_000, 1_000_000),
            Cell::Text("24:00:00".into())
        );
        assert_eq!(
            timestamp(-1, 1_000_000_000, false).to_text().as_deref(),
            Some("1969-12-31T23:59:59.999999999")
        );
        assert_eq!(
            timestamp(1_700_000_000, 1, true).to_text().as_deref(),
            Some("2023-11-14T22:13:20+00:00")
        );
        assert_eq!(
            timestamp(9_223_372_036_854_775_806, 1_000_000, false),
            Cell::Text("294247-01-10 04:00:54.775806".into())
        );
        assert_eq!(
            timestamp(-i64::MAX, 1_000, true),
            Cell::Text("-infinity".into())
        );
    }
}
