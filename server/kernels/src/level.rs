//! What the processor offers.
//!
//! A [`Level`] can only be had for a machine that has it, so holding one is the proof that its instructions may run.

use std::{cell::Cell, sync::OnceLock};

/// A family of vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain code, which the compiler may still vectorise with what every processor of the kind has.
    Scalar,
    /// 64-bit ARM, whose vectors every such processor has.
    Neon,
    /// x86-64 with `avx2`, `fma` and `f16c`.
    Avx2,
    /// The above with `avx512f`, `avx512bw`, `avx512dq` and `avx512vl`.
    Avx512,
}

/// The instructions a kernel may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level {
    isa: Isa,
    bf16: bool,
    vnni: bool,
    tiles: bool,
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

impl Level {
    /// Runs everywhere.
    pub const SCALAR: Self = Self::plain(Isa::Scalar);

    const fn plain(isa: Isa) -> Self {
        Self {
            isa,
            bf16: false,
            vnni: false,
            tiles: false,
        }
    }

    /// The best of this machine.
    pub fn detected() -> Self {
        static DETECTED: OnceLock<Level> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// What kernels called on this thread use: the best of the machine, or what [`Level::force`] has set.
    pub fn current() -> Self {
        FORCED.get().unwrap_or_else(Self::detected)
    }

    /// Every level of this machine, from the plainest to the best: what a test runs through.
    pub fn available() -> Vec<Self> {
        let best = Self::detected();
        let mut levels = vec![Self::SCALAR];
        levels.extend(
            [Isa::Neon, Isa::Avx2, Isa::Avx512]
                .into_iter()
                .filter(|isa| *isa == best.isa || (best.isa == Isa::Avx512 && *isa == Isa::Avx2))
                .map(Self::plain),
        );
        let without = Self {
            tiles: false,
            ..best
        };
        for level in [without, best] {
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
        levels
    }

    /// Runs `work` with this level on this thread, and on a team's threads while they work for it.
    pub fn force<T>(self, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Level>);
        impl Drop for Restore {
            fn drop(&mut self) {
                FORCED.set(self.0);
            }
        }
        let _restore = Restore(FORCED.replace(Some(self)));
        work()
    }

    /// What is forced on this thread, for a team to hand on.
    pub(crate) fn forced() -> Option<Self> {
        FORCED.get()
    }

    /// Sets what a team's caller had forced.
    pub(crate) fn adopt(forced: Option<Self>) {
        FORCED.set(forced);
    }

    /// The family of instructions.
    pub const fn isa(self) -> Isa {
        self.isa
    }

    /// Whether `avx512bf16` is there too.
    pub const fn bf16(self) -> bool {
        self.bf16
    }

    /// Whether `avx512vnni` is there too.
    pub const fn vnni(self) -> bool {
        self.vnni
    }

    /// Whether `avx512bf16`, `avx512vnni` and tiles of `bf16` and of bytes (`amx-bf16`, `amx-int8`) are there too.
    pub const fn tiles(self) -> bool {
        self.tiles
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if !(is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c"))
    {
        return Level::SCALAR;
    }
    if !(is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl"))
    {
        return Level::plain(Isa::Avx2);
    }
    let bf16 = is_x86_feature_detected!("avx512bf16");
    let vnni = is_x86_feature_detected!("avx512vnni");
    Level {
        isa: Isa::Avx512,
        bf16,
        vnni,
        tiles: bf16 && vnni && has_tiles() && may_use_tiles(),
    }
}

/// Whether the processor multiplies tiles of `bf16` and of bytes. The standard library's test for it is not stable yet;
/// the bits are those of Intel's manual, volume 2, under `CPUID`.
#[cfg(target_arch = "x86_64")]
fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    const ALL: u32 = BF16 | TILE | INT8;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & ALL == ALL
}

/// Asks the system to let this process use tiles, whose registers it does not keep for who has not asked (Linux,
/// `Documentation/arch/x86/xstate.rst`).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[expect(unsafe_code, reason = "a call of the system that only numbers go into")]
fn may_use_tiles() -> bool {
    const REQUEST_PERMISSION: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn may_use_tiles() -> bool {
    false
}

#[cfg(target_arch = "aarch64")]
fn detect() -> Level {
    Level::plain(Isa::Neon)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detect() -> Level {
    Level::SCALAR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_level_ends_with_the_work_even_when_that_panics() {
        assert_eq!(Level::SCALAR.force(Level::current), Level::SCALAR);
        let panicked = std::panic::catch_unwind(|| Level::SCALAR.force(|| panic!("in the work")));
        assert!(panicked.is_err());
        assert_eq!(Level::current(), Level::detected());
    }

    #[test]
    fn the_levels_go_from_the_plainest_to_the_best() {
        let levels = Level::available();
        assert_eq!(levels.first(), Some(&Level::SCALAR));
        assert_eq!(levels.last(), Some(&Level::detected()));
    }
}
