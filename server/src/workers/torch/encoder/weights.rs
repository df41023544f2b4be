//! The weights of an encoder, read under each family's names and brought into one order.

use tch::{Device, Kind, Tensor};

use super::shape::{Family, Positions, Shape};
use crate::workers::torch::{
    error::{ModelError, Result},
    files::checkpoint::Checkpoint,
};

/// Turns what is read into what an executor computes with.
pub(super) trait Builder {
    /// Weights of a product, with its bias.
    type Matrix;
    /// Other numbers.
    type Vector;
    /// `weight` is `[out, in]` and `bias` `[out]`, both f32 on the CPU.
    fn matrix(&self, weight: Tensor, bias: Option<Tensor>) -> Result<Self::Matrix>;
    /// f32 on the CPU, of any shape.
    fn vector(&self, values: Tensor) -> Result<Self::Vector>;
}

/// A layer norm.
pub(super) struct Norm<V> {
    pub(super) weight: V,
    pub(super) bias: Option<V>,
}

/// One layer. Its norms stand where the shape says: before what they are named after, or behind its sum.
pub(super) struct Layer<M, V> {
    /// Missing in ModernBERT's first layer, whose states come from a norm already.
    pub(super) attention_norm: Option<Norm<V>>,
    /// Queries, then keys, then values.
    pub(super) qkv: M,
    pub(super) output: M,
    pub(super) feed_norm: Norm<V>,
    /// Where it is gated: the rows that are activated, then those they are multiplied with.
    pub(super) up: M,
    pub(super) down: M,
}

/// All of an encoder.
pub(super) struct Weights<M, V> {
    pub(super) words: M,
    /// A row for each place.
    pub(super) positions: Option<V>,
    /// A row for each type of token.
    pub(super) types: Option<V>,
    pub(super) embedding_norm: Norm<V>,
    pub(super) layers: Vec<Layer<M, V>>,
    pub(super) final_norm: Option<Norm<V>>,
}

/// Reads tensors under a family's prefix.
pub(super) struct Source<'c> {
    checkpoint: &'c Checkpoint,
    prefix: &'static str,
}

impl<'c> Source<'c> {
    /// Finds out whether the family's own prefix stands before the names: it does where a head was saved with it.
    pub(super) fn new(checkpoint: &'c Checkpoint, shape: &Shape) -> Self {
        let (words, own) = match shape.family {
            Family::Bert => ("embeddings.word_embeddings.weight", "bert."),
            Family::Roberta => ("embeddings.word_embeddings.weight", "roberta."),
            Family::Distil => ("embeddings.word_embeddings.weight", "distilbert."),
            Family::Modern => ("embeddings.tok_embeddings.weight", "model."),
        };
        let is_prefixed = !checkpoint.has(words) && checkpoint.has(&format!("{own}{words}"));
        Self {
            checkpoint,
            prefix: if is_prefixed { own } else { "" },
        }
    }

    /// The same without the prefix: heads stand outside of it.
    pub(super) fn outside(&self) -> Self {
        Self {
            checkpoint: self.checkpoint,
            prefix: "",
        }
    }

    /// Whether there is a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.checkpoint.has(&format!("{}{name}", self.prefix))
    }

    /// A tensor as f32 on the CPU.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let name = format!("{}{name}", self.prefix);
        self.checkpoint
            .tensor(&name, &shape, Kind::Float, Device::Cpu)
    }

    /// Weight and bias of a linear layer.
    pub(super) fn linear(
        &self,
        name: &str,
        (out, from): (usize, usize),
        has_bias: bool,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let weight = self.get(&format!("{name}.weight"), &[out, from])?;
        let bias = has_bias
            .then(|| self.get(&format!("{name}.bias"), &[out]))
            .transpose()?;
        Ok((weight, bias))
    }

    /// Weight and bias of a layer norm. Checkpoints of the first years call them gamma and beta.
    pub(super) fn norm(
        &self,
        name: &str,
        width: usize,
        has_bias: bool,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let (gamma, beta) = (format!("{name}.gamma"), format!("{name}.beta"));
        let is_old = !self.has(&weight) && self.has(&gamma);
        let (weight, bias) = if is_old {
            (gamma, beta)
        } else {
            (weight, bias)
        };
        let weight = self.get(&weight, &[width])?;
        let bias = has_bias.then(|| self.get(&bias, &[width])).transpose()?;
        Ok((weight, bias))
    }
}

/// Reads an encoder, one matrix at a time.
///
/// # Errors
/// Names the file and the tensor that is missing or of another shape than `config.json` says.
pub(super) fn read<B: Builder>(
    source: &Source<'_>,
    shape: &Shape,
    builder: &B,
) -> Result<Weights<B::Matrix, B::Vector>> {
    let reader = Reader {
        source,
        shape,
        builder,
    };
    match shape.family {
        Family::Modern => reader.modern(),
        _ => reader.classic(),
    }
}

struct Reader<'a, B> {
    source: &'a Source<'a>,
    shape: &'a Shape,
    builder: &'a B,
}

