//! Cells of a sheet: what they hold, and what a column of them is.

use std::fmt::Write as _;

use calamine::DataType;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rusqlite::types::ValueRef;

use crate::drivers::files::{
    infer::Kind,
    moments::{MomentKind, Order, Zone, spell_day, spell_plain, spell_time},
};

/// Whole numbers up to here are exact in a sheet, whose numbers are all floats.
const EXACT: f64 = 9_007_199_254_740_992.0;
const DAY_SECONDS: f64 = 86_400.0;
const ERROR_NOTE: &str = "errors such as #N/A are read as NULL";

/// What a cell holds. Blank cells are not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Whole(i64),
    Real(f64),
    Bool(bool),
    Text(String),
    Date(NaiveDate),
    Time(NaiveTime),
    Moment(NaiveDateTime),
    /// A length of time, in seconds.
    Span(f64),
    /// `#N/A` and its kin.
    Error,
}

/// Reads a cell; nothing for a blank one.
pub(super) fn read<T: DataType>(value: &T) -> Option<Field> {
    if let Some(text) = value.get_string() {
        return (!text.is_empty()).then(|| Field::Text(text.to_owned()));
    }
    if let Some(number) = value.get_float() {
        let is_whole = number.fract() == 0.0 && number.abs() < EXACT;
        return Some(if is_whole {
            Field::Whole(number as i64)
        } else {
            Field::Real(number)
        });
    }
    if let Some(at) = value.get_datetime() {
        let days = at.as_f64();
        return Some(if at.is_duration() {
            Field::Span(days * DAY_SECONDS)
        } else if (0.0..1.0).contains(&days) {
            time(days * DAY_SECONDS).map_or(Field::Real(days), Field::Time)
        } else {
            match at.as_datetime() {
                Some(at) if days.fract() == 0.0 => Field::Date(at.date()),
                Some(at) if days > 0.0 => Field::Moment(at),
                _ => Field::Real(days),
            }
        });
    }
    if let Some(text) = value.get_datetime_iso() {
        return Some(iso_moment(text));
    }
    if let Some(text) = value.get_duration_iso() {
        return Some(iso_span(text).map_or_else(
            || Field::Text(text.to_owned()),
            |seconds| {
                // OpenDocument writes a time of day as a length of time too.
                let day = (0.0..DAY_SECONDS).contains(&seconds);
                let time = time(seconds).filter(|_| day);
                time.map_or(Field::Span(seconds), Field::Time)
            },
        ));
    }
    if let Some(is) = value.get_bool() {
        return Some(Field::Bool(is));
    }
    if let Some(number) = value.get_int() {
        return Some(Field::Whole(number));
    }
    value.get_error().map(|_| Field::Error)
}

impl Field {
    /// What the cell weighs beyond itself.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }

    /// As its column keeps it; `spelled` lends room.
    pub(super) fn value<'a>(&'a self, kind: Kind, spelled: &'a mut String) -> ValueRef<'a> {
        match (self, kind) {
            (Self::Error, _) => return ValueRef::Null,
            (Self::Whole(number), Kind::Integer | Kind::Real) => return ValueRef::Integer(*number),
            (Self::Real(number), Kind::Real) => return ValueRef::Real(*number),
            (Self::Bool(is), Kind::Boolean) => return ValueRef::Integer(i64::from(*is)),
            (Self::Text(text), _) => return ValueRef::Text(text.as_bytes()),
            (Self::Date(day), Kind::Moment(MomentKind::Timestamp(..))) => {
                spelled.clear();
                spell_plain(day.and_time(NaiveTime::MIN), spelled);
            }
            _ => self.spell(spelled),
        }
        ValueRef::Text(spelled.as_bytes())
    }

    /// In words, for a column of several kinds and for headings.
    pub(super) fn spell(&self, out: &mut String) {
        out.clear();
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Whole(number) => write!(out, "{number}"),
            Self::Real(number) => write!(out, "{number}"),
            Self::Bool(is) => write!(out, "{is}"),
            Self::Text(text) => write!(out, "{text}"),
            Self::Span(seconds) => return spell_span(*seconds, out),
            Self::Date(day) => return spell_day(*day, out),
            Self::Time(time) => return spell_time(*time, out),
            Self::Moment(at) => return spell_plain(*at, out),
            Self::Error => return,
        };
    }
}

/// What was seen in a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    whole: bool,
    real: bool,
    boolean: bool,
    date: bool,
    moment: bool,
    time: bool,
    text: bool,
    error: bool,
}

