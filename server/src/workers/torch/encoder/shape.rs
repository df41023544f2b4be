//! What `config.json` says of an encoder, checked and in one form for all families.

use std::path::Path;

use crate::workers::torch::{error::Result, files::fields::Fields};

/// Families of encoders, by their `model_type`.
const KNOWN: &str = "bert, roberta, xlm-roberta, distilbert, modernbert";

/// More layers are a mistake in the file.
const MOST_LAYERS: usize = 1024;

/// Which family's layout the weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) enum Family {
    /// BERT: learned positions, token types, norms behind the residual sums.
    Bert,
    /// RoBERTa and XLM-RoBERTa: BERT whose positions are counted from behind the padding token's id.
    Roberta,
    /// DistilBERT: BERT without token types, under other names.
    Distil,
    /// ModernBERT: rotary positions, norms before attention and feed-forward, gated feed-forward, local layers.
    Modern,
}

/// What stands between the two matrices of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) enum Activation {
    /// x·Φ(x), exactly.
    Gelu,
    /// The same by the hyperbolic tangent.
    GeluTanh,
    /// x where it is positive.
    Relu,
    /// x·σ(x).
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

/// How a token knows its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workers::torch) enum Positions {
    /// A table of so many rows. With `padding`, places are counted from that id on, and tokens of that id have none.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// The padding token, where places depend on it.
        padding: Option<u32>,
    },
    /// Queries and keys are turned by angles of these bases.
    Rotary {
        /// Base in layers that see everything.
        global: f32,
        /// Base in layers that see their surroundings.
        local: f32,
    },
}

/// Sizes and switches of an encoder.
#[derive(Debug, Clone)]
pub(in crate::workers::torch) struct Shape {
    /// Layout of the weights.
    pub(in crate::workers::torch) family: Family,
    /// Width of the states.
    pub(in crate::workers::torch) hidden: usize,
    /// Per layer: how far a token sees to each side; all of the text where nothing is said.
    pub(in crate::workers::torch) layers: Vec<Option<usize>>,
    /// Attention heads.
    pub(in crate::workers::torch) heads: usize,
    /// Width inside the feed-forward layers.
    pub(in crate::workers::torch) feed_forward: usize,
    /// Rows of the embedding table.
    pub(in crate::workers::torch) vocabulary: usize,
    /// Rows of the table of token types; 0 where there is none.
    pub(in crate::workers::torch) types: usize,
    /// How places are told.
    pub(in crate::workers::torch) positions: Positions,
    /// Longest text in tokens, marks included.
    pub(in crate::workers::torch) window: usize,
    /// Added to the variance in norms.
    pub(in crate::workers::torch) epsilon: f32,
    /// Inside the feed-forward layers.
    pub(in crate::workers::torch) activation: Activation,
    /// Whether norms have a bias.
    pub(in crate::workers::torch) norm_bias: bool,
    /// Whether the matrices of attention have one.
    pub(in crate::workers::torch) attention_bias: bool,
    /// Whether those of the feed-forward layers have one.
    pub(in crate::workers::torch) feed_bias: bool,
}

impl Shape {
    /// Reads a directory's `config.json`.
    ///
    /// # Errors
    /// Names the field that is missing, unknown or contradicts another.
    pub(in crate::workers::torch) fn read(directory: &Path) -> Result<Self> {
        Self::of(&Fields::read(&directory.join("config.json"))?)
    }

    /// The same of fields that were read.
    pub(super) fn of(fields: &Fields) -> Result<Self> {
        let family = match fields.text("model_type")?.unwrap_or("bert") {
            "bert" => Family::Bert,
            "roberta" | "xlm-roberta" => Family::Roberta,
            "distilbert" => Family::Distil,
            "modernbert" => Family::Modern,
            other => {
                return Err(fields.error(
                    "model_type",
                    format!("'{other}' is not known; known encoders are {KNOWN}"),
                ));
            }
        };
        refuse(fields)?;
        match family {
            Family::Modern => modern(fields),
            _ => classic(fields, family),
        }
    }

