//! Rows as the kernels read them.
//!
//! Strips of a few rows lie line by line beside each other, so that a kernel reads one straight stream whatever the width
//! of a row. For the integer formats each group of 32 numbers of a row becomes integers from -127 to 127 with the scale
//! `largest / 127`, to the nearest. A group with a number that is not finite gets the scale NaN: so does everything the
//! row gives.

#![expect(
    unsafe_code,
    reason = "several threads write disjoint strips of one buffer, and the same code is compiled for two processors"
)]

use half::bf16;

use super::{
    piece::Packing,
    quantise::{self, Plain, Quantise},
};
use crate::{
    format::GROUP,
    level::{Isa, Level},
    matrix::KernelError,
    memory::Memory,
};

/// What products keep between calls, so that they need not allocate: as much as the largest block of rows took.
#[derive(Default)]
pub(crate) struct Scratch {
    x: Option<Memory>,
    scales: Vec<f32>,
    offsets: Vec<i32>,
    partial: Vec<f32>,
    near: Option<Memory>,
}

/// Packed rows, for threads to write strips of and then to read.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub(super) x: *mut u8,
    pub(super) scales: *mut f32,
    pub(super) offsets: *mut i32,
    pub(super) packing: Packing,
    pub(super) groups: usize,
    /// What integer stands for a weight of zero.
    pub(super) middle: i32,
}

// SAFETY: the pointers reach into a `Scratch` that its user has locked; strips are written by one thread each, and read
// only when all are written.
unsafe impl Send for Packed {}
// SAFETY: as above.
unsafe impl Sync for Packed {}

impl Scratch {
    /// Room for `rows` rows of `groups` groups.
    pub(super) fn room(
        &mut self,
        packing: Packing,
        rows: usize,
        groups: usize,
        middle: u8,
    ) -> Result<Packed, KernelError> {
        let x = at_least(&mut self.x, rows * groups * packing.group_bytes())?;
        if matches!(packing, Packing::Bytes | Packing::Words) && self.scales.len() < rows * groups {
            self.scales.resize(rows * groups, 0.0);
            self.offsets.resize(rows * groups, 0);
        }
        Ok(Packed {
            x,
            scales: self.scales.as_mut_ptr(),
            offsets: self.offsets.as_mut_ptr(),
            packing,
            groups,
            middle: middle.into(),
        })
    }

    /// Room for weights that are written out, so many bytes.
    pub(super) fn near(&mut self, bytes: usize) -> Result<*mut u8, KernelError> {
        at_least(&mut self.near, bytes)
    }

    /// Room for sums that are not at their end.
    pub(super) fn partial(&mut self, numbers: usize) -> *mut f32 {
        if self.partial.len() < numbers {
            self.partial.resize(numbers, 0.0);
        }
        self.partial.as_mut_ptr()
    }
}

/// What is kept, or where that is too small as many bytes as are asked for.
fn at_least(kept: &mut Option<Memory>, bytes: usize) -> Result<*mut u8, KernelError> {
    let memory = match kept.take() {
        Some(memory) if memory.len() >= bytes => memory,
        _ => Memory::zeroed(bytes)?,
    };
    Ok(kept.insert(memory).bytes_mut().as_mut_ptr())
}

impl Packed {
    /// Packs the strip of `input` (whole rows of `columns`) that begins with row `start` of all.
    ///
    /// # Safety
    ///
    /// The room reaches that far, and no other thread reads or writes the strip.
    pub(super) unsafe fn strip(&self, level: Level, start: usize, input: &[f32], columns: usize) {
        match level.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as below.
            Isa::Avx512 if level.bf16() && self.packing == Packing::Lines => unsafe {
                strip_lines(self, start, input, columns);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves the instructions; the rest is the caller's.
            Isa::Avx2 | Isa::Avx512 => unsafe { strip_avx2(self, start, input, columns) },
            // SAFETY: the caller's.
            _ => unsafe { strip::<Plain>(self, start, input, columns) },
        }
    }

