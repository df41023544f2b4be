//! The network, on libtorch: from a question and a schema to the likeliest queries.
//!
//! - [`encoder`]: the pretrained sentence encoder (a small BERT), with learned low-rank changes merged in.
//! - [`tokens`]: questions and schema texts as WordPiece ids, and which pieces make up which word.
//! - [`batch`]: plain examples gathered into padded tensors.
//! - [`layers`]: relation-aware encoder and pointer decoder.
//! - [`model`]: the whole network over one flat vector of weights ([`weights`]).
//! - [`search`]: beam search, and [`SqlModel`], which a caller loads and asks.
//! - [`ranking`]: which of the queries found comes first.
//! - [`confidence`]: how far an answer is to be trusted.
//! - [`shipped`]: the trained weights that come with this build.
//!
//! Nothing of libtorch leaves this room: callers hand in plain data and get [`Answer`]s back.

pub mod batch;
pub mod confidence;
pub mod encoder;
pub mod layers;
pub mod model;
pub mod ranking;
pub mod search;
pub mod shipped;
pub mod tokens;
pub mod weights;

#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

pub use confidence::Calibration;
pub use ranking::Ranking;
pub use search::{Answer, Candidate, PreparedSchema, SqlModel};

/// What can go wrong when a model is loaded or asked.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A file of the sentence encoder is missing or unreadable.
    #[error(
        "sentence encoder file {path}: {reason}; the folder must hold config.json, tokenizer.json and model.safetensors"
    )]
    Encoder {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights do not fit this build.
    #[error("model weights: {0}; train them again with this version")]
    Weights(String),
    /// Text that the tokenizer refuses.
    #[error("tokenizer: {0}")]
    Tokens(String),
    /// The question or schema is beyond what the network takes.
    #[error("{0}")]
    TooLarge(String),
    /// The material to train on cannot be used.
    #[error("training material: {0}")]
    Course(String),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
