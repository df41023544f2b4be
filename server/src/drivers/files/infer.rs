//! Types of columns that have none, from all of their values.
//!
//! A type is only given where every value has it and nothing of any value is lost: one stray word in a million rows
//! of numbers makes the column text, and all of it is kept as it was written.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

use super::{
    moments::{MomentKind, Moments, Written, Zone, spell_time, time_of_day},
    numbers::{NumberKind, Numbers, number},
};

/// A column's type in the private database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Real,
    Boolean,
    /// Days or points in time, and how they are written in the file.
    Moment(MomentKind),
    Time,
    Text,
    Json,
    Blob,
}

impl Kind {
    /// The type as it is declared; the SQLite driver types cells by it.
    pub(super) fn declared(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Integer => "INTEGER",
            Self::Decimal { precision, scale } => {
                return Cow::Owned(format!("DECIMAL({precision},{scale})"));
            }
            Self::Real => "REAL",
            Self::Boolean => "BOOLEAN",
            Self::Moment(MomentKind::Date(_)) => "DATE",
            Self::Moment(MomentKind::Timestamp(..)) => "TIMESTAMP",
            Self::Time => "TIME",
            Self::Moment(MomentKind::Ambiguous | MomentKind::Mixed) | Self::Text => "TEXT",
            Self::Json => "JSON",
            Self::Blob => "BLOB",
        })
    }

    fn of(number: NumberKind) -> Self {
        match number {
            NumberKind::Integer => Self::Integer,
            NumberKind::Decimal { precision, scale } => Self::Decimal { precision, scale },
            NumberKind::Real => Self::Real,
            NumberKind::Digits => Self::Text,
        }
    }
}

/// What was done to a column's values.
pub(super) const DIGITS_NOTE: &str = "numbers of more digits than SQLite calculates with, kept as text; CAST(... AS REAL) to compare or add them";
pub(super) const NAN_NOTE: &str = "NaN is read as NULL";
pub(super) const UTC_NOTE: &str = "in UTC; the file has several zones";
const AMBIGUOUS_NOTE: &str =
    "dates whose day and month cannot be told apart, kept as text as the file writes them";
const MIXED_NOTE: &str = "points in time, some with a zone and some without, kept as text";

/// What is known of a column after some of its values.
#[derive(Debug, Clone, Default)]
pub(super) struct Guess {
    /// Values that are not blank.
    any: bool,
    numbers: Ruled<Numbers>,
    moments: Ruled<Moments>,
    no_times: bool,
    no_booleans: bool,
}

/// Knowledge of values of one kind, until one is not of it.
#[derive(Debug, Clone)]
struct Ruled<T>(Option<T>);

impl<T: Default> Default for Ruled<T> {
    fn default() -> Self {
        Self(Some(T::default()))
    }
}

impl Guess {
    /// Takes a value in. Blank ones say nothing.
    pub(super) fn add(&mut self, text: &str) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        self.any = true;
        if let Some(numbers) = &mut self.numbers.0 {
            match number(text) {
                Some(number) => {
                    numbers.add(number, text);
                    // A number is nothing else: the other kinds are ruled out for good.
                    self.moments.0 = None;
                    self.no_times = true;
                    self.no_booleans = true;
                    return;
                }
                None => self.numbers.0 = None,
            }
        }
        if let Some(moments) = &mut self.moments.0 {
            match Written::read(text) {
                Some(written) => moments.add(&written),
                None => self.moments.0 = None,
            }
        }
        self.no_times = self.no_times || time_of_day(text).is_none();
        self.no_booleans = self.no_booleans || boolean(text).is_none();
    }

    /// Takes in a value that its format marks as text (JSON's strings): digits in it are no number.
    pub(super) fn add_string(&mut self, text: &str) {
        self.numbers.0 = None;
        self.no_booleans = true;
        self.add(text);
    }

    /// The type of all values so far, and what a reader should know of it.
    pub(super) fn kind(&self) -> (Kind, Option<&'static str>) {
        if !self.any {
            return (Kind::Text, None);
        }
        if let Some(numbers) = &self.numbers.0 {
            return match numbers.kind() {
                Some(NumberKind::Digits) => (Kind::Text, Some(DIGITS_NOTE)),
                Some(kind) => (Kind::of(kind), numbers.has_nans().then_some(NAN_NOTE)),
                None => (Kind::Text, None),
            };
        }
        let moments = self.moments.0.as_ref().and_then(Moments::kind);
        if let Some(kind) = moments {
            let note = match kind {
                MomentKind::Ambiguous => Some(AMBIGUOUS_NOTE),
                MomentKind::Mixed => Some(MIXED_NOTE),
                MomentKind::Timestamp(_, Zone::Utc) => Some(UTC_NOTE),
                _ => None,
            };
            return (Kind::Moment(kind), note);
        }
        let kind = match (self.no_booleans, self.no_times) {
            (false, _) => Kind::Boolean,
            (_, false) => Kind::Time,
            _ => Kind::Text,
        };
        (kind, None)
    }

    /// Whether there was a value that is not blank.
    pub(super) fn any(&self) -> bool {
        self.any
    }
}

