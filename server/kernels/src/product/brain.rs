//! `bf16` weights times rows rounded to `bf16`, for processors that multiply and add pairs of them.
//!
//! Twice the speed of `f32`, with the sums still in `f32`. The rounding of the rows is what every tensor library does when
//! a model runs in `bf16`.

#![expect(
    unsafe_code,
    reason = "kernels over raw pieces; the sweep that makes the pieces keeps them within their slices"
)]

use std::arch::x86_64::*;

use super::{
    float::{AHEAD, begin, end, instance, prefetch},
    piece::{Kernel, Kernels, Packing, Piece, ROWS_CACHE},
    x86::Avx512,
};

/// `R` rows times `P` panels.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
unsafe fn tile<const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<Avx512, R, P>(piece);
        let mut x = piece.x.cast::<i32>();
        let mut w = piece.w;
        let mut ahead = piece.ahead;
        for _ in 0..piece.groups {
            for _ in 0..8 {
                for pair in 0..2 {
                    let mut pairs = [_mm512_setzero_si512(); P];
                    for (p, pairs) in pairs.iter_mut().enumerate() {
                        let at = w.add(p * piece.w_stride + pair * 64);
                        if P * R <= 8 {
                            prefetch(at.wrapping_add(AHEAD));
                        }
                        *pairs = _mm512_loadu_si512(at.cast());
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let one = _mm512_set1_epi32(x.add(r * 2 + pair).read_unaligned());
                        for (sum, pairs) in sums.iter_mut().zip(pairs) {
                            *sum = _mm512_dpbf16_ps(*sum, brains(pairs), brains(one));
                        }
                    }
                }
                x = x.add(2 * R);
                w = w.add(128);
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * 64));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * 64);
        }
        end::<Avx512, R, P>(piece, sums);
    }
}

/// The same bits as pairs of `bf16`.
#[inline]
#[target_feature(enable = "avx512f")]
fn brains(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 plain bits.
    unsafe { std::mem::transmute(bits) }
}

fn select(rows: usize, panels: usize) -> Option<Kernel> {
    instance!(rows, panels, self::tile, [
        1 x 1, 2 x 1, 3 x 1, 4 x 1, 5 x 1, 6 x 1, 7 x 1, 8 x 1,
        1 x 3, 2 x 3, 3 x 3, 4 x 3, 5 x 3, 6 x 3, 7 x 3, 8 x 3,
    ])
}

/// The kernels for `bf16`.
pub(super) fn kernels() -> Kernels {
    Kernels {
        packing: Packing::Halves,
        rows: 8,
        kernel: select,
        panels: |_| 3,
        block: 16,
        rows_cache: ROWS_CACHE,
        rest: || {},
        unpack: None,
    }
}
