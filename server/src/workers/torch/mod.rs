//! Models that run in this process, on libtorch, read straight from Hugging Face directories.
//!
//! - [`llm`]: models that write, behind the seam; [`encoder`]: those that embed and those that rank.
//! - [`owner`]: the thread that owns a model; [`scheduler`]: who runs when; [`generation`]: one answer under way.
//! - [`files`]: from a directory to plain data; [`network`]: the seam of executors, [`native`] on our kernels,
//!   [`dense`] on libtorch.
//! - [`tokens`], [`template`], [`stops`], [`sampling`]: text in, tokens out, text again.
//!
//! No tensor leaves this room, and nothing here knows databases or HTTP.

mod answers;
mod constraint;
mod dense;
mod download;
mod encoder;
mod error;
mod files;
mod generation;
mod llm;
mod native;
mod network;
mod offline;
mod owner;
mod plan;
mod sampling;
mod scheduler;
mod stops;
mod template;
mod tokens;
mod tools;

#[cfg(test)]
mod parity;

use std::{path::Path, sync::Arc};

use anyhow::bail;
use tch::Device;
use tokio_util::task::TaskTracker;

pub(super) use encoder::TorchEmbedder;
pub(super) use error::{ModelError, panic_line};
pub(super) use files::library::load as load_library;
pub(super) use files::memory::threads;
pub(super) use llm::{Options, follow};
pub use offline::{Made, Quantise, directory, quantise};
pub(super) use owner::{Admission, Owner};

use self::{encoder::TorchReranker, files::shape::Shape, llm::TorchModel};
use super::{
    ModelKind, ModelMetadata,
    registry::{Model, Registry},
};
use crate::config::{self, Config};

/// Adds a configured local model; its weights are read in the background. What is wrong with the configuration is
/// told at once, what is wrong with the files becomes the model's state.
pub fn register(
    registry: &Registry,
    model: &config::Model,
    config: &Config,
    tasks: &TaskTracker,
) -> anyhow::Result<()> {
    let name = model.name.clone();
    if model.path.is_empty() {
        bail!("models: '{name}' has no path; set it to a Hugging Face model directory");
    }
    let options = Options::read(model, &config.builtin)?;
    let kind = match model.kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
        config::Kind::Reranker => ModelKind::Reranker,
    };
    let mut metadata = ModelMetadata::new(name, kind);
    if kind == ModelKind::Llm {
        // The window is wanted in lists before the weights are there; a bad file is told by the load.
        metadata.context_length = Shape::read(Path::new(&model.path))
            .ok()
            .map(|shape| {
                shape
                    .window
                    .min(options.context_length.unwrap_or(usize::MAX))
            })
            .and_then(|window| u32::try_from(window).ok());
    }
    let (model, store) = (model.clone(), config.data_dir()?.join("models"));
    registry.add_watched(metadata.clone(), tasks, move |progress| {
        load_library()?;
        let options = Options {
            progress: progress.clone(),
            ..options
        };
        download::watched_directory(&model, &store, progress)
            .and_then(|directory| load(metadata, &directory, &options))
            .map_err(|error| error.to_string())
    })?;
    Ok(())
}

fn load(metadata: ModelMetadata, directory: &Path, options: &Options) -> error::Result<Model> {
    check_device(options.device)?;
    Ok(match metadata.kind {
        ModelKind::Llm => {
            Model::Language(Arc::new(TorchModel::load(metadata, directory, options)?))
        }
        ModelKind::Embedding => Model::Embedder(Arc::new(TorchEmbedder::load(
            metadata, directory, options, None,
        )?)),
        ModelKind::Reranker => {
            Model::Reranker(Arc::new(TorchReranker::load(metadata, directory, options)?))
        }
    })
}

/// libtorch is asked for a GPU in the background only: the first question to its driver takes seconds.
fn check_device(device: Device) -> error::Result<()> {
    if device == Device::Cpu || tch::Cuda::is_available() {
        return Ok(());
    }
    Err(ModelError::Device(
        "device 'cuda' was asked for, but this libtorch sees no GPU; set device = \"cpu\", or build against a CUDA \
         libtorch on a machine with a GPU"
            .to_owned(),
    ))
}
