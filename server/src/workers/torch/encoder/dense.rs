//! Runs an encoder on libtorch tensors, on any device.
//!
//! Products and norms run over the rows of all texts together, without padding. Attention alone needs texts side by
//! side: rows are gathered into a padded block for it and scattered back.

use std::borrow::Cow;

use tch::{Device, Kind, Tensor};

use super::{
    network::Batch,
    shape::{Activation, Positions, Shape, frequencies},
    weights::{self, Builder, Norm, Source, Weights, values},
};
use crate::workers::torch::error::{ModelError, Result};

/// An encoder on a device.
pub(super) struct Dense {
    shape: Shape,
    weights: Weights<Linear, Tensor>,
    on: On,
    bytes: u64,
}

/// What everything is held as, and where.
#[derive(Clone, Copy)]
struct On {
    kind: Kind,
    device: Device,
}

struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, self.bias.as_ref())?)
    }
}

impl On {
    fn put(self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.f_to_kind(self.kind)?.f_to_device(self.device)?)
    }

    fn indices(self, of: &[i64]) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(of)?.f_to_device(self.device)?)
    }
}

impl Builder for On {
    type Matrix = Linear;
    type Vector = Tensor;

    fn matrix(&self, weight: Tensor, bias: Option<Tensor>) -> Result<Linear> {
        Ok(Linear {
            weight: self.put(&weight)?,
            bias: bias.map(|bias| self.put(&bias)).transpose()?,
        })
    }

    fn vector(&self, values: Tensor) -> Result<Tensor> {
        self.put(&values)
    }
}

/// How the rows of texts of several lengths become a block and rows again.
struct Block {
    texts: i64,
    longest: i64,
    /// Row of each place of the block; missing where rows are a block already.
    gather: Option<Tensor>,
    /// Place of each row.
    scatter: Option<Tensor>,
    /// Which places are a text's, `[texts, 1, 1, longest]`; missing where all are.
    real: Option<Tensor>,
}

impl Dense {
    /// Reads the weights. `bytes` is what they take.
    pub(super) fn load(
        source: &Source<'_>,
        shape: &Shape,
        kind: Kind,
        device: Device,
        bytes: u64,
    ) -> Result<Self> {
        let on = On { kind, device };
        Ok(Self {
            shape: shape.clone(),
            weights: weights::read(source, shape, &on)?,
            on,
            bytes,
        })
    }

