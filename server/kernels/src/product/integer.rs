//! Kernels for the integer formats.
//!
//! Rows become integers too, in groups of 32 with a scale of their own (see [`super::pack`]). Within a group everything
//! is exact; the groups of an output are then one chain of fused additions in their order. So the number is the same for
//! any number of rows, and for all processors that fuse.

#![expect(
    unsafe_code,
    reason = "kernels over raw pieces; the sweep that makes the pieces keeps them within their slices"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vnni;

use half::f16;

use super::{
    float::{begin, end, instance},
    lanes::{Portable, fused},
    piece::{Kernel, Kernels, Packing, Piece, ROWS_CACHE},
};
use crate::{
    format::Format,
    level::{Isa, Level},
};

/// Lines of a panel in a group of columns.
const fn lines(four: bool) -> usize {
    if four { 4 } else { 8 }
}

/// `R` rows times a panel, with what every processor has.
unsafe fn portable<const FOUR: bool, const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<Portable, R, 1>(piece);
        for group in 0..piece.groups {
            let mut totals = [[0_i32; 16]; R];
            for (r, totals) in totals.iter_mut().enumerate() {
                *totals = [*piece.x_offsets.add(group * R + r); 16];
            }
            let x = piece.x.add(group * R * 32).cast::<i8>();
            for line in 0..lines(FOUR) {
                let w = piece.w.add((group * lines(FOUR) + line) * 64);
                let w = w.cast::<[[u8; 4]; 16]>().read_unaligned();
                for (r, totals) in totals.iter_mut().enumerate() {
                    if FOUR {
                        let x = x.add(r * 32 + line * 8);
                        for (total, w) in totals.iter_mut().zip(&w) {
                            for (at, w) in w.iter().enumerate() {
                                *total += i32::from(w & 15) * i32::from(*x.add(at));
                                *total += i32::from(w >> 4) * i32::from(*x.add(at + 4));
                            }
                        }
                    } else {
                        let x = x.add(r * 32 + line * 4);
                        for (total, w) in totals.iter_mut().zip(&w) {
                            for (at, w) in w.iter().enumerate() {
                                *total += i32::from(*w) * i32::from(*x.add(at));
                            }
                        }
                    }
                }
            }
            let scales = piece.w_scales.add(group * 32).cast::<[u16; 16]>();
            let scales = scales.read_unaligned();
            for (r, totals) in totals.iter().enumerate() {
                let own = *piece.x_scales.add(group * R + r);
                for (lane, total) in totals.iter().enumerate() {
                    let scale = f16::from_bits(scales[lane]).to_f32() * own;
                    let sum = &mut sums[r][0][lane];
                    *sum = fused(*total as f32, scale, *sum);
                }
            }
        }
        end::<Portable, R, 1>(piece, sums);
    }
}

fn portable_kernels<const FOUR: bool>() -> Kernels {
    fn select<const FOUR: bool>(rows: usize, panels: usize) -> Option<Kernel> {
        instance!(rows, panels, self::portable, FOUR, [1 x 1, 2 x 1, 3 x 1, 4 x 1])
    }
    Kernels {
        packing: Packing::Bytes,
        rows: 4,
        kernel: select::<FOUR>,
        panels: |_| 1,
        block: 32,
        rows_cache: ROWS_CACHE,
        rest: || {},
        unpack: None,
    }
}

#[cfg(target_arch = "x86_64")]
fn avx2_kernels(four: bool) -> Kernels {
    fn eights(rows: usize, panels: usize) -> Option<Kernel> {
        instance!(rows, panels, self::avx2::eight, [1 x 1, 2 x 1, 3 x 1, 4 x 1])
    }
    fn fours(rows: usize, panels: usize) -> Option<Kernel> {
        instance!(rows, panels, self::avx2::four, [1 x 1, 2 x 1, 3 x 1, 4 x 1])
    }
    Kernels {
        packing: if four { Packing::Bytes } else { Packing::Words },
        rows: 4,
        kernel: if four { fours } else { eights },
        panels: |_| 1,
        block: if four { 64 } else { 32 },
        rows_cache: ROWS_CACHE,
        rest: || {},
        unpack: None,
    }
}

#[cfg(target_arch = "x86_64")]
fn vnni_kernels<const FOUR: bool>() -> Kernels {
    fn select<const FOUR: bool>(rows: usize, panels: usize) -> Option<Kernel> {
        instance!(rows, panels, self::vnni::tile, FOUR, [
            1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 1 x 2, 2 x 2, 3 x 2, 4 x 2, 5 x 2, 6 x 2,
        ])
    }
    Kernels {
        packing: Packing::Bytes,
        rows: 6,
        kernel: select::<FOUR>,
        panels: |_| 2,
        block: if FOUR { 64 } else { 32 },
        rows_cache: ROWS_CACHE,
        rest: || {},
        unpack: None,
    }
}

/// From so many rows on tiles are quicker than vectors: weights are written out for them first.
#[cfg(target_arch = "x86_64")]
const ROWS_FOR_TILES: usize = 33;

#[cfg(target_arch = "x86_64")]
fn tile_kernels(four: bool) -> Kernels {
    fn select(rows: usize, panels: usize) -> Option<Kernel> {
        instance!(rows, panels, self::tiles::tile, [
            1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 7 x 1, 8 x 1, 9 x 1, 10 x 1, 11 x 1, 12 x 1,
            1 x 2, 2 x 2, 3 x 2, 4 x 2, 5 x 2, 6 x 2, 7 x 2, 8 x 2, 9 x 2, 10 x 2, 11 x 2, 12 x 2,
        ])
    }
    Kernels {
        packing: Packing::Bytes,
        rows: 12,
        kernel: select,
        panels: |_| 2,
        block: 32,
        rows_cache: 1 << 20,
        rest: super::tiles::release,
        unpack: Some(if four { tiles::fours } else { tiles::eights }),
    }
}

/// The kernels for an integer format and so many rows.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "few processors have more than one kind")
)]
pub(super) fn kernels(format: Format, level: Level, rows: usize) -> Kernels {
    let four = format == Format::Int4;
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if level.tiles() && rows >= ROWS_FOR_TILES => tile_kernels(four),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if level.vnni() && four => vnni_kernels::<true>(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if level.vnni() => vnni_kernels::<false>(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => avx2_kernels(four),
        _ if four => portable_kernels::<true>(),
        _ => portable_kernels::<false>(),
    }
}

/// All tables for a format that this kind of processor can have, this one or not.
#[cfg(test)]
pub(super) fn every() -> Vec<Kernels> {
    vec![
        portable_kernels::<false>(),
        portable_kernels::<true>(),
        #[cfg(target_arch = "x86_64")]
        avx2_kernels(false),
        #[cfg(target_arch = "x86_64")]
        avx2_kernels(true),
        #[cfg(target_arch = "x86_64")]
        vnni_kernels::<false>(),
        #[cfg(target_arch = "x86_64")]
        vnni_kernels::<true>(),
        #[cfg(target_arch = "x86_64")]
        tile_kernels(false),
        #[cfg(target_arch = "x86_64")]
        tile_kernels(true),
    ]
}
