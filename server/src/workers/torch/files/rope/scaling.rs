//! How positions are stretched beyond the length a model was first trained on.

use std::f64::consts::PI;

use super::{Architecture, Fields, Frame};
use crate::workers::torch::error::Result;

/// More positions than any model has, whatever its factor says.
const MOST_POSITIONS: usize = 1 << 24;

/// A way of stretching.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scaling {
    /// Not at all.
    None,
    /// All turns alike.
    Linear { factor: f32 },
    /// Slower the longer a sequence is, once it is longer than the model's positions.
    Dynamic { factor: f64, positions: usize },
    /// Slow turns only, with a ramp in between.
    Llama3 {
        factor: f32,
        low: f32,
        high: f32,
        original: f32,
    },
    /// The same, with the ramp over pairs from `low` to `high`.
    Yarn {
        factor: f32,
        low: f32,
        high: f32,
        original: usize,
        attention: f32,
    },
    /// Each pair by a factor of its own, one set for short sequences and one for long ones.
    Longrope {
        short: Vec<f32>,
        long: Vec<f32>,
        original: usize,
        attention: f32,
    },
}

/// Reads the kind of stretching and what it takes.
pub(super) fn read(
    frame: &Frame<'_>,
    parameters: &Fields,
    theta: f64,
    rotary_width: usize,
) -> Result<Scaling> {
    // Older files say `type`.
    let kind = match parameters.text("rope_type")? {
        Some(kind) => kind,
        None => parameters.text("type")?.unwrap_or("default"),
    };
    let is_phi3 = frame.architecture == Architecture::Phi3;
    match kind {
        "default" => Ok(Scaling::None),
        "linear" => Ok(Scaling::Linear {
            factor: parameters.positive("factor")? as f32,
        }),
        "dynamic" if rotary_width > 2 => Ok(Scaling::Dynamic {
            factor: parameters.positive("factor")?,
            positions: frame.positions,
        }),
        "dynamic" => Err(parameters.error(
            "rope_type",
            format!("'dynamic' takes heads that turn more than {rotary_width} numbers"),
        )),
        "llama3" => llama3(frame, parameters),
        // Phi 3's first files call it so.
        "longrope" | "su" => longrope(frame, parameters, rotary_width),
        "yarn" if is_phi3 => longrope(frame, parameters, rotary_width),
        "yarn" => yarn(frame, parameters, theta, rotary_width),
        other => Err(parameters.error(
            "rope_type",
            format!(
                "'{other}' is not known; known here are default, linear, dynamic, llama3, yarn, longrope"
            ),
        )),
    }
}

fn llama3(frame: &Frame<'_>, parameters: &Fields) -> Result<Scaling> {
    let (low, high) = (
        parameters.positive("low_freq_factor")?,
        parameters.positive("high_freq_factor")?,
    );
    if high <= low {
        return Err(parameters.error(
            "high_freq_factor",
            format!("is {high}; it must be above low_freq_factor, {low}"),
        ));
    }
    Ok(Scaling::Llama3 {
        factor: parameters.positive("factor")? as f32,
        low: low as f32,
        high: high as f32,
        original: frame.original(parameters)? as f32,
    })
}

fn yarn(
    frame: &Frame<'_>,
    parameters: &Fields,
    theta: f64,
    rotary_width: usize,
) -> Result<Scaling> {
    if theta <= 1.0 {
        return Err(parameters.error("rope_theta", format!("is {theta}; yarn takes one above 1")));
    }
    let original = frame.original(parameters)?;
    let factor = parameters
        .positive_if_present("factor")?
        .unwrap_or(frame.positions as f64 / original as f64);
    let magnitude = |scale: f64| {
        if factor <= 1.0 {
            1.0
        } else {
            0.1 * scale * factor.ln() + 1.0
        }
    };
    let attention = match (
        parameters.positive_if_present("attention_factor")?,
        parameters
            .number_if_present("mscale")?
            .filter(|m| *m != 0.0),
        parameters
            .number_if_present("mscale_all_dim")?
            .filter(|m| *m != 0.0),
    ) {
        (Some(attention), ..) => attention,
        (None, Some(one), Some(all)) => magnitude(one) / magnitude(all),
        (None, ..) => magnitude(1.0),
    };
    // The pair that turns so many times within the original length.
    let pair = |turns: f64| {
        rotary_width as f64 * (original as f64 / (turns * 2.0 * PI)).ln() / (2.0 * theta.ln())
    };
    let fast = parameters.positive_if_present("beta_fast")?.unwrap_or(32.0);
    let slow = parameters.positive_if_present("beta_slow")?.unwrap_or(1.0);
    let (mut low, mut high) = (pair(fast), pair(slow));
    if parameters.flag("truncate", true)? {
        (low, high) = (low.floor(), high.ceil());
    }
    let (low, mut high) = (low.max(0.0), high.min(rotary_width as f64 - 1.0));
    if low == high {
        // A step is a ramp that is very steep.
        high += 0.001;
    }
    Ok(Scaling::Yarn {
        factor: factor as f32,
        low: low as f32,
        high: high as f32,
        original,
        attention: attention as f32,
    })
}

