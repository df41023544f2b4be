//! The integer formats where a processor multiplies tiles of bytes (AMX).
//!
//! A group of 32 columns of some rows times a panel is one instruction; what it gives is written out, to become numbers
//! and to be scaled by vectors. That is done two groups later, so that neither waits for the other. The instructions are
//! in Intel's manual, volume 2, under `TDPBSSD`.

#![expect(
    unsafe_code,
    reason = "instructions of one processor; the table of kernels hands them out by `Level`, which proves that it has them"
)]

use std::{
    arch::{asm, x86_64::*},
    mem::MaybeUninit,
};

use crate::product::{
    float::{begin, end, prefetch},
    piece::{Piece, UNPACKED},
    tiles::{Shaped, claim, configure},
    x86::Avx512,
};

/// Groups from a product to its scaling.
const BEHIND: usize = 2;
/// Places for products, a power of two above that.
const PLACES: usize = 4;

/// Integers of a group: outputs of rows.
#[repr(C, align(64))]
struct Totals([[i32; 16]; 16]);

/// Multiplies a group of rows, in a tile, with one of a panel and writes the integers.
macro_rules! multiply {
    ($sums:literal, $rows:literal, $weights:literal, $w:expr, $totals:expr) => {
        asm!(
            concat!("tilezero tmm", $sums),
            concat!("tileloadd tmm", $weights, ", [{w} + {line}*1]"),
            concat!("tdpbssd tmm", $sums, ", tmm", $rows, ", tmm", $weights),
            concat!("tilestored [{totals} + {line}*1], tmm", $sums),
            w = in(reg) $w,
            totals = in(reg) $totals,
            line = in(reg) 64_usize,
            options(nostack, preserves_flags)
        )
    };
}

/// `R` rows times `P` panels, whose bytes were written out.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn tile<const R: usize, const P: usize>(piece: &Piece) {
    // SAFETY: a piece's pointers reach as far as its rows, panels and groups; the compiler uses no tiles.
    unsafe {
        configure(Shaped::Bytes(R));
        let mut sums = begin::<Avx512, R, P>(piece);
        let mut places = MaybeUninit::<[[Totals; P]; PLACES]>::uninit();
        let places = places.as_mut_ptr().cast::<Totals>();
        let mut ahead = piece.ahead;
        // Lines of sums are asked for while they are made, some rows with each group.
        let claims = R.div_ceil(piece.groups);
        let mut claimed = 0;
        for group in 0..piece.groups + BEHIND {
            if group < piece.groups {
                let x = piece.x.add(group * R * 32);
                let w = piece.w.add(group * UNPACKED);
                let totals = places.add(group % PLACES * P);
                asm!(
                    "tileloadd tmm4, [{x} + {line}*1]",
                    x = in(reg) x,
                    line = in(reg) 32_usize,
                    options(nostack, preserves_flags, readonly)
                );
                multiply!(0, 4, 6, w, totals);
                if P > 1 {
                    multiply!(1, 4, 7, w.add(piece.w_stride), totals.add(1));
                }
                for _ in 0..claims {
                    if claimed < R {
                        claim(piece.out.wrapping_add(claimed * piece.out_stride), P);
                        claimed += 1;
                    }
                }
                for line in 0..piece.ahead_lines {
                    prefetch(ahead.wrapping_add(line * 64));
                }
                ahead = ahead.wrapping_add(piece.ahead_lines * 64);
            }
            if group >= BEHIND {
                let group = group - BEHIND;
                let totals = places.add(group % PLACES * P);
                let mut scales = [_mm512_setzero_ps(); P];
                for p in 0..P {
                    let scale = piece.w_scales.add(p * piece.s_stride + group * 32);
                    scales[p] = _mm512_cvtph_ps(_mm256_loadu_si256(scale.cast()));
                }
                for r in 0..R {
                    let own = _mm512_set1_ps(*piece.x_scales.add(group * R + r));
                    for p in 0..P {
                        let total = totals.add(p).cast::<i32>().add(r * 16);
                        sums[r][p] = _mm512_fmadd_ps(
                            _mm512_cvtepi32_ps(_mm512_load_si512(total.cast())),
                            _mm512_mul_ps(scales[p], own),
                            sums[r][p],
                        );
                    }
                }
            }
        }
        end::<Avx512, R, P>(piece, sums);
    }
}

/// Writes bytes around 128 out as such around 0.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn eights(from: *const u8, groups: usize, into: *mut u8) {
    // SAFETY: the caller's: as many bytes are read as are written.
    unsafe {
        let middle = _mm512_set1_epi8(i8::MIN);
        for at in (0..groups * UNPACKED).step_by(64) {
            let bytes = _mm512_loadu_si512(from.add(at).cast());
            _mm512_storeu_si512(into.add(at).cast(), _mm512_xor_si512(bytes, middle));
        }
    }
}

/// Writes halves of bytes around 8 out as bytes around 0.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn fours(from: *const u8, groups: usize, into: *mut u8) {
    // SAFETY: the caller's: twice as many bytes are written as are read.
    unsafe {
        let low = _mm512_set1_epi8(15);
        let middle = _mm512_set1_epi8(8);
        for at in (0..groups * UNPACKED / 2).step_by(64) {
            let bytes = _mm512_loadu_si512(from.add(at).cast());
            let early = _mm512_and_si512(bytes, low);
            let late = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low);
            let into = into.add(at * 2);
            _mm512_storeu_si512(into.cast(), _mm512_sub_epi8(early, middle));
            _mm512_storeu_si512(into.add(64).cast(), _mm512_sub_epi8(late, middle));
        }
    }
}