    /// Width of one head.
    pub(in crate::workers::torch) fn head_width(&self) -> usize {
        self.hidden / self.heads
    }

    /// Whether norms stand before attention and feed-forward, not behind the sums.
    pub(super) fn is_pre_norm(&self) -> bool {
        self.family == Family::Modern
    }

    /// Whether the first matrix of a feed-forward layer gives a gate beside its values.
    pub(super) fn is_gated(&self) -> bool {
        self.family == Family::Modern
    }
}

impl Activation {
    /// By transformers' names.
    pub(super) fn named(fields: &Fields, field: &str, default: &str) -> Result<Self> {
        match fields.text(field)?.unwrap_or(default) {
            "gelu" | "gelu_python" => Ok(Self::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Self::GeluTanh),
            "relu" => Ok(Self::Relu),
            "silu" | "swish" => Ok(Self::Silu),
            other => Err(fields.error(
                field,
                format!("'{other}' is not known; known here are gelu, gelu_new, gelu_pytorch_tanh, relu, silu"),
            )),
        }
    }
}

/// The angles by which each pair of numbers of a head turns from one place to the next.
pub(super) fn frequencies(base: f32, head_width: usize) -> Vec<f32> {
    (0..head_width / 2)
        .map(|pair| 1.0 / base.powf((2 * pair) as f32 / head_width as f32))
        .collect()
}

/// What no family of these may ask for.
fn refuse(fields: &Fields) -> Result<()> {
    let positions = fields
        .text("position_embedding_type")?
        .unwrap_or("absolute");
    if positions != "absolute" {
        return Err(fields.error(
            "position_embedding_type",
            format!("'{positions}' is not known; known here is absolute"),
        ));
    }
    if fields.flag("is_decoder", false)? {
        return Err(fields.error(
            "is_decoder",
            "is true; a model that embeds reads its text in both directions",
        ));
    }
    if fields.get("quantization_config").is_some() {
        return Err(fields.error(
            "quantization_config",
            "is there; weights are read as f32, bf16 or f16, and `dtype` shortens them",
        ));
    }
    Ok(())
}

/// BERT, RoBERTa and DistilBERT, whose fields differ in name only.
fn classic(fields: &Fields, family: Family) -> Result<Shape> {
    let distil = family == Family::Distil;
    let name = |plain: &'static str, short: &'static str| if distil { short } else { plain };
    let rows = fields.size("max_position_embeddings")?;
    let padding = match family {
        Family::Roberta => Some(padding(fields)?),
        _ => None,
    };
    let before = padding.map_or(0, |padding| padding as usize + 1);
    if rows <= before {
        return Err(fields.error(
            "max_position_embeddings",
            format!(
                "is {rows}, but positions are counted from pad_token_id + 1, which is {before}"
            ),
        ));
    }
    let (hidden, heads) = heads(
        fields,
        name("hidden_size", "dim"),
        name("num_attention_heads", "n_heads"),
    )?;
    let layers = layers(fields, name("num_hidden_layers", "n_layers"))?;
    Ok(Shape {
        family,
        hidden,
        layers: vec![None; layers],
        heads,
        feed_forward: fields.size(name("intermediate_size", "hidden_dim"))?,
        vocabulary: fields.size("vocab_size")?,
        types: if distil {
            0
        } else {
            fields.size_if_present("type_vocab_size")?.unwrap_or(2)
        },
        positions: Positions::Learned { rows, padding },
        window: rows - before,
        epsilon: if distil {
            1e-12
        } else {
            fields.number_if_present("layer_norm_eps")?.unwrap_or(1e-12) as f32
        },
        activation: Activation::named(fields, name("hidden_act", "activation"), "gelu")?,
        norm_bias: true,
        attention_bias: true,
        feed_bias: true,
    })
}

