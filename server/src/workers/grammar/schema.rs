//! Checks a JSON schema before a grammar is made of it: its size, and that every word of it will be kept.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tidegate_schema::{Error, Result};

use super::dates;

/// Longest schema in bytes of JSON.
const MOST_BYTES: usize = 256 * 1024;
/// Most schemas within one.
const MOST_SCHEMAS: usize = 10_000;
/// Deepest nesting of schemas: making the grammar goes down one by one.
const DEEPEST: usize = 32;
/// Most places that references lead to, since the grammar's maker may go down through all of them in a row.
const MOST_REFERENCES: usize = 128;
/// Most patterns of property names: each is compared with each.
const MOST_PATTERN_PROPERTIES: usize = 32;
/// Longest pattern in bytes.
const MOST_PATTERN: usize = 4 * 1024;
/// Whole numbers from this one on are not told from their neighbours by what reads JSON.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Words of JSON Schema that no grammar can be made of, or none that is made here.
const UNHELD: [&str; 18] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
    "contentSchema",
    // Not JSON Schema: the grammar engine's own switches, one of which loosens it.
    "x-guidance",
];

/// A schema that a grammar can be made of, with formats of time made exact; always an object. `field` is its place in
/// the request.
///
/// # Errors
/// [`Error::Invalid`] with the place within the schema, what is wrong there and what would do.
pub(super) fn read(schema: &Value, field: &str) -> Result<Value> {
    let bytes = schema.to_string().len();
    if bytes > MOST_BYTES {
        return Err(Error::invalid(
            field,
            format!("has {bytes} bytes; a schema of at most {MOST_BYTES} can be held to"),
        ));
    }
    let mut schema = schema.clone();
    let mut check = Check {
        place: field.to_owned(),
        schemas: 0,
        pattern_properties: 0,
        references: BTreeSet::new(),
    };
    check.schema(&mut schema, DEEPEST)?;
    match schema {
        Value::Bool(true) => Ok(json!({})),
        Value::Bool(false) => Err(Error::invalid(
            field,
            "is false, which takes no answer at all",
        )),
        schema => Ok(schema),
    }
}

/// A schema whose objects have the members they name, all of them and no others.
pub(super) fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let mut closed: Map<String, Value> = object
                .iter()
                .map(|(key, value)| (key.clone(), self::closed(value)))
                .collect();
            if let Some(Value::Object(members)) = object.get("properties")
                && object.get("type").is_some_and(|kind| kind == "object")
            {
                if !closed.contains_key("required") {
                    let names: Vec<Value> = members.keys().map(|name| json!(name)).collect();
                    closed.insert("required".to_owned(), names.into());
                }
                if !closed.contains_key("additionalProperties") {
                    closed.insert("additionalProperties".to_owned(), Value::Bool(false));
                }
            }
            Value::Object(closed)
        }
        Value::Array(list) => Value::Array(list.iter().map(self::closed).collect()),
        other => other.clone(),
    }
}

/// Whether a regular expression can be held to.
pub(super) fn pattern(pattern: &str, most: usize) -> Result<(), String> {
    if pattern.len() > most {
        return Err(format!(
            "has {} bytes; a pattern of at most {most} can be held to",
            pattern.len()
        ));
    }
    // The grammar engine gives a group of this name a meaning of its own.
    if pattern.contains("<stop>") {
        return Err("names a group 'stop'; call it something else".to_owned());
    }
    match regex::Regex::new(pattern) {
        // Large is no fault here: the grammar's own bounds decide on that.
        Ok(_) | Err(regex::Error::CompiledTooBig(_)) => Ok(()),
        Err(error) => {
            let said = error.to_string();
            let reason = said.lines().next_back().unwrap_or_default();
            Err(format!(
                "is no regular expression that can be held to: {}",
                reason.trim_start_matches("error: ")
            ))
        }
    }
}

struct Check {
    place: String,
    schemas: usize,
    pattern_properties: usize,
    references: BTreeSet<String>,
}

