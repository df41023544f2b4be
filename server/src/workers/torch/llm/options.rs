//! How a model is to be run, as the configuration says.

use anyhow::bail;
use tch::Device;
use tidegate_kernels::Format;

use crate::{config, workers::registry::Progress};

/// What computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::workers) enum Executor {
    /// Whichever is faster on the device.
    #[default]
    Fastest,
    /// Our own kernels, on the CPU.
    Native,
    /// libtorch, on any device.
    Torch,
}

/// How a model is to be run.
#[derive(Debug, Clone)]
pub(in crate::workers) struct Options {
    /// What weights are held as; the checkpoint's own when `None`.
    pub(in crate::workers) format: Option<Format>,
    /// What computes.
    pub(in crate::workers) executor: Executor,
    /// Where.
    pub(in crate::workers) device: Device,
    /// Threads; 0 for the free cores.
    pub(in crate::workers) threads: usize,
    /// Most tokens of prompt and answer together; all the model can when `None`.
    pub(in crate::workers) context_length: Option<usize>,
    /// Answers written at once.
    pub(in crate::workers) sequences: usize,
    /// Requests that may wait for their turn.
    pub(in crate::workers) queue: usize,
    /// Prompt tokens run in one step.
    pub(in crate::workers) chunk: usize,
    /// Bytes for keys and values; a share of what is free when `None`.
    pub(in crate::workers) kv_bytes: Option<u64>,
    /// Told how far reading the weights is.
    pub(in crate::workers) progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            executor: Executor::default(),
            device: Device::Cpu,
            threads: 0,
            context_length: None,
            sequences: 16,
            queue: 64,
            chunk: 256,
            kv_bytes: None,
            progress: Progress::default(),
        }
    }
}

impl Options {
    /// Reads a model's table. Whether there is a GPU is not asked: the first question to its driver takes seconds.
    ///
    /// # Errors
    /// A value that is not known, told with those that are.
    pub(in crate::workers) fn read(
        model: &config::Model,
        builtin: &config::Builtin,
    ) -> anyhow::Result<Self> {
        let name = &model.name;
        let executor = match model.executor.as_str() {
            "" => Executor::Fastest,
            "native" => Executor::Native,
            "torch" => Executor::Torch,
            other => bail!("models: '{name}' has executor '{other}'; known are native and torch"),
        };
        let device = match model.device.as_str() {
            "" | "cpu" => Device::Cpu,
            "cuda" => Device::Cuda(0),
            other => bail!("models: '{name}' has device '{other}'; known are cpu and cuda"),
        };
        if executor == Executor::Native && device != Device::Cpu {
            bail!(
                "models: '{name}' has executor 'native', which runs on the CPU; set device = \"cpu\" or executor = \
                 \"torch\""
            );
        }
        Ok(Self {
            format: format(name, &model.dtype)?,
            executor,
            device,
            threads: if model.threads == 0 {
                builtin.threads
            } else {
                model.threads
            },
            context_length: (model.context_length > 0).then_some(model.context_length),
            sequences: model.max_sequences,
            queue: model.queue,
            chunk: model.prefill_chunk,
            kv_bytes: (model.kv_cache_mb > 0).then(|| model.kv_cache_mb.saturating_mul(1 << 20)),
            progress: Progress::default(),
        })
    }
}

fn format(name: &str, dtype: &str) -> anyhow::Result<Option<Format>> {
    Ok(Some(match dtype {
        "" => return Ok(None),
        "f32" => Format::F32,
        "bf16" => Format::Bf16,
        "f16" => Format::F16,
        "int8" => Format::Int8,
        "int4" => Format::Int4,
        other => {
            bail!("models: '{name}' has dtype '{other}'; known are f32, bf16, f16, int8 and int4")
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(more: &str) -> anyhow::Result<Options> {
        let text = format!("[[models]]\nname='m'\nprovider='torch'\npath='p'\n{more}");
        let config = Config::from_toml(&text).expect("a valid table");
        Options::read(&config.models[0], &config.builtin)
    }

    #[test]
    fn unknown_values_are_refused_with_those_that_are_known() {
        for (text, said) in [
            (
                "dtype='q4'",
                "dtype 'q4'; known are f32, bf16, f16, int8 and int4",
            ),
            ("device='tpu'", "device 'tpu'; known are cpu and cuda"),
            ("executor='x'", "executor 'x'; known are native and torch"),
            ("executor='native'\ndevice='cuda'", "runs on the CPU"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_not_said_is_the_models_own_or_the_builtins() {
        let plain = read("").expect("valid");
        assert_eq!(
            (plain.format, plain.kv_bytes, plain.context_length),
            (None, None, None)
        );
        assert_eq!((plain.sequences, plain.queue, plain.chunk), (16, 64, 256));
        let said =
            read("dtype='int4'\nkv_cache_mb=2\ncontext_length=100\nthreads=3").expect("valid");
        assert_eq!(said.format, Some(Format::Int4));
        assert_eq!(
            (said.kv_bytes, said.context_length, said.threads),
            (Some(2 << 20), Some(100), 3)
        );
    }
}
