//! What norms and the softmax compute, once for every set of instructions.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

use crate::{
    activation::exp,
    vector::{Kernel, Vector},
};

/// The sum of squares.
pub(super) struct Squares<'a>(pub(super) &'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) -> f32 {
        // Four sums, so that one addition need not wait for the last.
        let mut sums = [vector.splat(0.0); 4];
        let mut chunks = self.0.chunks_exact(4 * V::LANES);
        for chunk in &mut chunks {
            for (sum, part) in sums.iter_mut().zip(chunk.chunks_exact(V::LANES)) {
                let x = vector.of(part);
                *sum = vector.fma(x, x, *sum);
            }
        }
        for part in chunks.remainder().chunks(V::LANES) {
            let x = vector.load_some(part, 0.0);
            sums[0] = vector.fma(x, x, sums[0]);
        }
        total(vector, sums)
    }
}

#[inline(always)]
fn total<V: Vector>(vector: V, [a, b, c, d]: [V::F; 4]) -> f32 {
    vector.sum(vector.add(vector.add(a, b), vector.add(c, d)))
}

/// `out = x * factor * weight`.
pub(super) struct Scale<'a> {
    pub(super) x: &'a [f32],
    pub(super) factor: f32,
    pub(super) weight: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let factor = vector.splat(self.factor);
        let mut out = self.out.chunks_exact_mut(V::LANES);
        let mut x = self.x.chunks_exact(V::LANES);
        let mut weight = self.weight.chunks_exact(V::LANES);
        for ((out, x), weight) in (&mut out).zip(&mut x).zip(&mut weight) {
            let scaled = vector.mul(vector.of(x), factor);
            vector.put(out, vector.mul(scaled, vector.of(weight)));
        }
        let x = vector.load_some(x.remainder(), 0.0);
        let weight = vector.load_some(weight.remainder(), 0.0);
        let value = vector.mul(vector.mul(x, factor), weight);
        vector.store_some(out.into_remainder(), value);
    }
}

/// `x = x * factor * weight`.
pub(super) struct ScaleInPlace<'a> {
    pub(super) x: &'a mut [f32],
    pub(super) factor: f32,
    pub(super) weight: &'a [f32],
}

impl Kernel for ScaleInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let factor = vector.splat(self.factor);
        let mut x = self.x.chunks_exact_mut(V::LANES);
        let mut weight = self.weight.chunks_exact(V::LANES);
        for (x, weight) in (&mut x).zip(&mut weight) {
            let scaled = vector.mul(vector.of(x), factor);
            vector.put(x, vector.mul(scaled, vector.of(weight)));
        }
        let rest = x.into_remainder();
        let weight = vector.load_some(weight.remainder(), 0.0);
        let scaled = vector.mul(vector.load_some(rest, 0.0), factor);
        vector.store_some(rest, vector.mul(scaled, weight));
    }
}

/// `x += delta`.
pub(super) struct Add<'a> {
    pub(super) x: &'a mut [f32],
    pub(super) delta: &'a [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, _: V) {
        for (x, delta) in self.x.iter_mut().zip(self.delta) {
            *x += delta;
        }
    }
}

/// `x += delta * factor * weight`.
pub(super) struct AddScaled<'a> {
    pub(super) x: &'a mut [f32],
    pub(super) delta: &'a [f32],
    pub(super) factor: f32,
    pub(super) weight: &'a [f32],
}

impl Kernel for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, _: V) {
        for ((x, delta), weight) in self.x.iter_mut().zip(self.delta).zip(self.weight) {
            *x += delta * self.factor * weight;
        }
    }
}

/// `out = (x - mean) / sqrt(variance + epsilon) * weight + bias`.
pub(super) struct Layer<'a> {
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) epsilon: f32,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let count = self.x.len() as f32;
        let mut sums = [vector.splat(0.0); 4];
        let mut chunks = self.x.chunks_exact(4 * V::LANES);
        for chunk in &mut chunks {
            for (sum, part) in sums.iter_mut().zip(chunk.chunks_exact(V::LANES)) {
                *sum = vector.add(*sum, vector.of(part));
            }
        }
        for part in chunks.remainder().chunks(V::LANES) {
            sums[0] = vector.add(sums[0], vector.load_some(part, 0.0));
        }
        let mean = total(vector, sums) / count;
        // Around the mean, in a second pass: the difference of two large sums would lose the small variance.
        let mut sums = [vector.splat(0.0); 4];
        let middle = vector.splat(mean);
        let mut chunks = self.x.chunks_exact(4 * V::LANES);
        for chunk in &mut chunks {
            for (sum, part) in sums.iter_mut().zip(chunk.chunks_exact(V::LANES)) {
                let x = vector.sub(vector.of(part), middle);
                *sum = vector.fma(x, x, *sum);
            }
        }
        for part in chunks.remainder().chunks(V::LANES) {
            let x = vector.sub(vector.load_some(part, mean), middle);
            sums[0] = vector.fma(x, x, sums[0]);
        }
        let variance = total(vector, sums) / count;
        let factor = 1.0 / (variance + self.epsilon).sqrt();
        let scaled = self.x.iter().zip(self.weight).zip(self.out);
        match self.bias {
            Some(bias) => {
                for (((x, weight), out), bias) in scaled.zip(bias) {
                    *out = (x - mean) * factor * weight + bias;
                }
            }
            None => {
                for ((x, weight), out) in scaled {
                    *out = (x - mean) * factor * weight;
                }
            }
        }
    }
}

/// Scores, to become shares.
pub(super) struct Softmax<'a>(pub(super) &'a mut [f32]);

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, vector: V) {
        let mut most = vector.splat(f32::NEG_INFINITY);
        for part in self.0.chunks(V::LANES) {
            most = vector.max(vector.load_some(part, f32::NEG_INFINITY), most);
        }
        let most = vector.splat(vector.most(most));
        let mut sum = vector.splat(0.0);
        for part in self.0.chunks_mut(V::LANES) {
            let x = vector.load_some(part, f32::NEG_INFINITY);
            let share = exp(vector, vector.sub(x, most));
            sum = vector.add(sum, share);
            vector.store_some(part, share);
        }
        let sum = vector.sum(sum);
        for x in self.0.iter_mut() {
            *x /= sum;
        }
    }
}
