//! Where a weight lies in its panel.
//!
//! | format | in the four bytes of a row |
//! |---|---|
//! | f32 | one number |
//! | bf16 | two numbers, the earlier in the lower half |
//! | int8 | four numbers as `q + 128` |
//! | int4 | eight numbers as `q + 8`: the first four in the lower halves of the bytes, the other four in the upper |
//!
//! `f16` differs, for processors turn it to `f32` only by whole vectors: sixteen numbers of one column, then of the next.

use half::{bf16, f16};

use crate::format::{self, Format, GROUP, Unfit};

/// Rows of a panel.
pub(crate) const PANEL: usize = 16;

/// Bytes of a panel.
pub(super) const fn panel_bytes(format: Format, depth: usize) -> usize {
    PANEL * format.bytes(depth)
}

/// Bytes of a panel's scales.
pub(super) const fn scale_bytes(format: Format, depth: usize) -> usize {
    if format.is_quantised() {
        PANEL * depth / GROUP * 2
    } else {
        0
    }
}

/// Where column `column` of row `lane` begins in a panel; of int4, which byte has it.
const fn place(format: Format, lane: usize, column: usize) -> usize {
    match format {
        Format::F32 => column * 64 + lane * 4,
        Format::F16 => column * 32 + lane * 2,
        Format::Bf16 => column / 2 * 64 + lane * 4 + column % 2 * 2,
        Format::Int8 => column / 4 * 64 + lane * 4 + column % 4,
        Format::Int4 => column / 8 * 64 + lane * 4 + column % 4,
    }
}

/// Whether an int4 is in the upper half of its byte.
const fn is_upper(column: usize) -> bool {
    column % 8 >= 4
}

/// A panel's rows side by side, on the way to memory.
pub(super) struct Panel {
    format: Format,
    depth: usize,
    /// `[PANEL, depth]` as the format has them: `f32` bits, halves, or integers around their middle.
    bits: Vec<u32>,
    /// `[PANEL, groups]`.
    scales: Vec<f16>,
    row: Vec<f32>,
}

impl Panel {
    pub(super) fn new(format: Format, depth: usize) -> Self {
        let groups = if format.is_quantised() {
            depth / GROUP
        } else {
            0
        };
        Self {
            format,
            depth,
            bits: vec![0; PANEL * depth],
            scales: vec![f16::ZERO; PANEL * groups],
            row: vec![0.0; depth],
        }
    }

    /// All zeros again.
    pub(super) fn clear(&mut self) {
        let zero = self.zero();
        self.bits.fill(zero);
        self.scales.fill(f16::ZERO);
    }

    fn zero(&self) -> u32 {
        if self.format.is_quantised() {
            format::middle(self.format).into()
        } else {
            0
        }
    }

