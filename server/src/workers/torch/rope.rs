//! Rotary positions: how fast each pair of a head's numbers turns from token to token.

use tch::{Device, Kind, Tensor};

use super::{
    error::{ModelError, Result},
    fields::Fields,
};

/// How positions are stretched beyond the length a model was first trained on.
#[derive(Debug, Clone, PartialEq)]
enum Scaling {
    /// Not at all.
    None,
    /// All alike.
    Linear { factor: f32 },
    /// Slow turns only, with a ramp in between.
    Llama3 {
        factor: f32,
        low: f32,
        high: f32,
        original: f32,
    },
}

/// A model's positions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rope {
    theta: f64,
    head_width: i64,
    scaling: Scaling,
}

impl Rope {
    /// Reads `rope_parameters`, as newer configurations have it, or `rope_theta` and `rope_scaling`.
    pub(super) fn read(fields: &Fields, head_width: i64) -> Result<Self> {
        let scaling = match fields.object("rope_parameters")? {
            Some(parameters) => Some(parameters),
            None => fields.object("rope_scaling")?,
        };
        let theta = match scaling
            .as_ref()
            .map(|s| s.number_if_present("rope_theta"))
            .transpose()?
            .flatten()
        {
            Some(theta) => theta,
            None => fields.number_if_present("rope_theta")?.unwrap_or(10_000.0),
        };
        if theta <= 0.0 {
            return Err(fields.error("rope_theta", format!("is {theta}; it must be above 0")));
        }
        let scaling = scaling.map_or(Ok(Scaling::None), |parameters| read_scaling(&parameters))?;
        Ok(Self {
            theta,
            head_width,
            scaling,
        })
    }

    /// Radians each pair turns per token.
    pub(super) fn frequencies(&self, device: Device) -> Result<Tensor> {
        let options = (Kind::Float, Device::Cpu);
        let exponents = Tensor::f_arange_start_step(0, self.head_width, 2, options)?
            .f_div_scalar(self.head_width)?;
        let plain = Tensor::f_pow_scalar(self.theta, &exponents)?.f_reciprocal()?;
        let mut values: Vec<f32> = Vec::try_from(&plain)?;
        for value in &mut values {
            *value = self.scaling.apply(*value);
        }
        Ok(Tensor::f_from_slice(&values)?.f_to_device(device)?)
    }
}

fn read_scaling(parameters: &Fields) -> Result<Scaling> {
    // Older files say `type`.
    let kind = match parameters.text("rope_type")? {
        Some(kind) => kind,
        None => parameters.text("type")?.unwrap_or("default"),
    };
    let positive = |field: &str| -> Result<f32, ModelError> {
        let value = parameters.number(field)?;
        if value > 0.0 {
            Ok(value as f32)
        } else {
            Err(parameters.error(field, format!("is {value}; it must be above 0")))
        }
    };
    match kind {
        "default" => Ok(Scaling::None),
        "linear" => Ok(Scaling::Linear {
            factor: positive("factor")?,
        }),
        "llama3" => {
            let (low, high) = (positive("low_freq_factor")?, positive("high_freq_factor")?);
            if high <= low {
                return Err(parameters.error(
                    "high_freq_factor",
                    format!("is {high}; it must be above low_freq_factor, {low}"),
                ));
            }
            Ok(Scaling::Llama3 {
                factor: positive("factor")?,
                low,
                high,
                original: positive("original_max_position_embeddings")?,
            })
        }
        other => Err(parameters.error(
            "rope_type",
            format!("'{other}' is not known; known here are default, linear, llama3"),
        )),
    }
}

impl Scaling {
    fn apply(&self, frequency: f32) -> f32 {
        match *self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low,
                high,
                original,
            } => {
                let turn = 2.0 * std::f32::consts::PI / frequency;
                if turn < original / high {
                    return frequency;
                }
                let slow = frequency / factor;
                if turn > original / low {
                    return slow;
                }
                let ramp = (original / turn - low) / (high - low);
                (1.0 - ramp) * slow + ramp * frequency
            }
        }
    }
}

/// Cosines and signed sines of a run of positions.
pub(super) struct Turns {
    cosines: Tensor,
    sines: Tensor,
    half: i64,
}

impl Turns {
    /// For `count` positions from `first` on.
    pub(super) fn new(frequencies: &Tensor, first: usize, count: i64, kind: Kind) -> Result<Self> {
        let first = first as i64;
        let positions =
            Tensor::f_arange_start(first, first + count, (Kind::Float, frequencies.device()))?;
        let angles = positions.f_outer(frequencies)?;
        let (cosines, sines) = (angles.f_cos()?, angles.f_sin()?);
        Ok(Self {
            cosines: Tensor::f_cat(&[&cosines, &cosines], -1)?.f_to_kind(kind)?,
            // The second half of a head meets the first one negated; the sign is kept here once for all layers.
            sines: Tensor::f_cat(&[&sines.f_neg()?, &sines], -1)?.f_to_kind(kind)?,
            half: frequencies.size()[0],
        })
    }

    /// Turns `[heads, positions, head width]`.
    pub(super) fn apply(&self, heads: &Tensor) -> Result<Tensor> {
        let swapped = heads.f_roll([self.half], [-1])?;
        Ok(heads
            .f_mul(&self.cosines)?
            .f_add(&swapped.f_mul(&self.sines)?)?)
    }
}
