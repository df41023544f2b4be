//! How much memory and how many cores are free: asked before a model takes them.

use tch::Kind;

use super::error::{ModelError, Result};

/// Refuses a model that does not fit into free memory. Where the system does not say what is free, nothing is
/// refused.
pub(super) fn check(weights: u64, working: u64, kind: Kind) -> Result<()> {
    match free() {
        Some(free) if weights + working > free => Err(ModelError::Memory {
            weights,
            working,
            free,
            dtype: dtype_name(kind),
        }),
        _ => Ok(()),
    }
}

/// The name a dtype has in the configuration.
pub(super) fn dtype_name(kind: Kind) -> &'static str {
    match kind {
        Kind::BFloat16 => "bf16",
        Kind::Half => "f16",
        _ => "f32",
    }
}

/// Bytes that can still be had: of the machine, or of the container if that is less.
fn free() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .as_deref()
        .and_then(available);
    let number = |path: &str| {
        std::fs::read_to_string(path)
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let container = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, used)| most.saturating_sub(used));
    match (machine, container) {
        (Some(machine), Some(container)) => Some(machine.min(container)),
        (one, other) => one.or(other),
    }
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Threads for the next piece of work: as configured, or one for each core that nobody else keeps busy. Two
/// threads that fight for a busy core are ten times slower than one.
pub(in crate::workers) fn threads(configured: usize) -> i32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if configured > 0 {
        configured
    } else {
        let running = std::fs::read_to_string("/proc/loadavg")
            .ok()
            .as_deref()
            .and_then(running);
        // One of those running is the asker.
        cores.saturating_sub(running.unwrap_or(1).saturating_sub(1))
    };
    i32::try_from(threads.clamp(1, 256)).unwrap_or(1)
}

fn running(loadavg: &str) -> Option<usize> {
    loadavg
        .split_whitespace()
        .nth(3)?
        .split('/')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        assert_eq!(
            available("MemTotal:  9 kB\nMemAvailable:   2048 kB\n"),
            Some(2048 * 1024)
        );
        assert_eq!(running("0.52 0.58 0.59 3/597 12345"), Some(3));
        assert_eq!((available("nothing"), running("1")), (None, None));
    }

    #[test]
    fn refuses_a_model_larger_than_the_machine_with_figures() {
        let error = check(1 << 50, 1 << 30, Kind::BFloat16)
            .expect_err("a pebibyte does not fit")
            .to_string();
        assert!(
            error.contains("1048577.0 GiB") && error.contains("as bf16"),
            "{error}"
        );
        check(1, 1, Kind::Float).expect("two bytes fit");
    }

    #[test]
    fn takes_the_configured_threads_and_never_none() {
        assert_eq!(threads(3), 3);
        assert!(threads(0) >= 1);
    }
}
