//! Days, times and points in time in text.

use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// The order of a day's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Year, month, day.
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// How zones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// There are none.
    None,
    /// As written: all the same.
    Kept,
    /// Turned into UTC, for points in time that are to be compared.
    Utc,
}

/// A day or point in time as it is written, before it is known what its numbers mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    numbers: [u32; 3],
    year_first: bool,
    dotted: bool,
    time: Option<NaiveTime>,
    offset: Option<FixedOffset>,
}

/// What a column's days and points in time have in common.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    any: bool,
    /// Orders that make sense of all of them.
    orders: [bool; 3],
    with_time: bool,
    with_zone: bool,
    without_zone: bool,
    offset: Option<FixedOffset>,
    offsets_differ: bool,
}

/// The type for a column of days or points in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MomentKind {
    /// Days.
    Date(Order),
    /// Points in time.
    Timestamp(Order, Zone),
    /// Days and months cannot be told apart.
    Ambiguous,
    /// Some have a zone and some have not: they cannot be compared.
    Mixed,
}

const ORDERS: [Order; 3] = [Order::Ymd, Order::Dmy, Order::Mdy];

impl Written {
    /// Reads `2024-01-31`, `2024/1/31`, `31.01.2024`, `1/31/2024`, each with a time and a zone behind it or not.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.first()?.is_ascii_digit() || bytes.len() < 8 || bytes.len() > 40 {
            return None;
        }
        let (first, rest) = number(text)?;
        let mark = rest
            .chars()
            .next()
            .filter(|c| matches!(c, '-' | '/' | '.'))?;
        let (second, rest) = number(&rest[1..])?;
        let (third, rest) = number(rest.strip_prefix(mark)?)?;
        let year_first = first.len() == 4;
        let (short, year) = if year_first {
            ([second, third], first)
        } else {
            ([first, second], third)
        };
        // Two digits of a year could be anything.
        if year.len() != 4 || short.iter().any(|part| part.len() > 2) {
            return None;
        }
        let (time, offset) = if rest.is_empty() {
            (None, None)
        } else {
            let (time, offset) = clock(rest.strip_prefix(['T', ' '])?)?;
            (Some(time), offset)
        };
        let written = Self {
            numbers: [
                first.parse().ok()?,
                second.parse().ok()?,
                third.parse().ok()?,
            ],
            year_first,
            dotted: mark == '.',
            time,
            offset,
        };
        let known = ORDERS.iter().any(|order| written.day(*order).is_some());
        known.then_some(written)
    }

    fn day(&self, order: Order) -> Option<NaiveDate> {
        let [a, b, c] = self.numbers;
        match order {
            Order::Ymd if self.year_first => NaiveDate::from_ymd_opt(a as i32, b, c),
            Order::Dmy if !self.year_first => NaiveDate::from_ymd_opt(c as i32, b, a),
            // Nobody writes a month first with dots.
            Order::Mdy if !self.year_first && !self.dotted => {
                NaiveDate::from_ymd_opt(c as i32, a, b)
            }
            _ => None,
        }
    }

    /// As SQLite's own functions read it; `None` where the order does not fit.
    pub(super) fn spell(&self, kind: MomentKind, out: &mut String) -> Option<()> {
        out.clear();
        match kind {
            MomentKind::Date(order) => spell_day(self.day(order)?, out),
            MomentKind::Timestamp(order, zone) => {
                let at = self.day(order)?.and_time(self.time.unwrap_or_default());
                match (zone, self.offset) {
                    (Zone::None, _) | (_, None) => spell_plain(at, out),
                    (Zone::Kept, Some(offset)) => {
                        spell_zoned(at.and_local_timezone(offset).single()?, out);
                    }
                    (Zone::Utc, Some(offset)) => {
                        let at = at.and_local_timezone(offset).single()?;
                        spell_zoned(at.with_timezone(&Utc).fixed_offset(), out);
                    }
                }
            }
            MomentKind::Ambiguous | MomentKind::Mixed => return None,
        }
        Some(())
    }
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            any: false,
            orders: [true; 3],
            with_time: false,
            with_zone: false,
            without_zone: false,
            offset: None,
            offsets_differ: false,
        }
    }
}

impl Moments {
    pub(super) fn add(&mut self, written: &Written) {
        self.any = true;
        for (possible, order) in self.orders.iter_mut().zip(ORDERS) {
            *possible = *possible && written.day(order).is_some();
        }
        self.with_time |= written.time.is_some();
        match (written.offset, self.offset) {
            (None, _) => self.without_zone = true,
            (Some(offset), None) => {
                self.with_zone = true;
                self.offset = Some(offset);
            }
            (Some(offset), Some(known)) => self.offsets_differ |= offset != known,
        }
    }

    /// The type that says what they are; `None` where no order makes sense of all of them.
    pub(super) fn kind(&self) -> Option<MomentKind> {
        let mut possible = ORDERS.into_iter().zip(self.orders).filter(|(_, can)| *can);
        let (order, _) = possible.next().filter(|_| self.any)?;
        Some(if possible.next().is_some() {
            MomentKind::Ambiguous
        } else if self.with_zone && self.without_zone {
            MomentKind::Mixed
        } else if self.with_time {
            let zone = match (self.with_zone, self.offsets_differ) {
                (false, _) => Zone::None,
                (true, false) => Zone::Kept,
                (true, true) => Zone::Utc,
            };
            MomentKind::Timestamp(order, zone)
        } else {
            MomentKind::Date(order)
        })
    }
}

