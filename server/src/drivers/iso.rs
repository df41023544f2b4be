//! Days and times in the one spelling that most engines write them in.
//!
//! chrono reads any spelling by a format that it interprets for each value, which takes longer than all else that is
//! done to a row. So one spelling is read by its places, and only what is not in it by chrono.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

const DATE: usize = "2024-02-29".len();
const TIME: usize = "12:00:00".len();
const NANOSECOND_DIGITS: usize = 9;

/// `2024-02-29`, and nothing else.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    day(text.as_bytes())
}

/// `12:00:00`, with up to nine digits of a fraction or none, and nothing else.
pub(super) fn time(text: &str) -> Option<NaiveTime> {
    clock(text.as_bytes())
}

/// A date and a time with a blank or a `T` between them, and nothing else.
pub(super) fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let (date, rest) = text.as_bytes().split_at_checked(DATE)?;
    let (between, time) = rest.split_first()?;
    matches!(between, b' ' | b'T').then_some(())?;
    Some(day(date)?.and_time(clock(time)?))
}

/// As [`date`], and in whatever else chrono takes for a year, a month and a day.
pub(super) fn any_date(text: &str) -> Option<NaiveDate> {
    date(text).or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
}

/// As [`time`], and in whatever else chrono takes for hours, minutes and seconds.
pub(super) fn any_time(text: &str) -> Option<NaiveTime> {
    time(text).or_else(|| NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok())
}

/// As [`timestamp`], and in whatever else chrono takes for both with a blank between them.
pub(super) fn any_timestamp(text: &str) -> Option<NaiveDateTime> {
    timestamp(text).or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok())
}

fn day(text: &[u8]) -> Option<NaiveDate> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let year = number(&[y1, y2, y3, y4])?;
    NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
    )
}

fn clock(text: &[u8]) -> Option<NaiveTime> {
    let (whole, fraction) = text.split_at_checked(TIME)?;
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = whole else {
        return None;
    };
    let nanoseconds = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=NANOSECOND_DIGITS).contains(&digits.len()) => {
            let missing = (NANOSECOND_DIGITS - digits.len()) as u32;
            number(digits)? * 10_u32.pow(missing)
        }
        _ => return None,
    };
    NaiveTime::from_hms_nano_opt(
        number(&[h1, h2])?,
        number(&[m1, m2])?,
        number(&[s1, s2])?,
        nanoseconds,
    )
}

/// At most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_chrono_reads() {
        for text in ["2024-02-29", "0001-01-01", "9999-12-31"] {
            let expected = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            assert!(expected.is_some() && date(text) == expected, "{text}");
        }
        for text in [
            "00:00:00",
            "23:59:59.9",
            "12:30:01.000001",
            "12:30:01.123456789",
        ] {
            let expected = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok();
            assert!(expected.is_some() && time(text) == expected, "{text}");
        }
        for text in ["2024-02-29 12:00:00.5", "1969-12-31T23:59:59"] {
            let form = if text.contains('T') {
                "%Y-%m-%dT%H:%M:%S%.f"
            } else {
                "%Y-%m-%d %H:%M:%S%.f"
            };
            let expected = NaiveDateTime::parse_from_str(text, form).ok();
            assert!(expected.is_some() && timestamp(text) == expected, "{text}");
        }
    }

    #[test]
    fn other_spellings_are_for_chrono_to_read() {
        for (text, same) in [("2024-2-9", "2024-02-09"), ("2024-02-29", "2024-02-29")] {
            assert!(date(same).is_some() && any_date(text) == date(same));
        }
        for (text, same) in [("1:2:3", "01:02:03"), ("12:00:00.5", "12:00:00.5")] {
            assert!(time(same).is_some() && any_time(text) == time(same));
        }
        for (text, same) in [
            ("2024-2-9 1:2:3", "2024-02-09 01:02:03"),
            ("2024-02-29T12:00:00", "2024-02-29 12:00:00"),
        ] {
            assert!(timestamp(same).is_some() && any_timestamp(text) == timestamp(same));
        }
        for text in ["", "soon", "0000-00-00 00:00:00"] {
            assert_eq!(any_date(text), None);
            assert_eq!(any_time(text), None);
            assert_eq!(any_timestamp(text), None);
        }
    }

    #[test]
    fn any_other_spelling_is_left_to_others() {
        for text in [
            "",
            "2024-2-29",
            "2023-02-29",
            "2024-02-29 ",
            "+024-02-29",
            "2024-02-2９",
            "infinity",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        for text in [
            "24:00:00",
            "12:00",
            "12:00:00.",
            "12:00:60",
            "12:00:00.1234567890",
            "12:00:00+01",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
        for text in [
            "2024-02-29",
            "2024-02-29_12:00:00",
            "2024-02-29 12:00:00 BC",
            "2024-02-2é 12:00:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
