//! Quantising a model's weights offline, so that it loads as fast as it is read.

use std::path::PathBuf;

use tidegate_schema::{
    Error, Result,
    model::{Act, Caller},
};

use crate::config::{Config, Model, Provider};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// A model directory, or the name of a model of the configuration.
    pub path: String,
    /// `int8` or `int4`.
    pub format: String,
    /// Where the file is put; beside the weights when not said.
    pub out: Option<PathBuf>,
    /// Whether a file that fits the weights is made anew.
    pub again: bool,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantised {
    /// The file.
    pub path: PathBuf,
    /// Matrices in it.
    pub matrices: usize,
    /// Its length.
    pub bytes: u64,
}

/// Quantises; `told` hears how many matrices of how many are done. It takes the processor for as long as it lasts, so
/// it belongs on a thread of its own.
///
/// # Errors
/// [`Error::Forbidden`] for who may not manage, [`Error::Invalid`] with the field and the remedy for what cannot be
/// quantised, [`Error::Conflict`] where it was done before.
pub fn quantise(
    caller: &Caller,
    config: &Config,
    request: Request,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Quantised> {
    caller.may(Act::ManageDatasources)?;
    let directory = directory(config, &request.path)?;
    run(directory, request, told)
}

/// The directory that a path or a model's name means.
fn directory(config: &Config, path: &str) -> Result<PathBuf> {
    let given = PathBuf::from(path);
    if given.is_dir() {
        return Ok(given);
    }
    let mut local = config
        .models
        .iter()
        .filter(|model| model.provider == Provider::Torch);
    if let Some(model) = local.find(|model| model.name == path) {
        return place(config, model);
    }
    Err(Error::invalid(
        "path",
        format!(
            "'{path}' is neither a directory nor a local model of the configuration; name a Hugging Face model \
             directory"
        ),
    ))
}

/// Where a configured model lies: one that is named may have been downloaded.
#[cfg(feature = "torch")]
fn place(config: &Config, model: &Model) -> Result<PathBuf> {
    let data_dir = config
        .data_dir()
        .map_err(|error| Error::invalid("data.dir", error.to_string()))?;
    crate::workers::torch::directory(model, &data_dir)
}

#[cfg(not(feature = "torch"))]
#[expect(clippy::unnecessary_wraps, reason = "its twin with libtorch can fail")]
fn place(_: &Config, model: &Model) -> Result<PathBuf> {
    Ok(PathBuf::from(&model.path))
}

#[cfg(feature = "torch")]
fn run(
    directory: PathBuf,
    request: Request,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Quantised> {
    use crate::workers::torch;

    let wanted = torch::Quantise {
        directory,
        format: request.format,
        out: request.out,
        again: request.again,
    };
    torch::quantise(&wanted, told).map(|made| Quantised {
        path: made.path,
        matrices: made.matrices,
        bytes: made.bytes,
    })
}

#[cfg(not(feature = "torch"))]
fn run(
    _: PathBuf,
    Request { format, .. }: Request,
    _: &mut dyn FnMut(usize, usize),
) -> Result<Quantised> {
    Err(Error::Unsupported {
        what: format!(
            "this binary was built without the `torch` feature and quantises nothing to {format}; build with default \
             features"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_the_name_of_a_local_model_is_taken_and_nothing_else() {
        let config = Config::from_toml(
            "[data]\ndir = \"/data\"\n[[models]]\nname = \"mine\"\nprovider = \"torch\"\npath = \"/models/mine\"\n\
             [[models]]\nname = \"theirs\"\nprovider = \"proxy\"\nbase_url = \"http://localhost/v1\"\n",
        )
        .expect("is valid");
        assert_eq!(
            directory(&config, "mine").expect("is configured"),
            PathBuf::from("/models/mine")
        );
        assert_eq!(
            directory(&config, ".").expect("is there"),
            PathBuf::from(".")
        );
        for path in ["theirs", "nobody"] {
            let text = directory(&config, path)
                .expect_err("is refused")
                .to_string();
            assert!(text.starts_with("path: '"), "{text}");
        }
    }
}