    /// Sets a group's scale, and from the sum of its integers what its products begin with.
    ///
    /// # Safety
    ///
    /// As [`Packed::strip`].
    #[inline(always)]
    unsafe fn set(&self, at: usize, scale: f32, sum: i32) {
        // SAFETY: the caller's.
        unsafe {
            *self.scales.add(at) = scale;
            *self.offsets.add(at) = -self.middle * sum;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn strip_avx2(packed: &Packed, start: usize, input: &[f32], columns: usize) {
    // SAFETY: the caller's.
    unsafe { strip::<quantise::avx2::Avx2>(packed, start, input, columns) }
}

/// What [`strip`] does for [`Packing::Lines`], by the processor's own rounding, which takes what is below the least normal
/// number for zero.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn strip_lines(packed: &Packed, start: usize, input: &[f32], columns: usize) {
    use std::arch::x86_64::*;
    let rows = input.len() / columns;
    let bytes = Packing::Lines.group_bytes();
    // SAFETY: the caller's room reaches all groups of all rows of the strip; a masked lane is not read.
    unsafe {
        for (r, row) in input.chunks_exact(columns).enumerate() {
            let mut into = packed.x.add((start * packed.groups + r) * bytes);
            for group in row.chunks(GROUP) {
                let valid = u32::MAX >> (GROUP - group.len());
                let first = _mm512_maskz_loadu_ps(valid as u16, group.as_ptr());
                let second = group.as_ptr().wrapping_add(GROUP / 2);
                let second = _mm512_maskz_loadu_ps((valid >> 16) as u16, second);
                let brains: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(second, first));
                _mm512_storeu_si512(into.cast(), brains);
                into = into.add(rows * bytes);
            }
        }
    }
}

#[inline(always)]
unsafe fn strip<Q: Quantise>(packed: &Packed, start: usize, input: &[f32], columns: usize) {
    let rows = input.len() / columns;
    let bytes = packed.packing.group_bytes();
    for (r, row) in input.chunks_exact(columns).enumerate() {
        for group in 0..packed.groups {
            let from = &row[group * GROUP..columns.min((group + 1) * GROUP)];
            let mut filled = [0.0_f32; GROUP];
            let numbers = <&[f32; GROUP]>::try_from(from).unwrap_or_else(|_| {
                filled[..from.len()].copy_from_slice(from);
                &filled
            });
            let at = (start * packed.groups + group * rows + r) * bytes;
            // SAFETY: the caller's room reaches all groups of all rows of the strip.
            unsafe {
                let into = packed.x.add(at);
                match packed.packing {
                    Packing::Floats => {
                        let mut into = packed.x.add((start * packed.groups + group * rows) * bytes);
                        into = into.add(r * 16);
                        for four in numbers.as_chunks::<4>().0 {
                            into.cast::<[f32; 4]>().write_unaligned(*four);
                            into = into.add(rows * 16);
                        }
                    }
                    Packing::Halves => {
                        let mut into = packed.x.add((start * packed.groups + group * rows) * bytes);
                        into = into.add(r * 8);
                        for four in numbers.map(brain).as_chunks::<4>().0 {
                            into.cast::<[u16; 4]>().write_unaligned(*four);
                            into = into.add(rows * 8);
                        }
                    }
                    Packing::Lines => into
                        .cast::<[u16; GROUP]>()
                        .write_unaligned(numbers.map(brain)),
                    Packing::Bytes => {
                        let (scale, sum) = Q::bytes(numbers, into.cast());
                        packed.set(start * packed.groups + group * rows + r, scale, sum);
                    }
                    Packing::Words => {
                        let (scale, sum) = Q::words(numbers, into.cast());
                        packed.set(start * packed.groups + group * rows + r, scale, sum);
                    }
                }
            }
        }
    }
}

/// The nearest `bf16`, ties to even.
#[inline(always)]
fn brain(number: f32) -> u16 {
    let bits = number.to_bits();
    if number.is_nan() {
        return bf16::from_f32(number).to_bits();
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_on_every_level() {
        let (rows, columns) = (3_usize, 70_usize);
        let input: Vec<f32> = (0..rows * columns)
            .map(|at| (at as f32 * 0.37).sin() * 1e3)
            .collect();
        let lines = |level: Level| {
            let mut scratch = Scratch::default();
            let groups = columns.div_ceil(GROUP);
            let packed = scratch
                .room(Packing::Lines, rows, groups, 0)
                .expect("memory");
            // SAFETY: the room is for all rows, and nobody else has it.
            unsafe { packed.strip(level, 0, &input, columns) };
            let x = scratch.x.expect("filled");
            x.bytes()[..rows * groups * Packing::Lines.group_bytes()].to_vec()
        };
        let plain = lines(Level::SCALAR);
        let first = bf16::from_f32(input[columns + 64]).to_bits();
        // Row 1 of group 2.
        assert_eq!(plain[(2 * rows + 1) * 64..][..2], first.to_le_bytes());
        for level in Level::available() {
            assert_eq!(lines(level), plain, "{level:?}");
        }
    }

    #[test]
    fn the_nearest_brain_float_is_the_one_of_the_library() {
        for bits in (0..u32::MAX)
            .step_by(65_521)
            .chain([0x3f80_8000, 0x3f81_8000, 0x7f7f_ffff])
        {
            let number = f32::from_bits(bits);
            assert_eq!(brain(number), bf16::from_f32(number).to_bits(), "{number}");
        }
    }
}
