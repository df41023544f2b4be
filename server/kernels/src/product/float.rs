//! Kernels for the float formats.
//!
//! Each output is one chain of fused additions over the columns in their order, whatever else the kernel does beside it.
//! So the number is the same for any number of rows, and for all processors that fuse.

#![expect(
    unsafe_code,
    reason = "kernels over raw pieces; the sweep that makes the pieces keeps them within their slices"
)]

use super::{
    lanes::{Lanes, Portable},
    piece::{Kernel, Kernels, Packing, Piece, ROWS_CACHE, Select},
};
use crate::{
    format::Format,
    level::{Isa, Level},
};

/// How far ahead a kernel that reads from memory asks for lines.
pub(super) const AHEAD: usize = 1024;

/// A stored float format.
trait Source {
    /// Bytes of four columns of a panel.
    const FOUR: usize;

    /// Of four columns of a panel the one numbered `at`.
    ///
    /// # Safety
    ///
    /// As [`Lanes`]; the pointer reaches [`Source::FOUR`] bytes.
    unsafe fn column<L: Lanes>(from: *const u8, at: usize) -> L::V;
}

struct Singles;
struct Brains;
struct Halves;

impl Source for Singles {
    const FOUR: usize = 256;

    #[inline(always)]
    unsafe fn column<L: Lanes>(from: *const u8, at: usize) -> L::V {
        // SAFETY: the trait's.
        unsafe { L::load(from.add(at * 64).cast()) }
    }
}

impl Source for Brains {
    const FOUR: usize = 128;

    #[inline(always)]
    unsafe fn column<L: Lanes>(from: *const u8, at: usize) -> L::V {
        // SAFETY: the trait's.
        unsafe {
            let pairs = from.add(at / 2 * 64);
            if at.is_multiple_of(2) {
                L::early(pairs)
            } else {
                L::late(pairs)
            }
        }
    }
}

impl Source for Halves {
    const FOUR: usize = 128;

    #[inline(always)]
    unsafe fn column<L: Lanes>(from: *const u8, at: usize) -> L::V {
        // SAFETY: the trait's.
        unsafe { L::f16(from.add(at * 32)) }
    }
}

/// Asks for a line. The address may be anywhere.
#[inline(always)]
pub(super) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// What the sums of a piece begin with.
#[inline(always)]
pub(super) unsafe fn begin<L: Lanes, const R: usize, const P: usize>(
    piece: &Piece,
) -> [[L::V; P]; R] {
    // SAFETY: what a piece goes on from reaches whole panels in each of its rows.
    unsafe {
        let mut sums = [[L::zero(); P]; R];
        if !piece.from.is_null() {
            for r in 0..R {
                for p in 0..P {
                    sums[r][p] = L::load(piece.from.add(r * piece.from_stride + p * 16));
                }
            }
        }
        sums
    }
}

/// Adds the bias where the sums end, and writes them.
///
/// The sums are touched by loops so small that the compiler unrolls them early: else it keeps them in memory all along.
#[inline(always)]
pub(super) unsafe fn end<L: Lanes, const R: usize, const P: usize>(
    piece: &Piece,
    mut sums: [[L::V; P]; R],
) {
    let whole = piece.valid >= P * 16;
    let mut edge = [[[0.0_f32; 16]; P]; R];
    // SAFETY: a piece's outputs and bias reach `valid` numbers in each of its rows.
    unsafe {
        if piece.last && !piece.bias.is_null() {
            let mut bias = piece.bias;
            if !whole {
                let numbers = edge[0].as_flattened_mut();
                std::ptr::copy_nonoverlapping(bias, numbers.as_mut_ptr(), piece.valid);
                bias = numbers.as_ptr();
            }
            for p in 0..P {
                let bias = L::load(bias.add(p * 16));
                for r in 0..R {
                    sums[r][p] = L::add(sums[r][p], bias);
                }
            }
        }
        if whole {
            for r in 0..R {
                for p in 0..P {
                    L::store(piece.out.add(r * piece.out_stride + p * 16), sums[r][p]);
                }
            }
        } else {
            for r in 0..R {
                for p in 0..P {
                    L::store(edge[r][p].as_mut_ptr(), sums[r][p]);
                }
            }
            for (r, edge) in edge.iter().enumerate() {
                let out = piece.out.add(r * piece.out_stride);
                std::ptr::copy_nonoverlapping(edge.as_flattened().as_ptr(), out, piece.valid);
            }
        }
    }
}

