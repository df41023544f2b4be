//! The pretrained sentence encoder: a BERT whose base weights stay as published.
//!
//! Training may add a low-rank change to every linear layer. The change is merged into the weight before use,
//! so it costs nothing afterwards; while training, the gradient flows through the merge. At rank 0 there is no
//! change, and what the encoder says of a text can be kept.

use std::path::Path;

use safetensors::SafeTensors;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use super::{
    NetError,
    weights::{Init, Layout, Slot, Weights, from_view},
};

/// What `config.json` says of a BERT, as far as it is needed here.
#[derive(Debug, Clone, Deserialize)]
pub struct Shape {
    /// Width of the hidden states.
    pub hidden_size: i64,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: i64,
    /// Width of the feed-forward layer.
    pub intermediate_size: i64,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Longest sequence.
    pub max_position_embeddings: i64,
}

/// A linear layer's weight and bias.
#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn apply(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

#[derive(Debug)]
struct Norm {
    weight: Tensor,
    bias: Tensor,
}

/// Linear layers of one block, with queries, keys and values in one matrix.
#[derive(Debug)]
struct Linears {
    qkv: Linear,
    output: Linear,
    up: Linear,
    down: Linear,
}

#[derive(Debug)]
struct Block {
    linears: Linears,
    attention_norm: Norm,
    output_norm: Norm,
}

/// The encoder as published.
#[derive(Debug)]
pub struct Encoder {
    shape: Shape,
    words: Tensor,
    positions: Tensor,
    embedding_norm: Norm,
    blocks: Vec<Block>,
}

/// Low-rank changes of one block: (down to the rank, up from it) per linear layer.
#[derive(Debug, Clone)]
struct BlockChange {
    pairs: [(Slot, Slot); 4],
}

/// Where the trained changes of all blocks lie among the weights.
#[derive(Debug, Clone)]
pub struct Changes {
    blocks: Vec<BlockChange>,
}

impl Changes {
    /// Adds the changes' tensors; they start as no change at all.
    pub fn add(layout: &mut Layout, shape: &Shape, rank: i64, rate: f64) -> Self {
        if rank == 0 {
            return Self { blocks: Vec::new() };
        }
        let width = shape.hidden_size;
        let sizes = [
            ("qkv", width, 3 * width),
            ("output", width, width),
            ("up", width, shape.intermediate_size),
            ("down", shape.intermediate_size, width),
        ];
        let blocks = (0..shape.num_hidden_layers)
            .map(|block| {
                let pairs = sizes.map(|(name, from, to)| {
                    let deviation = 1.0 / (from as f64).sqrt();
                    let a = format!("change.{block}.{name}.a");
                    let b = format!("change.{block}.{name}.b");
                    (
                        layout.add(a, &[rank, from], Init::Normal(deviation), rate),
                        layout.add(b, &[to, rank], Init::Zeros, rate),
                    )
                });
                BlockChange { pairs }
            })
            .collect();
        Self { blocks }
    }
}

/// The encoder with its changes merged in, ready to run.
#[derive(Debug)]
pub struct Merged<'e> {
    encoder: &'e Encoder,
    linears: Option<Vec<Linears>>,
}

/// An encoder whose changes were merged once and for all.
#[derive(Debug)]
pub struct Tuned {
    encoder: Encoder,
}

impl Tuned {
    /// Width of the last layer, the half of the output that cosines are taken of.
    pub fn meaning_width(&self) -> i64 {
        self.encoder.shape.hidden_size
    }

    /// Runs the encoder; see [`Merged::forward`].
    pub fn forward(&self, ids: &Tensor, mask: &Tensor) -> Tensor {
        Merged {
            encoder: &self.encoder,
            linears: None,
        }
        .forward(ids, mask)
    }
}

/// Reads the tensors of a file, under the names BERT checkpoints use, with or without the `bert.` prefix.
struct Source<'d> {
    file: SafeTensors<'d>,
    kind: Kind,
    device: Device,
}