    /// Bytes of weights held.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last states of all tokens, `[tokens, width]`.
    pub(super) fn states(&self, batch: &Batch) -> Result<Vec<f32>> {
        let block = self.block(batch)?;
        let turns = self.turns(batch)?;
        let mut x = self.embed(batch)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let reach = self.shape.layers.get(index).copied().flatten();
            let turn = match reach {
                Some(_) => turns.as_ref().map(|turns| &turns.local),
                None => turns.as_ref().map(|turns| &turns.global),
            };
            if self.shape.is_pre_norm() {
                let normed = match &layer.attention_norm {
                    Some(norm) => self.norm(norm, &x)?,
                    None => x.shallow_clone(),
                };
                let qkv = layer.qkv.apply(&normed)?;
                let attended = self.attend(&qkv, &block, turn, reach)?;
                x = x.f_add(&layer.output.apply(&attended)?)?;
                let fed = self.feed(&layer.up.apply(&self.norm(&layer.feed_norm, &x)?)?)?;
                x = x.f_add(&layer.down.apply(&fed)?)?;
            } else {
                let qkv = layer.qkv.apply(&x)?;
                let attended = self.attend(&qkv, &block, turn, reach)?;
                x = x.f_add(&layer.output.apply(&attended)?)?;
                if let Some(norm) = &layer.attention_norm {
                    x = self.norm(norm, &x)?;
                }
                let fed = self.feed(&layer.up.apply(&x)?)?;
                x = self.norm(&layer.feed_norm, &x.f_add(&layer.down.apply(&fed)?)?)?;
            }
        }
        if let Some(norm) = &self.weights.final_norm {
            x = self.norm(norm, &x)?;
        }
        values(&x.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?)
    }

    fn embed(&self, batch: &Batch) -> Result<Tensor> {
        let row = |table: &Tensor, of: &[u32]| {
            let of: Vec<i64> = of.iter().map(|&id| i64::from(id)).collect();
            Ok::<_, ModelError>(table.f_index_select(0, &self.on.indices(&of)?)?)
        };
        let mut x = row(&self.weights.words.weight, &batch.ids)?;
        if let Some(types) = &self.weights.types {
            let all = if batch.types.is_empty() {
                Cow::Owned(vec![0; batch.ids.len()])
            } else {
                Cow::Borrowed(&batch.types)
            };
            x = x.f_add(&row(types, &all)?)?;
        }
        if let Some(positions) = &self.weights.positions {
            x = x.f_add(&row(positions, &batch.places)?)?;
        }
        self.norm(&self.weights.embedding_norm, &x)
    }

    fn norm(&self, norm: &Norm<Tensor>, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_layer_norm(
            [self.shape.hidden as i64],
            Some(&norm.weight),
            norm.bias.as_ref(),
            f64::from(self.shape.epsilon),
            true,
        )?)
    }

    fn feed(&self, up: &Tensor) -> Result<Tensor> {
        if !self.shape.is_gated() {
            return activated(self.shape.activation, up);
        }
        let width = self.shape.feed_forward as i64;
        let inner = activated(self.shape.activation, &up.f_narrow(1, 0, width)?)?;
        Ok(inner.f_mul(&up.f_narrow(1, width, width)?)?)
    }

    fn attend(
        &self,
        qkv: &Tensor,
        block: &Block,
        turn: Option<&Turn>,
        reach: Option<usize>,
    ) -> Result<Tensor> {
        let (heads, width) = (self.shape.heads as i64, self.shape.head_width() as i64);
        let rows = qkv.size2()?.0;
        let parts = qkv.f_view([rows, 3, heads, width])?;
        let mut query = parts.f_select(1, 0)?;
        let mut key = parts.f_select(1, 1)?;
        let value = parts.f_select(1, 2)?;
        if let Some(turn) = turn {
            query = turn.apply(&query)?;
            key = turn.apply(&key)?;
        }
        let side_by_side = |part: &Tensor| {
            let part = match &block.gather {
                Some(gather) => part.f_index_select(0, gather)?,
                None => part.f_contiguous()?,
            };
            let part = part.f_view([block.texts, block.longest, heads, width])?;
            Ok::<_, ModelError>(part.f_transpose(1, 2)?)
        };
        let mask = block.mask(reach, self.on)?;
        let attended = Tensor::f_scaled_dot_product_attention(
            &side_by_side(&query)?,
            &side_by_side(&key)?,
            &side_by_side(&value)?,
            mask.as_ref(),
            0.0,
            false,
            None,
            false,
        )?;
        let attended = attended
            .f_transpose(1, 2)?
            .f_reshape([block.texts * block.longest, heads * width])?;
        match &block.scatter {
            Some(scatter) => Ok(attended.f_index_select(0, scatter)?),
            None => Ok(attended),
        }
    }

    fn block(&self, batch: &Batch) -> Result<Block> {
        let lengths: Vec<usize> = batch.texts().map(|text| text.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let (texts, width) = (lengths.len() as i64, longest as i64);
        if lengths.iter().all(|&length| length == longest) {
            return Ok(Block {
                texts,
                longest: width,
                gather: None,
                scatter: None,
                real: None,
            });
        }
        let mut gather = Vec::with_capacity(lengths.len() * longest);
        let mut scatter = Vec::with_capacity(batch.ids.len());
        let mut real = Vec::with_capacity(lengths.len() * longest);
        for text in batch.texts() {
            for place in 0..longest {
                let is_real = place < text.len();
                if is_real {
                    scatter.push(gather.len() as i64);
                }
                // What stands in a place that no text has is masked, so any row will do.
                gather.push(if is_real {
                    text.start + place
                } else {
                    text.start
                } as i64);
                real.push(is_real);
            }
        }
        Ok(Block {
            texts,
            longest: width,
            gather: Some(self.on.indices(&gather)?),
            scatter: Some(self.on.indices(&scatter)?),
            real: Some(
                Tensor::f_from_slice(&real)?
                    .f_view([texts, 1, 1, width])?
                    .f_to_device(self.on.device)?,
            ),
        })
    }

    fn turns(&self, batch: &Batch) -> Result<Option<Turns>> {
        let Positions::Rotary { global, local } = self.shape.positions else {
            return Ok(None);
        };
        let places: Vec<f32> = batch.places.iter().map(|&place| place as f32).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(self.on.device)?;
        let turn = |base: f32| {
            let frequencies = frequencies(base, self.shape.head_width());
            let frequencies = Tensor::f_from_slice(&frequencies)?.f_to_device(self.on.device)?;
            // One angle for all heads of a row.
            let angles = places.f_outer(&frequencies)?.f_unsqueeze(1)?;
            Ok::<_, ModelError>(Turn {
                cos: angles.f_cos()?,
                sin: angles.f_sin()?,
            })
        };
        Ok(Some(Turns {
            global: turn(global)?,
            local: turn(local)?,
        }))
    }
}

impl Block {
    /// Which keys a query sees, `[texts or 1, 1, queries or 1, keys]`; nothing where it sees all.
    fn mask(&self, reach: Option<usize>, on: On) -> Result<Option<Tensor>> {
        let near = match reach.filter(|&reach| (reach as i64) < self.longest) {
            None => None,
            Some(reach) => {
                let places = Tensor::f_arange(self.longest, (Kind::Int64, on.device))?;
                let apart = places.f_unsqueeze(0)?.f_sub(&places.f_unsqueeze(1)?)?;
                let near = apart.f_abs()?.f_le(reach as i64)?;
                Some(near.f_view([1, 1, self.longest, self.longest])?)
            }
        };
        Ok(match (&self.real, near) {
            (Some(real), Some(near)) => Some(real.f_logical_and(&near)?),
            (Some(real), None) => {
                Some(real.f_expand([self.texts, 1, self.longest, self.longest], false)?)
            }
            (None, near) => near,
        })
    }
}

/// Cosines and sines of a run, for both kinds of layers.
struct Turns {
    global: Turn,
    local: Turn,
}

/// Of each row, `[rows, 1, pairs]`, as f32.
struct Turn {
    cos: Tensor,
    sin: Tensor,
}

impl Turn {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let pairs = self.cos.size3()?.2;
        let x = x.f_to_kind(Kind::Float)?;
        let (first, second) = (x.f_narrow(2, 0, pairs)?, x.f_narrow(2, pairs, pairs)?);
        let turned = Tensor::f_cat(
            &[
                first.f_mul(&self.cos)?.f_sub(&second.f_mul(&self.sin)?)?,
                second.f_mul(&self.cos)?.f_add(&first.f_mul(&self.sin)?)?,
            ],
            2,
        )?;
        Ok(turned.f_to_kind(kind)?)
    }
}

fn activated(activation: Activation, x: &Tensor) -> Result<Tensor> {
    Ok(match activation {
        Activation::Gelu => x.f_gelu("none")?,
        Activation::GeluTanh => x.f_gelu("tanh")?,
        Activation::Relu => x.f_relu()?,
        Activation::Silu => x.f_silu()?,
        Activation::Tanh => x.f_tanh()?,
    })
}
