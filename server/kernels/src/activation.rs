//! What bends the straight lines between two products, and the exponential beneath it all.
//!
//! Errors stay within a few units in the last place of f32 over the whole range, so that models give the scores they
//! were published with.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use crate::{
    rows,
    team::Team,
    vector::{Kernel, Vector, dispatch},
};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x` times the share of a normal distribution below it.
    Gelu,
    /// [`Activation::Gelu`] as it was first approximated, by a hyperbolic tangent.
    GeluTanh,
}

impl Activation {
    /// Replaces each number by its value.
    pub fn apply(self, x: &mut [f32]) {
        match self {
            Self::Silu => silu(x),
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_tanh(x),
        }
    }
}

/// `x / (1 + e^-x)` of each.
pub fn silu(x: &mut [f32]) {
    dispatch(Each { x, function: Silu });
}

/// `x` times the share of a normal distribution below it, of each.
pub fn gelu(x: &mut [f32]) {
    dispatch(Each { x, function: Gelu });
}

/// [`gelu`] approximated by a hyperbolic tangent, of each.
pub fn gelu_tanh(x: &mut [f32]) {
    dispatch(Each {
        x,
        function: GeluTanh,
    });
}

/// The hyperbolic tangent of each.
pub fn tanh(x: &mut [f32]) {
    dispatch(Each { x, function: Tanh });
}

/// `most * tanh(x / most)` of each: numbers far from zero are held within `most`.
pub fn cap(x: &mut [f32], most: f32) {
    dispatch(Each {
        x,
        function: Cap(most),
    });
}

/// One row of a gated feed: `out = activation(gate) * up`, where `gate_up` is the gate and then as many numbers of up.
///
/// # Panics
///
/// When `gate_up` is not twice as long as `out`.
pub fn gated(activation: Activation, gate_up: &[f32], out: &mut [f32]) {
    assert_eq!(gate_up.len(), 2 * out.len(), "a gate and an up per number");
    let (gate, up) = gate_up.split_at(out.len());
    match activation {
        Activation::Silu => dispatch(Gated {
            gate,
            up,
            out,
            function: Silu,
        }),
        Activation::Gelu => dispatch(Gated {
            gate,
            up,
            out,
            function: Gelu,
        }),
        Activation::GeluTanh => dispatch(Gated {
            gate,
            up,
            out,
            function: GeluTanh,
        }),
    }
}

/// [`gated`] for each of the rows of `out`, which are `width` long.
///
/// # Panics
///
/// As [`gated`].
pub fn gated_rows(
    team: &Team,
    activation: Activation,
    gate_up: &[f32],
    width: usize,
    out: &mut [f32],
) {
    assert_eq!(gate_up.len(), 2 * out.len(), "a gate and an up per number");
    rows::split(team, out, width, COST, |first, out| {
        for (out, gate_up) in out
            .chunks_exact_mut(width)
            .zip(gate_up[2 * width * first..].chunks_exact(2 * width))
        {
            gated(activation, gate_up, out);
        }
    });
}

/// [`Activation::apply`] to all numbers of `x`, shared out over the team.
pub fn apply_rows(team: &Team, activation: Activation, x: &mut [f32]) {
    rows::split(team, x, 1, COST, |_, x| activation.apply(x));
}

/// [`cap`] of all numbers of `x`, shared out over the team.
pub fn cap_rows(team: &Team, x: &mut [f32], most: f32) {
    rows::split(team, x, 1, COST, |_, x| cap(x, most));
}

/// How much more an exponential costs than an addition.
const COST: usize = 4;

/// A function of one number, for a whole register.
trait Function: Copy {
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F;
}

#[derive(Clone, Copy)]
struct Silu;
#[derive(Clone, Copy)]
struct Gelu;
#[derive(Clone, Copy)]
struct GeluTanh;
#[derive(Clone, Copy)]
struct Tanh;
#[derive(Clone, Copy)]
struct Cap(f32);

impl Function for Silu {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        let against = exp(vector, vector.sub(vector.splat(0.0), x));
        vector.div(x, vector.add(vector.splat(1.0), against))
    }
}

impl Function for Gelu {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        vector.mul(x, share_below(vector, x))
    }
}

impl Function for GeluTanh {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        // (1 + tanh u) / 2 is 1 / (1 + e^-2u), which loses nothing where tanh comes close to -1.
        let square = vector.mul(x, x);
        let factor = vector.fma(square, vector.splat(0.044_715), vector.splat(1.0));
        // -2 * sqrt(2 / pi)
        let u = vector.mul(vector.mul(x, factor), vector.splat(-1.595_769));
        vector.div(x, vector.add(vector.splat(1.0), exp(vector, u)))
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        tangent(vector, x)
    }
}

impl Function for Cap {
    #[inline(always)]
    fn of<V: Vector>(self, vector: V, x: V::F) -> V::F {
        let most = vector.splat(self.0);
        vector.mul(most, tangent(vector, vector.div(x, most)))
    }
}

/// The polynomial with these coefficients, the highest power first.
#[inline(always)]
fn polynomial<V: Vector, const N: usize>(vector: V, x: V::F, coefficients: [f32; N]) -> V::F {
    let mut value = vector.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        value = vector.fma(value, x, vector.splat(*coefficient));
    }
    value
}

/// `e^x`: zero for minus infinity, infinity beyond the range of f32, and not a number for what is none.
#[inline(always)]
pub(crate) fn exp<V: Vector>(vector: V, x: V::F) -> V::F {
    // Beyond these, f32 has only zero and infinity.
    let x = vector.max(vector.splat(-104.0), x);
    let x = vector.min(vector.splat(89.0), x);
    let (value, twos) = exp_parts(vector, x);
    vector.scale(value, twos)
}

/// [`exp`] of what is at most a little above zero, as the shares of a softmax are. What is smaller than the smallest
/// ordinary number is zero.
#[inline(always)]
pub(crate) fn exp_share<V: Vector>(vector: V, x: V::F) -> V::F {
    let least = vector.splat(-87.0);
    let (value, twos) = exp_parts(vector, vector.max(least, x));
    vector.pick(x, least, vector.splat(0.0), vector.shift(value, twos))
}

/// `e^x` as a number between about 0.7 and 1.5 and the power of two that it is to be multiplied by.
#[inline(always)]
fn exp_parts<V: Vector>(vector: V, x: V::F) -> (V::F, V::F) {
    let twos = vector.round(vector.mul(x, vector.splat(std::f32::consts::LOG2_E)));
    // ln 2 in two parts: the first has so few digits that its product is exact.
    let rest = vector.fma(twos, vector.splat(-0.693_359_4), x);
    let rest = vector.fma(twos, vector.splat(2.121_944_4e-4), rest);
    let tail = polynomial(
        vector,
        rest,
        [
            0.001_392_618_4,
            0.008_363_179,
            0.041_666_556,
            0.166_665_77,
            0.5,
        ],
    );
    let value = vector.fma(vector.mul(rest, rest), tail, rest);
    (vector.add(value, vector.splat(1.0)), twos)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tangent<V: Vector>(vector: V, x: V::F) -> V::F {
    let size = vector.max(x, vector.sub(vector.splat(0.0), x));
    let square = vector.mul(x, x);
    let series = polynomial(
        vector,
        square,
        [
            0.002_269_501_6,
            -0.008_323_187,
            0.021_762_503,
            -0.053_958_46,
            0.133_333,
            -0.333_333_34,
        ],
    );
    let small = vector.fma(vector.mul(x, square), series, x);
    let twice = exp(vector, vector.add(x, x));
    let below = vector.div(vector.splat(2.0), vector.add(twice, vector.splat(1.0)));
    let large = vector.sub(vector.splat(1.0), below);
    vector.pick(size, vector.splat(0.625), small, large)
}

/// The share of a normal distribution below `x`.
#[inline(always)]
fn share_below<V: Vector>(vector: V, x: V::F) -> V::F {
    let zero = vector.splat(0.0);
    // Beyond 17 the tail is nothing to f32.
    let size = vector.max(x, vector.sub(zero, x));
    let size = vector.min(vector.splat(17.0), size);
    // The tail beyond z = size / √2 is e^-z² times a function that a polynomial in 1 / (1 + 0.4 z) meets.
    let z = vector.mul(size, vector.splat(std::f32::consts::FRAC_1_SQRT_2));
    let t = vector.div(
        vector.splat(1.0),
        vector.fma(z, vector.splat(0.4), vector.splat(1.0)),
    );
    let shape = polynomial(
        vector,
        t,
        [
            -0.016_670_298,
            0.067_622_99,
            -0.050_582_646,
            -0.132_403_36,
            0.203_330_93,
            -0.069_593_12,
            0.181_988_2,
            0.154_711_3,
            0.210_513_15,
            0.225_395_28,
            0.225_687_56,
        ],
    );
    // What the square loses in rounding would be the tail's error, many times over.
    let half = vector.mul(size, vector.splat(0.5));
    let square = vector.mul(half, size);
    let lost = vector.fma(half, size, vector.sub(zero, square));
    let bell = exp(vector, vector.sub(zero, square));
    let bell = vector.sub(bell, vector.mul(bell, lost));
    let tail = vector.mul(vector.mul(vector.splat(0.5), bell), vector.mul(t, shape));
    vector.pick(x, zero, tail, vector.sub(vector.splat(1.0), tail))
}

struct Each<'a, F> {
    x: &'a mut [f32],
    function: F,
}

impl<F: Function> Kernel for Each<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let mut chunks = self.x.chunks_exact_mut(V::LANES);
        for chunk in &mut chunks {
            let x = vector.of(chunk);
            vector.put(chunk, self.function.of(vector, x));
        }
        let rest = chunks.into_remainder();
        let x = vector.load_some(rest, 0.0);
        vector.store_some(rest, self.function.of(vector, x));
    }
}

struct Gated<'a, F> {
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
    function: F,
}

impl<F: Function> Kernel for Gated<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let mut out = self.out.chunks_exact_mut(V::LANES);
        let mut gate = self.gate.chunks_exact(V::LANES);
        let mut up = self.up.chunks_exact(V::LANES);
        for ((out, gate), up) in (&mut out).zip(&mut gate).zip(&mut up) {
            let value = self.function.of(vector, vector.of(gate));
            vector.put(out, vector.mul(value, vector.of(up)));
        }
        let gate = vector.load_some(gate.remainder(), 0.0);
        let up = vector.load_some(up.remainder(), 0.0);
        let value = vector.mul(self.function.of(vector, gate), up);
        vector.store_some(out.into_remainder(), value);
    }
}

#[cfg(test)]
mod tests;
