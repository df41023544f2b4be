//! Reading a JSON file of a model directory, with errors that name file and field.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::workers::torch::error::{ModelError, Result};

/// Sizes beyond this are mistakes; below it, a product of two fits an address.
const MOST: i64 = 1 << 24;

/// A JSON object out of a file.
#[derive(Debug, Clone)]
pub(in crate::workers::torch) struct Fields {
    path: PathBuf,
    /// Prefix of nested objects' field names.
    within: String,
    object: Map<String, Value>,
}

impl Fields {
    /// Reads a file that has to be there.
    pub(in crate::workers::torch) fn read(path: &Path) -> Result<Self> {
        Self::read_if_present(path)?.ok_or_else(|| {
            ModelError::file(
                path,
                "there is no such file; `path` must name a Hugging Face model directory",
            )
        })
    }

    /// Reads a file that may be missing.
    pub(in crate::workers::torch) fn read_if_present(path: &Path) -> Result<Option<Self>> {
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
    pub(in crate::workers::torch) fn error(
        &self,
        field: &str,
        reason: impl std::fmt::Display,
    ) -> ModelError {
        ModelError::field(&self.path, &format!("{}{field}", self.within), reason)
    }

    /// A field, unless missing or null.
    pub(in crate::workers::torch) fn get(&self, field: &str) -> Option<&Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Whether a field is written down, be it as null.
    pub(in crate::workers::torch) fn says(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// A positive whole number, if it is there.
    pub(in crate::workers::torch) fn count_if_present(&self, field: &str) -> Result<Option<i64>> {
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

    /// A size: a positive whole number of which two can be multiplied without a thought.
    pub(in crate::workers::torch) fn size(&self, field: &str) -> Result<usize> {
        self.size_if_present(field)?
            .ok_or_else(|| self.error(field, "is missing; it must be a whole number"))
    }

    /// A size, if it is there.
    pub(in crate::workers::torch) fn size_if_present(&self, field: &str) -> Result<Option<usize>> {
        match self.count_if_present(field)? {
            Some(size) if size > MOST => Err(self.error(
                field,
                format!("is {size}; no model of this kind is larger than {MOST} there"),
            )),
            size => Ok(size.map(|size| size as usize)),
        }
    }

    /// A whole number that may be 0, if it is there.
    pub(in crate::workers::torch) fn place_if_present(&self, field: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|place| usize::try_from(place).ok())
            .map(Some)
            .ok_or_else(|| {
                self.error(
                    field,
                    format!("is {value}; it must be 0 or a whole number above"),
                )
            })
    }

    /// A finite number, if it is there.
    pub(in crate::workers::torch) fn number_if_present(&self, field: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.error(field, format!("is {value}; it must be a number"))),
        }
    }

    /// A number above 0, if it is there.
    pub(in crate::workers::torch) fn positive_if_present(
        &self,
        field: &str,
    ) -> Result<Option<f64>> {
        match self.number_if_present(field)? {
            Some(value) if value <= 0.0 => {
                Err(self.error(field, format!("is {value}; it must be above 0")))
            }
            value => Ok(value),
        }
    }

    /// A number above 0.
    pub(in crate::workers::torch) fn positive(&self, field: &str) -> Result<f64> {
        self.positive_if_present(field)?
            .ok_or_else(|| self.error(field, "is missing; it must be a number above 0"))
    }

    /// A list of finite numbers, if it is there.
    pub(in crate::workers::torch) fn numbers_if_present(
        &self,
        field: &str,
    ) -> Result<Option<Vec<f64>>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let numbers = value.as_array().and_then(|list| {
            list.iter()
                .map(|one| one.as_f64().filter(|number| number.is_finite()))
                .collect::<Option<Vec<f64>>>()
        });
        numbers
            .map(Some)
            .ok_or_else(|| self.error(field, "must be a list of numbers"))
    }

    /// A list of texts, if it is there.
    pub(in crate::workers::torch) fn texts_if_present(
        &self,
        field: &str,
    ) -> Result<Option<Vec<String>>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let texts = value.as_array().and_then(|list| {
            list.iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect::<Option<Vec<String>>>()
        });
        texts
            .map(Some)
            .ok_or_else(|| self.error(field, "must be a list of texts"))
    }

    /// A yes or no; `default` when it is missing.
    pub(in crate::workers::torch) fn flag(&self, field: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(field) else {
            return Ok(default);
        };
        value
            .as_bool()
            .ok_or_else(|| self.error(field, format!("is {value}; it must be true or false")))
    }

    /// A text, if it is there.
    pub(in crate::workers::torch) fn text(&self, field: &str) -> Result<Option<&str>> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| self.error(field, format!("is {value}; it must be a text")))
    }

    /// An object, if it is there.
    pub(in crate::workers::torch) fn object(&self, field: &str) -> Result<Option<Self>> {
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
    pub(in crate::workers::torch) fn token_ids(&self, field: &str) -> Result<Vec<u32>> {
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
