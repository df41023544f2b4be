//! Rotary positions: how fast each pair of a head's numbers turns from token to token.

mod scaling;
#[cfg(test)]
mod tests;

use self::scaling::Scaling;
use super::{fields::Fields, shape::Architecture};
use crate::workers::torch::error::Result;

/// Speed of the turns where the file does not say.
const THETA: f64 = 10_000.0;
/// The same for Gemma 3's layers that see everything.
const THETA_EVERYWHERE: f64 = 1_000_000.0;

/// A model's positions, or those of some of its layers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workers::torch) struct Rope {
    theta: f64,
    rotary_width: usize,
    scaling: Scaling,
}

/// What is the same for all positions of a model.
struct Frame<'a> {
    fields: &'a Fields,
    architecture: Architecture,
    head_width: usize,
    positions: usize,
}

impl Rope {
    /// A cache of this regime belongs to its own sequence alone.
    pub(in crate::workers::torch) const ALONE: u8 = u8::MAX;

    /// Reads `rope_parameters`, as newer configurations have it, or `rope_theta` and `rope_scaling`. The second is
    /// that of layers with a sliding window, where they have their own.
    pub(super) fn read(
        fields: &Fields,
        architecture: Architecture,
        head_width: usize,
        positions: usize,
    ) -> Result<(Self, Option<Self>)> {
        let frame = Frame {
            fields,
            architecture,
            head_width,
            positions,
        };
        let stated = match fields.object("rope_parameters")? {
            Some(stated) => Some(stated),
            None => fields.object("rope_scaling")?,
        };
        let theta = fields.positive_if_present("rope_theta")?;
        let of = |kind: &str| {
            stated
                .as_ref()
                .map(|stated| stated.object(kind))
                .transpose()
        };
        let (everywhere, sliding) = (
            of("full_attention")?.flatten(),
            of("sliding_attention")?.flatten(),
        );
        let is_nested = everywhere.is_some() || sliding.is_some();
        let is_gemma3 = architecture == Architecture::Gemma3;
        let usual = if is_gemma3 { THETA_EVERYWHERE } else { THETA };
        let theta = theta.unwrap_or(usual);
        let everywhere = if is_nested { everywhere } else { stated };
        let first = frame.rope(everywhere.as_ref(), theta)?;
        if !is_nested && !is_gemma3 {
            return Ok((first, None));
        }
        let theta = if is_gemma3 {
            fields
                .positive_if_present("rope_local_base_freq")?
                .unwrap_or(THETA)
        } else {
            theta
        };
        Ok((first, Some(frame.rope(sliding.as_ref(), theta)?)))
    }

    /// Numbers of a head that turn: its first ones, the first half of them paired with the second.
    pub(in crate::workers::torch) fn rotary_width(&self) -> usize {
        self.rotary_width
    }

    /// Radians each pair turns per token, in a sequence of `total` tokens; half as many as numbers turn.
    pub(in crate::workers::torch) fn frequencies(&self, total: usize) -> Vec<f32> {
        self.scaling
            .frequencies(self.theta, self.rotary_width, total)
    }

    /// What cosines and sines are multiplied by.
    pub(in crate::workers::torch) fn attention_factor(&self, _total: usize) -> f32 {
        self.scaling.attention_factor()
    }

    /// Caches of different regimes may not be shared, those of [`Self::ALONE`] with none at all.
    pub(in crate::workers::torch) fn regime(&self, total: usize) -> u8 {
        self.scaling.regime(total)
    }

    /// Most tokens that can be told apart, of a model that `positions` are promised for.
    pub(super) fn reach(&self, positions: usize) -> usize {
        self.scaling.reach(positions)
    }
}

impl Frame<'_> {
    fn rope(&self, parameters: Option<&Fields>, theta: f64) -> Result<Rope> {
        let own = |field: &str| -> Result<Option<f64>> {
            parameters.map_or(Ok(None), |parameters| parameters.positive_if_present(field))
        };
        let theta = own("rope_theta")?.unwrap_or(theta);
        let part = match own("partial_rotary_factor")? {
            Some(part) => Some(part),
            None => self.fields.positive_if_present("partial_rotary_factor")?,
        };
        let rotary_width = self.rotary_width(part.unwrap_or(1.0))?;
        let scaling = match parameters {
            Some(parameters) => scaling::read(self, parameters, theta, rotary_width)?,
            None => Scaling::None,
        };
        Ok(Rope {
            theta,
            rotary_width,
            scaling,
        })
    }

    fn rotary_width(&self, part: f64) -> Result<usize> {
        let field = "partial_rotary_factor";
        if part > 1.0 {
            return Err(self
                .fields
                .error(field, format!("is {part}; it must be at most 1")));
        }
        if part < 1.0 && self.architecture != Architecture::Phi3 {
            return Err(self.fields.error(
                field,
                format!(
                    "is {part}; of the architectures known here only phi3 turns a part of a head"
                ),
            ));
        }
        let width = (self.head_width as f64 * part) as usize;
        if width == 0 || !width.is_multiple_of(2) {
            return Err(self.fields.error(
                field,
                format!(
                    "leaves {width} of {} numbers to turn; they turn in pairs",
                    self.head_width
                ),
            ));
        }
        Ok(width)
    }

    /// Positions that a model was first trained on, before they were stretched.
    fn original(&self, parameters: &Fields) -> Result<usize> {
        let field = "original_max_position_embeddings";
        if let Some(original) = self.fields.size_if_present(field)? {
            return Ok(original);
        }
        let usual = if self.architecture == Architecture::Phi3 {
            4096
        } else {
            self.positions
        };
        Ok(parameters.size_if_present(field)?.unwrap_or(usual))
    }
}
