//! Reading a JSON file of a model directory, with errors that name file and field.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{ModelError, Result};

/// A JSON object out of a file.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    path: PathBuf,
    /// Prefix of nested objects' field names.
    within: String,
    object: Map<String, Value>,
}

impl Fields {
    /// Reads a file that has to be there.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::read_if_present(path)?.ok_or_else(|| {
            ModelError::file(
                path,
                "there is no such file; `path` must name a Hugging Face model directory",
            )
        })
    }

    /// Reads a file that may be missing.
    pub(super) fn read_if_present(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModelError::file(path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(Value::Object(object)) => Ok(Some(Self {
                path: path.to_owned(),
                within: String::new(),
                object,
            })),
            Ok(_) => Err(ModelError::file(path, "must hold a JSON object")),
            Err(error) => Err(ModelError::file(path, format!("is not JSON: {error}"))),
        }
    }

    /// An error about one of its fields.
    pub(super) fn error(&self, field: &str, reason: impl std::fmt::Display) -> ModelError {
        ModelError::field(&self.path, &format!("{}{field}", self.within), reason)
    }

    /// A field, unless missing or null.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// A positive whole number.
    pub(super) fn count(&self, field: &str) -> Result<i64> {
        self.count_if_present(field)?
            .ok_or_else(|| self.error(field, "is missing; it must be a whole number"))
    }

    /// A positive whole number, if it is there.
    pub(super) fn count_if_present(&self, field: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match value.as_i64() {
            Some(number) if (1..=1 << 40).contains(&number) => Ok(Some(number)),
            _ => Err(self.error(
                field,
                format!("is {value}; it must be a whole number above 0"),
            )),
        }
    }

    /// A finite number.
    pub(super) fn number(&self, field: &str) -> Result<f64> {
        self.number_if_present(field)?
            .ok_or_else(|| self.error(field, "is missing; it must be a number"))
    }

    /// A finite number, if it is there.
    pub(super) fn number_if_present(&self, field: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.error(field, format!("is {value}; it must be a number"))),
        }
    }

    /// A yes or no; `default` when it is missing.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(field) else {
            return Ok(default);
        };
        value
            .as_bool()
            .ok_or_else(|| self.error(field, format!("is {value}; it must be true or false")))
    }

    /// A text, if it is there.
    pub(super) fn text(&self, field: &str) -> Result<Option<&str>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| self.error(field, format!("is {value}; it must be a text")))
    }

    /// An object, if it is there.
    pub(super) fn object(&self, field: &str) -> Result<Option<Self>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let object = value
            .as_object()
            .ok_or_else(|| self.error(field, "must be an object"))?;
        Ok(Some(Self {
            path: self.path.clone(),
            within: format!("{}{field}.", self.within),
            object: object.clone(),
        }))
    }

    /// Token ids: one number or a list of them; none when missing.
    pub(super) fn token_ids(&self, field: &str) -> Result<Vec<u32>> {
        let Some(value) = self.get(field) else {
            return Ok(Vec::new());
        };
        let one = |value: &Value| {
            value
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .ok_or_else(|| {
                    self.error(
                        field,
                        format!("holds {value}; it must be a token id or a list of them"),
                    )
                })
        };
        match value {
            Value::Array(ids) => ids.iter().map(one).collect(),
            id => Ok(vec![one(id)?]),
        }
    }
}
