//! Sixteen numbers side by side, in the vectors of one processor.

#![expect(
    unsafe_code,
    reason = "the vectors are read and written through pointers whose reach the sweep has checked"
)]

use half::{bf16, f16};

/// Sixteen `f32` and what kernels do with them.
///
/// # Safety
///
/// Everything here may run on processors that have the implementor's instructions only; pointers must reach as far as
/// each function says.
pub(super) trait Lanes {
    /// Sixteen numbers.
    type V: Copy;
    /// One number for all lanes.
    type X: Copy;

    unsafe fn zero() -> Self::V;
    /// Reads 16 numbers.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Writes 16 numbers.
    unsafe fn store(into: *mut f32, v: Self::V);
    /// Reads one number for all lanes.
    unsafe fn splat(from: *const f32) -> Self::X;
    /// `sum + w * x`, rounded once where the processor can.
    unsafe fn fma(sum: Self::V, w: Self::V, x: Self::X) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// Reads a line of 16 pairs of `bf16`: the earlier of each.
    unsafe fn early(from: *const u8) -> Self::V;
    /// The later of each.
    unsafe fn late(from: *const u8) -> Self::V;
    /// Reads 16 `f16`.
    unsafe fn f16(from: *const u8) -> Self::V;
}

/// Plain arrays, which the compiler vectorises with what it may assume.
pub(super) struct Portable;

impl Lanes for Portable {
    type V = [f32; 16];
    type X = f32;

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [0.0; 16]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller's pointer reaches 16 numbers.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(into: *mut f32, v: Self::V) {
        // SAFETY: the caller's pointer reaches 16 numbers.
        unsafe { into.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self::X {
        // SAFETY: the caller's pointer reaches a number.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn fma(mut sum: Self::V, w: Self::V, x: Self::X) -> Self::V {
        for lane in 0..16 {
            sum[lane] = fused(w[lane], x, sum[lane]);
        }
        sum
    }

    #[inline(always)]
    unsafe fn add(mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..16 {
            a[lane] += b[lane];
        }
        a
    }

    #[inline(always)]
    unsafe fn early(from: *const u8) -> Self::V {
        // SAFETY: the caller's pointer reaches a line.
        let pairs = unsafe { from.cast::<[[u16; 2]; 16]>().read_unaligned() };
        let mut numbers = [0.0; 16];
        for lane in 0..16 {
            numbers[lane] = bf16::from_bits(pairs[lane][0]).to_f32();
        }
        numbers
    }

    #[inline(always)]
    unsafe fn late(from: *const u8) -> Self::V {
        // SAFETY: the caller's pointer reaches a line.
        let pairs = unsafe { from.cast::<[[u16; 2]; 16]>().read_unaligned() };
        let mut numbers = [0.0; 16];
        for lane in 0..16 {
            numbers[lane] = bf16::from_bits(pairs[lane][1]).to_f32();
        }
        numbers
    }

    #[inline(always)]
    unsafe fn f16(from: *const u8) -> Self::V {
        // SAFETY: the caller's pointer reaches 16 halves.
        let halves = unsafe { from.cast::<[u16; 16]>().read_unaligned() };
        let mut numbers = [0.0; 16];
        for lane in 0..16 {
            numbers[lane] = f16::from_bits(halves[lane]).to_f32();
        }
        numbers
    }
}

/// `a * b + c`, rounded once where every processor of the kind does that in one instruction.
#[inline(always)]
pub(super) fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// The vectors every 64-bit ARM has.
#[cfg(target_arch = "aarch64")]
pub(super) struct Neon;

#[cfg(target_arch = "aarch64")]
impl Lanes for Neon {
    type V = [core::arch::aarch64::float32x4_t; 4];
    type X = f32;

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [core::arch::aarch64::vdupq_n_f32(0.0); 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        let mut v = [core::arch::aarch64::vdupq_n_f32(0.0); 4];
        for (part, v) in v.iter_mut().enumerate() {
            // SAFETY: the caller's pointer reaches 16 numbers.
            *v = unsafe { core::arch::aarch64::vld1q_f32(from.add(part * 4)) };
        }
        v
    }

    #[inline(always)]
    unsafe fn store(into: *mut f32, v: Self::V) {
        for (part, v) in v.into_iter().enumerate() {
            // SAFETY: the caller's pointer reaches 16 numbers.
            unsafe { core::arch::aarch64::vst1q_f32(into.add(part * 4), v) };
        }
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self::X {
        // SAFETY: the caller's pointer reaches a number.
        unsafe { *from }
    }

    #[inline(always)]
    unsafe fn fma(mut sum: Self::V, w: Self::V, x: Self::X) -> Self::V {
        for part in 0..4 {
            sum[part] = core::arch::aarch64::vfmaq_n_f32(sum[part], w[part], x);
        }
        sum
    }

    #[inline(always)]
    unsafe fn add(mut a: Self::V, b: Self::V) -> Self::V {
        for part in 0..4 {
            a[part] = core::arch::aarch64::vaddq_f32(a[part], b[part]);
        }
        a
    }

    #[inline(always)]
    unsafe fn early(from: *const u8) -> Self::V {
        use core::arch::aarch64::{vdupq_n_f32, vld1q_u32, vreinterpretq_f32_u32, vshlq_n_u32};
        let mut v = [vdupq_n_f32(0.0); 4];
        for (part, v) in v.iter_mut().enumerate() {
            // SAFETY: the caller's pointer reaches a line.
            let pairs = unsafe { vld1q_u32(from.cast::<u32>().add(part * 4)) };
            *v = vreinterpretq_f32_u32(vshlq_n_u32::<16>(pairs));
        }
        v
    }

    #[inline(always)]
    unsafe fn late(from: *const u8) -> Self::V {
        use core::arch::aarch64::{
            vandq_u32, vdupq_n_f32, vdupq_n_u32, vld1q_u32, vreinterpretq_f32_u32,
        };
        let mut v = [vdupq_n_f32(0.0); 4];
        for (part, v) in v.iter_mut().enumerate() {
            // SAFETY: the caller's pointer reaches a line.
            let pairs = unsafe { vld1q_u32(from.cast::<u32>().add(part * 4)) };
            *v = vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff_0000)));
        }
        v
    }

    #[inline(always)]
    unsafe fn f16(from: *const u8) -> Self::V {
        // SAFETY: the caller's pointer reaches 16 halves, and an array lies as the vectors do.
        unsafe {
            let numbers = Portable::f16(from);
            Self::load(numbers.as_ptr())
        }
    }
}
