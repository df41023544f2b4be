//! Floats of four bytes among those of eight.

/// The double that is written like the float: 0.1 stays 0.1 and does not become 0.10000000149011612.
pub(super) fn widened(value: f32) -> f64 {
    let shortest = value.to_string().parse();
    shortest.unwrap_or_else(|_| f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_keeps_its_digits_whatever_it_is() {
        for (value, wide) in [
            (0.1_f32, 0.1),
            (-16_777_216.0, -16_777_216.0),
            (f32::INFINITY, f64::INFINITY),
            (f32::NEG_INFINITY, f64::NEG_INFINITY),
        ] {
            assert_eq!(widened(value).to_bits(), f64::to_bits(wide), "{value}");
        }
        assert!(widened(f32::NAN).is_nan());
    }
}
