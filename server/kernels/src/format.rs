//! How weights are stored, and how numbers become integers.
//!
//! The integer formats hold groups of 32 numbers along the input with one `f16` scale, symmetric around zero:
//! a weight is `scale * q`, with `q` from -127 to 127 (8.5 bits a weight) or from -8 to 7 (4.5 bits a weight).

use half::f16;

/// Numbers along the input that share a scale.
pub const GROUP: usize = 32;

/// How a matrix stores its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Four bytes, as computed with.
    F32,
    /// Two bytes with the range of four.
    Bf16,
    /// Two bytes with more digits and less range.
    F16,
    /// One byte and a share of a scale.
    Int8,
    /// Half a byte and a share of a scale.
    Int4,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::F32, Self::Bf16, Self::F16, Self::Int8, Self::Int4];

    /// Whether groups of weights share a scale.
    pub const fn is_quantised(self) -> bool {
        matches!(self, Self::Int8 | Self::Int4)
    }

    /// Bytes of `count` weights in a row, scales apart.
    pub const fn bytes(self, count: usize) -> usize {
        match self {
            Self::F32 => count * 4,
            Self::Bf16 | Self::F16 => count * 2,
            Self::Int8 => count,
            Self::Int4 => count.div_ceil(2),
        }
    }

    /// The name a configuration and a file give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}

/// Why a group has no integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A NaN or an infinity is in it.
    NotFinite,
    /// Its scale is beyond what `f16` holds.
    TooLarge,
}

/// Rounds a group (at most [`GROUP`] numbers) to integers around [`middle`], and gives its scale. `format` is one of the
/// integer ones.
pub(crate) fn quantise(format: Format, group: &[f32], into: &mut [u8]) -> Result<f16, Unfit> {
    let largest = group.iter().copied().fold(0.0_f32, |best, value| {
        if value.abs() > best.abs() {
            value
        } else {
            best
        }
    });
    if group.iter().any(|value| !value.is_finite()) {
        return Err(Unfit::NotFinite);
    }
    let (scale, middle, bottom, top) = match format {
        Format::Int4 => (largest / -8.0, 8.0, 0.0, 15.0),
        _ => (largest.abs() / 127.0, 128.0, 1.0, 255.0),
    };
    let scale = f16::from_f32(scale);
    if !scale.is_finite() {
        return Err(Unfit::TooLarge);
    }
    // What is computed with is the rounded scale, so the integers are the nearest by that.
    let step = scale.to_f32();
    for (value, into) in group.iter().zip(into) {
        let steps = if step == 0.0 { 0.0 } else { value / step };
        *into = (steps.round_ties_even() + middle).clamp(bottom, top) as u8;
    }
    Ok(scale)
}

/// What integer stands for zero.
pub(crate) const fn middle(format: Format) -> u8 {
    match format {
        Format::Int4 => 8,
        _ => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_are_the_nearest_steps_of_the_scale() {
        let group: Vec<f32> = (0..32).map(|i| (i as f32 - 11.3) * 0.017).collect();
        let mut quants = [0; 32];
        let scale = quantise(Format::Int8, &group, &mut quants)
            .expect("finite")
            .to_f32();
        for (value, quant) in group.iter().zip(quants) {
            let back = (f32::from(quant) - 128.0) * scale;
            assert!((value - back).abs() <= scale * 0.5 + 1e-7, "{value} {back}");
        }
        assert_eq!(quants.iter().max(), Some(&255));
    }

    #[test]
    fn four_bits_spend_their_spare_step_on_the_side_of_the_largest() {
        let group = [0.0, 1.0, -4.0, 3.4];
        let mut quants = [0; 4];
        let scale = quantise(Format::Int4, &group, &mut quants)
            .expect("finite")
            .to_f32();
        assert_eq!(scale, 0.5);
        assert_eq!(quants, [8, 10, 0, 15]);
    }

    #[test]
    fn zeros_and_tiny_numbers_become_zeros() {
        for format in [Format::Int8, Format::Int4] {
            for value in [0.0, 1e-30] {
                let mut quants = [1; 3];
                assert_eq!(quantise(format, &[value; 3], &mut quants), Ok(f16::ZERO));
                assert_eq!(quants, [middle(format); 3]);
            }
        }
    }

    #[test]
    fn what_is_not_finite_or_too_large_is_refused() {
        for format in [Format::Int8, Format::Int4] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let told = quantise(format, &[0.5, value], &mut [0; 2]);
                assert_eq!(told, Err(Unfit::NotFinite));
            }
            let told = quantise(format, &[1e9], &mut [0; 1]);
            assert_eq!(told, Err(Unfit::TooLarge));
        }
    }
}
