//! Weights as our kernels compute with them.

use tch::{Kind, Tensor};
use tidegate_kernels::{Format, Matrix, Team, product};

use super::held;
use crate::workers::torch::{
    error::Result,
    files::weights::{Builder, Stored},
};

/// How matrices are to be held.
pub(super) struct Build {
    /// As what; those that were quantised offline stay as they were quantised.
    pub(super) format: Format,
}

/// A matrix with or without a bias.
pub(super) struct Linear {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
}

impl Builder for Build {
    type Matrix = Linear;
    type Vector = Vec<f32>;

    fn matrix(&self, weight: Stored, bias: Option<Tensor>) -> Result<Linear> {
        Ok(Linear {
            matrix: weight.into_matrix(self.format)?,
            bias: bias.map(|bias| self.vector(bias)).transpose()?,
        })
    }

    fn vector(&self, values: Tensor) -> Result<Vec<f32>> {
        let values = values.f_to_kind(Kind::Float)?.f_reshape([-1])?;
        Ok(Vec::try_from(&values)?)
    }
}

impl Linear {
    /// `output[rows, out] = input[rows, in] · weightᵀ (+ bias)`.
    pub(super) fn apply(&self, team: &Team, input: &[f32], rows: usize, output: &mut [f32]) {
        product(
            team,
            &self.matrix,
            self.bias.as_deref(),
            input,
            rows,
            output,
        );
    }

    /// The weights of one output: what a token is embedded as.
    pub(super) fn row(&self, row: usize, into: &mut [f32]) {
        self.matrix.row(row, into);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        self.matrix.bytes() as u64 + self.bias.as_deref().map_or(0, held)
    }
}
