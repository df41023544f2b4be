//! Keys and values of a sequence, as tensors with room to grow.

use tch::{Device, Kind, Tensor};

use crate::workers::torch::{
    error::{ModelError, Result},
    files::shape::Shape,
    network::Cache,
};

/// Least tokens that room is made for at once.
const LEAST_ROOM: usize = 64;

/// Keys and values of one sequence. What lies behind its tokens is nothing yet, but always finite: where sequences
/// attend together it is read and weighed by zero.
pub(in crate::workers::torch) struct DenseCache {
    /// Per layer `[2 * kv heads, room, head width]`: keys, then values.
    layers: Vec<Tensor>,
    room: usize,
    tokens: usize,
}

impl DenseCache {
    /// Empty, with room for `tokens`.
    pub(super) fn new(shape: &Shape, kind: Kind, device: Device, tokens: usize) -> Result<Self> {
        let room = tokens.clamp(LEAST_ROOM.min(shape.window), shape.window);
        let size = [
            2 * shape.kv_heads as i64,
            room as i64,
            shape.head_width as i64,
        ];
        let layers = shape
            .layers
            .iter()
            .map(|_| Ok(Tensor::f_zeros(size, (kind, device))?))
            .collect::<Result<_>>()?;
        Ok(Self {
            layers,
            room,
            tokens: 0,
        })
    }

    /// Tokens there is room for.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Room for `tokens` in all; at least doubled where it has to grow, so that growing is rare.
    pub(super) fn make_room(&mut self, tokens: usize, window: usize) -> Result<()> {
        if tokens <= self.room {
            return Ok(());
        }
        let room = (self.room * 2).min(window).max(tokens);
        *self = self.copy(self.tokens, room)?;
        Ok(())
    }

    /// Writes keys and values, `[2 * kv heads, rows, width]`, behind what is held. They count when [`Self::extend`]
    /// says.
    pub(super) fn write(&self, layer: usize, fresh: &Tensor) -> Result<()> {
        let rows = fresh.size()[1];
        self.layers[layer]
            .f_narrow(1, self.tokens as i64, rows)?
            .f_copy_(fresh)?;
        Ok(())
    }

    /// Keys and values of a layer, `[2 * kv heads, count, width]`: how many from which on, written ones included.
    pub(super) fn read(&self, layer: usize, (from, count): (i64, i64)) -> Result<Tensor> {
        Ok(self.layers[layer].f_narrow(1, from, count)?)
    }

    /// Takes in what was written behind its tokens.
    pub(super) fn extend(&mut self, tokens: usize) {
        self.tokens = (self.tokens + tokens).min(self.room);
    }

    /// The first `tokens` in memory of their own, with `room`.
    fn copy(&self, tokens: usize, room: usize) -> Result<Self> {
        let copied = |kept: &Tensor| -> Result<Tensor> {
            let (both, _, width) = kept.size3()?;
            let size = [both, room as i64, width];
            let fresh = Tensor::f_zeros(size, (kept.kind(), kept.device()))?;
            if tokens > 0 {
                fresh
                    .f_narrow(1, 0, tokens as i64)?
                    .f_copy_(&kept.f_narrow(1, 0, tokens as i64)?)?;
            }
            Ok(fresh)
        };
        let layers = self.layers.iter().map(copied).collect::<Result<_>>()?;
        Ok(Self {
            layers,
            room,
            tokens,
        })
    }
}

impl Cache for DenseCache {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn bytes(&self) -> u64 {
        self.layers.iter().map(super::matrix::held).sum()
    }

    fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    fn fork(&self, tokens: usize) -> Result<Self> {
        if tokens > self.tokens {
            return Err(ModelError::Text(format!(
                "{tokens} tokens of a cache cannot be copied, it holds {}",
                self.tokens
            )));
        }
        let _no_gradients = tch::no_grad_guard();
        let room = tokens.next_multiple_of(LEAST_ROOM).clamp(1, self.room);
        self.copy(tokens, room)
    }
}
