//! Cells from the server's binary form, for the types whose form is simple. They are what the text form gives.

use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveTime};
use tidegate_schema::model::Cell;
use tokio_postgres::types::{Kind, Type};

use crate::drivers::postgres::text::{self, Reader};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// The server counts from 2000-01-01; this is its number where 0001-01-01 is 1.
const EPOCH: i64 = 730_120;
/// The last day whose year has four digits, 9999-12-31. Later ones are text, as in the text form.
const LAST_DAY: i64 = 3_652_059;

/// How one non-null cell is read.
#[derive(Clone, Copy)]
pub(super) enum Decoder {
    /// From text.
    Text(Reader),
    /// From its type's binary form; `None` for what is not of that form.
    Binary(fn(&[u8]) -> Option<Cell>),
}

impl Decoder {
    pub(super) fn read(self, bytes: &[u8]) -> Option<Cell> {
        match self {
            Self::Text(read) => std::str::from_utf8(bytes).ok().map(read),
            Self::Binary(read) => read(bytes),
        }
    }
}

/// How to read a type's cells; `None` if it is to be asked for in text form.
pub(super) fn decoder(kind: &Type) -> Option<Decoder> {
    let base = match kind.kind() {
        Kind::Domain(base) => base,
        _ => kind,
    };
    Some(Decoder::Binary(match *base {
        // Their binary form is their text.
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
            return Some(Decoder::Text(text::reader(kind).1));
        }
        Type::BOOL => |bytes| fixed(bytes).map(|[byte]| Cell::Bool(byte != 0)),
        Type::INT2 => {
            |bytes| fixed(bytes).map(|bytes| Cell::Int(i64::from(i16::from_be_bytes(bytes))))
        }
        Type::INT4 => {
            |bytes| fixed(bytes).map(|bytes| Cell::Int(i64::from(i32::from_be_bytes(bytes))))
        }
        Type::INT8 => |bytes| fixed(bytes).map(|bytes| Cell::Int(i64::from_be_bytes(bytes))),
        Type::OID => {
            |bytes| fixed(bytes).map(|bytes| Cell::Int(i64::from(u32::from_be_bytes(bytes))))
        }
        Type::FLOAT4 => {
            |bytes| fixed(bytes).map(|bytes| Cell::Float(widened(f32::from_be_bytes(bytes))))
        }
        Type::FLOAT8 => |bytes| fixed(bytes).map(|bytes| Cell::Float(f64::from_be_bytes(bytes))),
        Type::NUMERIC => numeric,
        Type::DATE => date,
        Type::TIME => time,
        Type::TIMESTAMP => timestamp,
        Type::TIMESTAMPTZ => timestamp_with_zone,
        Type::BYTEA => |bytes| Some(Cell::Bytes(bytes.into())),
        Type::UUID => |bytes| {
            let id = uuid::Uuid::from_slice(bytes).ok()?;
            Some(Cell::Text(id.to_string()))
        },
        Type::JSONB => document,
        _ => return None,
    }))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// By the shortest decimal form, as the server writes it: 0.1 stays 0.1.
fn widened(value: f32) -> f64 {
    let exact = f64::from(value);
    if !value.is_finite() {
        return exact;
    }
    // The server takes no form that lies just in the middle to the next number, as 33554450 does for 33554448.
    let is_middle = |wide: f64| {
        let middle = |next: f32| f64::midpoint(exact, f64::from(next));
        wide.to_bits() != exact.to_bits()
            && [middle(value.next_up()), middle(value.next_down())].contains(&wide)
    };
    let Ok(wide) = value.to_string().parse::<f64>() else {
        return exact;
    };
    if !is_middle(wide) {
        return wide;
    }
    (1..9_usize)
        .filter_map(|digits| {
            let text = format!("{value:.digits$e}");
            let same = text
                .parse::<f32>()
                .is_ok_and(|read| read.to_bits() == value.to_bits());
            text.parse::<f64>().ok().filter(|_| same)
        })
        .find(|wide| !is_middle(*wide))
        .unwrap_or(exact)
}

