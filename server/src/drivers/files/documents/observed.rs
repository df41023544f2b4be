//! The type of a key's values.

use super::rows::Scalar;
use crate::drivers::files::{
    infer::{DIGITS_NOTE, Guess, Kind},
    numbers::{NumberKind, Numbers, number},
};

/// What was seen of one key.
#[derive(Default)]
pub(super) struct Observed {
    booleans: bool,
    numbers: Option<Numbers>,
    /// Of text: days and times are told by their looks.
    texts: Option<Guess>,
    nested: bool,
}

impl Observed {
    pub(super) fn add(&mut self, value: &Scalar<'_>) {
        match value {
            Scalar::Null => {}
            Scalar::Bool(_) => self.booleans = true,
            Scalar::Number(text) => {
                let numbers = self.numbers.get_or_insert_default();
                match number(text) {
                    Some(number) => numbers.add(number, text),
                    // JSON writes -0 too, and exponents no float can hold.
                    None => numbers.add_odd(text),
                }
            }
            Scalar::Text { text, .. } => self.texts.get_or_insert_default().add_string(text),
            Scalar::Nested(_) => self.nested = true,
        }
    }

    /// The type all values have, or text; JSON as soon as one is an object or array.
    pub(super) fn kind(&self) -> (Kind, Option<&'static str>) {
        if self.nested {
            return (Kind::Json, None);
        }
        match (self.booleans, &self.numbers, &self.texts) {
            (true, None, None) => (Kind::Boolean, None),
            (false, Some(numbers), None) => match numbers.float_kind() {
                Some(NumberKind::Integer) => (Kind::Integer, None),
                Some(NumberKind::Digits) => (Kind::Text, Some(DIGITS_NOTE)),
                _ => (Kind::Real, None),
            },
            (false, None, Some(texts)) => texts.kind(),
            _ => (Kind::Text, None),
        }
    }
}
