//! Matrices on a device: as floats, or as integers that are turned back for every product.

use tch::{Device, Kind, Tensor};
use tidegate_kernels::Format;

use crate::workers::torch::{
    error::{ModelError, Result},
    files::weights::{Builder, Stored},
};

/// Numbers along the input that share a scale.
const GROUP: i64 = 32;
/// Numbers turned back at once: 256 MiB of them as f32.
const AT_ONCE: i64 = 1 << 26;

/// How matrices are to be held.
pub(super) struct Build {
    /// What the weights are held as.
    pub(super) format: Format,
    /// What is computed with.
    pub(super) kind: Kind,
    /// Where.
    pub(super) device: Device,
}

/// A matrix, `[out, in]`, with or without a bias.
pub(super) struct Matrix {
    weight: Weight,
    bias: Option<Tensor>,
}

enum Weight {
    Plain(Tensor),
    Quantised(Quantised),
}

/// Integers with a scale for each 32 of a row.
struct Quantised {
    /// `[out, bytes]`: a signed integer each, or two of four bits, the first in the lower half; rows filled up to
    /// whole groups.
    integers: Tensor,
    /// `[out, groups, 1]`, f32.
    scales: Tensor,
    columns: i64,
    kind: Kind,
}

impl Builder for Build {
    type Matrix = Matrix;
    type Vector = Tensor;

    fn matrix(&self, weight: Stored, bias: Option<Tensor>) -> Result<Matrix> {
        let weight = match weight {
            Stored::Plain(weight) if !self.format.is_quantised() => {
                Weight::Plain(self.own(&weight)?)
            }
            stored => Weight::Quantised(self.quantised(&stored.into_matrix(self.format)?)?),
        };
        let bias = bias.map(|bias| self.own(&bias)).transpose()?;
        Ok(Matrix { weight, bias })
    }

    fn vector(&self, values: Tensor) -> Result<Tensor> {
        Ok(values.f_to_device(self.device)?)
    }
}

impl Build {
    fn own(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.f_to_kind(self.kind)?.f_to_device(self.device)?)
    }

    fn quantised(&self, matrix: &tidegate_kernels::Matrix) -> Result<Quantised> {
        let (rows, columns) = (matrix.rows() as i64, matrix.columns() as i64);
        let (kind, bytes, group) = match matrix.format() {
            Format::Int8 => (Kind::Int8, columns, GROUP),
            Format::Int4 => (Kind::Uint8, (columns + 1) / 2, GROUP / 2),
            other => {
                return Err(ModelError::Text(format!(
                    "a matrix that was quantised offline is {}; quantise the model again",
                    other.name()
                )));
            }
        };
        let (integers, scales) = matrix.parts();
        let groups = (columns + GROUP - 1) / GROUP;
        let filled = groups * group - bytes;
        let integers = Tensor::f_from_data_size(&integers, &[rows, bytes], kind)?;
        let integers = if filled > 0 {
            integers.f_constant_pad_nd([0, filled])?
        } else {
            integers
        };
        let scales = Tensor::f_from_data_size(&scales, &[rows, groups, 1], Kind::Half)?;
        Ok(Quantised {
            integers: integers.f_to_device(self.device)?,
            scales: scales.f_to_kind(Kind::Float)?.f_to_device(self.device)?,
            columns,
            kind: self.kind,
        })
    }
}

impl Matrix {
    /// `x`, `[rows, in]`, by the matrix: `[rows, out]`.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(weight) => Ok(x.f_linear(weight, self.bias.as_ref())?),
            Weight::Quantised(weight) => {
                let product = weight.apply(x)?;
                match &self.bias {
                    Some(bias) => Ok(product.f_add(bias)?),
                    None => Ok(product),
                }
            }
        }
    }

    /// The rows of these numbers: what an embedding looks up.
    pub(super) fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Plain(weight) => Ok(Tensor::f_embedding(weight, ids, -1, false, false)?),
            Weight::Quantised(weight) => weight.floats(
                &weight.integers.f_index_select(0, ids)?,
                &weight.scales.f_index_select(0, ids)?,
            ),
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        let weight = match &self.weight {
            Weight::Plain(weight) => held(weight),
            Weight::Quantised(weight) => held(&weight.integers) + held(&weight.scales),
        };
        weight + self.bias.as_ref().map_or(0, held)
    }
}

