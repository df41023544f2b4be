//! The executor on libtorch's tensors: any device, any kind of numbers.
//!
//! Rows of all sequences go through the matrices together; each sequence attends to its own keys. [`matrix`] holds
//! weights, [`cache`] keys and values, [`turns`] the positions of a step, [`attention`] what its rows may see, [`side`]
//! the sequences that attend in one go.

mod attention;
mod cache;
mod matrix;
mod side;
mod turns;

use tch::{Device, Kind, Tensor};
use tidegate_kernels::Format;

pub(in crate::workers::torch) use self::cache::DenseCache;
use self::{
    attention::Sight,
    matrix::{Build, Matrix},
    side::{Side, Single},
    turns::{Span, Turns},
};
use super::{
    error::Result,
    files::{
        checkpoint::Checkpoint,
        shape::{Activation, Shape},
        weights::{self, Layer, Weights},
    },
    network::{self, Cache as _, Network, Segment, Wanted},
};

/// A decoder on libtorch.
pub(in crate::workers::torch) struct Dense {
    shape: Shape,
    /// What is computed with.
    kind: Kind,
    device: Device,
    weights: Weights<Matrix, Tensor>,
    /// The windows that layers have, each once.
    windows: Vec<Option<usize>>,
    /// For each layer, which of them.
    sees: Vec<usize>,
}

/// What a step knows of its sequences before the first layer.
struct Step {
    spans: Vec<Span>,
    /// For each kind of positions.
    turns: Vec<Turns>,
    /// For each sequence that attends alone, one for each of the windows.
    sights: Vec<Vec<Sight>>,
    /// Those that attend together.
    sides: Vec<Side>,
}

impl Dense {
    /// Reads a model's weights onto `device`, held in `format`. Whether there is room is the caller's to check.
    ///
    /// # Errors
    /// What [`weights::read`] says of the files, and libtorch where it refuses the device or the memory.
    pub(in crate::workers::torch) fn load(
        checkpoint: &Checkpoint,
        shape: Shape,
        format: Format,
        device: Device,
    ) -> Result<Self> {
        let _no_gradients = tch::no_grad_guard();
        let kind = computes_in(format, &shape, device);
        if kind == Kind::Half && device == Device::Cpu {
            tracing::warn!("f16 is slow on a CPU; bf16 has the same size");
        }
        let build = Build {
            format,
            kind,
            device,
        };
        let mut windows = Vec::new();
        let mut sees = Vec::with_capacity(shape.layers.len());
        for layer in &shape.layers {
            let known = windows.iter().position(|window| *window == layer.window);
            sees.push(known.unwrap_or(windows.len()));
            if known.is_none() {
                windows.push(layer.window);
            }
        }
        Ok(Self {
            weights: weights::read(checkpoint, &shape, &build)?,
            shape,
            kind,
            device,
            windows,
            sees,
        })
    }

