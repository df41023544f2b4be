//! NEON, which every 64-bit ARM has.

use std::arch::aarch64::*;

use half::{bf16, f16};

use super::{Kernel, Vector};

/// Proof of NEON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon(());

/// Runs a kernel that is compiled for the set.
///
/// # Safety
/// The machine must have NEON.
#[inline(never)]
#[target_feature(enable = "neon")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon(()))
}

/// Two to the power of each lane.
///
/// # Safety
/// The machine must have NEON.
#[inline(always)]
unsafe fn power(n: int32x4_t) -> float32x4_t {
    // SAFETY: the caller's promise.
    unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127)))) }
}

// SAFETY of all blocks below: whoever holds a `Neon` runs on a machine that has the set; pointers are the caller's
// promise.
impl Vector for Neon {
    type F = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: see above.
        unsafe { run(kernel) }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const bf16) -> float32x4_t {
        // SAFETY: see above.
        unsafe {
            let halves = vmovl_u16(vld1_u16(from.cast()));
            vreinterpretq_f32_u32(vshlq_n_u32::<16>(halves))
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const f16) -> float32x4_t {
        // SAFETY: see above. By integers, because half floats are not stable in Rust for this set: the digits are
        // moved to their place, the exponent is put right by a product, which takes the smallest numbers along, and
        // infinities keep theirs.
        unsafe {
            let halves = vmovl_u16(vld1_u16(from.cast()));
            let digits = vandq_u32(halves, vdupq_n_u32(0x7fff));
            let sign = vshlq_n_u32::<16>(veorq_u32(halves, digits));
            let moved = vreinterpretq_f32_u32(vshlq_n_u32::<13>(digits));
            let value = vmulq_f32(moved, vdupq_n_f32(f32::from_bits(0x7780_0000)));
            let endless = vcgeq_u32(digits, vdupq_n_u32(0x7c00));
            let endless = vandq_u32(endless, vdupq_n_u32(0x7f80_0000));
            let bits = vorrq_u32(vreinterpretq_u32_f32(value), vorrq_u32(endless, sign));
            vreinterpretq_f32_u32(bits)
        }
    }
    #[inline(always)]
    unsafe fn store(self, into: *mut f32, value: float32x4_t) {
        // SAFETY: see above.
        unsafe { vst1q_f32(into, value) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above. Not `vmaxq_f32`, which gives what is not a number for either.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vrndnq_f32(a) }
    }
    #[inline(always)]
    fn scale(self, a: float32x4_t, n: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe {
            let n = vcvtnq_s32_f32(n);
            let first = vshrq_n_s32::<1>(n);
            vmulq_f32(vmulq_f32(a, power(first)), power(vsubq_s32(n, first)))
        }
    }
    #[inline(always)]
    fn pick(
        self,
        a: float32x4_t,
        b: float32x4_t,
        then: float32x4_t,
        or: float32x4_t,
    ) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vbslq_f32(vcltq_f32(a, b), then, or) }
    }
    #[inline(always)]
    fn sum(self, a: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vaddvq_f32(a) }
    }
    #[inline(always)]
    fn most(self, a: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vmaxvq_f32(a) }
    }
}
