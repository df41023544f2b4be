//! The set of a machine about which nothing is known: plain arithmetic on eight numbers at a time.

use half::{bf16, f16};

use super::{Kernel, Vector};

const LANES: usize = 8;
/// Added and taken away again it leaves no digits behind the point.
const WHOLE: f32 = 12_582_912.0;

/// Proof of nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn each(a: [f32; LANES], b: [f32; LANES], what: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut lanes = a;
    for (lane, other) in lanes.iter_mut().zip(b) {
        *lane = what(*lane, other);
    }
    lanes
}

impl Vector for Portable {
    type F = [f32; LANES];
    const LANES: usize = LANES;
    const TILES: bool = false;

    #[inline(never)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self::F {
        // SAFETY: the caller's promise; an array of f32 has no stricter alignment than read_unaligned asks for.
        unsafe { from.cast::<Self::F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const bf16) -> Self::F {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[bf16; LANES]>().read_unaligned() }.map(bf16::to_f32)
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const f16) -> Self::F {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[f16; LANES]>().read_unaligned() }.map(f16::to_f32)
    }
    #[inline(always)]
    unsafe fn store(self, into: *mut f32, value: Self::F) {
        // SAFETY: the caller's promise.
        unsafe { into.cast::<Self::F>().write_unaligned(value) };
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Not `mul_add`: without the instruction that is a call into the C library per number.
        each(each(a, b, |a, b| a * b), c, |product, c| product + c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        a.map(|a| (a + WHOLE) - WHOLE)
    }
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        each(a, n, |a, n| {
            let n = n as i32;
            let first = n >> 1;
            let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
            a * power(first) * power(n - first)
        })
    }
    #[inline(always)]
    fn shift(self, a: Self::F, n: Self::F) -> Self::F {
        each(a, n, |a, n| {
            f32::from_bits(a.to_bits().wrapping_add(((n as i32) << 23) as u32))
        })
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
    #[inline(always)]
    fn pick(self, a: Self::F, b: Self::F, then: Self::F, or: Self::F) -> Self::F {
        let mut lanes = or;
        for (at, lane) in lanes.iter_mut().enumerate() {
            if a[at] < b[at] {
                *lane = then[at];
            }
        }
        lanes
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }
    #[inline(always)]
    fn most(self, a: Self::F) -> f32 {
        a.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
