//! Matrices that were quantised offline: a file beside the weights they were made from, and held against them.
//!
//! What does not fit the weights any more, or is damaged, is not used and said so in the log: the matrices are then
//! quantised again from the weights, which takes longer and gives the same.

mod file;
mod fingerprint;
mod make;
#[cfg(test)]
mod tests;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tidegate_kernels::{Format, KernelError, Matrix};

use self::file::Reader;
pub(in crate::workers::torch) use self::make::quantise;
use crate::{
    config,
    workers::torch::error::{ModelError, Result},
};

/// A file of quantised matrices that fits the weights beside it.
pub(in crate::workers::torch) struct Quantised {
    path: PathBuf,
    reader: Reader,
    format: Format,
}

impl Quantised {
    /// The file that was made of a model directory in an integer format: beside the weights, or in the user's cache
    /// where the directory could not be written to. `None` when there is none, or none that fits.
    ///
    /// # Errors
    /// When the weights are there and cannot be read. A quantised file that cannot be is no better than none.
    pub(in crate::workers::torch) fn open(
        directory: &Path,
        format: Format,
    ) -> Result<Option<Self>> {
        let source = match fingerprint::of(directory) {
            Ok(source) => source,
            // A directory without weights is somebody else's error to tell.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let reason = format!("its weights cannot be read: {error}");
                return Err(ModelError::file(directory, reason));
            }
        };
        for path in places(directory, format) {
            match Reader::open(&path, format.name(), &source) {
                Ok(None) => {}
                Ok(Some(reader)) => {
                    return Ok(Some(Self {
                        path,
                        reader,
                        format,
                    }));
                }
                Err(reason) => tracing::warn!(
                    path = %path.display(),
                    reason,
                    "what was quantised offline is not used; the weights are quantised again while they are loaded \
                     (`tidegate model quantize` makes the file anew)"
                ),
            }
        }
        Ok(None)
    }

    /// A matrix, by the name that `weights::names` gives it; `None` when it is not in the file or damaged there.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(in crate::workers::torch) fn matrix(&self, name: &str) -> Result<Option<Matrix>> {
        let damaged = |reason: &str| {
            tracing::warn!(
                path = %self.path.display(),
                matrix = name,
                reason,
                "a matrix that was quantised offline is not used; it is quantised again from the weights"
            );
            Ok(None)
        };
        let stored = match self.reader.read(name) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(None),
            Err(reason) => return damaged(&reason),
        };
        let (rows, columns) = (stored.rows, stored.columns);
        match Matrix::from_parts(self.format, rows, columns, &stored.quants, &stored.scales) {
            Ok(matrix) => Ok(Some(matrix)),
            Err(error @ KernelError::Memory { .. }) => Err(error.into()),
            Err(error) => damaged(&error.to_string()),
        }
    }
}

/// The file's name for a format.
fn file_name(format: Format) -> String {
    format!("tidegate-{}.safetensors", format.name())
}

/// Where the file of a model directory may lie, the likelier place first.
fn places(directory: &Path, format: Format) -> Vec<PathBuf> {
    let beside = directory.join(file_name(format));
    let apart = apart(directory).map(|place| place.join(file_name(format)));
    std::iter::once(beside).chain(apart).collect()
}

/// The place in the user's cache that belongs to a model directory: named by its path, for two directories may hold
/// models of one name.
fn apart(directory: &Path) -> Option<PathBuf> {
    let whole = directory.canonicalize().ok()?;
    let digest = Sha256::digest(whole.as_os_str().as_encoded_bytes());
    let name = hex::encode(&digest[..8]);
    Some(config::user_cache()?.join("quantised").join(name))
}
