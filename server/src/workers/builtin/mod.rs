//! The models that come with the product: `tidegate-sql` writes SQL, `all-minilm-l6-v2` embeds.
//!
//! Both begin with the same sentence encoder, which is provisioned, not committed; the trained weights of
//! `tidegate-sql`, with the changes to the encoder that it learnt, are part of the binary. Behind the seam they are
//! models like any other. `tidegate-sql` needs the encoder's states as tensors, embedding runs on kernels of its own, so
//! each reads the files for itself.

mod describe;
mod sql;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tidegate_sqlmodel::net::{SqlModel, shipped};
use tokio_util::task::TaskTracker;

use self::{sql::TidegateSql, writer::Writer};
use super::{
    ModelKind, ModelMetadata,
    registry::{Model, Registry},
    torch::{TorchEmbedder, load_library, threads},
};
use crate::config::Config;

/// Name of the model that writes SQL.
pub const SQL: &str = "tidegate-sql";
/// Name of the sentence encoder.
pub const ENCODER: &str = "all-minilm-l6-v2";

/// Files without which a directory is no sentence encoder.
const ENCODER_FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Tokens of a text that MiniLM was published to read, which is half its positions.
const ENCODER_WINDOW: i64 = 256;

/// Adds the built-in models, but for those whose name a configured model has; they load in the background.
///
/// # Errors
/// None as long as nobody else adds models of these names meanwhile.
pub fn register(
    registry: &Registry,
    config: &Config,
    data_dir: &Path,
    tasks: &TaskTracker,
) -> tidegate_schema::Result<()> {
    if is_free(registry, SQL) {
        register_sql(registry, config, data_dir, tasks)?;
    }
    if is_free(registry, ENCODER) {
        register_encoder(registry, config, data_dir, tasks)?;
    }
    Ok(())
}

fn is_free(registry: &Registry, name: &str) -> bool {
    let taken = registry.knows(name);
    if taken {
        tracing::info!(
            model = name,
            "a model under [[models]] has this built-in model's name and stands in its place"
        );
    }
    !taken
}

fn register_sql(
    registry: &Registry,
    config: &Config,
    data_dir: &Path,
    tasks: &TaskTracker,
) -> tidegate_schema::Result<()> {
    let metadata = ModelMetadata {
        sql_only: true,
        ..ModelMetadata::new(SQL, ModelKind::Llm)
    };
    let (encoder, data_dir) = (config.builtin.encoder.clone(), data_dir.to_path_buf());
    let (threads, abstain_below) = (config.builtin.threads, config.ask.abstain_below);
    registry.add_loading(metadata, tasks, move || {
        load_library()?;
        let directory = encoder_directory(&encoder, &data_dir)?;
        let model = load_sql(&directory, threads)?;
        let writer = Writer::new(model, abstain_below);
        let model = TidegateSql::start(SQL, writer, threads).map_err(|error| error.to_string())?;
        Ok(Model::Language(Arc::new(model)))
    })
}

fn register_encoder(
    registry: &Registry,
    config: &Config,
    data_dir: &Path,
    tasks: &TaskTracker,
) -> tidegate_schema::Result<()> {
    let metadata = ModelMetadata::new(ENCODER, ModelKind::Embedding);
    let (encoder, data_dir) = (config.builtin.encoder.clone(), data_dir.to_path_buf());
    let threads = config.builtin.threads;
    registry.add_loading(metadata.clone(), tasks, move || {
        load_library()?;
        let directory = encoder_directory(&encoder, &data_dir)?;
        let window = Some(ENCODER_WINDOW);
        let model = TorchEmbedder::load_published(metadata, &directory, threads, window)
            .map_err(|error| error.to_string())?;
        Ok(Model::Embedder(Arc::new(model)))
    })
}

fn load_sql(encoder: &Path, configured_threads: usize) -> Result<SqlModel, String> {
    let weights = shipped::weights().ok_or(
        "this build has no weights of tidegate-sql; build from a checkout that holds \
         server/sqlmodel/weights/tidegate-sql.safetensors, train it with `cargo xtask train`, or configure another \
         model under [[models]]",
    )?;
    tch::set_num_threads(threads(configured_threads));
    SqlModel::load(encoder, weights).map_err(|error| error.to_string())
}

/// Where the sentence encoder is: as configured, else in the data directory, else in the user's cache.
pub(super) fn encoder_directory(configured: &str, data_dir: &Path) -> Result<PathBuf, String> {
    let missing = |directory: &Path| {
        ENCODER_FILES
            .into_iter()
            .find(|file| !directory.join(file).is_file())
    };
    if !configured.is_empty() {
        let directory = PathBuf::from(configured);
        return match missing(&directory) {
            None => Ok(directory),
            Some(file) => Err(format!(
                "builtin.encoder is {configured}, where {file} is missing; name the directory of a sentence encoder, or \
                 leave it empty and run `cargo xtask libtorch`, which fetches one"
            )),
        };
    }
    let cached = directories::ProjectDirs::from("", "", "tidegate")
        .map(|dirs| dirs.cache_dir().join(ENCODER));
    let places: Vec<PathBuf> = std::iter::once(data_dir.join("encoder"))
        .chain(cached)
        .collect();
    places.iter().find(|place| missing(place).is_none()).cloned().ok_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        format!(
            "the sentence encoder is not installed (looked in {}); run `cargo xtask libtorch`, which fetches it, or set \
             builtin.encoder to a directory that has {}",
            places.join(" and "),
            ENCODER_FILES.join(", ")
        )
    })
}
