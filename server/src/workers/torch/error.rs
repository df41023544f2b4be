//! Why a model directory cannot be used, told with file, field and remedy.

use std::path::{Path, PathBuf};

use tch::TchError;

use super::files::memory::size;

/// Shorthand of this room.
pub(in crate::workers) type Result<T, E = ModelError> = std::result::Result<T, E>;

/// What can go wrong with a local model.
#[derive(Debug, thiserror::Error)]
pub(in crate::workers) enum ModelError {
    /// A file is missing or unreadable.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A field of a file has a value that cannot be used.
    #[error("{}: {field}: {reason}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, dotted.
        field: String,
        /// Why, and what would do.
        reason: String,
    },
    /// The model is larger than the memory there is.
    #[error(
        "the model needs {} of memory ({} of weights as {dtype}, {} of working space), but {} are free; {}",
        size((*.weights).saturating_add(*.working)), size(*.weights), size(*.working), size(*.free), room(*.fits)
    )]
    Memory {
        /// Bytes of the weights.
        weights: u64,
        /// Bytes beside them.
        working: u64,
        /// Bytes that are free.
        free: u64,
        /// What the weights are held as.
        dtype: &'static str,
        /// What they could be held as to fit, if anything.
        fits: Option<&'static str>,
    },
    /// The device is not there.
    #[error("{0}")]
    Device(String),
    /// A tokenizer or chat template failed.
    #[error("{0}")]
    Text(String),
    /// libtorch refused an operation.
    #[error("libtorch: {}", first_line(&.0.to_string()))]
    Torch(#[from] TchError),
    /// A matrix cannot be made.
    #[error("{0}")]
    Kernel(#[from] tidegate_kernels::KernelError),
}

impl ModelError {
    pub(super) fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(super) fn field(path: &Path, field: &str, reason: impl std::fmt::Display) -> Self {
        Self::Field {
            path: path.to_owned(),
            field: field.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// libtorch puts a C++ backtrace behind its first line; nobody outside can use that.
pub(super) fn first_line(text: &str) -> &str {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("failed without a message")
}

/// The first line of what a panic said.
pub(in crate::workers) fn panic_line(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("panicked");
    first_line(text).to_owned()
}

/// How to make a model fit.
fn room(fits: Option<&'static str>) -> String {
    match fits {
        Some(dtype) => format!("set dtype = \"{dtype}\", which fits, or free memory"),
        None => "choose a smaller model or a shorter dtype, or free memory".to_owned(),
    }
}
