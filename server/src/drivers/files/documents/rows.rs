//! One object of a JSON file, and its values.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::scan::Place;
use crate::drivers::files::{fault::Fault, found::Source};

/// An element of a table: an object by its keys, or a value that is none.
pub(super) enum Row<'t> {
    Object(Vec<(Cow<'t, str>, &'t RawValue)>),
    Value(&'t RawValue),
}

/// A value as it is written, read no further than a column needs.
pub(super) enum Scalar<'t> {
    Null,
    Bool(bool),
    Number(&'t str),
    Text {
        /// In its quotes.
        raw: &'t str,
        text: Cow<'t, str>,
    },
    /// An object or array.
    Nested(&'t str),
}

#[derive(Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t> Row<'t> {
    /// Reads an element that begins at `place`.
    pub(super) fn read(source: &Source, text: &'t [u8], place: Place) -> Result<Self, Fault> {
        let row = if text.first() == Some(&b'{') {
            serde_json::from_slice(text).map(|Fields(fields)| Self::Object(fields))
        } else {
            serde_json::from_slice(text).map(Self::Value)
        };
        row.map_err(|error| fault(source, place, &error))
    }

    /// Its keys and values; a value that is no object goes under `name`.
    pub(super) fn fields<'r>(
        &'r self,
        name: &'r str,
    ) -> impl Iterator<Item = (&'r str, &'t RawValue)> + 'r {
        let (fields, value) = match self {
            Self::Object(fields) => (fields.as_slice(), None),
            Self::Value(value) => (&[][..], Some((name, *value))),
        };
        fields
            .iter()
            .map(|(key, value)| (&**key, *value))
            .chain(value)
    }
}

impl<'t> Scalar<'t> {
    /// Reads a value of a row that begins at `place`.
    pub(super) fn read(source: &Source, place: Place, value: &'t RawValue) -> Result<Self, Fault> {
        let raw = value.get();
        Ok(match raw.as_bytes().first() {
            Some(b'"') => {
                let text = serde_json::from_str(raw);
                let Text(text) = text.map_err(|error| {
                    let what = words(&error);
                    source.fault(format!(
                        "a text in what begins in line {} cannot be read: {what}; mend the JSON there",
                        place.line
                    ))
                })?;
                Self::Text { raw, text }
            }
            Some(b'{' | b'[') => Self::Nested(raw),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(raw),
        })
    }

    /// Reads a value that begins at `place`.
    pub(super) fn of_text(source: &Source, text: &'t [u8], place: Place) -> Result<Self, Fault> {
        let value = serde_json::from_slice(text).map_err(|error| fault(source, place, &error))?;
        Self::read(source, place, value)
    }
}

/// Where in the file: the error counts from where the element begins.
fn fault(source: &Source, place: Place, error: &serde_json::Error) -> Fault {
    let line = place.line + (error.line() as u64).saturating_sub(1);
    let column = if error.line() <= 1 {
        place.column + (error.column() as u64).saturating_sub(1)
    } else {
        error.column() as u64
    };
    let what = words(error);
    source.fault(format!(
        "line {line}, column {column}: {what}; mend the JSON there"
    ))
}

/// What is wrong, without the place, which is not the file's.
fn words(error: &serde_json::Error) -> String {
    let mut words = error.to_string();
    if let Some(end) = words.find(" at line ") {
        words.truncate(end);
    }
    words
}

/// An object's fields in their order, values not looked into.
struct Fields<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(Fields(fields))
    }
}
