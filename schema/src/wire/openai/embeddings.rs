//! Embeddings.

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::UsageOut;
use crate::{Error, Result};

/// One text or several.
// token ids belong to one tokenizer, and ours need not be the caller's.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(
    untagged,
    expecting = "Input should be a text or a list of texts; token ids are not taken, send the text itself"
)]
pub enum Inputs {
    /// One.
    One(String),
    /// Several, answered in order.
    Many(Vec<String>),
}

/// What to embed.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(example = json!({"model": "embedder", "input": ["orders per city", "revenue per month"],
    "encoding_format": "base64"}))]
pub struct EmbeddingIn {
    /// Model; `engine` is understood too.
    #[serde(alias = "engine")]
    pub model: String,
    /// Texts.
    pub input: Inputs,
    /// `float` or `base64` (little-endian f32).
    #[serde(default)]
    pub encoding_format: Option<String>,
    /// Numbers of a vector. Models that can shorten theirs do, others refuse any width but their own.
    #[serde(default)]
    pub dimensions: Option<i64>,
    /// Ignored.
    #[serde(default)]
    pub user: Option<String>,
}

impl EmbeddingIn {
    /// Whether vectors are to be written as base64.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another format.
    pub fn base64(&self) -> Result<bool> {
        match self.encoding_format.as_deref() {
            None | Some("float") => Ok(false),
            Some("base64") => Ok(true),
            Some(other) => Err(Error::invalid(
                "encoding_format",
                format!("must be 'float' or 'base64', not '{other}'"),
            )),
        }
    }

    /// How many numbers a vector is to have, if that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width no vector can have.
    pub fn width(&self) -> Result<Option<u32>> {
        self.dimensions
            .map(|wanted| {
                u32::try_from(wanted)
                    .ok()
                    .filter(|width| *width > 0)
                    .ok_or_else(|| {
                        Error::invalid("dimensions", format!("must be at least 1, not {wanted}"))
                    })
            })
            .transpose()
    }
}

/// A vector, as numbers or as base64.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EmbeddingValue {
    /// Numbers.
    Numbers(Vec<f32>),
    /// Little-endian f32, base64.
    Base64(String),
}

impl EmbeddingValue {
    /// A vector in the format asked for.
    pub fn new(vector: Vec<f32>, base64: bool) -> Self {
        if !base64 {
            return Self::Numbers(vector);
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::Base64(base64::engine::general_purpose::STANDARD.encode(bytes))
    }
}

/// One vector.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingRow {
    /// `embedding`.
    pub object: String,
    /// The vector.
    pub embedding: EmbeddingValue,
    /// Position of its text.
    pub index: usize,
}

/// The vectors.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingOut {
    /// `list`.
    pub object: String,
    /// In order of the texts.
    pub data: Vec<EmbeddingRow>,
    /// Model.
    pub model: String,
    /// Tokens.
    pub usage: UsageOut,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(extra: &Value) -> serde_json::Result<EmbeddingIn> {
        let mut body = json!({"model": "m", "input": "hi"});
        body.as_object_mut()
            .expect("object")
            .extend(extra.as_object().expect("object").clone());
        serde_json::from_value(body)
    }

    #[test]
    fn token_ids_are_refused_in_words_that_say_what_is_taken() {
        for input in [json!([1, 2, 3]), json!([[1, 2], [3]]), json!(null)] {
            let refused = read(&json!({"input": input})).expect_err("no text");
            assert_eq!(
                refused.to_string(),
                "Input should be a text or a list of texts; token ids are not taken, send the text itself"
            );
        }
        assert!(read(&json!({"input": ["a", "b"]})).is_ok());
    }

    #[test]
    fn a_width_is_a_whole_number_above_nought() {
        let width = |wanted: Value| read(&json!({"dimensions": wanted})).expect("reads").width();
        assert_eq!(width(json!(256)).expect("a width"), Some(256));
        assert_eq!(width(json!(null)).expect("none"), None);
        for wanted in [0, -3] {
            assert_eq!(
                width(json!(wanted)).expect_err("no width").to_string(),
                format!("dimensions: must be at least 1, not {wanted}")
            );
        }
    }
}
