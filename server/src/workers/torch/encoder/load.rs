//! From a directory to an encoder that runs.

use std::{num::NonZero, path::Path};

use tch::{Device, Kind};
use tidegate_kernels::{Format, Level, Team};

use super::{
    dense::Dense,
    head::Head,
    modules::{Modules, Prompts},
    native::Native,
    network::{Network, Runner, Tail},
    shape::Shape,
    texts::Texts,
    weights::Source,
};
use crate::workers::{
    ModelMetadata,
    torch::{
        error::{ModelError, Result},
        files::{checkpoint::Checkpoint, fields::Fields, memory},
        llm::{Executor, Options},
    },
};

/// What weights are held as on the CPU where the configuration does not say: `bf16` where the processor multiplies tiles of
/// it, which is two to three times as quick as `f32` and leaves vectors at a cosine of 0.9999 to it.
pub(in crate::workers::torch) fn cpu_format() -> Format {
    if Level::detected().tiles() {
        Format::Bf16
    } else {
        Format::F32
    }
}

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) enum Loaded {
    /// Makes vectors.
    Embedder,
    /// Makes scores.
    Reranker,
}

impl Network {
    /// Reads a directory: `config.json`, `tokenizer.json`, weights, and what stands behind the encoder.
    ///
    /// # Errors
    /// Says which file and field cannot be used, and what would do; with the figures where there is no room for it.
    pub(in crate::workers::torch) fn load(
        what: Loaded,
        directory: &Path,
        options: &Options,
        published_window: Option<i64>,
    ) -> Result<Self> {
        let is_native = is_native(options);
        let format = format(options, is_native)?;
        let modules = match what {
            Loaded::Embedder => Some(Modules::read(directory, |encoder| {
                Ok(Shape::read(encoder)?.hidden)
            })?),
            Loaded::Reranker => None,
        };
        let encoder = modules
            .as_ref()
            .map_or(directory, |modules| modules.encoder.as_path());
        let fields = Fields::read(&encoder.join("config.json"))?;
        let shape = Shape::of(&fields)?;
        let texts = Texts::load(encoder, &shape, published_window, options.context_length)?;
        let checkpoint = Checkpoint::open(encoder)?.watched(&options.progress);
        let bytes = bytes(&checkpoint, format);
        if options.device == Device::Cpu {
            memory::check(bytes, working(&shape, texts.window()), format)?;
        }
        let source = Source::new(&checkpoint, &shape);
        // What is small is read first: a head that is missing need not wait for the weights.
        let tail = match modules {
            Some(modules) => Tail::Vectors(modules.pooler, Prompts::read(directory)?),
            None => Tail::Scores(Box::new(Head::read(&source, &fields, &shape)?)),
        };
        let runner = if is_native {
            Runner::Native(Box::new(Native::load(&source, &shape, format)?))
        } else {
            let kind = kind(format);
            Runner::Dense(Box::new(Dense::load(
                &source,
                &shape,
                kind,
                options.device,
                bytes,
            )?))
        };
        let threads = if is_native { cores(options.threads) } else { 1 };
        Ok(Self {
            shape,
            texts,
            runner,
            tail,
            team: Team::new(threads),
            threads: options.threads,
            dtype: memory::format_name(format),
            is_on_gpu: options.device != Device::Cpu,
        })
    }

    /// Adds what only loading brings to light.
    pub(super) fn describe(&self, metadata: ModelMetadata) -> ModelMetadata {
        ModelMetadata {
            context_length: u32::try_from(self.window()).ok(),
            memory_bytes: Some(self.bytes()),
            dtype: Some(self.dtype().to_owned()),
            ..metadata
        }
    }
}

fn is_native(options: &Options) -> bool {
    match options.executor {
        Executor::Native => true,
        Executor::Torch => false,
        Executor::Fastest => options.device == Device::Cpu,
    }
}

fn format(options: &Options, is_native: bool) -> Result<Format> {
    let default = if is_native { cpu_format() } else { Format::F32 };
    let refused = |reason: &str| Err(ModelError::Device(reason.to_owned()));
    match options.format.unwrap_or(default) {
        Format::Int4 => refused(
            "dtype 'int4' is too short for vectors and scores; known for encoders are f32, bf16, f16 and int8",
        ),
        Format::Int8 if !is_native => refused(
            "dtype 'int8' of encoders runs on our own kernels only; set device = \"cpu\" and executor = \"native\", or \
             choose bf16",
        ),
        format => Ok(format),
    }
}

/// What libtorch calls a format.
fn kind(format: Format) -> Kind {
    match format {
        Format::Bf16 => Kind::BFloat16,
        Format::F16 => Kind::Half,
        Format::Int8 | Format::Int4 => Kind::Int8,
        Format::F32 => Kind::Float,
    }
}

/// Bytes of the weights when held in a format; scales of groups are one part in sixteen.
fn bytes(checkpoint: &Checkpoint, format: Format) -> u64 {
    let numbers = checkpoint.bytes(Kind::Int8);
    match format {
        Format::F32 => numbers * 4,
        Format::Bf16 | Format::F16 => numbers * 2,
        Format::Int8 | Format::Int4 => numbers + numbers / 16,
    }
}

/// Bytes beside the weights: the largest matrix while it is read, twice, and what a run of the longest text takes.
fn working(shape: &Shape, window: usize) -> u64 {
    let (hidden, inside) = (shape.hidden as u64, shape.feed_forward as u64);
    let largest = shape.vocabulary as u64 * hidden;
    let row = 7 * hidden + 3 * inside;
    (2 * largest).max(row * window as u64) * 4
}

/// Threads of the team. It shares work out as its threads are free, so a core that others keep busy costs nothing.
fn cores(configured: usize) -> usize {
    if configured > 0 {
        return configured;
    }
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_computes_follows_the_device_unless_it_is_said() {
        let options = Options::default();
        assert!(is_native(&options));
        let on_gpu = Options {
            device: Device::Cuda(0),
            ..Options::default()
        };
        assert!(!is_native(&on_gpu));
        let torch = Options {
            executor: Executor::Torch,
            ..Options::default()
        };
        assert!(!is_native(&torch));
    }

    #[test]
    fn formats_that_no_encoder_runs_in_are_refused_with_those_that_do() {
        let asked = |asked: Format, is_native: bool| {
            let options = Options {
                format: Some(asked),
                ..Options::default()
            };
            format(&options, is_native).map_err(|error| error.to_string())
        };
        assert_eq!(asked(Format::Int8, true), Ok(Format::Int8));
        assert_eq!(asked(Format::Bf16, false), Ok(Format::Bf16));
        assert!(
            asked(Format::Int4, true).is_err_and(|error| error.contains("f32, bf16, f16 and int8"))
        );
        assert!(
            asked(Format::Int8, false).is_err_and(|error| error.contains("executor = \"native\""))
        );
    }
}