/// `R` rows times `P` panels.
#[inline(always)]
unsafe fn tile<L: Lanes, S: Source, const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<L, R, P>(piece);
        let mut x = piece.x.cast::<f32>();
        let mut w = piece.w;
        let mut ahead = piece.ahead;
        for _ in 0..piece.groups {
            for _ in 0..8 {
                if P * R <= 8 {
                    for p in 0..P {
                        let at = w.wrapping_add(p * piece.w_stride + AHEAD);
                        (0..S::FOUR / 64).for_each(|line| prefetch(at.wrapping_add(line * 64)));
                    }
                }
                for at in 0..4 {
                    let mut column = [L::zero(); P];
                    for (p, column) in column.iter_mut().enumerate() {
                        *column = S::column::<L>(w.add(p * piece.w_stride), at);
                    }
                    for r in 0..R {
                        let one = L::splat(x.add(r * 4 + at));
                        for p in 0..P {
                            sums[r][p] = L::fma(sums[r][p], column[p], one);
                        }
                    }
                }
                x = x.add(4 * R);
                w = w.add(S::FOUR);
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * 64));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * 64);
        }
        end::<L, R, P>(piece, sums);
    }
}

/// Calls a closure, so that its argument's type is known.
fn choice<T>(of: Format, choose: impl Fn(Format) -> T) -> T {
    choose(of)
}

/// The instance of a kernel for a number of rows and panels.
macro_rules! instance {
    ($rows:expr, $panels:expr, $kernel:path, [$($r:literal x $p:literal),* $(,)?]) => {
        match ($rows, $panels) {
            $(($r, $p) => { use $kernel as kernel; Some(kernel::<$r, $p> as $crate::product::piece::Kernel) })*
            _ => None,
        }
    };
    ($rows:expr, $panels:expr, $kernel:path, $generic:ident, [$($r:literal x $p:literal),* $(,)?]) => {
        match ($rows, $panels) {
            $(($r, $p) => {
                use $kernel as kernel;
                Some(kernel::<$generic, $r, $p> as $crate::product::piece::Kernel)
            })*
            _ => None,
        }
    };
}
pub(super) use instance;

/// Wraps the kernels for one family of instructions, so that they are compiled with them.
macro_rules! family {
    ($module:ident, $lanes:ty, $rows:expr, $panels:expr, [$($r:literal x $p:literal),* $(,)?] $(, $features:literal)?) => {
        mod $module {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn kernel<S: Source, const R: usize, const P: usize>(piece: &Piece) {
                // SAFETY: the caller's, by the contract of `Kernel`.
                unsafe { tile::<$lanes, S, R, P>(piece) }
            }

            fn select<S: Source>(rows: usize, panels: usize) -> Option<Kernel> {
                instance!(rows, panels, self::kernel, S, [$($r x $p),*])
            }

            pub(super) fn kernels(format: Format) -> Kernels {
                let (kernel, block): (Select, _) = match format {
                    Format::Bf16 => (select::<Brains>, 16),
                    Format::F16 => (select::<Halves>, 16),
                    _ => (select::<Singles>, 8),
                };
                Kernels {
                    packing: Packing::Floats,
                    rows: choice(format, $rows),
                    kernel,
                    panels: $panels,
                    block,
                    rows_cache: ROWS_CACHE,
                    rest: || {},
                    unpack: None,
                }
            }
        }
    };
}

family!(portable, Portable, |_| 4, |_| 1, [1 x 1, 2 x 1, 3 x 1, 4 x 1]);

#[cfg(target_arch = "aarch64")]
family!(
    neon,
    super::super::lanes::Neon,
    |_| 6,
    |rows| if rows <= 2 { 2 } else { 1 },
    [1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 1 x 2, 2 x 2]
);

#[cfg(target_arch = "x86_64")]
family!(
    avx2,
    super::super::x86::Avx2,
    // Six rows and what is being turned to `f32` are more than sixteen registers.
    |format| if format == Format::F32 { 6 } else { 5 },
    |rows| if rows <= 2 { 2 } else { 1 },
    [1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 1 x 2, 2 x 2],
    "avx2,fma,f16c"
);

#[cfg(target_arch = "x86_64")]
family!(
    avx512,
    super::super::x86::Avx512,
    |_| 8,
    |_| 3,
    [
        1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 7 x 1, 8 x 1,
        1 x 3, 2 x 3, 3 x 3, 4 x 3, 5 x 3, 6 x 3, 7 x 3, 8 x 3,
    ],
    "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"
);

/// The kernels for a float format.
pub(super) fn kernels(format: Format, level: Level) -> Kernels {
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => avx2::kernels(format),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => avx512::kernels(format),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::kernels(format),
        _ => portable::kernels(format),
    }
}

/// All tables for a format that this kind of processor can have, this one or not.
#[cfg(test)]
pub(super) fn every(format: Format) -> Vec<Kernels> {
    vec![
        portable::kernels(format),
        #[cfg(target_arch = "x86_64")]
        avx2::kernels(format),
        #[cfg(target_arch = "x86_64")]
        avx512::kernels(format),
        #[cfg(target_arch = "aarch64")]
        neon::kernels(format),
    ]
}
