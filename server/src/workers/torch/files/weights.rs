//! The weights of a decoder, read in the order it uses them and handed to whoever computes with them.

use half::{bf16, f16};
use tch::{Kind, Tensor};
use tidegate_kernels::{Format, Matrix};

use super::{checkpoint::Checkpoint, shape::Shape};
use crate::workers::torch::error::{ModelError, Result};

/// What stands before the names of a text model: alone in its directory, or beside the parts that see.
const PREFIXES: [&str; 3] = ["model.", "model.language_model.", "language_model.model."];

/// Turns what is read into what an executor computes with.
pub(in crate::workers::torch) trait Builder {
    /// A matrix, with its bias if there is one.
    type Matrix;
    /// Weights of a norm.
    type Vector;
    /// `weight` is `[out, in]` in the stored kind on the CPU, or as it was quantised offline; `bias` is `[out]`.
    fn matrix(&self, weight: Stored, bias: Option<Tensor>) -> Result<Self::Matrix>;
    /// f32 values, on the CPU.
    fn vector(&self, values: Tensor) -> Result<Self::Vector>;
}

/// A matrix as it was found.
pub(in crate::workers::torch) enum Stored {
    /// f32, bf16 or f16 numbers.
    Plain(Tensor),
    /// Quantised offline.
    Quantised(Matrix),
}

impl Stored {
    /// The same for computing on a CPU, in `format`; what was quantised offline stays as it was quantised.
    pub(in crate::workers::torch) fn into_matrix(self, format: Format) -> Result<Matrix> {
        let weight = match self {
            Self::Plain(weight) => weight,
            Self::Quantised(matrix) => return Ok(matrix),
        };
        let (rows, columns) = weight.size2()?;
        let (rows, columns) = (rows as usize, columns as usize);
        let flat = weight.f_reshape([-1])?;
        Ok(match weight.kind() {
            Kind::BFloat16 => {
                Matrix::from_bf16(format, rows, columns, &Vec::<bf16>::try_from(&flat)?)?
            }
            Kind::Half => Matrix::from_f16(format, rows, columns, &Vec::<f16>::try_from(&flat)?)?,
            _ => Matrix::from_f32(format, rows, columns, &Vec::<f32>::try_from(&flat)?)?,
        })
    }
}

/// All weights of a decoder.
pub(in crate::workers::torch) struct Weights<M, V> {
    /// `[vocabulary, hidden]`.
    pub(in crate::workers::torch) embedding: M,
    /// From the first to the last.
    pub(in crate::workers::torch) layers: Vec<Layer<M, V>>,
    /// Behind the last layer.
    pub(in crate::workers::torch) norm: V,
    /// `[vocabulary, hidden]`; `None` where the embedding serves for output too.
    pub(in crate::workers::torch) head: Option<M>,
}

/// Weights of a layer.
pub(in crate::workers::torch) struct Layer<M, V> {
    /// Before attention.
    pub(in crate::workers::torch) attention_norm: V,
    /// Rows of all queries, then keys, then values.
    pub(in crate::workers::torch) qkv: M,
    /// Over each head of the queries.
    pub(in crate::workers::torch) query_norm: Option<V>,
    /// Over each head of the keys.
    pub(in crate::workers::torch) key_norm: Option<V>,
    /// From the heads back to the hidden width.
    pub(in crate::workers::torch) output: M,
    /// Behind attention, before it is added.
    pub(in crate::workers::torch) after_attention: Option<V>,
    /// Before the feed-forward layer.
    pub(in crate::workers::torch) feed_norm: V,
    /// Rows of the gate, then those of what it lets through.
    pub(in crate::workers::torch) gate_up: M,
    /// Back to the hidden width.
    pub(in crate::workers::torch) down: M,
    /// Behind the feed-forward layer, before it is added.
    pub(in crate::workers::torch) after_feed: Option<V>,
}