/// `true`, `no` and the like.
fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("yes") {
        Some(true)
    } else if is("false") || is("no") {
        Some(false)
    } else {
        None
    }
}

/// Whether a value alone would be something else than text: such a value is no heading.
pub(super) fn is_typed(text: &str) -> bool {
    let text = text.trim_ascii();
    number(text).is_some()
        || Written::read(text).is_some()
        || time_of_day(text).is_some()
        || boolean(text).is_some()
}

/// A value as its column keeps it. `spelled` lends room for values that are written differently there.
pub(super) fn value<'a>(kind: Kind, text: &'a str, spelled: &'a mut String) -> ValueRef<'a> {
    if matches!(kind, Kind::Text | Kind::Json | Kind::Blob) {
        return ValueRef::Text(text.as_bytes());
    }
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return ValueRef::Null;
    }
    let typed = match kind {
        Kind::Integer | Kind::Decimal { .. } | Kind::Real => numeric(trimmed),
        Kind::Boolean => boolean(trimmed).map(|is| ValueRef::Integer(i64::from(is))),
        Kind::Moment(kind) => {
            let written = Written::read(trimmed);
            return match written.and_then(|written| written.spell(kind, spelled)) {
                Some(()) => ValueRef::Text(spelled.as_bytes()),
                None => ValueRef::Text(text.as_bytes()),
            };
        }
        Kind::Time => {
            return match time_of_day(trimmed) {
                Some(time) => {
                    spelled.clear();
                    spell_time(time, spelled);
                    ValueRef::Text(spelled.as_bytes())
                }
                None => ValueRef::Text(text.as_bytes()),
            };
        }
        Kind::Text | Kind::Json | Kind::Blob => None,
    };
    typed.unwrap_or(ValueRef::Text(text.as_bytes()))
}

/// Whole numbers as such, even among fractions: the column's type would keep fewer of their digits.
pub(super) fn numeric(text: &str) -> Option<ValueRef<'static>> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(ValueRef::Integer(whole));
    }
    let float: f64 = text.parse().ok()?;
    Some(if float.is_nan() {
        ValueRef::Null
    } else {
        ValueRef::Real(float)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::files::moments::Order;

    fn kind(texts: &[&str]) -> Kind {
        let mut guess = Guess::default();
        for text in texts {
            guess.add(text);
        }
        guess.kind().0
    }

    #[test]
    fn a_type_is_given_only_where_every_value_has_it() {
        let cases: &[(&[&str], Kind)] = &[
            (&["1", "", " 2 "], Kind::Integer),
            (&["1", "x"], Kind::Text),
            (&["1", "2024-01-02"], Kind::Text),
            (&["007", "8"], Kind::Text),
            (&["true", "NO"], Kind::Boolean),
            (&["true", "1"], Kind::Text),
            (&["10:00", "9:30:15"], Kind::Time),
            (&["2024-01-02"], Kind::Moment(MomentKind::Date(Order::Ymd))),
            (&["2024-01-02", "10:00"], Kind::Text),
            (&["", " "], Kind::Text),
            (
                &["NaN", "1.5"],
                Kind::Decimal {
                    precision: 2,
                    scale: 1,
                },
            ),
            (&["NaN", "true"], Kind::Text),
        ];
        for (texts, expected) in cases {
            assert_eq!(kind(texts), *expected, "{texts:?}");
        }
    }

    #[test]
    fn values_are_kept_as_their_column_has_them() {
        let mut spelled = String::new();
        let scale = Kind::Decimal {
            precision: 3,
            scale: 2,
        };
        assert_eq!(value(scale, " 1.50 ", &mut spelled), ValueRef::Real(1.5));
        assert_eq!(value(scale, "2", &mut spelled), ValueRef::Integer(2));
        assert_eq!(value(scale, "NaN", &mut spelled), ValueRef::Null);
        assert_eq!(value(Kind::Integer, " ", &mut spelled), ValueRef::Null);
        assert_eq!(value(Kind::Text, " ", &mut spelled), ValueRef::Text(b" "));
        assert_eq!(
            value(Kind::Boolean, "Yes", &mut spelled),
            ValueRef::Integer(1)
        );
        let day = Kind::Moment(MomentKind::Date(Order::Dmy));
        assert_eq!(
            value(day, "31/12/2024", &mut spelled),
            ValueRef::Text(b"2024-12-31")
        );
    }
}
