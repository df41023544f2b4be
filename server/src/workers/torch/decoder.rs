//! The network of Llama-style decoders: what goes from token ids to the next token's scores.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::{
    checkpoint::Checkpoint,
    error::{ModelError, Result},
    memory,
    rope::Turns,
    shape::Shape,
};

/// Tokens whose keys and values are counted in before a model is loaded; longer prompts take more as they come.
const COUNTED_TOKENS: usize = 4096;
/// Least tokens that room is made for at once.
const LEAST_ROOM: usize = 256;

/// A matrix with or without a bias.
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, self.bias.as_ref())?)
    }
}

struct Layer {
    attention_norm: Tensor,
    /// Queries, keys and values in one product.
    qkv: Linear,
    output: Linear,
    feed_norm: Tensor,
    /// Gate and up in one product.
    gate_up: Linear,
    down: Linear,
}

/// A loaded decoder.
pub(super) struct Decoder {
    shape: Shape,
    kind: Kind,
    device: Device,
    frequencies: Tensor,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    /// `None` where the embedding serves for output too.
    head: Option<Tensor>,
}

/// Keys and values of a sequence so far; at first there are none.
#[derive(Default)]
pub(super) struct Cache {
    /// Per layer, `[1, heads, room, head width]`.
    layers: Vec<(Tensor, Tensor)>,
    room: usize,
    length: usize,
}

/// Reads tensors by name and shape.
struct Source<'a> {
    checkpoint: &'a Checkpoint,
    kind: Kind,
    device: Device,
}

impl Source<'_> {
    fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        self.checkpoint.tensor(name, shape, self.kind, self.device)
    }

    /// Several matrices over the same input, as one.
    fn linear(&self, names: &[(String, i64)], input: i64, biased: bool) -> Result<Linear> {
        let weights = names
            .iter()
            .map(|(name, output)| self.tensor(&format!("{name}.weight"), &[*output, input]))
            .collect::<Result<Vec<_>>>()?;
        let bias = if biased {
            let biases = names
                .iter()
                .map(|(name, output)| self.tensor(&format!("{name}.bias"), &[*output]))
                .collect::<Result<Vec<_>>>()?;
            Some(Tensor::f_cat(&biases, 0)?)
        } else {
            None
        };
        Ok(Linear {
            weight: Tensor::f_cat(&weights, 0)?,
            bias,
        })
    }

    fn layer(&self, index: usize, shape: &Shape) -> Result<Layer> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let queries = shape.heads * shape.head_width;
        let keys = shape.kv_heads * shape.head_width;
        let qkv = [
            (name("self_attn.q_proj"), queries),
            (name("self_attn.k_proj"), keys),
            (name("self_attn.v_proj"), keys),
        ];
        let gate_up = [
            (name("mlp.gate_proj"), shape.feed_forward),
            (name("mlp.up_proj"), shape.feed_forward),
        ];
        let output = [(name("self_attn.o_proj"), shape.hidden)];
        let down = [(name("mlp.down_proj"), shape.hidden)];
        Ok(Layer {
            attention_norm: self.tensor(&name("input_layernorm.weight"), &[shape.hidden])?,
            qkv: self.linear(&qkv, shape.hidden, shape.qkv_bias)?,
            output: self.linear(&output, queries, shape.output_bias)?,
            feed_norm: self.tensor(&name("post_attention_layernorm.weight"), &[shape.hidden])?,
            gate_up: self.linear(&gate_up, shape.hidden, shape.feed_bias)?,
            down: self.linear(&down, shape.feed_forward, shape.feed_bias)?,
        })
    }
}

impl Decoder {
    /// Reads a model directory's weights as `kind` (the checkpoint's own when `None`) onto `device`, unless they are
    /// too large for the memory that is free.
    pub(super) fn load(
        directory: &Path,
        shape: Shape,
        kind: Option<Kind>,
        device: Device,
    ) -> Result<Self> {
        let kind = kind.or(shape.dtype).unwrap_or(Kind::Float);
        if kind == Kind::Half && device == Device::Cpu {
            tracing::warn!("f16 is slow on a CPU; bf16 has the same size");
        }
        let checkpoint = Checkpoint::open(directory)?;
        if device == Device::Cpu {
            let tokens = shape.window.min(COUNTED_TOKENS) as u64;
            memory::check(
                checkpoint.bytes(kind),
                tokens * shape.bytes_per_token(kind),
                kind,
            )?;
        }
        let source = Source {
            checkpoint: &checkpoint,
            kind,
            device,
        };
        let table = [shape.vocabulary, shape.hidden];
        // Some checkpoints say "tied" by leaving the output matrix out.
        let tied = shape.tied || !checkpoint.has("lm_head.weight");
        Ok(Self {
            frequencies: shape.rope.frequencies(device)?,
            embedding: source.tensor("model.embed_tokens.weight", &table)?,
            layers: (0..shape.layers)
                .map(|index| source.layer(index, &shape))
                .collect::<Result<_>>()?,
            norm: source.tensor("model.norm.weight", &[shape.hidden])?,
            head: if tied {
                None
            } else {
                Some(source.tensor("lm_head.weight", &table)?)
            },
            shape,
            kind,
            device,
        })
    }

