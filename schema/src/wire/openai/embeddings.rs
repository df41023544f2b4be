//! Embeddings.

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::UsageOut;
use crate::{Error, Result};

/// One text or several.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Inputs {
    /// One.
    One(String),
    /// Several, answered in order.
    Many(Vec<String>),
}

/// What to embed.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct EmbeddingIn {
    /// Model; `engine` is understood too.
    #[serde(alias = "engine")]
    pub model: String,
    /// Texts.
    pub input: Inputs,
    /// `float` or `base64` (little-endian f32).
    #[serde(default)]
    pub encoding_format: Option<String>,
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
