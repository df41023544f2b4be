//! From the states of a text's tokens to one vector.

use tch::Tensor;
use tidegate_kernels::{Format, Matrix, Team, activation, norm, product};

use super::{shape::Activation, weights::values};
use crate::workers::torch::error::Result;

/// How states become one vector. Several stand side by side in the order that they have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pooling {
    /// The first one.
    First,
    /// The greatest number of each place.
    Max,
    /// Their mean.
    Mean,
    /// Their sum over the square root of their count.
    MeanSqrt,
    /// Their mean, later ones weighing more.
    Weighted,
    /// The last one.
    Last,
}

impl Pooling {
    /// Adds the vector of `states` to `into`: `rows` of `width` numbers, of which the first `skip` rows are left out
    /// where states are put together.
    pub(super) fn pool(self, states: &[f32], width: usize, skip: usize, into: &mut Vec<f32>) {
        let rows = states.len() / width.max(1);
        // A text that is all prompt is better pooled whole than not at all.
        let skip = if skip < rows { skip } else { 0 };
        let parts = || states.chunks_exact(width).skip(skip);
        let at = into.len();
        match self {
            Self::First => into.extend_from_slice(&states[..width]),
            Self::Last => into.extend_from_slice(&states[states.len() - width..]),
            Self::Max => {
                into.extend(std::iter::repeat_n(f32::NEG_INFINITY, width));
                for row in parts() {
                    for (most, value) in into[at..].iter_mut().zip(row) {
                        // A number that is none must stay visible.
                        if *value > *most || value.is_nan() {
                            *most = *value;
                        }
                    }
                }
            }
            Self::Mean | Self::MeanSqrt | Self::Weighted => {
                into.extend(std::iter::repeat_n(0.0, width));
                let mut weights = 0.0;
                for (place, row) in parts().enumerate() {
                    let weight = match self {
                        Self::Weighted => (skip + place + 1) as f32,
                        _ => 1.0,
                    };
                    weights += weight;
                    for (sum, value) in into[at..].iter_mut().zip(row) {
                        *sum += weight * value;
                    }
                }
                let share = match self {
                    Self::MeanSqrt => weights.sqrt(),
                    _ => weights,
                };
                for sum in &mut into[at..] {
                    *sum /= share;
                }
            }
        }
    }
}

/// Brings a vector to unit length, unless it has none.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    for value in vector {
        *value /= length;
    }
}

/// Applies an activation to every number.
pub(super) fn activate(kind: Activation, values: &mut [f32]) {
    match kind {
        Activation::Gelu => activation::gelu(values),
        Activation::GeluTanh => activation::gelu_tanh(values),
        Activation::Silu => activation::silu(values),
        Activation::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::Tanh => values.iter_mut().for_each(|x| *x = x.tanh()),
    }
}

/// A linear layer behind the pooling, held as f32: it is small, and runs once for each text.
pub(super) struct Linear {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// `weight` is `[out, in]` and `bias` `[out]`, both f32 on the CPU.
    pub(super) fn new(weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let (rows, columns) = weight.size2()?;
        let numbers = values(weight)?;
        let matrix = Matrix::from_f32(Format::F32, rows as usize, columns as usize, &numbers)?;
        Ok(Self {
            matrix,
            bias: bias.map(values).transpose()?,
        })
    }

    /// Width of what it gives.
    pub(super) fn width(&self) -> usize {
        self.matrix.rows()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        self.matrix.bytes() as u64
    }

    /// The product with one vector.
    pub(super) fn apply(&self, team: &Team, vector: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.width()];
        product(
            team,
            &self.matrix,
            self.bias.as_deref(),
            vector,
            1,
            &mut output,
        );
        output
    }
}

/// A layer norm of one vector.
pub(super) struct PlainNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Option<Vec<f32>>,
    pub(super) epsilon: f32,
}

impl PlainNorm {
    pub(super) fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; vector.len()];
        norm::layer_norm(
            vector,
            &self.weight,
            self.bias.as_deref(),
            self.epsilon,
            &mut output,
        );
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(pooling: Pooling, skip: usize) -> Vec<f32> {
        let mut vector = vec![9.0];
        pooling.pool(
            &[1.0, -2.0, 3.0, 4.0, 5.0, 1.0, 7.0, -5.0],
            2,
            skip,
            &mut vector,
        );
        assert_eq!(vector.remove(0), 9.0, "what was there stays");
        vector
    }

    #[test]
    fn each_pooling_is_as_its_name_says() {
        assert_eq!(pooled(Pooling::First, 0), [1.0, -2.0]);
        assert_eq!(pooled(Pooling::Last, 0), [7.0, -5.0]);
        assert_eq!(pooled(Pooling::Max, 0), [7.0, 4.0]);
        assert_eq!(pooled(Pooling::Mean, 0), [4.0, -0.5]);
        assert_eq!(pooled(Pooling::MeanSqrt, 0), [8.0, -1.0]);
        assert_eq!(pooled(Pooling::Weighted, 0), [5.0, -1.1]);
    }

    #[test]
    fn skipped_rows_are_left_out_of_what_is_put_together() {
        assert_eq!(pooled(Pooling::Mean, 2), [6.0, -2.0]);
        assert_eq!(pooled(Pooling::Max, 2), [7.0, 1.0]);
        assert_eq!(pooled(Pooling::First, 2), [1.0, -2.0]);
        assert_eq!(pooled(Pooling::Mean, 4), pooled(Pooling::Mean, 0));
    }

    #[test]
    fn a_vector_without_length_stays_as_it_is() {
        let mut vector = [0.0, 0.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.0, 0.0]);
        let mut vector = [3.0, -4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, -0.8]);
    }
}
