//! Keys and values of sequences, as tensors with room to grow.
//!
//! Sequences that write a token each lie together, layer by layer in one tensor, for as long as they go on side by
//! side: one call writes for all of them and one reads, where a call for each would take longer than the arithmetic.

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
    layers: Vec<Layer>,
    room: usize,
    tokens: usize,
}

/// Keys and values of a layer, alone or among those of others.
struct Layer {
    /// `[sequences, 2 * kv heads, room, head width]`: keys, then values.
    whole: Tensor,
    /// Which of the sequences it is.
    nth: i64,
}

impl Layer {
    fn alone(kept: &Tensor) -> Result<Self> {
        Ok(Self {
            whole: kept.f_unsqueeze(0)?,
            nth: 0,
        })
    }

    /// `[2 * kv heads, room, head width]`, in the same memory.
    fn own(&self) -> Result<Tensor> {
        Ok(self.whole.f_select(0, self.nth)?)
    }

    fn is_alone(&self) -> bool {
        self.whole.size()[0] == 1
    }

    fn bytes(&self) -> u64 {
        super::matrix::held(&self.whole) / self.whole.size()[0].unsigned_abs().max(1)
    }
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
            .map(|_| Layer::alone(&Tensor::f_zeros(size, (kind, device))?))
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
            .own()?
            .f_narrow(1, self.tokens as i64, rows)?
            .f_copy_(fresh)?;
        Ok(())
    }

    /// Keys and values of a layer, `[2 * kv heads, count, width]`: how many from which on, written ones included.
    pub(super) fn read(&self, layer: usize, (from, count): (i64, i64)) -> Result<Tensor> {
        Ok(self.layers[layer].own()?.f_narrow(1, from, count)?)
    }

    /// Keys and values of a layer of all that [`gather`] put together with this one, `[sequences, 2 * kv heads, room,
    /// width]`, to be read and written.
    pub(super) fn whole(&self, layer: usize) -> &Tensor {
        &self.layers[layer].whole
    }

    /// Takes in what was written behind its tokens.
    pub(super) fn extend(&mut self, tokens: usize) {
        self.tokens = (self.tokens + tokens).min(self.room);
    }

    /// The first `tokens` in memory of their own, with `room`.
    fn copy(&self, tokens: usize, room: usize) -> Result<Self> {
        let copied = |layer: &Layer| -> Result<Layer> {
            let kept = layer.own()?;
            let (both, _, width) = kept.size3()?;
            let size = [both, room as i64, width];
            let fresh = Tensor::f_zeros(size, (kept.kind(), kept.device()))?;
            if tokens > 0 {
                fresh
                    .f_narrow(1, 0, tokens as i64)?
                    .f_copy_(&kept.f_narrow(1, 0, tokens as i64)?)?;
            }
            Layer::alone(&fresh)
        };
        let layers = self.layers.iter().map(copied).collect::<Result<_>>()?;
        Ok(Self {
            layers,
            room,
            tokens,
        })
    }
}

