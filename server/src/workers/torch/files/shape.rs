//! What `config.json` says of a decoder: its architecture and sizes.

mod architecture;
mod layers;
#[cfg(test)]
mod tests;

use std::path::Path;

use tch::Kind;
use tidegate_kernels::Format;
use tokenizers::Tokenizer;

pub(in crate::workers::torch) use self::{
    architecture::{Activation, Architecture},
    layers::LayerShape,
};
use super::{fields::Fields, rope::Rope};
use crate::workers::torch::error::{ModelError, Result};

/// All query heads together are no wider than this.
const MOST_ACROSS: usize = 1 << 24;

/// Sizes and switches of a decoder.
#[derive(Debug, Clone)]
pub(in crate::workers::torch) struct Shape {
    /// Its family.
    pub(in crate::workers::torch) architecture: Architecture,
    /// Width of the hidden states.
    pub(in crate::workers::torch) hidden: usize,
    /// What is particular to each layer.
    pub(in crate::workers::torch) layers: Vec<LayerShape>,
    /// Query heads.
    pub(in crate::workers::torch) heads: usize,
    /// Key and value heads; query heads share them in groups.
    pub(in crate::workers::torch) kv_heads: usize,
    /// Width of a head; even.
    pub(in crate::workers::torch) head_width: usize,
    /// Width of the feed-forward layer.
    pub(in crate::workers::torch) feed_forward: usize,
    /// Tokens of the vocabulary, padding included.
    pub(in crate::workers::torch) vocabulary: usize,
    /// Added to the mean square in norms.
    pub(in crate::workers::torch) epsilon: f32,
    /// Most tokens of prompt and answer together.
    pub(in crate::workers::torch) window: usize,
    /// Whether the output matrix is the embedding's.
    pub(in crate::workers::torch) tied: bool,
    /// What the gate of the feed-forward layer goes through.
    pub(in crate::workers::torch) activation: Activation,
    /// What embedded tokens are multiplied by, if by anything.
    pub(in crate::workers::torch) embedding_scale: Option<f32>,
    /// What products of queries and keys are multiplied by.
    pub(in crate::workers::torch) query_scale: f32,
    /// Bends those products to stay below it: cap · tanh(x / cap).
    pub(in crate::workers::torch) attention_cap: Option<f32>,
    /// The same for the scores of tokens.
    pub(in crate::workers::torch) score_cap: Option<f32>,
    /// Whether each head of queries and keys is normalised before it turns.
    pub(in crate::workers::torch) query_key_norm: bool,
    /// Whether there are norms behind attention and feed-forward layer too.
    pub(in crate::workers::torch) sandwich: bool,
    /// Whether norms multiply by one more than what is stored.
    pub(in crate::workers::torch) centred_norms: bool,
    /// Whether queries, keys and values have biases.
    pub(in crate::workers::torch) qkv_bias: bool,
    /// Whether the attention's output has a bias.
    pub(in crate::workers::torch) output_bias: bool,
    /// Whether the feed-forward layers have biases.
    pub(in crate::workers::torch) feed_bias: bool,
    /// Positions; each layer names one of them.
    pub(in crate::workers::torch) ropes: Vec<Rope>,
    /// Tokens that end an answer.
    pub(in crate::workers::torch) ends: Vec<u32>,
    /// What the checkpoint was stored as, where it says.
    pub(in crate::workers::torch) dtype: Option<Kind>,
}