/// Digits at the start, and the rest.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A time of day with or without a zone behind it.
fn clock(text: &str) -> Option<(NaiveTime, Option<FixedOffset>)> {
    let end = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at(end);
    let time = time_of_day(time.trim_end())?;
    if zone.is_empty() {
        return Some((time, None));
    }
    offset(zone).map(|offset| (time, Some(offset)))
}

fn offset(zone: &str) -> Option<FixedOffset> {
    if zone.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..4).map_or(Some(0), |text| text.parse().ok())?;
    let seconds = (hours * 60 + minutes) * 60;
    (hours < 24 && minutes < 60)
        .then(|| FixedOffset::east_opt(if sign == "-" { -seconds } else { seconds }))
        .flatten()
}

/// A time of day: hours and minutes, with or without seconds and a fraction. Not 24:00, not a leap second.
pub(super) fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (hour, rest) = number(text)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let mut nanos = 0;
    let mut second = "0";
    if let Some(rest) = rest.strip_prefix(':') {
        let (whole, rest) = number(rest)?;
        second = whole;
        if let Some(fraction) = rest.strip_prefix('.') {
            let (fraction, rest) = number(fraction)?;
            if !rest.is_empty() || fraction.len() > 9 {
                return None;
            }
            nanos = format!("{fraction:0<9}").parse().ok()?;
        } else if !rest.is_empty() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    if hour.len() > 2 || minute.len() != 2 || second.len() > 2 {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    NaiveTime::from_hms_nano_opt(hour, minute, second.parse().ok()?, nanos)
}

/// `2024-01-31`.
pub(super) fn spell_day(day: NaiveDate, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", day.format("%Y-%m-%d"));
}

/// `23:59:59.5`.
pub(super) fn spell_time(time: NaiveTime, out: &mut String) {
    let _ = write!(out, "{}", time.format("%H:%M:%S%.f"));
}

/// `2024-01-31 23:59:59.5`.
pub(super) fn spell_plain(at: NaiveDateTime, out: &mut String) {
    let _ = write!(out, "{}", at.format("%Y-%m-%d %H:%M:%S%.f"));
}

/// `2024-01-31T23:59:59.5+01:00`.
pub(super) fn spell_zoned(at: DateTime<FixedOffset>, out: &mut String) {
    let _ = write!(out, "{}", at.format("%Y-%m-%dT%H:%M:%S%.f%:z"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(texts: &[&str]) -> (Option<MomentKind>, Vec<String>) {
        let mut moments = Moments::default();
        let read: Vec<Written> = texts
            .iter()
            .map(|text| Written::read(text).expect(text))
            .collect();
        for written in &read {
            moments.add(written);
        }
        let kind = moments.kind();
        let spell = |written: &Written| {
            let mut out = String::new();
            kind.and_then(|kind| written.spell(kind, &mut out))
                .map(|()| out)
        };
        (kind, read.iter().filter_map(spell).collect())
    }

    #[test]
    fn the_order_of_days_is_taken_from_the_whole_column() {
        let (kind, read) = spelled(&["01/02/2024", "13/02/2024"]);
        assert_eq!(kind, Some(MomentKind::Date(Order::Dmy)));
        assert_eq!(read, ["2024-02-01", "2024-02-13"]);
        let (kind, read) = spelled(&["01/02/2024", "2/13/2024"]);
        assert_eq!(kind, Some(MomentKind::Date(Order::Mdy)));
        assert_eq!(read, ["2024-01-02", "2024-02-13"]);
        assert_eq!(spelled(&["01/02/2024"]).0, Some(MomentKind::Ambiguous));
        assert_eq!(spelled(&["13/01/2024", "01/13/2024"]).0, None);
        assert_eq!(spelled(&["01.02.2024"]).1, ["2024-02-01"]);
        assert_eq!(spelled(&["2024/1/5"]).1, ["2024-01-05"]);
        assert_eq!(spelled(&["2024-01-05", "05.01.2024"]).0, None);
    }

    #[test]
    fn points_in_time_keep_their_zone_or_turn_to_one() {
        let (_, read) = spelled(&["2024-01-02 03:04", "2024-01-02T03:04:05.250"]);
        assert_eq!(read, ["2024-01-02 03:04:00", "2024-01-02 03:04:05.250"]);
        let (_, read) = spelled(&["2024-01-02T03:04:05+02:00", "2024-01-03T03:04:05+0200"]);
        assert_eq!(
            read,
            ["2024-01-02T03:04:05+02:00", "2024-01-03T03:04:05+02:00"]
        );
        let (_, read) = spelled(&["2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05Z"]);
        assert_eq!(
            read,
            ["2024-01-02T01:04:05+00:00", "2024-01-02T03:04:05+00:00"]
        );
        let (kind, _) = spelled(&["2024-01-02T03:04:05Z", "2024-01-02 03:04:05"]);
        assert_eq!(kind, Some(MomentKind::Mixed));
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in [
            "2024-02-30",
            "24-01-02",
            "01/02/24",
            "2024-01",
            "2024-01-02 24:00",
            "2024-01-02x",
            "2024-01/02",
            "10.0.0.1",
            "1.2.3",
            "2024-01-02 10:00 PM",
            "555-1234-5678",
        ] {
            assert!(Written::read(text).is_none(), "{text}");
        }
        assert_eq!(time_of_day("24:00:00"), None);
        assert_eq!(time_of_day("9:5"), None);
        assert!(time_of_day("9:05").is_some() && time_of_day("23:59:59.999").is_some());
    }
}