/// Groups of four digits: their number, the first one's power of 10,000, sign, digits behind the point, the groups.
fn numeric(bytes: &[u8]) -> Option<Cell> {
    let mut words = bytes
        .chunks_exact(2)
        .map(|word| u16::from_be_bytes([word[0], word[1]]));
    let count = words.next()?;
    let weight = words.next()?.cast_signed();
    let sign = words.next()?;
    let scale = usize::from(words.next()?);
    match sign {
        0x0000 | 0x4000 => {}
        0xC000 => return Some(Cell::Float(f64::NAN)),
        0xD000 => return Some(Cell::Float(f64::INFINITY)),
        0xF000 => return Some(Cell::Float(f64::NEG_INFINITY)),
        _ => return None,
    }
    if words.len() != usize::from(count) || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let before = usize::try_from(i32::from(weight) + 1).unwrap_or(0);
    let mut text = String::with_capacity(before * 4 + scale + 6);
    if sign == 0x4000 {
        text.push('-');
    }
    let start = text.len();
    for _ in 0..before {
        push_group(&mut text, words.next().unwrap_or(0))?;
    }
    let zeros = text[start..]
        .bytes()
        .take_while(|digit| *digit == b'0')
        .count();
    text.replace_range(start..start + zeros, "");
    if text.len() == start {
        text.push('0');
    }
    if scale > 0 {
        text.push('.');
        let end = text.len() + scale;
        // Groups of zeros before the first one are not sent.
        for _ in 0..usize::try_from(-1 - i32::from(weight)).unwrap_or(0) {
            if text.len() < end {
                text.push_str("0000");
            }
        }
        while text.len() < end {
            push_group(&mut text, words.next().unwrap_or(0))?;
        }
        text.truncate(end);
    }
    Some(Cell::Decimal(text.into()))
}

fn push_group(text: &mut String, group: u16) -> Option<()> {
    for power in [1000, 100, 10, 1] {
        text.push(char::from_digit(u32::from(group / power) % 10, 10)?);
    }
    (group < 10_000).then_some(())
}

fn date(bytes: &[u8]) -> Option<Cell> {
    Some(match i32::from_be_bytes(fixed(bytes)?) {
        i32::MAX => Cell::Text("infinity".to_owned()),
        i32::MIN => Cell::Text("-infinity".to_owned()),
        days => {
            let day = i64::from(days) + EPOCH;
            match day_of(day) {
                Some(date) => Cell::Date(date),
                None => Cell::Text(old_or_far(day, "")),
            }
        }
    })
}

fn time(bytes: &[u8]) -> Option<Cell> {
    let micros = i64::from_be_bytes(fixed(bytes)?);
    match time_of(micros) {
        Some(time) => Some(Cell::Time(time)),
        // The end of the day.
        None if micros == MICROS_PER_DAY => Some(Cell::Text(clock(micros))),
        None => None,
    }
}

fn timestamp(bytes: &[u8]) -> Option<Cell> {
    moment(bytes, "", |date, time| Cell::Timestamp(date.and_time(time)))
}

/// The server writes them in the session's zone, which is UTC.
fn timestamp_with_zone(bytes: &[u8]) -> Option<Cell> {
    moment(bytes, "+00", |date, time| {
        Cell::TimestampTz(date.and_time(time).and_utc().fixed_offset())
    })
}

fn moment(bytes: &[u8], zone: &str, cell: fn(NaiveDate, NaiveTime) -> Cell) -> Option<Cell> {
    let micros = match i64::from_be_bytes(fixed(bytes)?) {
        i64::MAX => return Some(Cell::Text("infinity".to_owned())),
        i64::MIN => return Some(Cell::Text("-infinity".to_owned())),
        micros => micros,
    };
    let day = micros.div_euclid(MICROS_PER_DAY) + EPOCH;
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    Some(match day_of(day) {
        Some(date) => cell(date, time_of(of_day)?),
        None => Cell::Text(old_or_far(day, &format!(" {}{zone}", clock(of_day)))),
    })
}

/// The day, if its year is one of 1 to 9999.
fn day_of(day: i64) -> Option<NaiveDate> {
    if !(1..=LAST_DAY).contains(&day) {
        return None;
    }
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day).ok()?)
}

fn time_of(micros: i64) -> Option<NaiveTime> {
    let seconds = u32::try_from(micros / MICROS_PER_SECOND).ok()?;
    let nanos = u32::try_from(micros % MICROS_PER_SECOND).ok()? * 1_000;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)
}

/// Any day there is, as the server writes it, with its time.
fn old_or_far(day: i64, time: &str) -> String {
    // Years that begin in March have their leap day at the end; 400 of them have the same number of days.
    let day = day + 305;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + era * 400 + later;
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}{time}")
    } else {
        format!("{:04}-{month:02}-{day:02}{time} BC", 1 - year)
    }
}

fn clock(micros: i64) -> String {
    let (seconds, micros) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let mut text = format!("{:02}:{:02}:{seconds:02}", minutes / 60, minutes % 60);
    if micros > 0 {
        _ = write!(text, ".{micros:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

/// Its first byte is the form's version.
fn document(bytes: &[u8]) -> Option<Cell> {
    let text = bytes.strip_prefix(&[1])?;
    std::str::from_utf8(text).ok().map(text::document)
}

#[cfg(test)]
mod tests;
