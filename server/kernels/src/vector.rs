//! Vectors of f32 as the machine has them: a kernel is written once over [`Vector`] and compiled for each set of
//! instructions. The portable set is the twin that the others are tested against.

#![expect(
    unsafe_code,
    reason = "instructions of one processor, and loads without a check per register"
)]
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled without the set's instructions"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use half::{bf16, f16};

use crate::level::{Isa, Level};
use portable::Portable;

/// Most lanes of any set.
pub(crate) const MOST_LANES: usize = 16;

/// A set of vector instructions. A value of such a type is proof that the machine has the set.
pub(crate) trait Vector: Copy {
    /// One register of f32.
    type F: Copy;
    /// Numbers in a register.
    const LANES: usize;
    /// Whether it pays to hold a whole tile of sums in registers.
    const TILES: bool = true;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::F;
    /// `LANES` numbers.
    ///
    /// # Safety
    /// `from` must be readable for `LANES` numbers; it need not be aligned.
    unsafe fn load(self, from: *const f32) -> Self::F;
    /// `LANES` numbers, widened.
    ///
    /// # Safety
    /// As [`Self::load`].
    unsafe fn load_bf16(self, from: *const bf16) -> Self::F;
    /// `LANES` numbers, widened.
    ///
    /// # Safety
    /// As [`Self::load`].
    unsafe fn load_f16(self, from: *const f16) -> Self::F;
    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// `into` must be writable for `LANES` numbers; it need not be aligned.
    unsafe fn store(self, into: *mut f32, value: Self::F);
    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where the machine can.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The larger one; `b` where either is not a number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The smaller one; `b` where either is not a number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The nearest whole number, for `|a|` below 2²².
    fn round(self, a: Self::F) -> Self::F;
    /// `a * 2^n` for a whole `n` from -151 to 129, without a detour over infinity or zero.
    fn scale(self, a: Self::F, n: Self::F) -> Self::F;
    /// `a * 2^n` for a whole `n`, where `a` and what comes out are ordinary numbers.
    fn shift(self, a: Self::F, n: Self::F) -> Self::F;
    /// Asks for a line of memory to be brought nearer; any address will do.
    fn prefetch(self, line: *const u8);
    /// Per lane `then` where `a < b`, else `or`.
    fn pick(self, a: Self::F, b: Self::F, then: Self::F, or: Self::F) -> Self::F;
    /// The sum of all lanes.
    fn sum(self, a: Self::F) -> f32;
    /// The largest lane.
    fn most(self, a: Self::F) -> f32;

    /// Runs a kernel as a function of its own: what many others share is compiled once per set.
    fn apart<K: Kernel>(self, kernel: K) -> K::Output;

    /// The first `LANES` numbers of a slice.
    #[inline(always)]
    fn of(self, from: &[f32]) -> Self::F {
        assert!(from.len() >= Self::LANES);
        // SAFETY: there are as many, as was just checked.
        unsafe { self.load(from.as_ptr()) }
    }

    /// Writes the first `LANES` numbers of a slice.
    #[inline(always)]
    fn put(self, into: &mut [f32], value: Self::F) {
        assert!(into.len() >= Self::LANES);
        // SAFETY: there are as many, as was just checked.
        unsafe { self.store(into.as_mut_ptr(), value) };
    }

    /// Up to `LANES` numbers; the rest of the lanes is `fill`.
    #[inline(always)]
    fn load_some(self, from: &[f32], fill: f32) -> Self::F {
        let mut lanes = [fill; MOST_LANES];
        let count = from.len().min(Self::LANES);
        lanes[..count].copy_from_slice(&from[..count]);
        // SAFETY: the array has room for the widest register.
        unsafe { self.load(lanes.as_ptr()) }
    }

    /// Writes the first `into.len()` lanes, at most `LANES`.
    #[inline(always)]
    fn store_some(self, into: &mut [f32], value: Self::F) {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: the array has room for the widest register.
        unsafe { self.store(lanes.as_mut_ptr(), value) };
        let count = into.len().min(Self::LANES);
        into[..count].copy_from_slice(&lanes[..count]);
    }
}

/// What a vector can be loaded from.
pub(crate) trait Element: Copy + Default + Send + Sync + 'static {
    /// `LANES` numbers as f32.
    ///
    /// # Safety
    /// `from` must be readable for `LANES` numbers.
    unsafe fn load<V: Vector>(vector: V, from: *const Self) -> V::F;
    /// The nearest number that can be kept.
    fn narrow(value: f32) -> Self;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<V: Vector>(vector: V, from: *const Self) -> V::F {
        // SAFETY: the caller's promise.
        unsafe { vector.load(from) }
    }
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }
}

impl Element for bf16 {
    #[inline(always)]
    unsafe fn load<V: Vector>(vector: V, from: *const Self) -> V::F {
        // SAFETY: the caller's promise.
        unsafe { vector.load_bf16(from) }
    }
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        Self::from_f32(value)
    }
}

impl Element for f16 {
    #[inline(always)]
    unsafe fn load<V: Vector>(vector: V, from: *const Self) -> V::F {
        // SAFETY: the caller's promise.
        unsafe { vector.load_f16(from) }
    }
    #[inline(always)]
    fn narrow(value: f32) -> Self {
        Self::from_f32(value)
    }
}

/// A kernel: something to compute with whichever set there is. `run` must be `#[inline(always)]`, or it is compiled
/// without the set's instructions.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;
    /// Computes it.
    fn run<V: Vector>(self, vector: V) -> Self::Output;
}

/// Runs a kernel with the set of the current [`Level`].
#[inline]
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match Level::current().isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is had only on machines with its instructions.
        Isa::Avx512 => unsafe { avx512::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { avx2::run(kernel) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Isa::Neon => unsafe { neon::run(kernel) },
        _ => kernel.run(Portable),
    }
}
