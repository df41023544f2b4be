//! The executor on our own kernels: the CPU.
//!
//! Rows of all sequences go through the matrices together, each of which is read once per step. What a token gives
//! depends on its own sequence alone, to the last bit: not on the rows beside it, not on how its prompt was cut, not on
//! the number of threads. [`linear`] holds weights, [`cache`] keys and values, [`turns`] positions, [`rooms`] the
//! buffers of a step; [`step`] runs.

mod cache;
mod linear;
mod rooms;
mod step;
mod turns;

use tidegate_kernels::{
    Format, Team,
    attention::{Layout, Storage},
};

pub(in crate::workers::torch) use self::cache::NativeCache;
use self::{
    linear::{Build, Linear},
    rooms::Rooms,
    turns::Tables,
};
use super::{
    error::Result,
    files::{
        checkpoint::Checkpoint,
        shape::Shape,
        weights::{self, Layer, Weights},
    },
    network::{self, Network, Segment},
};

/// A decoder on our own kernels.
pub(in crate::workers::torch) struct Native {
    shape: Shape,
    weights: Weights<Linear, Vec<f32>>,
    layout: Layout,
    team: Team,
    tables: Tables,
    rooms: Rooms,
}

impl Native {
    /// Reads a model's weights, held in `format`, for a team of so many threads. Whether there is room is the caller's
    /// to check.
    ///
    /// # Errors
    /// What [`weights::read`] says of the files, and weights that `format` cannot hold.
    pub(in crate::workers::torch) fn load(
        checkpoint: &Checkpoint,
        shape: Shape,
        format: Format,
        threads: usize,
    ) -> Result<Self> {
        let _no_gradients = tch::no_grad_guard();
        let weights = weights::read(checkpoint, &shape, &Build { format })?;
        Ok(Self {
            layout: Layout {
                storage: storage(format),
                layers: shape.layers.len(),
                kv_heads: shape.kv_heads,
                width: shape.head_width,
            },
            shape,
            weights,
            team: Team::new(threads),
            tables: Tables::default(),
            rooms: Rooms::default(),
        })
    }
}

/// What keys and values are kept as: as precise as the weights were before they became integers, if they did.
fn storage(format: Format) -> Storage {
    match format {
        Format::F32 => Storage::F32,
        Format::F16 => Storage::F16,
        Format::Bf16 | Format::Int8 | Format::Int4 => Storage::Bf16,
    }
}

impl Network for Native {
    type Cache = NativeCache;

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn cache(&self, tokens: usize) -> Result<NativeCache> {
        NativeCache::new(self.layout, tokens.min(self.shape.window))
    }

    fn step(&mut self, segments: &mut [Segment<'_, NativeCache>]) -> Result<Vec<Vec<f32>>> {
        network::check(&self.shape, segments)?;
        if segments.is_empty() {
            return Ok(Vec::new());
        }
        self.run(segments)
    }

    fn bytes(&self) -> u64 {
        let Weights {
            embedding,
            layers,
            norm,
            head,
        } = &self.weights;
        let of_layer = |layer: &Layer<Linear, Vec<f32>>| {
            let vectors = [
                Some(&layer.attention_norm),
                layer.query_norm.as_ref(),
                layer.key_norm.as_ref(),
                layer.after_attention.as_ref(),
                Some(&layer.feed_norm),
                layer.after_feed.as_ref(),
            ];
            let matrices = [&layer.qkv, &layer.output, &layer.gate_up, &layer.down];
            vectors
                .into_iter()
                .flatten()
                .map(|vector| held(vector))
                .sum::<u64>()
                + matrices.into_iter().map(Linear::bytes).sum::<u64>()
        };
        embedding.bytes()
            + head.as_ref().map_or(0, Linear::bytes)
            + held(norm)
            + layers.iter().map(of_layer).sum::<u64>()
    }
}

/// Bytes of numbers.
fn held(numbers: &[f32]) -> u64 {
    size_of_val(numbers) as u64
}