impl Shape {
    /// Reads `config.json` of a model directory. Of a model that sees and reads, the part that reads is described.
    pub(in crate::workers::torch) fn read(directory: &Path) -> Result<Self> {
        let whole = Fields::read(&directory.join("config.json"))?;
        let architecture = Architecture::read(&whole)?;
        refuse_quantised(&whole)?;
        let text = whole.object("text_config")?;
        let fields = text.as_ref().unwrap_or(&whole);
        refuse_quantised(fields)?;
        if fields.flag("use_bidirectional_attention", false)? {
            return Err(fields.error(
                "use_bidirectional_attention",
                "is true; such a model embeds texts and writes none",
            ));
        }
        let hidden = fields.size("hidden_size")?;
        let heads = or_usual(fields, "num_attention_heads", architecture.heads())?;
        let kv_heads = fields
            .size_if_present("num_key_value_heads")?
            .unwrap_or_else(|| architecture.kv_heads(heads));
        if !heads.is_multiple_of(kv_heads) {
            return Err(fields.error(
                "num_key_value_heads",
                format!("is {kv_heads}; {heads} query heads cannot be shared out evenly over it"),
            ));
        }
        let head_width = head_width(fields, architecture, hidden, heads)?;
        let positions = or_usual(fields, "max_position_embeddings", architecture.positions())?;
        let (layers, ropes) = layers::read(fields, architecture, head_width, positions)?;
        let is_gemma = architecture.is_gemma();
        let cap = |field: &str, usual: f64| -> Result<Option<f32>> {
            let cap = match fields.positive_if_present(field)? {
                None if architecture == Architecture::Gemma2 && !fields.says(field) => Some(usual),
                cap => cap.filter(|_| is_gemma),
            };
            Ok(cap.map(|cap| cap as f32))
        };
        let scaled_by = if is_gemma {
            fields
                .positive_if_present("query_pre_attn_scalar")?
                .unwrap_or(256.0)
        } else {
            head_width as f64
        };
        let dtype = match dtype(fields)? {
            None => dtype(&whole)?,
            said => said,
        };
        let has_bias = fields.flag("attention_bias", false)?;
        // Qwen 2 has always had them and does not say; of those that say, Mistral and Phi 3 have none.
        let (qkv_bias, output_bias) = match architecture {
            Architecture::Qwen2 => (true, false),
            Architecture::Mistral | Architecture::Phi3 => (false, false),
            _ => (has_bias, has_bias),
        };
        Ok(Self {
            architecture,
            hidden,
            layers,
            heads,
            kv_heads,
            head_width,
            feed_forward: fields.size("intermediate_size")?,
            vocabulary: or_usual(fields, "vocab_size", architecture.vocabulary())?,
            epsilon: epsilon(fields, architecture)?,
            window: ropes[0].reach(positions),
            tied: tied(&whole, fields, architecture)?,
            activation: Activation::read(fields, architecture)?,
            embedding_scale: is_gemma.then(|| rounded((hidden as f64).sqrt() as f32, dtype)),
            query_scale: scaled_by.sqrt().recip() as f32,
            attention_cap: cap("attn_logit_softcapping", 50.0)?
                .filter(|_| architecture == Architecture::Gemma2),
            score_cap: cap("final_logit_softcapping", 30.0)?,
            query_key_norm: matches!(architecture, Architecture::Qwen3 | Architecture::Gemma3),
            sandwich: is_gemma,
            centred_norms: is_gemma,
            qkv_bias,
            output_bias,
            feed_bias: architecture == Architecture::Llama && fields.flag("mlp_bias", false)?,
            ropes,
            ends: ends(&whole, fields)?,
            dtype,
        })
    }

    /// Bytes of the keys and values of one token.
    pub(in crate::workers::torch) fn bytes_per_token(&self, kind: Kind) -> u64 {
        (2 * self.layers.len() * self.kv_heads * self.head_width) as u64
            * kind.elt_size_in_bytes() as u64
    }

    /// Bytes of all weights when held in `format`. Norms and biases are little and counted as f32.
    pub(in crate::workers::torch) fn weight_bytes(&self, format: Format) -> u64 {
        let wide = |one: usize, other: usize| one as u64 * other as u64;
        let queries = self.heads * self.head_width;
        let keys = self.kv_heads * self.head_width;
        let layer = wide(queries + 2 * keys, self.hidden)
            + wide(queries, self.hidden)
            + 3 * wide(self.feed_forward, self.hidden);
        let tables = if self.tied { 1 } else { 2 };
        let layers = self.layers.len() as u64;
        let numbers = tables * wide(self.vocabulary, self.hidden) + layers * layer;
        let vectors =
            layers * (4 * self.hidden + queries + 2 * keys + 2 * self.feed_forward) as u64;
        in_format(numbers, format).saturating_add(vectors * 4)
    }

