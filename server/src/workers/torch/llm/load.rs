//! From a directory to a model that runs: how much memory it may take, which executor computes, and its thread.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use tch::{Device, Kind};
use tidegate_kernels::Format;

use super::{Door, Executor, Options, TorchModel, defaults};
use crate::workers::{
    Capabilities, ModelMetadata, metrics,
    torch::{
        dense::Dense,
        error::{ModelError, Result},
        files::{checkpoint::Checkpoint, memory, shape::Shape},
        native::Native,
        network::Network,
        owner::Owner,
        scheduler::{Bounds, Job, Pace, Scheduler},
        template::ChatTemplate,
        tokens::Tokens,
    },
};

/// Most bytes for keys and values where the configuration does not say.
const MOST_UNSAID: u64 = 4 << 30;
/// Fewest tokens that keys and values must have room for.
const LEAST_TOKENS: usize = 256;

impl TorchModel {
    /// Loads a Hugging Face directory and starts the thread that owns it.
    ///
    /// # Errors
    /// Which file and field cannot be used and what would do, with the figures where there is no room for it.
    pub(in crate::workers::torch) fn load(
        metadata: ModelMetadata,
        directory: &Path,
        options: &Options,
    ) -> Result<Self> {
        let mut shape = Shape::read(directory)?;
        let tokens = Tokens::load(directory)?;
        shape.check_tokenizer(directory, tokens.tokenizer())?;
        let template = ChatTemplate::load(directory)?;
        let sampling = defaults::sampling(directory)?;
        let ends = defaults::ends(directory, &shape, &template, &tokens)?;
        let tokens = tokens.ending_with(&ends);
        let format = options.format.unwrap_or_else(|| stored(&shape));
        let room = Room::find(&shape, format, options)?;
        if room.window < shape.window {
            tracing::info!(
                model = metadata.name,
                tokens = room.window,
                of = shape.window,
                keys_and_values = memory::size(room.kv_bytes),
                "prompt and answer together are held to less than the model could take"
            );
        }
        // Caches never grow beyond it, so that the window of one answer always fits.
        shape.window = room.window;
        let door = Door {
            name: metadata.name.clone(),
            tokens: Arc::new(tokens),
            template,
            window: room.window,
            vocabulary: shape.vocabulary,
            most: options.sequences,
            defaults: sampling,
            ends,
        };
        let checkpoint = Checkpoint::open_as(directory, format)?.watched(&options.progress);
        let shared = (Arc::<Pace>::default(), Arc::new(OnceLock::new()));
        let begin = Beginning {
            name: &metadata.name,
            options,
            room,
            shared: &shared,
        };
        let threads = options.threads;
        let (owner, bytes) = if is_native(options) {
            let network = Native::load(&checkpoint, shape, format, cores(threads))?;
            begin.start(network, Box::new(|| ()))?
        } else {
            tch::set_num_threads(memory::threads(threads));
            let network = Dense::load(&checkpoint, shape, format, options.device)?;
            // Counted anew whenever work begins: cores that are busy then are left alone.
            begin.start(
                network,
                Box::new(move || tch::set_num_threads(memory::threads(threads))),
            )?
        };
        let (pace, health) = shared;
        Ok(Self {
            metadata: ModelMetadata {
                context_length: u32::try_from(door.window).ok(),
                memory_bytes: Some(bytes),
                dtype: Some(memory::format_name(format).to_owned()),
                capabilities: Capabilities {
                    tools: true,
                    forms: true,
                    logprobs: true,
                },
                ..metadata
            },
            door: Arc::new(door),
            owner,
            pace,
            health,
        })
    }
}

/// All that a thread begins with but its network.
struct Beginning<'a> {
    name: &'a str,
    options: &'a Options,
    room: Room,
    shared: &'a (Arc<Pace>, Arc<OnceLock<String>>),
}

impl Beginning<'_> {
    /// Starts the thread; gives the bytes of the weights too.
    fn start<N: Network + Send + 'static>(
        &self,
        network: N,
        wake: Box<dyn FnMut() + Send>,
    ) -> Result<(Owner<Job>, u64)> {
        let bytes = network.bytes();
        let bounds = Bounds {
            sequences: self.options.sequences,
            chunk: self.options.chunk,
            window: self.room.window,
            kv_bytes: self.room.kv_bytes,
            per_token: self.room.per_token,
        };
        let metrics = metrics::shared().model(self.name);
        let shared = self.shared.clone();
        let scheduler = Scheduler::new(self.name, network, bounds, metrics, shared, wake);
        let taken_in = self.options.sequences.saturating_add(self.options.queue);
        let owner = Owner::start(self.name, taken_in, move |jobs| scheduler.serve(jobs))
            .map_err(|error| ModelError::Text(format!("no thread could be started: {error}")))?;
        Ok((owner, bytes))
    }
}

/// Whether our own kernels compute.
fn is_native(options: &Options) -> bool {
    match options.executor {
        Executor::Native => true,
        Executor::Torch => false,
        Executor::Fastest => options.device == Device::Cpu,
    }
}