    fn prepare(&self, segments: &mut [Segment<'_, DenseCache>]) -> Result<Step> {
        let mut spans = Vec::with_capacity(segments.len());
        let mut singles = Vec::new();
        let mut rows = 0;
        for (member, segment) in segments.iter_mut().enumerate() {
            let (first, count) = (segment.cache.tokens(), segment.tokens.len());
            let all = first + count;
            segment.cache.make_room(all, self.shape.window)?;
            if count == 1 {
                singles.push(Single {
                    member,
                    row: rows,
                    total: all,
                    room: segment.cache.room(),
                });
            }
            rows += count;
            spans.push(Span {
                first,
                count,
                total: all.max(segment.prompt),
            });
        }
        let sides = Side::together(singles, rows, &self.windows, self.device)?;
        side::lie_as_they_attend(segments, &sides)?;
        let mut sights: Vec<Vec<Sight>> = Vec::with_capacity(segments.len());
        let is_bent = self.shape.attention_cap.is_some();
        for (member, span) in spans.iter().enumerate() {
            let sight = |window: &Option<usize>| {
                Sight::new(span.first, span.count, *window, is_bent, self.device)
            };
            let is_alone = sides.iter().all(|side| !side.members.contains(&member));
            let windows = if is_alone {
                self.windows.as_slice()
            } else {
                &[]
            };
            sights.push(windows.iter().map(sight).collect::<Result<_>>()?);
        }
        let turns = self
            .shape
            .ropes
            .iter()
            .map(|rope| Turns::new(rope, &spans, self.kind, self.device))
            .collect::<Result<_>>()?;
        Ok(Step {
            spans,
            turns,
            sights,
            sides,
        })
    }

    fn embed(&self, segments: &[Segment<'_, DenseCache>]) -> Result<Tensor> {
        let ids: Vec<i64> = segments
            .iter()
            .flat_map(|segment| segment.tokens)
            .map(|&id| i64::from(id))
            .collect();
        let ids = Tensor::f_from_slice(&ids)?.f_to_device(self.device)?;
        let rows = self.weights.embedding.rows(&ids)?;
        match self.shape.embedding_scale {
            Some(scale) => Ok(rows.f_mul_scalar(f64::from(scale))?),
            None => Ok(rows),
        }
    }

    /// RMS norm over the last dimension, computed in f32 whatever goes in.
    fn normalise(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let epsilon = f64::from(self.shape.epsilon);
        let normed = x
            .f_to_kind(Kind::Float)?
            .f_rms_norm(weight.size(), Some(weight), epsilon)?;
        Ok(normed.f_to_kind(self.kind)?)
    }

    /// The same where there is such a norm.
    fn normalise_if(&self, x: Tensor, weight: Option<&Tensor>) -> Result<Tensor> {
        match weight {
            Some(weight) => self.normalise(&x, weight),
            None => Ok(x),
        }
    }

    /// Attention of a layer over all rows, keys and values written to the caches behind what they hold.
    fn attend(
        &self,
        index: usize,
        x: &Tensor,
        step: &Step,
        segments: &[Segment<'_, DenseCache>],
    ) -> Result<Tensor> {
        let layer = &self.weights.layers[index];
        let (heads, kv_heads) = (self.shape.heads as i64, self.shape.kv_heads as i64);
        let width = self.shape.head_width as i64;
        let rows = x.size()[0];
        let qkv = layer
            .qkv
            .apply(x)?
            .f_view([rows, heads + 2 * kv_heads, width])?;
        let queries = qkv.f_narrow(1, 0, heads)?;
        let keys = qkv.f_narrow(1, heads, kv_heads)?;
        let values = qkv.f_narrow(1, heads + kv_heads, kv_heads)?;
        let queries = self.normalise_if(queries, layer.query_norm.as_ref())?;
        let keys = self.normalise_if(keys, layer.key_norm.as_ref())?;
        let turns = &step.turns[self.shape.layers[index].rope];
        let (queries, keys) = (turns.apply(&queries)?, turns.apply(&keys)?);
        let fresh = Tensor::f_stack(&[keys.f_transpose(0, 1)?, values.f_transpose(0, 1)?], 0)?
            .f_view([2 * kv_heads, rows, width])?;
        for side in &step.sides {
            side.write(side.kept(index, segments), &fresh)?;
        }
        let mut from = 0;
        for ((segment, span), sights) in segments.iter().zip(&step.spans).zip(&step.sights) {
            let count = span.count as i64;
            // Those that have no sight of their own attend together.
            if !sights.is_empty() {
                let own = fresh.f_narrow(1, from, count)?;
                segment.cache.write(index, &own)?;
            }
            from += count;
        }
        let attended = self.look_back(index, &queries, step, segments)?;
        layer.output.apply(&attended)
    }

    /// What the rows' queries, `[rows, heads, width]`, find in the caches: `[rows, heads * width]`.
    fn look_back(
        &self,
        index: usize,
        queries: &Tensor,
        step: &Step,
        segments: &[Segment<'_, DenseCache>],
    ) -> Result<Tensor> {
        let window = self.sees[index];
        let mut parts: Vec<Option<Tensor>> = segments.iter().map(|_| None).collect();
        for side in &step.sides {
            let kept = side.kept(index, segments);
            let found = side.attend(&self.shape, window, queries, kept)?;
            if side.members.len() == segments.len() {
                return Ok(found);
            }
            for (at, &member) in side.members.iter().enumerate() {
                parts[member] = Some(found.f_narrow(0, at as i64, 1)?);
            }
        }
        let mut attended = Vec::with_capacity(segments.len());
        let mut from = 0;
        for ((segment, part), (span, sights)) in segments
            .iter()
            .zip(parts)
            .zip(step.spans.iter().zip(&step.sights))
        {
            let count = span.count as i64;
            attended.push(match part {
                Some(part) => part,
                None => {
                    let sight = &sights[window];
                    let kept = segment.cache.read(index, sight.seen())?;
                    let queries = queries.f_narrow(0, from, count)?;
                    sight.attend(&self.shape, &queries, &kept)?
                }
            });
            from += count;
        }
        Ok(Tensor::f_cat(&attended, 0)?)
    }

    fn feed(&self, layer: &Layer<Matrix, Tensor>, x: &Tensor) -> Result<Tensor> {
        let parts = layer.gate_up.apply(x)?.f_chunk(2, -1)?;
        let gate = match self.shape.activation {
            Activation::Silu => parts[0].f_silu()?,
            Activation::GeluTanh => parts[0].f_gelu("tanh")?,
        };
        layer.down.apply(&gate.f_mul(&parts[1])?)
    }

    /// Scores of the rows that are asked for, by sequence.
    fn scores(
        &self,
        x: &Tensor,
        step: &Step,
        segments: &[Segment<'_, DenseCache>],
    ) -> Result<Vec<Vec<f32>>> {
        let mut rows: Vec<i64> = Vec::new();
        let mut counts = Vec::with_capacity(segments.len());
        let mut from = 0;
        for (segment, span) in segments.iter().zip(&step.spans) {
            let until = from + span.count as i64;
            let first = match segment.wanted {
                Wanted::None => until,
                Wanted::Last => until - 1,
                Wanted::All => from,
            };
            rows.extend(first..until);
            counts.push(until - first);
            from = until;
        }
        if rows.is_empty() {
            return Ok(vec![Vec::new(); segments.len()]);
        }
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(self.device)?;
        let states = self.normalise(&x.f_index_select(0, &rows)?, &self.weights.norm)?;
        let head = self
            .weights
            .head
            .as_ref()
            .unwrap_or(&self.weights.embedding);
        let mut scores = head.apply(&states)?;
        if let Some(cap) = self.shape.score_cap {
            scores = attention::bend(&scores, cap)?;
        }
        let scores = scores.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?;
        let mut from = 0;
        let mut told = Vec::with_capacity(counts.len());
        for count in counts {
            if count == 0 {
                told.push(Vec::new());
                continue;
            }
            told.push(Vec::try_from(
                &scores.f_narrow(0, from, count)?.f_reshape([-1])?,
            )?);
            from += count;
        }
        Ok(told)
    }
}

impl Network for Dense {
    type Cache = DenseCache;

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn cache(&self, tokens: usize) -> Result<DenseCache> {
        DenseCache::new(&self.shape, self.kind, self.device, tokens)
    }

    fn step(&mut self, segments: &mut [Segment<'_, DenseCache>]) -> Result<Vec<Vec<f32>>> {
        network::check(&self.shape, segments)?;
        if segments.is_empty() {
            return Ok(Vec::new());
        }
        let _no_gradients = tch::no_grad_guard();
        let step = self.prepare(segments)?;
        let mut x = self.embed(segments)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let normed = self.normalise(&x, &layer.attention_norm)?;
            let attended = self.attend(index, &normed, &step, segments)?;
            x = x.f_add(&self.normalise_if(attended, layer.after_attention.as_ref())?)?;
            let fed = self.feed(layer, &self.normalise(&x, &layer.feed_norm)?)?;
            x = x.f_add(&self.normalise_if(fed, layer.after_feed.as_ref())?)?;
        }
        let scores = self.scores(&x, &step, segments)?;
        // Only now: what was written behind a cache's end is nothing as long as the end is not moved.
        for (segment, span) in segments.iter_mut().zip(&step.spans) {
            segment.cache.extend(span.count);
        }
        Ok(scores)
    }

    fn bytes(&self) -> u64 {
        let Weights {
            embedding,
            layers,
            norm,
            head,
        } = &self.weights;
        let of_layer = |layer: &Layer<Matrix, Tensor>| {
            let vectors = [
                Some(&layer.attention_norm),
                layer.query_norm.as_ref(),
                layer.key_norm.as_ref(),
                layer.after_attention.as_ref(),
                Some(&layer.feed_norm),
                layer.after_feed.as_ref(),
            ];
            let matrices = [&layer.qkv, &layer.output, &layer.gate_up, &layer.down];
            vectors.into_iter().flatten().map(matrix::held).sum::<u64>()
                + matrices.into_iter().map(Matrix::bytes).sum::<u64>()
        };
        embedding.bytes()
            + head.as_ref().map_or(0, Matrix::bytes)
            + matrix::held(norm)
            + layers.iter().map(of_layer).sum::<u64>()
    }
}

/// What a model whose weights are held in `format` computes with. Integers are turned back for every product: to
/// what the model was made in where that is short, and to f32 on a CPU, which is no slower there.
fn computes_in(format: Format, shape: &Shape, device: Device) -> Kind {
    match format {
        Format::F32 => Kind::Float,
        Format::Bf16 => Kind::BFloat16,
        Format::F16 => Kind::Half,
        Format::Int8 | Format::Int4 if device == Device::Cpu => Kind::Float,
        Format::Int8 | Format::Int4 => shape.dtype.unwrap_or(Kind::BFloat16),
    }
}