impl Seen {
    pub(super) fn add(&mut self, field: &Field) {
        match field {
            Field::Whole(_) => self.whole = true,
            Field::Real(_) => self.real = true,
            Field::Bool(_) => self.boolean = true,
            Field::Date(_) => self.date = true,
            Field::Moment(_) => self.moment = true,
            Field::Time(_) => self.time = true,
            Field::Text(_) | Field::Span(_) => self.text = true,
            Field::Error => self.error = true,
        }
    }

    /// The type all cells have, or text.
    pub(super) fn kind(&self) -> (Kind, Option<&'static str>) {
        let numbers = self.whole || self.real;
        let moments = self.date || self.moment;
        let kind = match (numbers, self.boolean, moments, self.time, self.text) {
            (true, false, false, false, false) if self.real => Kind::Real,
            (true, false, false, false, false) => Kind::Integer,
            (false, true, false, false, false) => Kind::Boolean,
            (false, false, true, false, false) if self.moment => {
                Kind::Moment(MomentKind::Timestamp(Order::Ymd, Zone::None))
            }
            (false, false, true, false, false) => Kind::Moment(MomentKind::Date(Order::Ymd)),
            (false, false, false, true, false) => Kind::Time,
            _ => Kind::Text,
        };
        (kind, self.error.then_some(ERROR_NOTE))
    }
}

/// A time of day, to the millisecond: a sheet's own times are no finer.
fn time(seconds: f64) -> Option<NaiveTime> {
    let millis = (seconds * 1_000.0).round() as u32;
    NaiveTime::from_num_seconds_from_midnight_opt(millis / 1_000, millis % 1_000 * 1_000_000)
}

fn iso_moment(text: &str) -> Field {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Field::Date(day);
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .map_or_else(|_| Field::Text(text.to_owned()), Field::Moment)
}

/// Seconds of `PT12H30M00.5S`, with a minus in front or not.
fn iso_span(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let mut rest = text.strip_prefix("PT")?;
    let mut seconds = 0.0;
    for (unit, length) in [('H', 3_600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((number, behind)) = rest.split_once(unit) {
            let number: f64 = number
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())?;
            seconds += number * length;
            rest = behind;
        }
    }
    rest.is_empty().then_some(sign * seconds)
}

/// `26:30:00`, with a fraction if there is one: hours go on past the day.
fn spell_span(seconds: f64, out: &mut String) {
    let millis = (seconds.abs() * 1_000.0).round() as u64;
    let sign = if seconds < 0.0 { "-" } else { "" };
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, fraction) = (millis / 1_000 % 60, millis % 1_000);
    let _ = write!(out, "{sign}{hours:02}:{minutes:02}:{seconds:02}");
    if fraction > 0 {
        let _ = write!(out, ".{fraction:03}");
    }
}

#[cfg(test)]
mod tests {
    use calamine::{Data, ExcelDateTime, ExcelDateTimeType};

    use super::*;

    fn spelled(value: &Data) -> Option<String> {
        let mut out = String::new();
        read(value)?.spell(&mut out);
        Some(out)
    }

    #[test]
    fn cells_say_what_they_are() {
        let at = |days, kind| Data::DateTime(ExcelDateTime::new(days, kind, false));
        for (value, expected) in [
            (Data::Float(3.0), "3"),
            (Data::Float(0.25), "0.25"),
            (Data::Bool(true), "true"),
            (at(45_292.0, ExcelDateTimeType::DateTime), "2024-01-01"),
            (
                at(45_292.5, ExcelDateTimeType::DateTime),
                "2024-01-01 12:00:00",
            ),
            (at(0.75, ExcelDateTimeType::DateTime), "18:00:00"),
            (at(1.25, ExcelDateTimeType::TimeDelta), "30:00:00"),
            (Data::DurationIso("PT26H30M00S".into()), "26:30:00"),
            (Data::DurationIso("PT09H05M00S".into()), "09:05:00"),
            (
                Data::DateTimeIso("2024-01-02T03:04:05".into()),
                "2024-01-02 03:04:05",
            ),
        ] {
            assert_eq!(spelled(&value).as_deref(), Some(expected), "{value:?}");
        }
        assert_eq!(spelled(&Data::Empty), None);
        assert_eq!(
            read(&Data::Error(calamine::CellErrorType::NA)),
            Some(Field::Error)
        );
    }
}