impl Source<'_> {
    fn get(&self, name: &str) -> Result<Tensor, String> {
        let view = self
            .file
            .tensor(name)
            .or_else(|_| self.file.tensor(&format!("bert.{name}")))
            .map_err(|error| format!("{name}: {error}"))?;
        let tensor = from_view(&view).map_err(|error| error.to_string())?;
        Ok(tensor.to_kind(self.kind).to_device(self.device))
    }

    fn linear(&self, name: &str) -> Result<Linear, String> {
        Ok(Linear {
            weight: self.get(&format!("{name}.weight"))?,
            bias: self.get(&format!("{name}.bias"))?,
        })
    }

    fn norm(&self, name: &str) -> Result<Norm, String> {
        Ok(Norm {
            weight: self.get(&format!("{name}.weight"))?,
            bias: self.get(&format!("{name}.bias"))?,
        })
    }

    fn block(&self, index: usize) -> Result<Block, String> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let parts = [
            self.linear(&name("attention.self.query"))?,
            self.linear(&name("attention.self.key"))?,
            self.linear(&name("attention.self.value"))?,
        ];
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().map(|part| &part.bias).collect();
        Ok(Block {
            linears: Linears {
                qkv: Linear {
                    weight: Tensor::cat(&weights, 0),
                    bias: Tensor::cat(&biases, 0),
                },
                output: self.linear(&name("attention.output.dense"))?,
                up: self.linear(&name("intermediate.dense"))?,
                down: self.linear(&name("output.dense"))?,
            },
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            output_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}

impl Encoder {
    /// Reads `config.json` and `model.safetensors` of a folder.
    pub fn load(folder: &Path, kind: Kind, device: Device) -> Result<Self, NetError> {
        let path = folder.join("config.json");
        let fail = |reason: String| NetError::Encoder {
            path: path.clone(),
            reason,
        };
        let text = std::fs::read(&path).map_err(|error| fail(error.to_string()))?;
        let shape: Shape =
            serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
        let path = folder.join("model.safetensors");
        let fail = |reason: String| NetError::Encoder {
            path: path.clone(),
            reason,
        };
        let bytes = std::fs::read(&path).map_err(|error| fail(error.to_string()))?;
        Self::from_bytes(shape, &bytes, kind, device).map_err(fail)
    }

    fn from_bytes(shape: Shape, bytes: &[u8], kind: Kind, device: Device) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let source = Source { file, kind, device };
        // One segment only, so its embedding can join the positions'.
        let segment = source
            .get("embeddings.token_type_embeddings.weight")?
            .narrow(0, 0, 1);
        let positions = source.get("embeddings.position_embeddings.weight")? + segment;
        Ok(Self {
            words: source.get("embeddings.word_embeddings.weight")?,
            positions,
            embedding_norm: source.norm("embeddings.LayerNorm")?,
            blocks: (0..shape.num_hidden_layers)
                .map(|index| source.block(index))
                .collect::<Result<_, _>>()?,
            shape,
        })
    }

    /// Its sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Width of [`Merged::forward`]'s output.
    pub fn output_width(&self) -> i64 {
        2 * self.shape.hidden_size
    }

    fn changed(&self, changes: &Changes, weights: &Weights) -> Vec<Linears> {
        self.blocks
            .iter()
            .zip(&changes.blocks)
            .map(|(block, change)| {
                let merge = |linear: &Linear, (a, b): (Slot, Slot)| Linear {
                    weight: linear.weight.addmm(&weights[b], &weights[a]),
                    bias: linear.bias.shallow_clone(),
                };
                let base = &block.linears;
                Linears {
                    qkv: merge(&base.qkv, change.pairs[0]),
                    output: merge(&base.output, change.pairs[1]),
                    up: merge(&base.up, change.pairs[2]),
                    down: merge(&base.down, change.pairs[3]),
                }
            })
            .collect()
    }

    /// The encoder with `changes` merged in, differentiable in them.
    pub fn merge(&self, changes: &Changes, weights: &Weights) -> Merged<'_> {
        let linears = (!changes.blocks.is_empty()).then(|| self.changed(changes, weights));
        Merged {
            encoder: self,
            linears,
        }
    }

    /// The encoder as published.
    pub fn plain(&self) -> Merged<'_> {
        Merged {
            encoder: self,
            linears: None,
        }
    }

    /// Merges `changes` for good.
    pub fn tune(mut self, changes: &Changes, weights: &Weights) -> Tuned {
        let linears = tch::no_grad(|| self.changed(changes, weights));
        // Without changes there is nothing to put in place of anything.
        for (block, linears) in self.blocks.iter_mut().zip(linears) {
            block.linears = linears;
        }
        Tuned { encoder: self }
    }
}

impl Merged<'_> {
    /// Hidden states of the middle and of the last layer side by side, for `ids` `[texts, pieces]` with
    /// `mask` true where a piece is real: `[texts, pieces, 2 × width]`.
    pub fn forward(&self, ids: &Tensor, mask: &Tensor) -> Tensor {
        let encoder = self.encoder;
        let shape = &encoder.shape;
        let (count, length) = (ids.size()[0], ids.size()[1]);
        let width = shape.hidden_size;
        let heads = shape.num_attention_heads;
        let norm = |x: &Tensor, norm: &Norm| {
            x.layer_norm(
                [width],
                Some(&norm.weight),
                Some(&norm.bias),
                shape.layer_norm_eps,
                true,
            )
        };
        let positions = encoder.positions.narrow(0, 0, length);
        let embedded = Tensor::embedding(&encoder.words, ids, -1, false, false) + positions;
        let mut x = norm(&embedded, &encoder.embedding_norm);
        let mask = mask
            .view([count, 1, 1, length])
            .expand([count, 1, length, length], false);
        let middle = encoder.blocks.len() / 2;
        let mut kept = Vec::with_capacity(2);
        for (index, block) in encoder.blocks.iter().enumerate() {
            let linears = self
                .linears
                .as_ref()
                .map_or(&block.linears, |all| &all[index]);
            let qkv = linears
                .qkv
                .apply(&x)
                .view([count, length, 3, heads, width / heads]);
            let qkv = qkv.permute([2, 0, 3, 1, 4]);
            let attended = Tensor::scaled_dot_product_attention(
                &qkv.get(0),
                &qkv.get(1),
                &qkv.get(2),
                Some(&mask),
                0.0,
                false,
                None,
                false,
            );
            let attended = attended.transpose(1, 2).reshape([count, length, width]);
            x = norm(
                &(linears.output.apply(&attended) + x),
                &block.attention_norm,
            );
            let fed = linears.down.apply(&linears.up.apply(&x).gelu("none"));
            x = norm(&(fed + x), &block.output_norm);
            if index + 1 == middle {
                kept.push(x.shallow_clone());
            }
        }
        kept.push(x);
        // A one-layer encoder has no middle: its output stands for both.
        let first = kept[0].shallow_clone();
        Tensor::cat(&[first, kept.swap_remove(kept.len() - 1)], -1)
    }
}

/// Mean of the real pieces' states of every text: `[texts, width]`.
pub fn pool(states: &Tensor, mask: &Tensor) -> Tensor {
    let mask = mask.to_kind(states.kind()).unsqueeze(-1);
    let counts = mask.sum_dim_intlist(1, false, None::<Kind>).clamp_min(1.0);
    (states * mask).sum_dim_intlist(1, false, None::<Kind>) / counts
}