/// Reads them all. Norms come ready to be multiplied by: where a model multiplies by one more than it stores, the one
/// is added here. No more than one matrix is held beside what the builder makes.
///
/// # Errors
/// A tensor that is missing, of another shape than `config.json` asks for, or of a kind that cannot be read.
pub(in crate::workers::torch) fn read<B: Builder>(
    checkpoint: &Checkpoint,
    shape: &Shape,
    builder: &B,
) -> Result<Weights<B::Matrix, B::Vector>> {
    let source = Source::new(checkpoint, shape);
    tracing::debug!(
        directory = %checkpoint.directory().display(),
        architecture = ?shape.architecture,
        layers = shape.layers.len(),
        prefix = source.prefix,
        "reading weights"
    );
    let matrix = |plan: Plan| -> Result<B::Matrix> {
        let (weight, bias) = source.matrix(&plan)?;
        builder.matrix(weight, bias)
    };
    let norm = |name: String, width: usize| builder.vector(source.norm(&name, width)?);
    let optional =
        |wanted: bool, name: String, width: usize| wanted.then(|| norm(name, width)).transpose();
    let embedding = matrix(source.embedding())?;
    let mut layers = Vec::with_capacity(shape.layers.len());
    for index in 0..shape.layers.len() {
        let named = |part: &str| source.named(index, part);
        let feed_norm = if shape.sandwich {
            "pre_feedforward_layernorm"
        } else {
            "post_attention_layernorm"
        };
        let (hidden, width) = (shape.hidden, shape.head_width);
        layers.push(Layer {
            attention_norm: norm(named("input_layernorm"), hidden)?,
            qkv: matrix(source.qkv(index))?,
            query_norm: optional(shape.query_key_norm, named("self_attn.q_norm"), width)?,
            key_norm: optional(shape.query_key_norm, named("self_attn.k_norm"), width)?,
            output: matrix(source.output(index))?,
            after_attention: optional(shape.sandwich, named("post_attention_layernorm"), hidden)?,
            feed_norm: norm(named(feed_norm), hidden)?,
            gate_up: matrix(source.gate_up(index))?,
            down: matrix(source.down(index))?,
            after_feed: optional(shape.sandwich, named("post_feedforward_layernorm"), hidden)?,
        });
    }
    Ok(Weights {
        embedding,
        layers,
        norm: norm(format!("{}norm", source.prefix), shape.hidden)?,
        head: source.head().map(matrix).transpose()?,
    })
}

/// Names of all matrices that [`read`] asks for, fused as it asks for them. A quantised file holds them under these.
pub(in crate::workers::torch) fn names(checkpoint: &Checkpoint, shape: &Shape) -> Vec<String> {
    let source = Source::new(checkpoint, shape);
    source.plans().map(|plan| plan.name).collect()
}

/// Hands over each matrix that [`read`] asks for, by its name of [`names`] and in that order: `[out, in]` in the
/// stored kind, on the CPU. Nothing that was quantised offline is looked at.
pub(in crate::workers::torch) fn each_matrix(
    checkpoint: &Checkpoint,
    shape: &Shape,
    mut take: impl FnMut(&str, Tensor) -> Result<()>,
) -> Result<()> {
    let source = Source::new(checkpoint, shape);
    source
        .plans()
        .try_for_each(|plan| take(&plan.name, source.plain(&plan)?))
}

/// A matrix as a decoder uses it, and the tensors its rows come from.
struct Plan {
    name: String,
    /// Name and rows of each.
    parts: Vec<(String, usize)>,
    columns: usize,
    biased: bool,
}

impl Plan {
    fn rows(&self) -> usize {
        self.parts.iter().map(|(_, rows)| rows).sum()
    }
}

/// Finds tensors by what they are for.
struct Source<'a> {
    checkpoint: &'a Checkpoint,
    shape: &'a Shape,
    prefix: &'static str,
}

impl<'a> Source<'a> {
    fn new(checkpoint: &'a Checkpoint, shape: &'a Shape) -> Self {
        let prefix = PREFIXES
            .into_iter()
            .find(|prefix| checkpoint.has(&format!("{prefix}embed_tokens.weight")))
            .unwrap_or(PREFIXES[0]);
        Self {
            checkpoint,
            shape,
            prefix,
        }
    }

    fn named(&self, layer: usize, part: &str) -> String {
        format!("{}layers.{layer}.{part}", self.prefix)
    }

    /// All matrices, in the order they are read.
    fn plans(&self) -> impl Iterator<Item = Plan> {
        let layers = (0..self.shape.layers.len()).flat_map(move |index| {
            [
                self.qkv(index),
                self.output(index),
                self.gate_up(index),
                self.down(index),
            ]
        });
        std::iter::once(self.embedding())
            .chain(layers)
            .chain(self.head())
    }

    fn single(name: String, rows: usize, columns: usize, biased: bool) -> Plan {
        Plan {
            parts: vec![(name.clone(), rows)],
            name,
            columns,
            biased,
        }
    }

    /// Several matrices over the same input as one, whether the file has them so or apart.
    fn fused(&self, name: String, parts: Vec<(String, usize)>, biased: bool) -> Plan {
        let is_stored_so = self.checkpoint.has(&format!("{name}.weight"));
        let rows = parts.iter().map(|(_, rows)| rows).sum();
        Plan {
            parts: if is_stored_so {
                vec![(name.clone(), rows)]
            } else {
                parts
            },
            name,
            columns: self.shape.hidden,
            biased,
        }
    }

