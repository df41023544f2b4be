//! Norms over a row, and the softmax.

mod kernels;

use self::kernels::{Add, AddScaled, Layer, Scale, ScaleInPlace, Softmax, Squares};
use crate::{rows, team::Team, vector::dispatch};

/// `out = x / sqrt(mean(x²) + epsilon) * weight`, of one row.
///
/// # Panics
///
/// When the three differ in length.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    assert_eq!(x.len(), weight.len(), "a weight per number");
    assert_eq!(x.len(), out.len(), "as many numbers out as in");
    let factor = inverse_size(x, epsilon);
    dispatch(Scale {
        x,
        factor,
        weight,
        out,
    });
}

/// [`rms_norm`] in place.
///
/// # Panics
///
/// When the two differ in length.
pub fn rms_norm_in_place(x: &mut [f32], weight: &[f32], epsilon: f32) {
    assert_eq!(x.len(), weight.len(), "a weight per number");
    let factor = inverse_size(x, epsilon);
    dispatch(ScaleInPlace { x, factor, weight });
}

/// [`rms_norm`] for each of the rows of `x`, which are as long as `weight`.
///
/// # Panics
///
/// When `x` and `out` differ in length.
pub fn rms_norm_rows(team: &Team, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many numbers out as in");
    let width = weight.len().max(1);
    rows::split(team, out, width, 1, |first, out| {
        for (x, out) in x[first * width..]
            .chunks_exact(width)
            .zip(out.chunks_exact_mut(width))
        {
            rms_norm(x, weight, epsilon, out);
        }
    });
}

/// Per row: `x += delta`, where `delta` is first normed with the weight `after` if there is one, then
/// `out = rms_norm(x)`. Rows are as long as `weight`.
///
/// # Panics
///
/// When `x`, `delta` and `out` differ in length.
pub fn add_rms_norm_rows(
    team: &Team,
    x: &mut [f32],
    delta: &[f32],
    after: Option<&[f32]>,
    weight: &[f32],
    epsilon: f32,
    out: &mut [f32],
) {
    assert_eq!(x.len(), delta.len(), "as many numbers to add");
    assert_eq!(x.len(), out.len(), "as many numbers out as in");
    let width = weight.len().max(1);
    rows::split_two(team, (x, width), (out, width), 2, |first, x, out| {
        for ((x, out), delta) in x
            .chunks_exact_mut(width)
            .zip(out.chunks_exact_mut(width))
            .zip(delta[first * width..].chunks_exact(width))
        {
            add(x, delta, after, epsilon);
            rms_norm(x, weight, epsilon, out);
        }
    });
}

/// Per row: `x += delta`, where `delta` is first normed with the weight `after` if there is one. Rows are `width` long.
///
/// # Panics
///
/// When `x` and `delta` differ in length, or `after` is not as long as a row.
pub fn add_rows(
    team: &Team,
    x: &mut [f32],
    delta: &[f32],
    after: Option<&[f32]>,
    width: usize,
    epsilon: f32,
) {
    assert_eq!(x.len(), delta.len(), "as many numbers to add");
    let width = width.max(1);
    rows::split(team, x, width, 1, |first, x| {
        for (x, delta) in x
            .chunks_exact_mut(width)
            .zip(delta[first * width..].chunks_exact(width))
        {
            add(x, delta, after, epsilon);
        }
    });
}

fn add(x: &mut [f32], delta: &[f32], after: Option<&[f32]>, epsilon: f32) {
    match after {
        None => dispatch(Add { x, delta }),
        Some(weight) => {
            assert_eq!(delta.len(), weight.len(), "a weight per number");
            let factor = inverse_size(delta, epsilon);
            dispatch(AddScaled {
                x,
                delta,
                factor,
                weight,
            });
        }
    }
}

/// `out = (x - mean) / sqrt(variance + epsilon) * weight + bias`, of one row.
///
/// # Panics
///
/// When they differ in length.
pub fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    assert_eq!(x.len(), weight.len(), "a weight per number");
    assert_eq!(x.len(), out.len(), "as many numbers out as in");
    if let Some(bias) = bias {
        assert_eq!(x.len(), bias.len(), "a bias per number");
    }
    dispatch(Layer {
        x,
        weight,
        bias,
        epsilon,
        out,
    });
}

/// [`layer_norm`] for each of the rows of `x`, which are as long as `weight`.
///
/// # Panics
///
/// As [`layer_norm`].
pub fn layer_norm_rows(
    team: &Team,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    epsilon: f32,
    out: &mut [f32],
) {
    assert_eq!(x.len(), out.len(), "as many numbers out as in");
    let width = weight.len().max(1);
    rows::split(team, out, width, 2, |first, out| {
        for (x, out) in x[first * width..]
            .chunks_exact(width)
            .zip(out.chunks_exact_mut(width))
        {
            layer_norm(x, weight, bias, epsilon, out);
        }
    });
}

/// Turns scores into shares that add up to one. Minus infinity gives zero.
pub fn softmax(x: &mut [f32]) {
    dispatch(Softmax(x));
}

fn inverse_size(x: &[f32], epsilon: f32) -> f32 {
    let mean = dispatch(Squares(x)) / x.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}

#[cfg(test)]
mod tests;