/// Names of the parts of a layer.
struct Names {
    layer: &'static str,
    qkv: [&'static str; 3],
    output: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    feed_norm: &'static str,
}

const BERT: Names = Names {
    layer: "encoder.layer",
    qkv: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    feed_norm: "output.LayerNorm",
};

const DISTIL: Names = Names {
    layer: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    feed_norm: "output_layer_norm",
};

impl<B: Builder> Reader<'_, B> {
    fn classic(&self) -> Result<Weights<B::Matrix, B::Vector>> {
        let shape = self.shape;
        let Positions::Learned { rows, .. } = shape.positions else {
            return Err(ModelError::Text(
                "this family's positions are a table".to_owned(),
            ));
        };
        let names = match shape.family {
            Family::Distil => &DISTIL,
            _ => &BERT,
        };
        let table = |name: &str, rows: usize| {
            let values = self
                .source
                .get(&format!("embeddings.{name}.weight"), &[rows, shape.hidden])?;
            self.builder.vector(values)
        };
        let types = (shape.types > 0)
            .then(|| table("token_type_embeddings", shape.types))
            .transpose()?;
        Ok(Weights {
            words: self.words("embeddings.word_embeddings.weight")?,
            positions: Some(table("position_embeddings", rows)?),
            types,
            embedding_norm: self.norm("embeddings.LayerNorm")?,
            layers: (0..shape.layers.len())
                .map(|layer| self.classic_layer(names, layer))
                .collect::<Result<_>>()?,
            final_norm: None,
        })
    }

    fn classic_layer(&self, names: &Names, layer: usize) -> Result<Layer<B::Matrix, B::Vector>> {
        let (width, inside) = (self.shape.hidden, self.shape.feed_forward);
        let name = |part: &str| format!("{}.{layer}.{part}", names.layer);
        Ok(Layer {
            attention_norm: Some(self.norm(&name(names.attention_norm))?),
            qkv: self.fused(&names.qkv.map(name))?,
            output: self.matrix(&name(names.output), (width, width), true)?,
            feed_norm: self.norm(&name(names.feed_norm))?,
            up: self.matrix(&name(names.up), (inside, width), true)?,
            down: self.matrix(&name(names.down), (width, inside), true)?,
        })
    }

    fn modern(&self) -> Result<Weights<B::Matrix, B::Vector>> {
        Ok(Weights {
            words: self.words("embeddings.tok_embeddings.weight")?,
            positions: None,
            types: None,
            embedding_norm: self.norm("embeddings.norm")?,
            layers: (0..self.shape.layers.len())
                .map(|layer| self.modern_layer(layer))
                .collect::<Result<_>>()?,
            final_norm: Some(self.norm("final_norm")?),
        })
    }

    fn modern_layer(&self, layer: usize) -> Result<Layer<B::Matrix, B::Vector>> {
        let shape = self.shape;
        let (width, inside) = (shape.hidden, shape.feed_forward);
        let name = |part: &str| format!("layers.{layer}.{part}");
        let attention_norm = (layer > 0)
            .then(|| self.norm(&name("attn_norm")))
            .transpose()?;
        let bias = shape.attention_bias;
        Ok(Layer {
            attention_norm,
            qkv: self.matrix(&name("attn.Wqkv"), (3 * width, width), bias)?,
            output: self.matrix(&name("attn.Wo"), (width, width), bias)?,
            feed_norm: self.norm(&name("mlp_norm"))?,
            up: self.matrix(&name("mlp.Wi"), (2 * inside, width), shape.feed_bias)?,
            down: self.matrix(&name("mlp.Wo"), (width, inside), shape.feed_bias)?,
        })
    }

    fn words(&self, name: &str) -> Result<B::Matrix> {
        let size = [self.shape.vocabulary, self.shape.hidden];
        self.builder.matrix(self.source.get(name, &size)?, None)
    }

    fn matrix(&self, name: &str, size: (usize, usize), has_bias: bool) -> Result<B::Matrix> {
        let (weight, bias) = self.source.linear(name, size, has_bias)?;
        self.builder.matrix(weight, bias)
    }

    /// Three matrices as one, so that their input is read once.
    fn fused(&self, names: &[String; 3]) -> Result<B::Matrix> {
        let width = self.shape.hidden;
        let mut weights = Vec::with_capacity(names.len());
        let mut biases = Vec::with_capacity(names.len());
        for name in names {
            let (weight, bias) =
                self.source
                    .linear(name, (width, width), self.shape.attention_bias)?;
            weights.push(weight);
            biases.extend(bias);
        }
        let bias = (!biases.is_empty())
            .then(|| Tensor::f_cat(&biases, 0))
            .transpose()?;
        let weight = Tensor::f_cat(&weights, 0)?;
        drop(weights);
        self.builder.matrix(weight, bias)
    }

    fn norm(&self, name: &str) -> Result<Norm<B::Vector>> {
        let (weight, bias) = self
            .source
            .norm(name, self.shape.hidden, self.shape.norm_bias)?;
        Ok(Norm {
            weight: self.builder.vector(weight)?,
            bias: bias.map(|bias| self.builder.vector(bias)).transpose()?,
        })
    }
}

/// The numbers of a tensor, row after row.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::try_from(&tensor.f_contiguous()?.f_view([-1])?)?)
}
