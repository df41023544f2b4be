//! Models that run in this process, on libtorch, read straight from Hugging Face directories.
//!
//! - [`llm`]: decoders of Llama's layout behind the seam; [`embedder`]: BERT sentence encoders.
//! - [`owner`]: the thread that owns a model; [`generation`]: one answer under way.
//! - [`shape`], [`rope`], [`checkpoint`], [`decoder`]: from the files to the network.
//! - [`tokens`], [`template`], [`stops`], [`sampling`]: text in, tokens out, text again.
//!
//! No tensor leaves this room, and nothing here knows databases or HTTP.

mod checkpoint;
mod decoder;
mod embedder;
mod error;
mod fields;
mod generation;
mod library;
mod llm;
mod memory;
mod owner;
mod rope;
mod sampling;
mod shape;
mod stops;
mod template;
mod tokens;

#[cfg(test)]
mod parity;

use std::{path::PathBuf, sync::Arc};

use anyhow::bail;
use tch::{Device, Kind};
use tokio_util::task::TaskTracker;

pub(super) use embedder::BertEmbedder;
pub(super) use error::{ModelError, panic_line};
pub(super) use library::load as load_library;
pub(super) use llm::follow;
pub(super) use memory::threads;
pub(super) use owner::{Admission, Owner};

use self::{llm::TorchModel, shape::Shape};
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
    let kind = match model.dtype.as_str() {
        "" => None,
        "f32" => Some(Kind::Float),
        "bf16" => Some(Kind::BFloat16),
        "f16" => Some(Kind::Half),
        other => bail!("models: '{name}' has dtype '{other}'; known are f32, bf16, f16"),
    };
    let wants_cuda = match model.device.as_str() {
        "" | "cpu" => false,
        "cuda" => true,
        other => bail!("models: '{name}' has device '{other}'; known are cpu and cuda"),
    };
    let directory = PathBuf::from(&model.path);
    let threads = config.builtin.threads;
    match model.kind {
        config::Kind::Llm => {
            // The window is wanted in lists before the weights are there; a bad file is told by the load.
            let context_length = Shape::read(&directory)
                .ok()
                .map(|shape| shape.window as u32);
            let metadata = ModelMetadata {
                name,
                kind: ModelKind::Llm,
                context_length,
                sql_only: false,
            };
            registry.add_loading(metadata.clone(), tasks, move || {
                load_library()?;
                let load =
                    || TorchModel::load(metadata, &directory, kind, device(wants_cuda)?, threads);
                load()
                    .map(|model| Model::Language(Arc::new(model)))
                    .map_err(|error| error.to_string())
            });
        }
        config::Kind::Embedding => {
            if kind.is_some_and(|kind| kind != Kind::Float) {
                bail!(
                    "models: '{name}' has dtype '{}'; embedding models run as f32",
                    model.dtype
                );
            }
            let metadata = ModelMetadata {
                name,
                kind: ModelKind::Embedding,
                context_length: None,
                sql_only: false,
            };
            registry.add_loading(metadata.clone(), tasks, move || {
                load_library()?;
                let load =
                    || BertEmbedder::load(metadata, &directory, device(wants_cuda)?, threads, None);
                load()
                    .map(|model| Model::Embedder(Arc::new(model)))
                    .map_err(|error| error.to_string())
            });
        }
    }
    Ok(())
}

fn device(wants_cuda: bool) -> error::Result<Device> {
    if !wants_cuda {
        return Ok(Device::Cpu);
    }
    // libtorch is asked in the background only: the first question to a GPU driver takes seconds.
    if tch::Cuda::is_available() {
        return Ok(Device::Cuda(0));
    }
    Err(ModelError::Device(
        "device 'cuda' was asked for, but this libtorch sees no GPU; set device = \"cpu\", or build against a CUDA \
         libtorch on a machine with a GPU"
            .to_owned(),
    ))
}
