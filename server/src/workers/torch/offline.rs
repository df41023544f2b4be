//! What is done to a model once, before it is served.

use std::path::{Path, PathBuf};

use tidegate_schema::{Error, Result};

use super::{download, files::quantised};
use crate::config;

/// What is to be quantised.
#[derive(Debug, Clone)]
pub struct Quantise {
    /// A Hugging Face model directory with floats in it.
    pub directory: PathBuf,
    /// `int8` or `int4`.
    pub format: String,
    /// Where the file is put; beside the weights when not said, and in the user's cache where nothing can be written
    /// there.
    pub out: Option<PathBuf>,
    /// Whether a file that fits the weights is made anew.
    pub again: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Matrices in it.
    pub matrices: usize,
    /// Its length.
    pub bytes: u64,
}

/// Quantises all matrices of a model into one file, so that loading it takes no longer than reading it. `told` hears
/// how many matrices of how many are done. Blocks for as long as it takes.
///
/// # Errors
/// [`Error::Invalid`] with the field and the remedy for what cannot be quantised, [`Error::Conflict`] where it was done
/// before.
pub fn quantise(wanted: &Quantise, told: &mut dyn FnMut(usize, usize)) -> Result<Made> {
    quantised::quantise(wanted, told)
}

/// The directory of a configured model: its path, or where a download of its name lies below the data directory. Blocks
/// for as long as a download takes, where one is allowed.
///
/// # Errors
/// [`Error::Invalid`] with the remedy when there is no such model.
pub fn directory(model: &config::Model, data_dir: &Path) -> Result<PathBuf> {
    download::directory(model, &data_dir.join("models"))
        .map_err(|error| Error::invalid("path", error.to_string()))
}