    fn embedding(&self) -> Plan {
        let name = format!("{}embed_tokens", self.prefix);
        Self::single(name, self.shape.vocabulary, self.shape.hidden, false)
    }

    fn head(&self) -> Option<Plan> {
        let names = ["lm_head", "language_model.lm_head"];
        let stored = names
            .into_iter()
            .find(|name| self.checkpoint.has(&format!("{name}.weight")));
        // Some checkpoints say "tied" by leaving the output matrix out.
        let name = stored.filter(|_| !self.shape.tied)?;
        let Shape {
            vocabulary, hidden, ..
        } = *self.shape;
        Some(Self::single(name.to_owned(), vocabulary, hidden, false))
    }

    fn qkv(&self, layer: usize) -> Plan {
        let queries = self.shape.heads * self.shape.head_width;
        let keys = self.shape.kv_heads * self.shape.head_width;
        let parts = vec![
            (self.named(layer, "self_attn.q_proj"), queries),
            (self.named(layer, "self_attn.k_proj"), keys),
            (self.named(layer, "self_attn.v_proj"), keys),
        ];
        self.fused(
            self.named(layer, "self_attn.qkv_proj"),
            parts,
            self.shape.qkv_bias,
        )
    }

    fn output(&self, layer: usize) -> Plan {
        let queries = self.shape.heads * self.shape.head_width;
        let name = self.named(layer, "self_attn.o_proj");
        Self::single(name, self.shape.hidden, queries, self.shape.output_bias)
    }

    fn gate_up(&self, layer: usize) -> Plan {
        let width = self.shape.feed_forward;
        let parts = vec![
            (self.named(layer, "mlp.gate_proj"), width),
            (self.named(layer, "mlp.up_proj"), width),
        ];
        self.fused(
            self.named(layer, "mlp.gate_up_proj"),
            parts,
            self.shape.feed_bias,
        )
    }

    fn down(&self, layer: usize) -> Plan {
        let shape = self.shape;
        let name = self.named(layer, "mlp.down_proj");
        Self::single(name, shape.hidden, shape.feed_forward, shape.feed_bias)
    }

    fn matrix(&self, plan: &Plan) -> Result<(Stored, Option<Tensor>)> {
        let bias = if plan.biased {
            let parts = plan.parts.iter();
            Some(joined(
                parts.map(|(name, rows)| self.tensor(name, "bias", &[*rows])),
            )?)
        } else {
            None
        };
        let Some(matrix) = self.quantised(plan)? else {
            return Ok((Stored::Plain(self.plain(plan)?), bias));
        };
        Ok((Stored::Quantised(matrix), bias))
    }

    fn plain(&self, plan: &Plan) -> Result<Tensor> {
        let parts = plan.parts.iter();
        joined(parts.map(|(name, rows)| self.tensor(name, "weight", &[*rows, plan.columns])))
    }

    fn quantised(&self, plan: &Plan) -> Result<Option<Matrix>> {
        let Some(quantised) = self.checkpoint.quantised() else {
            return Ok(None);
        };
        let Some(matrix) = quantised.matrix(&plan.name)? else {
            return Ok(None);
        };
        let (found, wanted) = (
            (matrix.rows(), matrix.columns()),
            (plan.rows(), plan.columns),
        );
        if found != wanted {
            return Err(ModelError::file(
                self.checkpoint.directory(),
                format!(
                    "the quantised '{}' is {found:?}, but config.json asks for {wanted:?}; quantise the model again",
                    plan.name
                ),
            ));
        }
        for (name, _) in &plan.parts {
            self.checkpoint.spared(&format!("{name}.weight"));
        }
        Ok(Some(matrix))
    }

    /// The weights of a norm, as f32, to be multiplied by.
    fn norm(&self, name: &str, width: usize) -> Result<Tensor> {
        let values = self
            .tensor(name, "weight", &[width])?
            .f_to_kind(Kind::Float)?;
        if self.shape.centred_norms {
            return Ok(values.f_add_scalar(1.0)?);
        }
        Ok(values)
    }

    fn tensor(&self, name: &str, what: &str, shape: &[usize]) -> Result<Tensor> {
        let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
        self.checkpoint.stored(&format!("{name}.{what}"), &shape)
    }
}

/// Tensors one below the other; where they were stored as different kinds, as f32.
fn joined(parts: impl Iterator<Item = Result<Tensor>>) -> Result<Tensor> {
    let mut parts = parts.collect::<Result<Vec<_>>>()?;
    if parts.len() == 1 {
        return Ok(parts.swap_remove(0));
    }
    if parts.iter().any(|part| part.kind() != parts[0].kind()) {
        for part in &mut parts {
            *part = part.f_to_kind(Kind::Float)?;
        }
    }
    Ok(Tensor::f_cat(&parts, 0)?)
}