    /// Runs `ids`, which follow what `cache` holds, and keeps their keys and values there. Gives the last hidden
    /// states, `[ids, hidden]`.
    pub(super) fn forward(&self, ids: &[u32], cache: &mut Cache) -> Result<Tensor> {
        let count = ids.len() as i64;
        let past = cache.length;
        self.make_room(cache, past + ids.len())?;
        if let Some(id) = ids
            .iter()
            .find(|&&id| i64::from(id) >= self.shape.vocabulary)
        {
            return Err(ModelError::Text(format!(
                "the tokenizer made the token {id}, but config.json says vocab_size {}; the two do not belong together",
                self.shape.vocabulary
            )));
        }
        let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
        let ids = Tensor::f_from_slice(&ids)?.f_to_device(self.device)?;
        let mut x = Tensor::f_embedding(&self.embedding, &ids, -1, false, false)?;
        let turns = Turns::new(&self.frequencies, past, count, self.kind)?;
        let mask = if past > 0 && count > 1 {
            let all = Tensor::f_ones([count, past as i64 + count], (Kind::Bool, self.device))?;
            Some(all.f_tril(past as i64)?)
        } else {
            None
        };
        for (layer, kept) in self.layers.iter().zip(&mut cache.layers) {
            let attended = self.attend(
                layer,
                &self.normalise(&x, &layer.attention_norm)?,
                &turns,
                mask.as_ref(),
                kept,
                past,
            )?;
            x = x.f_add(&attended)?;
            let parts = layer
                .gate_up
                .apply(&self.normalise(&x, &layer.feed_norm)?)?
                .f_chunk(2, -1)?;
            let fed = layer.down.apply(&parts[0].f_silu()?.f_mul(&parts[1])?)?;
            x = x.f_add(&fed)?;
        }
        cache.length = past + ids.size()[0] as usize;
        self.normalise(&x, &self.norm)
    }

    /// Scores of every token after each of the `states`.
    pub(super) fn scores(&self, states: &Tensor) -> Result<Tensor> {
        let head = self.head.as_ref().unwrap_or(&self.embedding);
        Ok(states
            .f_linear(head, None::<&Tensor>)?
            .f_to_kind(Kind::Float)?)
    }

    fn normalise(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        Ok(x.f_rms_norm([self.shape.hidden], Some(weight), self.shape.epsilon)?)
    }

    fn attend(
        &self,
        layer: &Layer,
        x: &Tensor,
        turns: &Turns,
        mask: Option<&Tensor>,
        kept: &mut (Tensor, Tensor),
        past: usize,
    ) -> Result<Tensor> {
        let Shape {
            heads,
            kv_heads,
            head_width,
            ..
        } = self.shape;
        let count = x.size()[0];
        let all = past as i64 + count;
        let qkv = layer
            .qkv
            .apply(x)?
            .f_view([count, heads + 2 * kv_heads, head_width])?
            .f_transpose(0, 1)?;
        let turned = turns.apply(&qkv.f_narrow(0, 0, heads + kv_heads)?)?;
        let queries = turned.f_narrow(0, 0, heads)?;
        let keys = turned.f_narrow(0, heads, kv_heads)?.f_unsqueeze(0)?;
        let values = qkv
            .f_narrow(0, heads + kv_heads, kv_heads)?
            .f_unsqueeze(0)?;
        kept.0.f_narrow(2, past as i64, count)?.f_copy_(&keys)?;
        kept.1.f_narrow(2, past as i64, count)?.f_copy_(&values)?;
        let (keys, values) = (kept.0.f_narrow(2, 0, all)?, kept.1.f_narrow(2, 0, all)?);
        let group = heads / kv_heads;
        let attended = if count == 1 {
            // One token: the query heads that share keys become rows of one product, nothing is repeated.
            let queries = queries.f_reshape([1, kv_heads, group, head_width])?;
            attention(&queries, &keys, &values, None, false)?
        } else {
            let repeat = |shared: &Tensor| -> Result<Tensor> {
                let apart = shared
                    .f_unsqueeze(2)?
                    .f_expand([1, kv_heads, group, all, head_width], false)?;
                Ok(apart.f_reshape([1, heads, all, head_width])?)
            };
            let (keys, values) = (repeat(&keys)?, repeat(&values)?);
            attention(
                &queries.f_unsqueeze(0)?,
                &keys,
                &values,
                mask,
                mask.is_none(),
            )?
            .f_transpose(1, 2)?
        };
        layer
            .output
            .apply(&attended.f_reshape([count, heads * head_width])?)
    }

    fn make_room(&self, cache: &mut Cache, tokens: usize) -> Result<()> {
        if tokens <= cache.room {
            return Ok(());
        }
        let room = tokens
            .next_power_of_two()
            .max(LEAST_ROOM)
            .min(self.shape.window.max(tokens));
        let size = [1, self.shape.kv_heads, room as i64, self.shape.head_width];
        let mut layers = Vec::with_capacity(self.layers.len());
        for index in 0..self.layers.len() {
            let fresh = |old: Option<&Tensor>| -> Result<Tensor> {
                let grown = Tensor::f_empty(size, (self.kind, self.device))?;
                if let Some(old) = old {
                    let length = cache.length as i64;
                    grown
                        .f_narrow(2, 0, length)?
                        .f_copy_(&old.f_narrow(2, 0, length)?)?;
                }
                Ok(grown)
            };
            let old = cache.layers.get(index);
            layers.push((
                fresh(old.map(|pair| &pair.0))?,
                fresh(old.map(|pair| &pair.1))?,
            ));
        }
        cache.layers = layers;
        cache.room = room;
        Ok(())
    }
}

fn attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    mask: Option<&Tensor>,
    causal: bool,
) -> Result<Tensor> {
    Ok(Tensor::f_scaled_dot_product_attention(
        queries, keys, values, mask, 0.0, causal, None, false,
    )?)
}