fn modern(fields: &Fields) -> Result<Shape> {
    let (hidden, heads) = heads(fields, "hidden_size", "num_attention_heads")?;
    if (hidden / heads) % 2 == 1 {
        return Err(fields.error(
            "num_attention_heads",
            format!(
                "is {heads}, which gives heads of {}; they turn in pairs",
                hidden / heads
            ),
        ));
    }
    let count = layers(fields, "num_hidden_layers")?;
    // The window that is said has the token in its middle.
    let reach = fields.size_if_present("local_attention")?.unwrap_or(128) / 2;
    Ok(Shape {
        family: Family::Modern,
        hidden,
        layers: local_layers(fields, count)?
            .into_iter()
            .map(|is_local| is_local.then_some(reach))
            .collect(),
        heads,
        feed_forward: fields.size("intermediate_size")?,
        vocabulary: fields.size("vocab_size")?,
        types: 0,
        positions: Positions::Rotary {
            global: rope_base(fields, "full_attention", "global_rope_theta", 160_000.0)?,
            local: rope_base(fields, "sliding_attention", "local_rope_theta", 10_000.0)?,
        },
        window: fields.size("max_position_embeddings")?,
        epsilon: fields.number_if_present("norm_eps")?.unwrap_or(1e-5) as f32,
        activation: Activation::named(fields, "hidden_activation", "gelu")?,
        norm_bias: fields.flag("norm_bias", false)?,
        attention_bias: fields.flag("attention_bias", false)?,
        feed_bias: fields.flag("mlp_bias", false)?,
    })
}

fn layers(fields: &Fields, field: &str) -> Result<usize> {
    match fields.size(field)? {
        count if count > MOST_LAYERS => Err(fields.error(
            field,
            format!("is {count}; no encoder has more than {MOST_LAYERS}"),
        )),
        count => Ok(count),
    }
}

fn heads(fields: &Fields, hidden: &str, heads: &str) -> Result<(usize, usize)> {
    let (width, count) = (fields.size(hidden)?, fields.size(heads)?);
    if width.is_multiple_of(count) {
        return Ok((width, count));
    }
    Err(fields.error(
        heads,
        format!("is {count}, which does not divide {hidden}, {width}"),
    ))
}

fn padding(fields: &Fields) -> Result<u32> {
    match fields.token_ids("pad_token_id")?.as_slice() {
        [] => Ok(1),
        [id] => Ok(*id),
        _ => Err(fields.error("pad_token_id", "must be one token id")),
    }
}

/// Per layer, whether a token sees its surroundings only.
fn local_layers(fields: &Fields, count: usize) -> Result<Vec<bool>> {
    let Some(value) = fields.get("layer_types") else {
        let every = fields
            .size_if_present("global_attn_every_n_layers")?
            .unwrap_or(3);
        return Ok((0..count)
            .map(|layer| !layer.is_multiple_of(every))
            .collect());
    };
    let names = value
        .as_array()
        .filter(|names| names.len() == count)
        .ok_or_else(|| {
            fields.error(
                "layer_types",
                format!("must be a list of {count} names, one for each layer"),
            )
        })?;
    names
        .iter()
        .map(|name| match name.as_str() {
            Some("full_attention") => Ok(false),
            Some("sliding_attention") => Ok(true),
            _ => Err(fields.error(
                "layer_types",
                format!("holds {name}; known are full_attention and sliding_attention"),
            )),
        })
        .collect()
}

/// The base of one kind of layers, in today's spelling or the published one.
fn rope_base(fields: &Fields, kind: &str, published: &str, default: f64) -> Result<f32> {
    for field in ["rope_parameters", "rope_scaling"] {
        let Some(parameters) = fields.object(field)? else {
            continue;
        };
        // Published files may have one set for all layers.
        let own = parameters.object(kind)?.unwrap_or(parameters);
        let rope = match own.text("rope_type")? {
            Some(name) => name,
            None => own.text("type")?.unwrap_or("default"),
        };
        if rope != "default" {
            return Err(own.error(
                "rope_type",
                format!("'{rope}' is not known for ModernBERT; known here is default"),
            ));
        }
        if let Some(base) = own.positive_if_present("rope_theta")? {
            return Ok(base as f32);
        }
    }
    Ok(fields.positive_if_present(published)?.unwrap_or(default) as f32)
}

#[cfg(test)]
mod tests;
