//! Spans of keys, and how they come together.

use super::{Block, exponents};
use crate::vector::Vector;

/// Sums of a softmax under way.
#[derive(Default)]
pub(super) struct Sums {
    /// `[rows, padded]`: values, weighed.
    pub(super) values: Vec<f32>,
    /// Largest score so far.
    pub(super) most: Vec<f32>,
    /// Sum of the weights.
    pub(super) weight: Vec<f32>,
}

impl Sums {
    pub(super) fn clear(&mut self, rows: usize, padded: usize) {
        refill(&mut self.values, rows * padded, 0.0);
        refill(&mut self.most, rows, f32::NEG_INFINITY);
        refill(&mut self.weight, rows, 0.0);
    }
}

fn refill(numbers: &mut Vec<f32>, count: usize, value: f32) {
    numbers.clear();
    numbers.resize(count, value);
}

impl Block {
    /// Ends a span: its sums go into the whole.
    #[inline(always)]
    pub(in crate::attention) fn end_span<V: Vector>(&mut self, vector: V) {
        let [old, new] = &mut self.factors;
        for row in 0..self.rows {
            let (before, span) = (self.whole.most[row], self.span.most[row]);
            let now = before.max(span);
            self.whole.most[row] = now;
            let seen = now > f32::NEG_INFINITY;
            old[row] = if seen { before - now } else { 0.0 };
            new[row] = if seen { span - now } else { 0.0 };
        }
        exponents(vector, old);
        exponents(vector, new);
        for row in 0..self.rows {
            let (old, new) = (old[row], new[row]);
            self.whole.weight[row] = self.whole.weight[row] * old + self.span.weight[row] * new;
            let numbers = row * self.padded..(row + 1) * self.padded;
            let whole = self.whole.values[numbers.clone()].chunks_exact_mut(V::LANES);
            let span = self.span.values[numbers].chunks_exact(V::LANES);
            let (old, new) = (vector.splat(old), vector.splat(new));
            for (whole, span) in whole.zip(span) {
                let grown = vector.mul(vector.of(span), new);
                vector.put(whole, vector.fma(vector.of(whole), old, grown));
            }
        }
        self.span.clear(self.rows, self.padded);
    }

    /// Numbers that [`Block::save`] writes.
    pub(in crate::attention) fn saved(rows: usize, width: usize) -> usize {
        rows * (Self::padded(width) + 2)
    }

    /// Writes the sums of the span under way, for [`Block::restore`], and begins the next.
    pub(in crate::attention) fn save(&mut self, into: &mut [f32]) {
        let (values, rest) = into.split_at_mut(self.rows * self.padded);
        let (most, weight) = rest.split_at_mut(self.rows);
        values.copy_from_slice(&self.span.values);
        most.copy_from_slice(&self.span.most);
        weight.copy_from_slice(&self.span.weight);
        self.span.clear(self.rows, self.padded);
    }

    /// Reads the sums of a span.
    pub(in crate::attention) fn restore(&mut self, from: &[f32]) {
        let (values, rest) = from.split_at(self.rows * self.padded);
        let (most, weight) = rest.split_at(self.rows);
        self.span.values.copy_from_slice(values);
        self.span.most.copy_from_slice(most);
        self.span.weight.copy_from_slice(weight);
    }

    /// Divides by the weights, once all spans have ended.
    #[inline(always)]
    pub(in crate::attention) fn end<V: Vector>(&mut self, vector: V) {
        for (values, weight) in self
            .whole
            .values
            .chunks_exact_mut(self.padded)
            .zip(&self.whole.weight)
        {
            let weight = vector.splat(*weight);
            for part in values.chunks_exact_mut(V::LANES) {
                vector.put(part, vector.div(vector.of(part), weight));
            }
        }
    }

    /// The attention of a row, after [`Block::end`].
    pub(in crate::attention) fn result(&self, row: usize, out: &mut [f32]) {
        out.copy_from_slice(&self.whole.values[row * self.padded..][..out.len()]);
    }
}
