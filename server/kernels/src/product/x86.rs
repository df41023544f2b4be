//! The vectors of x86-64.

#![expect(
    unsafe_code,
    reason = "instructions of one processor; the table of kernels hands them out by `Level`, which proves that it has them"
)]

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// Two vectors of eight.
pub(super) struct Avx2;

impl Lanes for Avx2 {
    type V = [__m256; 2];
    type X = __m256;

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        // SAFETY: the trait's: the processor has the instructions.
        unsafe { [_mm256_setzero_ps(); 2] }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches 16 numbers.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(into: *mut f32, v: Self::V) {
        // SAFETY: the trait's, and the pointer reaches 16 numbers.
        unsafe {
            _mm256_storeu_ps(into, v[0]);
            _mm256_storeu_ps(into.add(8), v[1]);
        }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self::X {
        // SAFETY: the trait's, and the pointer reaches a number.
        unsafe { _mm256_broadcast_ss(&*from) }
    }

    #[inline(always)]
    unsafe fn fma(sum: Self::V, w: Self::V, x: Self::X) -> Self::V {
        // SAFETY: the trait's.
        unsafe {
            [
                _mm256_fmadd_ps(w[0], x, sum[0]),
                _mm256_fmadd_ps(w[1], x, sum[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: the trait's.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn early(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches a line.
        unsafe {
            let first = _mm256_loadu_si256(from.cast());
            let second = _mm256_loadu_si256(from.add(32).cast());
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(first)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(second)),
            ]
        }
    }

    #[expect(
        clippy::pointers_in_nomem_asm_block,
        reason = "the block has no instruction, it only hides where the pointer came from"
    )]
    #[inline(always)]
    unsafe fn late(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches a line.
        unsafe {
            let mask = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            // Reading the line again is free; keeping it from the first time takes two registers, and with five rows
            // there are none left. So the compiler must not see that it is the same line.
            let mut again = from;
            std::arch::asm!("/* {0} */", inout(reg) again, options(nomem, nostack, preserves_flags));
            let first = _mm256_loadu_si256(again.cast());
            let second = _mm256_loadu_si256(again.add(32).cast());
            [
                _mm256_castsi256_ps(_mm256_and_si256(first, mask)),
                _mm256_castsi256_ps(_mm256_and_si256(second, mask)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn f16(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches 16 halves.
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(16).cast())),
            ]
        }
    }
}

/// One vector of sixteen.
pub(super) struct Avx512;

impl Lanes for Avx512 {
    type V = __m512;
    type X = __m512;

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        // SAFETY: the trait's: the processor has the instructions.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches 16 numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(into: *mut f32, v: Self::V) {
        // SAFETY: the trait's, and the pointer reaches 16 numbers.
        unsafe { _mm512_storeu_ps(into, v) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self::X {
        // SAFETY: the trait's, and the pointer reaches a number.
        unsafe { _mm512_set1_ps(*from) }
    }

    #[inline(always)]
    unsafe fn fma(sum: Self::V, w: Self::V, x: Self::X) -> Self::V {
        // SAFETY: the trait's.
        unsafe { _mm512_fmadd_ps(w, x, sum) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: the trait's.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn early(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches a line.
        unsafe {
            let pairs = _mm512_loadu_si512(from.cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs))
        }
    }

    #[inline(always)]
    unsafe fn late(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches a line.
        unsafe {
            let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let pairs = _mm512_loadu_si512(from.cast());
            _mm512_castsi512_ps(_mm512_and_si512(pairs, mask))
        }
    }

    #[inline(always)]
    unsafe fn f16(from: *const u8) -> Self::V {
        // SAFETY: the trait's, and the pointer reaches 16 halves.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
}