fn cores(threads: usize) -> usize {
    usize::try_from(memory::threads(threads)).unwrap_or(1)
}

/// What a checkpoint is held as where the configuration does not say.
fn stored(shape: &Shape) -> Format {
    match shape.dtype {
        Some(Kind::BFloat16) => Format::Bf16,
        Some(Kind::Half) => Format::F16,
        _ => Format::F32,
    }
}

/// What keys and values are held as; both executors have a rule of their own for integer weights.
fn cache_kind(format: Format, shape: &Shape, options: &Options) -> Kind {
    match format {
        Format::F32 => Kind::Float,
        Format::Bf16 => Kind::BFloat16,
        Format::F16 => Kind::Half,
        Format::Int8 | Format::Int4 if is_native(options) => Kind::BFloat16,
        Format::Int8 | Format::Int4 if options.device == Device::Cpu => Kind::Float,
        Format::Int8 | Format::Int4 => shape.dtype.unwrap_or(Kind::BFloat16),
    }
}

/// Memory of keys and values, and how long an answer may get in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    window: usize,
    kv_bytes: u64,
    per_token: u64,
}

impl Room {
    /// Checks that weights, keys and values fit into what is free. Where the configuration does not say how much the
    /// latter may take, it is what all answers could use, up to a bound and to half of what the weights leave.
    fn find(shape: &Shape, format: Format, options: &Options) -> Result<Self> {
        let wanted = match options.context_length {
            Some(length) if length > shape.window => {
                return Err(ModelError::Text(format!(
                    "context_length is {length}, but the model takes {} tokens for prompt and answer together; lower \
                     it, or leave it out",
                    shape.window
                )));
            }
            Some(length) => length,
            None => shape.window,
        };
        let per_token = shape
            .bytes_per_token(cache_kind(format, shape, options))
            .max(1);
        let bytes = |tokens: usize| per_token.saturating_mul(tokens as u64);
        let least = LEAST_TOKENS.min(wanted);
        let fits = |bytes: u64| memory::check_decoder(shape, format, bytes, options.device);
        let kv_bytes = if let Some(said) = options.kv_bytes {
            if said < bytes(least) {
                return Err(ModelError::Text(format!(
                    "kv_cache_mb gives {} to keys and values, which hold {} tokens of this model; {least} need {}",
                    memory::size(said),
                    said / per_token,
                    memory::size(bytes(least).max(1 << 20)),
                )));
            }
            fits(said)?;
            said
        } else {
            let mut kv_bytes = bytes(wanted.saturating_mul(options.sequences)).min(MOST_UNSAID);
            kv_bytes = kv_bytes.max(bytes(least));
            // As much again stays free for the rest of the machine, unless the least would not fit then.
            while fits(kv_bytes.saturating_mul(2)).is_err() && kv_bytes / 2 >= bytes(least) {
                kv_bytes /= 2;
            }
            fits(kv_bytes)?;
            kv_bytes
        };
        let window = usize::try_from(kv_bytes / per_token)
            .unwrap_or(usize::MAX)
            .min(wanted);
        Ok(Self {
            window,
            kv_bytes,
            per_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2 layers of 2 key heads of 8: 256 bytes a token in f32.
    fn shape() -> Shape {
        let config = json!({
            "model_type": "llama", "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
            "num_hidden_layers": 2, "intermediate_size": 64, "vocab_size": 100, "max_position_embeddings": 512,
        });
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
        Shape::read(directory.path()).expect("a known architecture")
    }

    #[test]
    fn room_is_made_for_all_answers_where_nothing_is_said() {
        let room = Room::find(&shape(), Format::F32, &Options::default()).expect("fits");
        assert_eq!(
            room,
            Room {
                window: 512,
                kv_bytes: 16 * 512 * 256,
                per_token: 256
            }
        );
        let half = Room::find(&shape(), Format::Int8, &Options::default()).expect("fits");
        assert_eq!(half.per_token, 128);
    }

    #[test]
    fn the_window_is_what_is_said_or_what_memory_holds() {
        let find = |options: &Options| Room::find(&shape(), Format::F32, options);
        let short = Options {
            context_length: Some(100),
            ..Options::default()
        };
        assert_eq!(find(&short).expect("fits").window, 100);
        let small = Options {
            kv_bytes: Some(300 * 256),
            ..Options::default()
        };
        assert_eq!(find(&small).expect("fits").window, 300);
        let long = Options {
            context_length: Some(1000),
            ..Options::default()
        };
        let error = find(&long).expect_err("longer than the model").to_string();
        assert!(error.contains("1000") && error.contains("512"), "{error}");
        let none = Options {
            kv_bytes: Some(10 * 256),
            ..Options::default()
        };
        let error = find(&none).expect_err("holds no answer").to_string();
        assert!(
            error.contains("hold 10 tokens") && error.contains("256 need"),
            "{error}"
        );
        let huge = Options {
            kv_bytes: Some(1 << 60),
            ..Options::default()
        };
        assert!(matches!(find(&huge), Err(ModelError::Memory { .. })));
    }
}