    /// Whether the tokenizer beside it makes only tokens that there is an embedding for.
    ///
    /// Marks that were added to a tokenizer are not looked at: Gemma 3's has one for images, which its text edition
    /// has no row for; a text that holds one is refused when it comes.
    ///
    /// # Errors
    /// Both figures, if the tokenizer has more tokens of its own.
    pub(in crate::workers::torch) fn check_tokenizer(
        &self,
        directory: &Path,
        tokenizer: &Tokenizer,
    ) -> Result<()> {
        let highest = tokenizer.get_vocab(false).into_values().max().unwrap_or(0) as usize;
        if highest < self.vocabulary {
            return Ok(());
        }
        Err(ModelError::file(
            &directory.join("tokenizer.json"),
            format!(
                "has tokens up to {highest}, but config.json says vocab_size {}; the two do not belong together",
                self.vocabulary
            ),
        ))
    }
}

/// Bytes of so many numbers of matrices.
fn in_format(numbers: u64, format: Format) -> u64 {
    match format {
        Format::F32 => numbers.saturating_mul(4),
        Format::Bf16 | Format::F16 => numbers.saturating_mul(2),
        // 32 of them, and a scale of two bytes.
        Format::Int8 => numbers.div_ceil(32).saturating_mul(34),
        Format::Int4 => numbers.div_ceil(32).saturating_mul(18),
    }
}

fn or_usual(fields: &Fields, field: &str, usual: Option<usize>) -> Result<usize> {
    match (fields.size_if_present(field)?, usual) {
        (Some(size), _) | (None, Some(size)) => Ok(size),
        (None, None) => fields.size(field),
    }
}

fn refuse_quantised(fields: &Fields) -> Result<()> {
    let Some(how) = fields.object("quantization_config")? else {
        return Ok(());
    };
    let method = how.text("quant_method")?.unwrap_or("some method");
    Err(fields.error(
        "quantization_config",
        format!(
            "weights quantised by {method} cannot be read; use the model's bf16, f16 or f32 edition"
        ),
    ))
}

fn head_width(
    fields: &Fields,
    architecture: Architecture,
    hidden: usize,
    heads: usize,
) -> Result<usize> {
    let said = fields.size_if_present("head_dim")?;
    let width = match said.or(architecture.head_width()) {
        Some(width) => width,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            return Err(fields.error(
                "hidden_size",
                format!("{hidden} is not a multiple of {heads} heads"),
            ));
        }
    };
    if !width.is_multiple_of(2) {
        return Err(fields.error(
            "head_dim",
            format!("is {width}; positions need an even width"),
        ));
    }
    if width > MOST_ACROSS / heads {
        return Err(fields.error(
            "num_attention_heads",
            format!("{heads} of {width} numbers each are more than any model has"),
        ));
    }
    Ok(width)
}

fn epsilon(fields: &Fields, architecture: Architecture) -> Result<f32> {
    let said = fields.positive_if_present("rms_norm_eps")?;
    Ok(said.unwrap_or(architecture.epsilon()) as f32)
}

fn tied(whole: &Fields, text: &Fields, architecture: Architecture) -> Result<bool> {
    let field = "tie_word_embeddings";
    let usual = whole.flag(field, architecture.is_gemma())?;
    text.flag(field, usual)
}

/// Models that see name them outside of the part that reads.
fn ends(whole: &Fields, text: &Fields) -> Result<Vec<u32>> {
    let outer = whole.token_ids("eos_token_id")?;
    if outer.is_empty() {
        return text.token_ids("eos_token_id");
    }
    Ok(outer)
}

fn dtype(fields: &Fields) -> Result<Option<Kind>> {
    let (field, name) = match fields.text("dtype")? {
        Some(name) => ("dtype", name),
        None => match fields.text("torch_dtype")? {
            Some(name) => ("torch_dtype", name),
            None => return Ok(None),
        },
    };
    match name {
        "float32" => Ok(Some(Kind::Float)),
        "bfloat16" => Ok(Some(Kind::BFloat16)),
        "float16" => Ok(Some(Kind::Half)),
        other => Err(fields.error(
            field,
            format!("'{other}' is not known; known are float32, bfloat16, float16"),
        )),
    }
}

/// A number as a checkpoint's dtype holds it: Gemma multiplies by the rounded one.
fn rounded(number: f32, dtype: Option<Kind>) -> f32 {
    match dtype {
        Some(Kind::BFloat16) => half::bf16::from_f32(number).to_f32(),
        Some(Kind::Half) => half::f16::from_f32(number).to_f32(),
        _ => number,
    }
}
