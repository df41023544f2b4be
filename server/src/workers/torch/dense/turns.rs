//! Rotary positions of the rows of a step.

use tch::{Device, Kind, Tensor};

use crate::workers::torch::{error::Result, files::rope::Rope};

/// Where a sequence's rows stand in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Position of its first row.
    pub(super) first: usize,
    /// Rows.
    pub(super) count: usize,
    /// Tokens of the sequence, as far as they are known.
    pub(super) total: usize,
}

/// Cosines and signed sines of all rows, `[rows, 1, rotary width]`.
pub(super) struct Turns {
    cosines: Tensor,
    sines: Tensor,
    width: i64,
}

impl Turns {
    /// For the rows of all `spans`, one behind the other.
    pub(super) fn new(rope: &Rope, spans: &[Span], kind: Kind, device: Device) -> Result<Self> {
        let width = rope.rotary_width();
        let rows: usize = spans.iter().map(|span| span.count).sum();
        let mut cosines: Vec<f32> = Vec::with_capacity(rows * width);
        let mut sines: Vec<f32> = Vec::with_capacity(rows * width);
        for span in spans {
            let frequencies = rope.frequencies(span.total);
            let factor = rope.attention_factor(span.total);
            for position in span.first..span.first + span.count {
                let angles = frequencies
                    .iter()
                    .map(|frequency| position as f32 * frequency);
                let (begin, half) = (cosines.len(), frequencies.len());
                for angle in angles {
                    cosines.push(angle.cos() * factor);
                    // The second half of a head meets the first one negated; the sign is kept here for all layers.
                    sines.push(-angle.sin() * factor);
                }
                cosines.extend_from_within(begin..begin + half);
                sines.extend_from_within(begin..begin + half);
                for sine in &mut sines[begin + half..] {
                    *sine = -*sine;
                }
            }
        }
        let size = [rows as i64, 1, width as i64];
        let table = |values: &[f32]| -> Result<Tensor> {
            let table = Tensor::f_from_slice(values)?.f_view(size)?;
            Ok(table.f_to_kind(kind)?.f_to_device(device)?)
        };
        Ok(Self {
            cosines: table(&cosines)?,
            sines: table(&sines)?,
            width: width as i64,
        })
    }

    /// Turns `[rows, heads, head width]`.
    pub(super) fn apply(&self, heads: &Tensor) -> Result<Tensor> {
        let rest = heads.size()[2] - self.width;
        let turning = heads.f_narrow(2, 0, self.width)?;
        let swapped = turning.f_roll([self.width / 2], [-1])?;
        let turned = turning
            .f_mul(&self.cosines)?
            .f_add(&swapped.f_mul(&self.sines)?)?;
        if rest == 0 {
            return Ok(turned);
        }
        Ok(Tensor::f_cat(
            &[turned, heads.f_narrow(2, self.width, rest)?],
            2,
        )?)
    }
}