/// Has caches lie together in this order, with room for the longest of them, unless they do already. Layers are moved
/// one by one: no more than one of them is held twice, and after an error each cache holds what it held.
pub(super) fn gather(caches: &mut [&mut DenseCache]) -> Result<()> {
    let room = caches.iter().map(|cache| cache.room).max();
    let (Some(room), Some(layers)) = (room, caches.first().map(|cache| cache.layers.len())) else {
        return Ok(());
    };
    for index in 0..layers {
        if are_together(caches, index) {
            continue;
        }
        let own = caches
            .iter()
            .map(|cache| {
                let own = cache.layers[index].own()?;
                let missing = room as i64 - own.size()[1];
                Ok(if missing > 0 {
                    own.f_constant_pad_nd([0, 0, 0, missing])?
                } else {
                    own
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let whole = Tensor::f_stack(&own, 0)?;
        for (nth, cache) in caches.iter_mut().enumerate() {
            cache.layers[index] = Layer {
                whole: whole.shallow_clone(),
                nth: nth as i64,
            };
        }
    }
    for cache in caches {
        cache.room = room;
    }
    Ok(())
}

/// Whether these are all that lie in one tensor, in their order there.
fn are_together(caches: &[&mut DenseCache], index: usize) -> bool {
    let first = &caches[0].layers[index].whole;
    first.size()[0] == caches.len() as i64
        && caches.iter().enumerate().all(|(nth, cache)| {
            let layer = &cache.layers[index];
            layer.nth == nth as i64 && layer.whole.data_ptr() == first.data_ptr()
        })
}

impl Cache for DenseCache {
    fn tokens(&self) -> usize {
        self.tokens
    }

    fn bytes(&self) -> u64 {
        self.layers.iter().map(Layer::bytes).sum()
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

    fn settle(&mut self) -> Result<()> {
        if self.layers.iter().all(Layer::is_alone) {
            return Ok(());
        }
        let _no_gradients = tch::no_grad_guard();
        *self = self.copy(self.tokens, self.room)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of one layer with `tokens` tokens, all of whose numbers are `value`.
    fn filled(room: i64, tokens: usize, value: f64) -> DenseCache {
        let kept = Tensor::zeros([2, room, 4], (Kind::Float, Device::Cpu));
        let cache = DenseCache {
            layers: vec![Layer::alone(&kept).expect("a layer")],
            room: room as usize,
            tokens: 0,
        };
        let rows = Tensor::full([2, tokens as i64, 4], value, (Kind::Float, Device::Cpu));
        cache.write(0, &rows).expect("written");
        DenseCache { tokens, ..cache }
    }

    fn sum(cache: &DenseCache) -> f64 {
        let all = (0, cache.room as i64);
        cache
            .read(0, all)
            .expect("read")
            .sum(Kind::Double)
            .double_value(&[])
    }

    #[test]
    fn caches_that_lie_together_hold_what_they_held() {
        let (mut one, mut two) = (filled(64, 3, 1.0), filled(100, 70, 2.0));
        let apart = one.bytes() + two.bytes();
        gather(&mut [&mut one, &mut two]).expect("gathered");
        assert_eq!((one.room(), two.room(), one.tokens()), (100, 100, 3));
        assert_eq!((sum(&one), sum(&two)), (24.0, 1120.0));
        assert!(one.bytes() + two.bytes() >= apart);
        // What is written for all is there for each.
        one.whole(0).get(0).narrow(1, 3, 1).copy_(&Tensor::full(
            [2, 1, 4],
            5.0,
            (Kind::Float, Device::Cpu),
        ));
        one.extend(1);
        assert_eq!((one.tokens(), sum(&one), sum(&two)), (4, 64.0, 1120.0));
        let memory = two.whole(0).data_ptr();
        gather(&mut [&mut one, &mut two]).expect("gathered");
        assert_eq!(two.whole(0).data_ptr(), memory, "nothing moves twice");
        gather(&mut [&mut two, &mut one]).expect("gathered");
        assert_ne!(two.whole(0).data_ptr(), memory, "their order is another");
        assert_eq!((sum(&one), sum(&two)), (64.0, 1120.0));
    }

    #[test]
    fn whoever_goes_on_alone_takes_its_memory_along() {
        let (mut one, mut two) = (filled(64, 3, 1.0), filled(64, 2, 2.0));
        gather(&mut [&mut one, &mut two]).expect("gathered");
        let together = one.whole(0).data_ptr();
        one.settle().expect("settled");
        assert!(one.layers[0].is_alone() && one.whole(0).data_ptr() != together);
        assert_eq!((one.tokens(), sum(&one), sum(&two)), (3, 24.0, 32.0));
        let copy = two.fork(1).expect("copied");
        assert!(copy.layers[0].is_alone());
        two.make_room(65, 1000).expect("grown");
        assert!(two.layers[0].is_alone() && two.room() == 128 && sum(&two) == 32.0);
    }
}