    /// Sets a row from numbers.
    pub(super) fn set(
        &mut self,
        lane: usize,
        numbers: impl Iterator<Item = f32>,
    ) -> Result<(), Unfit> {
        self.row.fill(0.0);
        for (into, number) in self.row.iter_mut().zip(numbers) {
            *into = number;
        }
        let bits = &mut self.bits[lane * self.depth..(lane + 1) * self.depth];
        let pairs = bits.iter_mut().zip(&self.row);
        match self.format {
            Format::F32 => pairs.for_each(|(bits, number)| *bits = number.to_bits()),
            Format::Bf16 => {
                pairs.for_each(|(bits, number)| *bits = bf16::from_f32(*number).to_bits().into());
            }
            Format::F16 => {
                pairs.for_each(|(bits, number)| *bits = f16::from_f32(*number).to_bits().into());
            }
            Format::Int8 | Format::Int4 => {
                let groups = self.depth / GROUP;
                let scales = &mut self.scales[lane * groups..(lane + 1) * groups];
                let rows = bits
                    .chunks_exact_mut(GROUP)
                    .zip(self.row.chunks_exact(GROUP));
                for ((bits, numbers), scale) in rows.zip(scales) {
                    let mut quants = [0; GROUP];
                    *scale = format::quantise(self.format, numbers, &mut quants)?;
                    for (bits, quant) in bits.iter_mut().zip(quants) {
                        *bits = quant.into();
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets a row from its plain bytes, in a float format.
    pub(super) fn read_floats(&mut self, lane: usize, weights: &[u8]) {
        let bits = &mut self.bits[lane * self.depth..(lane + 1) * self.depth];
        if self.format == Format::F32 {
            for (bits, bytes) in bits.iter_mut().zip(weights.as_chunks().0) {
                *bits = u32::from_le_bytes(*bytes);
            }
        } else {
            for (bits, bytes) in bits.iter_mut().zip(weights.as_chunks().0) {
                *bits = u16::from_le_bytes(*bytes).into();
            }
        }
    }

    /// Sets a row from its plain bytes and scales, in an integer format.
    pub(super) fn read_integers(&mut self, lane: usize, weights: &[u8], scales: &[u8]) {
        let bits = &mut self.bits[lane * self.depth..(lane + 1) * self.depth];
        if self.format == Format::Int8 {
            for (bits, byte) in bits.iter_mut().zip(weights) {
                *bits = (byte ^ 0x80).into();
            }
        } else {
            for (bits, byte) in bits.chunks_mut(2).zip(weights) {
                bits[0] = (byte & 15).into();
                bits[1] = (byte >> 4).into();
            }
        }
        let groups = self.depth / GROUP;
        let own = &mut self.scales[lane * groups..(lane + 1) * groups];
        for (scale, bytes) in own.iter_mut().zip(scales.as_chunks().0) {
            *scale = f16::from_le_bytes(*bytes);
        }
    }

    /// Writes the panel where a product reads it.
    pub(super) fn lay(&self, weights: &mut [u8], scales: &mut [u8]) {
        let row = |lane: usize| &self.bits[lane * self.depth..(lane + 1) * self.depth];
        for lane in 0..PANEL {
            let bits = row(lane).iter().enumerate();
            match self.format {
                Format::F32 => bits.for_each(|(column, bits)| {
                    let at = place(self.format, lane, column);
                    weights[at..at + 4].copy_from_slice(&bits.to_ne_bytes());
                }),
                Format::Bf16 | Format::F16 => bits.for_each(|(column, bits)| {
                    let at = place(self.format, lane, column);
                    weights[at..at + 2].copy_from_slice(&(*bits as u16).to_ne_bytes());
                }),
                Format::Int8 => bits.for_each(|(column, bits)| {
                    weights[place(self.format, lane, column)] = *bits as u8;
                }),
                Format::Int4 => bits.for_each(|(column, bits)| {
                    let byte = &mut weights[place(self.format, lane, column)];
                    // The lower halves of a byte come first and clear it.
                    *byte = if is_upper(column) {
                        *byte | (*bits as u8) << 4
                    } else {
                        *bits as u8
                    };
                }),
            }
        }
        let groups = self.scales.len() / PANEL;
        for (at, into) in scales.as_chunks_mut().0.iter_mut().enumerate() {
            *into = self.scales[at % PANEL * groups + at / PANEL].to_ne_bytes();
        }
    }
}

/// A matrix to look a row up in.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) format: Format,
    pub(super) depth: usize,
    pub(super) weights: &'a [u8],
    pub(super) scales: &'a [u8],
}

impl View<'_> {
    fn panel(&self, row: usize) -> &[u8] {
        let bytes = panel_bytes(self.format, self.depth);
        &self.weights[row / PANEL * bytes..][..bytes]
    }

    fn scale(&self, row: usize, group: usize) -> f16 {
        let at =
            row / PANEL * scale_bytes(self.format, self.depth) + (group * PANEL + row % PANEL) * 2;
        f16::from_ne_bytes([self.scales[at], self.scales[at + 1]])
    }
}

/// The integer at a place of a panel, as stored.
fn integer(format: Format, panel: &[u8], lane: usize, column: usize) -> u8 {
    let byte = panel[place(format, lane, column)];
    match format {
        Format::Int4 if is_upper(column) => byte >> 4,
        Format::Int4 => byte & 15,
        _ => byte,
    }
}

fn half_bits(format: Format, panel: &[u8], lane: usize, column: usize) -> u16 {
    let at = place(format, lane, column);
    u16::from_ne_bytes([panel[at], panel[at + 1]])
}

fn bits(panel: &[u8], lane: usize, column: usize) -> u32 {
    let at = place(Format::F32, lane, column);
    u32::from_ne_bytes([panel[at], panel[at + 1], panel[at + 2], panel[at + 3]])
}

/// A row as numbers.
pub(super) fn write_numbers(view: View<'_>, row: usize, into: &mut [f32]) {
    let (format, lane) = (view.format, row % PANEL);
    let panel = view.panel(row);
    match format {
        Format::F32 => {
            for (column, into) in into.iter_mut().enumerate() {
                *into = f32::from_bits(bits(panel, lane, column));
            }
        }
        Format::Bf16 => {
            for (column, into) in into.iter_mut().enumerate() {
                *into = bf16::from_bits(half_bits(format, panel, lane, column)).to_f32();
            }
        }
        Format::F16 => {
            for (column, into) in into.iter_mut().enumerate() {
                *into = f16::from_bits(half_bits(format, panel, lane, column)).to_f32();
            }
        }
        Format::Int8 | Format::Int4 => {
            let middle = f32::from(format::middle(format));
            for (group, into) in into.chunks_mut(GROUP).enumerate() {
                let scale = view.scale(row, group).to_f32();
                for (at, into) in into.iter_mut().enumerate() {
                    let quant = integer(format, panel, lane, group * GROUP + at);
                    *into = scale * (f32::from(quant) - middle);
                }
            }
        }
    }
}

/// A row as a file keeps it.
pub(super) fn write_plain(
    view: View<'_>,
    row: usize,
    columns: usize,
    weights: &mut [u8],
    scales: &mut [u8],
) {
    let (format, lane) = (view.format, row % PANEL);
    let panel = view.panel(row);
    match format {
        Format::F32 => {
            for (column, into) in weights.as_chunks_mut().0.iter_mut().enumerate() {
                *into = bits(panel, lane, column).to_le_bytes();
            }
        }
        Format::Bf16 | Format::F16 => {
            for (column, into) in weights.as_chunks_mut().0.iter_mut().enumerate() {
                *into = half_bits(format, panel, lane, column).to_le_bytes();
            }
        }
        Format::Int8 => {
            for (column, into) in weights.iter_mut().enumerate() {
                *into = integer(format, panel, lane, column) ^ 0x80;
            }
        }
        Format::Int4 => {
            for (at, into) in weights.iter_mut().enumerate() {
                let upper = at * 2 + 1;
                // The half behind the last of an odd row is zero's own integer.
                let high = if upper < columns {
                    integer(format, panel, lane, upper)
                } else {
                    8
                };
                *into = integer(format, panel, lane, at * 2) | high << 4;
            }
        }
    }
    for (group, into) in scales.as_chunks_mut().0.iter_mut().enumerate() {
        *into = view.scale(row, group).to_le_bytes();
    }
}