fn longrope(frame: &Frame<'_>, parameters: &Fields, rotary_width: usize) -> Result<Scaling> {
    let original = frame.original(parameters)?;
    let pairs = rotary_width / 2;
    let list = |field: &str| -> Result<Vec<f32>> {
        let numbers = parameters.numbers_if_present(field)?.ok_or_else(|| {
            parameters.error(
                field,
                format!("is missing; longrope takes a list of {pairs} numbers"),
            )
        })?;
        if numbers.len() != pairs || numbers.iter().any(|one| *one <= 0.0) {
            return Err(parameters.error(
                field,
                format!(
                    "holds {} numbers; it must hold {pairs}, all above 0",
                    numbers.len()
                ),
            ));
        }
        Ok(numbers.into_iter().map(|one| one as f32).collect())
    };
    let factor = parameters
        .positive_if_present("factor")?
        .unwrap_or(frame.positions as f64 / original as f64);
    let attention = match parameters.positive_if_present("attention_factor")? {
        Some(attention) => attention,
        None if factor <= 1.0 || original < 2 => 1.0,
        None => (1.0 + factor.ln() / (original as f64).ln()).sqrt(),
    };
    Ok(Scaling::Longrope {
        short: list("short_factor")?,
        long: list("long_factor")?,
        original,
        attention: attention as f32,
    })
}

impl Scaling {
    pub(super) fn frequencies(&self, theta: f64, width: usize, total: usize) -> Vec<f32> {
        let theta = match *self {
            Self::Dynamic { factor, positions } => {
                let stretch =
                    factor * total.max(positions) as f64 / positions as f64 - (factor - 1.0);
                let width = width as f64;
                theta * stretch.powf(width / (width - 2.0))
            }
            _ => theta,
        };
        // As transformers rounds it: the exponent, the power and the quotient each to f32.
        let periods = (0..width / 2).map(|pair| {
            let exponent = (2 * pair) as f32 / width as f32;
            theta.powf(f64::from(exponent)) as f32
        });
        match self {
            Self::None | Self::Dynamic { .. } => periods.map(f32::recip).collect(),
            Self::Linear { factor } => periods.map(|period| period.recip() / factor).collect(),
            Self::Llama3 {
                factor,
                low,
                high,
                original,
            } => periods
                .map(|period| ramp_by_turns(period.recip(), *factor, *low, *high, *original))
                .collect(),
            Self::Yarn {
                factor, low, high, ..
            } => periods
                .enumerate()
                .map(|(pair, period)| {
                    let ramp = ((pair as f32 - low) / (high - low)).clamp(0.0, 1.0);
                    ramp / (factor * period) + (1.0 - ramp) / period
                })
                .collect(),
            Self::Longrope {
                short,
                long,
                original,
                ..
            } => {
                let factors = if total > *original { long } else { short };
                periods
                    .zip(factors)
                    .map(|(period, factor)| (factor * period).recip())
                    .collect()
            }
        }
    }

    pub(super) fn attention_factor(&self) -> f32 {
        match *self {
            Self::Yarn { attention, .. } | Self::Longrope { attention, .. } => attention,
            _ => 1.0,
        }
    }

    pub(super) fn regime(&self, total: usize) -> u8 {
        match *self {
            Self::Longrope { original, .. } => u8::from(total > original),
            // Beyond its positions every length has turns of its own.
            Self::Dynamic { positions, .. } if total > positions => super::Rope::ALONE,
            _ => 0,
        }
    }

    /// Files of these kinds often count the positions before stretching.
    pub(super) fn reach(&self, positions: usize) -> usize {
        let stretched = match *self {
            Self::Dynamic { factor, positions } => {
                positions.max((positions as f64 * factor) as usize)
            }
            Self::Yarn {
                factor, original, ..
            } => positions.max((original as f64 * f64::from(factor)) as usize),
            _ => positions,
        };
        stretched.min(MOST_POSITIONS)
    }
}

fn ramp_by_turns(frequency: f32, factor: f32, low: f32, high: f32, original: f32) -> f32 {
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