impl Quantised {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let rows = self.integers.size()[0];
        let at_once = (AT_ONCE / self.columns.max(1)).clamp(1, rows.max(1));
        let mut products = Vec::new();
        let mut from = 0;
        while from < rows {
            let count = at_once.min(rows - from);
            let weight = self.floats(
                &self.integers.f_narrow(0, from, count)?,
                &self.scales.f_narrow(0, from, count)?,
            )?;
            products.push(x.f_linear(&weight, None::<&Tensor>)?);
            from += count;
        }
        if products.len() == 1 {
            return Ok(products.swap_remove(0));
        }
        Ok(Tensor::f_cat(&products, -1)?)
    }

    /// Rows of integers and their scales as numbers to compute with. The product of both is rounded once.
    fn floats(&self, integers: &Tensor, scales: &Tensor) -> Result<Tensor> {
        let (rows, groups, _) = scales.size3()?;
        let integers = if integers.kind() == Kind::Int8 {
            integers.f_to_kind(Kind::Float)?
        } else {
            let lower = integers.f_bitwise_and(15_i64)?;
            let upper = integers.f_bitwise_right_shift_tensor_scalar(4_i64)?;
            // Stored from 0 on, so that the middle is 8.
            Tensor::f_stack(&[lower, upper], -1)?
                .f_to_kind(Kind::Float)?
                .f_sub_scalar(8.0)?
        };
        let weight = integers
            .f_reshape([rows, groups, GROUP])?
            .f_mul(scales)?
            .f_view([rows, groups * GROUP])?
            .f_narrow(1, 0, self.columns)?;
        Ok(weight.f_to_kind(self.kind)?)
    }
}

/// Bytes of a tensor.
pub(super) fn held(tensor: &Tensor) -> u64 {
    tensor.numel() as u64 * tensor.kind().elt_size_in_bytes() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of many sizes, always the same.
    fn numbers(count: usize) -> Vec<f32> {
        let mut state = 1_u32;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn floats(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(&tensor.f_reshape([-1]).expect("flat")).expect("floats")
    }

    #[test]
    fn integers_are_turned_back_to_what_the_kernels_read_from_them() {
        let (rows, columns) = (5_usize, 41_usize);
        let values = numbers(rows * columns);
        let weight = Tensor::from_slice(&values).view([rows as i64, columns as i64]);
        for format in [Format::Int8, Format::Int4] {
            let build = Build {
                format,
                kind: Kind::Float,
                device: Device::Cpu,
            };
            let stored = Stored::Plain(weight.shallow_clone());
            let matrix = build.matrix(stored, None).expect("quantises");
            let ids = Tensor::from_slice(&[0_i64, 1, 2, 3, 4]);
            let found = floats(&matrix.rows(&ids).expect("rows"));
            let kernel = tidegate_kernels::Matrix::from_f32(format, rows, columns, &values)
                .expect("quantises");
            let mut wanted = vec![0.0; columns];
            for row in 0..rows {
                kernel.row(row, &mut wanted);
                assert_eq!(
                    found[row * columns..(row + 1) * columns],
                    wanted,
                    "{format:?}"
                );
            }
            // Products are those of the numbers turned back.
            let x = Tensor::from_slice(&numbers(2 * columns)).view([2, columns as i64]);
            let product = floats(&matrix.apply(&x).expect("multiplies"));
            let plain = floats(&x.matmul(&matrix.rows(&ids).expect("rows").transpose(0, 1)));
            for (one, other) in product.iter().zip(&plain) {
                assert!((one - other).abs() < 1e-4, "{one} {other}");
            }
            let least = rows * columns / if format == Format::Int8 { 1 } else { 2 };
            assert!(matrix.bytes() as usize >= least && matrix.bytes() < 4 * values.len() as u64);
        }
    }
}
