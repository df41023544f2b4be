//! The architectures that are known, and what each takes for granted where `config.json` is silent.

use super::Fields;
use crate::workers::torch::error::Result;

/// A family of decoders. All are of Llama's layout; they differ in norms, biases, windows and positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) enum Architecture {
    /// Llama, and what is stored as it.
    Llama,
    /// Mistral: a sliding window over all layers.
    Mistral,
    /// Qwen 2 and 2.5: biases on queries, keys and values.
    Qwen2,
    /// Qwen 3: norms over each head.
    Qwen3,
    /// Gemma 2: norms around each part, soft caps, every other layer slides.
    Gemma2,
    /// Gemma 3, the text model: norms over each head, positions of its own for layers that slide.
    Gemma3,
    /// Phi 3 and 4: fused matrices, positions over a part of a head.
    Phi3,
}

/// `model_type`s, as `config.json` has them.
const KNOWN: [(&str, Architecture); 8] = [
    ("llama", Architecture::Llama),
    ("mistral", Architecture::Mistral),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("gemma2", Architecture::Gemma2),
    ("gemma3_text", Architecture::Gemma3),
    ("gemma3", Architecture::Gemma3),
    ("phi3", Architecture::Phi3),
];

impl Architecture {
    /// Reads `model_type`.
    pub(super) fn read(fields: &Fields) -> Result<Self> {
        let known = || {
            let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            format!("known here are {}", names.join(", "))
        };
        let name = fields
            .text("model_type")?
            .ok_or_else(|| fields.error("model_type", format!("is missing; {}", known())))?;
        let found = KNOWN.iter().find(|(one, _)| *one == name);
        found.map(|(_, architecture)| *architecture).ok_or_else(|| {
            fields.error("model_type", format!("'{name}' is not known; {}", known()))
        })
    }

    /// Whether it is one of Gemma's.
    pub(in crate::workers::torch) fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// Key and value heads where the file names none: as many as query heads, if nothing else is said here.
    pub(super) fn kv_heads(self, heads: usize) -> usize {
        if self.is_gemma() { 4 } else { heads }
    }

    /// Query heads where the file names none.
    pub(super) fn heads(self) -> Option<usize> {
        self.is_gemma().then_some(8)
    }

    /// Width of a head where the file names none; the hidden width shared out if nothing is said here.
    pub(super) fn head_width(self) -> Option<usize> {
        match self {
            Self::Gemma2 | Self::Gemma3 => Some(256),
            Self::Qwen3 => Some(128),
            _ => None,
        }
    }

    /// Tokens where the file does not count them.
    pub(super) fn vocabulary(self) -> Option<usize> {
        match self {
            Self::Gemma2 => Some(256_000),
            Self::Gemma3 => Some(262_208),
            _ => None,
        }
    }

    /// Positions where the file does not count them.
    pub(super) fn positions(self) -> Option<usize> {
        match self {
            Self::Gemma2 => Some(8192),
            Self::Gemma3 => Some(131_072),
            _ => None,
        }
    }

    /// What norms add where the file does not say.
    pub(super) fn epsilon(self) -> f64 {
        if self == Self::Phi3 { 1e-5 } else { 1e-6 }
    }
}

/// What the gate of a feed-forward layer goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workers::torch) enum Activation {
    /// x / (1 + e^-x).
    Silu,
    /// The Gaussian one, by its approximation with a tangent.
    GeluTanh,
}

impl Activation {
    /// Reads `hidden_activation`, as Gemma says it, or `hidden_act`.
    pub(super) fn read(fields: &Fields, architecture: Architecture) -> Result<Self> {
        let (field, missing) = if architecture.is_gemma() {
            // Its older files name another one in `hidden_act`, which was a mistake and is not looked at.
            ("hidden_activation", Self::GeluTanh)
        } else {
            ("hidden_act", Self::Silu)
        };
        match fields.text(field)? {
            None => Ok(missing),
            Some("silu" | "swish") => Ok(Self::Silu),
            Some("gelu_pytorch_tanh" | "gelu_new") => Ok(Self::GeluTanh),
            Some(other) => Err(fields.error(
                field,
                format!("'{other}' is not known; known here are silu and gelu_pytorch_tanh"),
            )),
        }
    }
}