impl Check {
    fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::invalid(&self.place, reason)
    }

    /// Goes on within a member.
    fn within(&mut self, name: &str, check: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let length = self.place.len();
        self.place.push('.');
        self.place.push_str(name);
        check(self)?;
        self.place.truncate(length);
        Ok(())
    }

    fn schema(&mut self, schema: &mut Value, deeper: usize) -> Result<()> {
        self.schemas += 1;
        if self.schemas > MOST_SCHEMAS {
            return Err(self.wrong(format!(
                "is one of more than {MOST_SCHEMAS} schemas within one; ask for less at once"
            )));
        }
        let Some(deeper) = deeper.checked_sub(1) else {
            return Err(self.wrong(format!(
                "lies more than {DEEPEST} schemas deep; make the schema flatter, or use $defs and $ref"
            )));
        };
        let object = match schema {
            Value::Object(object) => object,
            Value::Bool(_) => return Ok(()),
            _ => return Err(self.wrong("must be a schema: an object, true or false")),
        };
        // Says what goes without saying.
        object.retain(|word, value| word != "uniqueItems" || *value != Value::Bool(false));
        for word in UNHELD {
            if object.contains_key(word) {
                return self.within(word, |check| {
                    Err(check.wrong(
                        "cannot be held to while an answer is written; leave it out, and check the answer for it",
                    ))
                });
            }
        }
        for (word, value) in object.iter_mut() {
            self.within(word, |check| check.word(word, value, deeper))?;
        }
        make_exact(object);
        Ok(())
    }

    fn word(&mut self, word: &str, value: &mut Value, deeper: usize) -> Result<()> {
        match word {
            "properties" | "$defs" | "definitions" => self.map(value, deeper),
            "patternProperties" => {
                if let Value::Object(members) = &*value {
                    self.pattern_properties += members.len();
                    for name in members.keys() {
                        pattern(name, MOST_PATTERN).map_err(|reason| self.wrong(reason))?;
                    }
                }
                if self.pattern_properties > MOST_PATTERN_PROPERTIES {
                    return Err(self.wrong(format!(
                        "are more than {MOST_PATTERN_PROPERTIES} in all; name fewer patterns"
                    )));
                }
                self.map(value, deeper)
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list(value, deeper),
            "items" if value.is_array() => self.list(value, deeper),
            "items" | "additionalItems" | "additionalProperties" => self.schema(value, deeper),
            "pattern" => match value.as_str() {
                Some(text) => pattern(text, MOST_PATTERN).map_err(|reason| self.wrong(reason)),
                None => Err(self.wrong("must be a text")),
            },
            "enum" => match value.as_array() {
                Some(choices) if !choices.is_empty() => {
                    choices.iter().try_for_each(|choice| self.constant(choice))
                }
                _ => Err(self.wrong("must be a list of at least one value")),
            },
            "const" => self.constant(value),
            "type" => self.kind(value),
            "required" => match value.as_array() {
                Some(names) if names.iter().all(Value::is_string) => Ok(()),
                _ => Err(self.wrong("must be a list of names")),
            },
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" => match value.as_u64() {
                Some(count) if u32::try_from(count).is_ok() => Ok(()),
                _ => Err(self.wrong("must be a whole number, 0 or more")),
            },
            "minimum" | "maximum" | "multipleOf" if !value.is_number() => {
                Err(self.wrong("must be a number"))
            }
            "$ref" => self.reference(value),
            _ => Ok(()),
        }
    }

    fn map(&mut self, value: &mut Value, deeper: usize) -> Result<()> {
        let Some(members) = value.as_object_mut() else {
            return Err(self.wrong("must be an object of schemas"));
        };
        members
            .iter_mut()
            .try_for_each(|(name, member)| self.within(name, |check| check.schema(member, deeper)))
    }

    fn list(&mut self, value: &mut Value, deeper: usize) -> Result<()> {
        let Some(members) = value.as_array_mut() else {
            return Err(self.wrong("must be a list of schemas"));
        };
        members
            .iter_mut()
            .enumerate()
            .try_for_each(|(nth, member)| {
                self.within(&nth.to_string(), |check| check.schema(member, deeper))
            })
    }

    /// A value that is to come out as it stands.
    fn constant(&self, value: &Value) -> Result<()> {
        match value {
            Value::Number(number) => match number.as_f64() {
                Some(number) if number.abs() < EXACT || number.fract() != 0.0 => Ok(()),
                _ => Err(self.wrong(format!(
                    "has the number {number}, which cannot be held exactly; make it a text"
                ))),
            },
            Value::Array(list) => list.iter().try_for_each(|value| self.constant(value)),
            Value::Object(members) => members.values().try_for_each(|value| self.constant(value)),
            Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        }
    }

    fn kind(&self, value: &Value) -> Result<()> {
        let known = |kind: &Value| {
            matches!(
                kind.as_str(),
                Some("null" | "boolean" | "integer" | "number" | "string" | "array" | "object")
            )
        };
        let fits = match value {
            Value::Array(kinds) => !kinds.is_empty() && kinds.iter().all(known),
            kind => known(kind),
        };
        if fits {
            return Ok(());
        }
        Err(self.wrong(format!(
            "is {value}; known are null, boolean, integer, number, string, array and object, or a list of them"
        )))
    }

    fn reference(&mut self, value: &Value) -> Result<()> {
        let Some(target) = value.as_str() else {
            return Err(self.wrong("must be a text"));
        };
        self.references.insert(target.to_owned());
        if self.references.len() > MOST_REFERENCES {
            return Err(self.wrong(format!(
                "is one of references to more than {MOST_REFERENCES} places; ask for less at once"
            )));
        }
        Ok(())
    }
}

/// Puts an exact pattern in the place of a format of time.
fn make_exact(schema: &mut Map<String, Value>) {
    let Some(exact) = schema
        .get("format")
        .and_then(Value::as_str)
        .and_then(dates::pattern)
    else {
        return;
    };
    schema.shift_remove("format");
    if !schema.contains_key("pattern") {
        schema.insert("pattern".to_owned(), exact.into());
        return;
    }
    let both = schema
        .entry("allOf")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(both) = both {
        both.push(json!({"pattern": exact}));
    }
}

#[cfg(test)]
mod tests;
