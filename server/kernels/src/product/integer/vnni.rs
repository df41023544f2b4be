//! The integer formats where four products and their sum are one instruction.

#![expect(
    unsafe_code,
    reason = "instructions of one processor; the table of kernels hands them out by `Level`, which proves that it has them"
)]

use std::arch::x86_64::*;

use crate::product::{
    float::{AHEAD, begin, end, prefetch},
    piece::Piece,
    x86::Avx512,
};

/// Four products and their sum are one instruction.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn tile<const FOUR: bool, const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<Avx512, R, P>(piece);
        let low = _mm512_set1_epi8(15);
        let mut ahead = piece.ahead;
        for group in 0..piece.groups {
            let mut totals = [[_mm512_setzero_si512(); P]; R];
            for (r, totals) in totals.iter_mut().enumerate() {
                *totals = [_mm512_set1_epi32(*piece.x_offsets.add(group * R + r)); P];
            }
            let x = piece.x.add(group * R * 32).cast::<i32>();
            for line in 0..piece.lines {
                for p in 0..P {
                    let w = piece
                        .w
                        .add(p * piece.w_stride + (group * piece.lines + line) * 64);
                    if P * R <= 4 {
                        prefetch(w.wrapping_add(AHEAD));
                    }
                    let bytes = _mm512_loadu_si512(w.cast());
                    if FOUR {
                        let early = _mm512_and_si512(bytes, low);
                        let late = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low);
                        for r in 0..R {
                            let x = x.add(r * 8 + line * 2);
                            let first = _mm512_set1_epi32(x.read_unaligned());
                            let second = _mm512_set1_epi32(x.add(1).read_unaligned());
                            let total = _mm512_dpbusd_epi32(totals[r][p], early, first);
                            totals[r][p] = _mm512_dpbusd_epi32(total, late, second);
                        }
                    } else {
                        for r in 0..R {
                            let x = _mm512_set1_epi32(x.add(r * 8 + line).read_unaligned());
                            totals[r][p] = _mm512_dpbusd_epi32(totals[r][p], bytes, x);
                        }
                    }
                }
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * 64));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * 64);
            for p in 0..P {
                let scales = piece.w_scales.add(p * piece.s_stride + group * 32);
                let scale = _mm512_cvtph_ps(_mm256_loadu_si256(scales.cast()));
                for r in 0..R {
                    let own = _mm512_set1_ps(*piece.x_scales.add(group * R + r));
                    sums[r][p] = _mm512_fmadd_ps(
                        _mm512_cvtepi32_ps(totals[r][p]),
                        _mm512_mul_ps(scale, own),
                        sums[r][p],
                    );
                }
            }
        }
        end::<Avx512, R, P>(piece, sums);
    }
}
