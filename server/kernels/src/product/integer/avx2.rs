//! The integer formats with vectors of 256 bits.

#![expect(
    unsafe_code,
    reason = "instructions of one processor; the table of kernels hands them out by `Level`, which proves that it has them"
)]

use std::arch::x86_64::*;

use crate::product::{
    float::{AHEAD, begin, end, prefetch},
    piece::Piece,
    x86::Avx2,
};

/// Adds the integer sums of a group to the sums of its rows, which lie in memory: the registers are full.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_group<const R: usize, const P: usize>(
    piece: &Piece,
    group: usize,
    totals: &[[[__m256i; 2]; P]; R],
    sums: *mut [[[__m256; 2]; P]; R],
) {
    // SAFETY: a piece's scales reach as far as its panels, rows and groups.
    unsafe {
        for p in 0..P {
            let scales = piece.w_scales.add(p * piece.s_stride + group * 32);
            let low = _mm256_cvtph_ps(_mm_loadu_si128(scales.cast()));
            let high = _mm256_cvtph_ps(_mm_loadu_si128(scales.add(16).cast()));
            for r in 0..R {
                let own = _mm256_broadcast_ss(&*piece.x_scales.add(group * R + r));
                for (v, scale) in [low, high].into_iter().enumerate() {
                    (*sums)[r][p][v] = _mm256_fmadd_ps(
                        _mm256_cvtepi32_ps(totals[r][p][v]),
                        _mm256_mul_ps(scale, own),
                        (*sums)[r][p][v],
                    );
                }
            }
        }
    }
}

/// The same, where the compiler does not see that it could be kept in registers.
#[inline(always)]
fn hidden<T>(value: &mut T) -> *mut T {
    let mut address: *mut T = value;
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) address, options(nostack, preserves_flags));
    }
    address
}

/// Eight bits: even and odd columns become words, pairs of which are multiplied and added exactly.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn eight<const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<Avx2, R, P>(piece);
        let low = _mm256_set1_epi16(0xff);
        let mut ahead = piece.ahead;
        let mut w = piece.w;
        let mut x = piece.x.cast::<i32>();
        for group in 0..piece.groups {
            let mut totals = [[[_mm256_setzero_si256(); 2]; P]; R];
            for (r, totals) in totals.iter_mut().enumerate() {
                *totals = [[_mm256_set1_epi32(*piece.x_offsets.add(group * R + r)); 2]; P];
            }
            for line in 0..piece.lines {
                let mut even = [[_mm256_setzero_si256(); 2]; P];
                let mut odd = [[_mm256_setzero_si256(); 2]; P];
                for p in 0..P {
                    let w = w.add(p * piece.w_stride);
                    if P * R <= 4 {
                        prefetch(w.wrapping_add(AHEAD));
                    }
                    for v in 0..2 {
                        let bytes = _mm256_loadu_si256(w.add(v * 32).cast());
                        even[p][v] = _mm256_and_si256(bytes, low);
                        odd[p][v] = _mm256_srli_epi16::<8>(bytes);
                    }
                }
                for r in 0..R {
                    let x = x.add(r * 16 + line * 2);
                    let one = _mm256_set1_epi32(x.read_unaligned());
                    for p in 0..P {
                        for v in 0..2 {
                            let pairs = _mm256_madd_epi16(even[p][v], one);
                            totals[r][p][v] = _mm256_add_epi32(totals[r][p][v], pairs);
                        }
                    }
                    let one = _mm256_set1_epi32(x.add(1).read_unaligned());
                    for p in 0..P {
                        for v in 0..2 {
                            let pairs = _mm256_madd_epi16(odd[p][v], one);
                            totals[r][p][v] = _mm256_add_epi32(totals[r][p][v], pairs);
                        }
                    }
                }
                w = w.add(64);
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * 64));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * 64);
            x = x.add(R * 16);
            add_group(piece, group, &totals, hidden(&mut sums));
        }
        end::<Avx2, R, P>(piece, sums);
    }
}

/// Four bits: products of pairs fit 16 bits, and so do the sums of all eight pairs a lane has in a group
/// (8 * 2 * 15 * 127 = 30,480).
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn four<const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups.
    unsafe {
        let mut sums = begin::<Avx2, R, P>(piece);
        let low = _mm256_set1_epi8(15);
        let ones = _mm256_set1_epi16(1);
        let mut ahead = piece.ahead;
        let mut w = piece.w;
        let mut x = piece.x.cast::<i32>();
        for group in 0..piece.groups {
            let mut words = [[[_mm256_setzero_si256(); 2]; P]; R];
            for line in 0..piece.lines {
                let mut early = [[_mm256_setzero_si256(); 2]; P];
                let mut late = [[_mm256_setzero_si256(); 2]; P];
                for p in 0..P {
                    let w = w.add(p * piece.w_stride);
                    if P * R <= 4 {
                        prefetch(w.wrapping_add(AHEAD));
                    }
                    for v in 0..2 {
                        let bytes = _mm256_loadu_si256(w.add(v * 32).cast());
                        early[p][v] = _mm256_and_si256(bytes, low);
                        late[p][v] = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low);
                    }
                }
                for r in 0..R {
                    let x = x.add(r * 8 + line * 2);
                    let one = _mm256_set1_epi32(x.read_unaligned());
                    for p in 0..P {
                        for v in 0..2 {
                            let pairs = _mm256_maddubs_epi16(early[p][v], one);
                            words[r][p][v] = _mm256_add_epi16(words[r][p][v], pairs);
                        }
                    }
                    let one = _mm256_set1_epi32(x.add(1).read_unaligned());
                    for p in 0..P {
                        for v in 0..2 {
                            let pairs = _mm256_maddubs_epi16(late[p][v], one);
                            words[r][p][v] = _mm256_add_epi16(words[r][p][v], pairs);
                        }
                    }
                }
                w = w.add(64);
            }
            for line in 0..piece.ahead_lines {
                prefetch(ahead.wrapping_add(line * 64));
            }
            ahead = ahead.wrapping_add(piece.ahead_lines * 64);
            x = x.add(R * 8);
            for (r, words) in words.iter_mut().enumerate() {
                let offset = _mm256_set1_epi32(*piece.x_offsets.add(group * R + r));
                for words in words.as_flattened_mut() {
                    *words = _mm256_add_epi32(_mm256_madd_epi16(*words, ones), offset);
                }
            }
            add_group(piece, group, &words, hidden(&mut sums));
        }
        end::<Avx2, R, P>(piece, sums);
    }
}
