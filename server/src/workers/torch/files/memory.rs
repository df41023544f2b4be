//! How much memory and how many cores are free: asked before a model takes them.

use tch::{Device, Kind};
use tidegate_kernels::Format;

use super::shape::Shape;
use crate::workers::torch::error::{ModelError, Result};

/// Refuses a model that does not fit into free memory. Where the system does not say what is free, nothing is
/// refused.
pub(in crate::workers::torch) fn check(weights: u64, working: u64, format: Format) -> Result<()> {
    let Some(free) = free() else { return Ok(()) };
    if weights.saturating_add(working) <= free {
        return Ok(());
    }
    Err(ModelError::Memory {
        weights,
        working,
        free,
        dtype: format_name(format),
        fits: None,
    })
}

/// Refuses a decoder that does not fit into free memory: its weights in `format`, `cache` bytes of keys and values,
/// and the largest matrix once more, as it is while it is read.
///
/// Of a GPU libtorch does not tell here what is free, so nothing is refused there.
///
/// # Errors
/// The figures, with the longest format that would fit.
pub(in crate::workers::torch) fn check_decoder(
    shape: &Shape,
    format: Format,
    cache: u64,
    device: Device,
) -> Result<()> {
    if device != Device::Cpu {
        tracing::info!(
            weights = size(shape.weight_bytes(format)),
            cache = size(cache),
            "free memory of a GPU is not known beforehand; loading fails if the model does not fit"
        );
        return Ok(());
    }
    free().map_or(Ok(()), |free| check_against(shape, format, cache, free))
}

fn check_against(shape: &Shape, format: Format, cache: u64, free: u64) -> Result<()> {
    let stored = shape.dtype.unwrap_or(Kind::Float).elt_size_in_bytes() as u64;
    let largest = (shape.vocabulary as u64 * shape.hidden as u64).saturating_mul(stored);
    let working = largest.saturating_add(cache);
    let weights = shape.weight_bytes(format);
    let fits = |weights: u64| weights.saturating_add(working) <= free;
    if fits(weights) {
        return Ok(());
    }
    // They stand from the widest to the shortest.
    let shorter = Format::ALL
        .into_iter()
        .skip_while(|one| *one != format)
        .find(|one| fits(shape.weight_bytes(*one)));
    Err(ModelError::Memory {
        weights,
        working,
        free,
        dtype: format_name(format),
        fits: shorter.map(format_name),
    })
}

/// The name a format has in the configuration.
pub(in crate::workers::torch) fn format_name(format: Format) -> &'static str {
    match format {
        Format::F32 => "f32",
        Format::Bf16 => "bf16",
        Format::F16 => "f16",
        Format::Int8 => "int8",
        Format::Int4 => "int4",
    }
}

/// Bytes for people.
pub(in crate::workers::torch) fn size(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.0} MiB", gib * 1024.0)
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
    // Files that were read count as used there, though they make room when it is wanted.
    let files = std::fs::read_to_string("/sys/fs/cgroup/memory.stat")
        .ok()
        .map_or(0, |stat| files(&stat));
    let container = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(most, used)| most.saturating_sub(used.saturating_sub(files)));
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

fn files(stat: &str) -> u64 {
    stat.lines()
        .filter_map(|line| {
            let (name, bytes) = line.split_once(' ')?;
            matches!(name, "active_file" | "inactive_file")
                .then(|| bytes.trim().parse::<u64>().ok())?
        })
        .sum()
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
        assert_eq!(
            files("anon 5\ninactive_file 7\nactive_file 11\nfile 18\n"),
            18
        );
    }

    #[test]
    fn refuses_a_model_larger_than_the_machine_with_figures() {
        let error = check(1 << 50, 1 << 30, Format::Bf16)
            .expect_err("a pebibyte does not fit")
            .to_string();
        assert!(
            error.contains("1048577.0 GiB") && error.contains("as bf16"),
            "{error}"
        );
        check(1, 1, Format::F32).expect("two bytes fit");
    }

    #[test]
    fn names_the_format_that_would_fit() {
        let directory = tempfile::tempdir().expect("the temporary directory is writable");
        let config = serde_json::json!({
            "model_type": "llama", "hidden_size": 1024, "num_attention_heads": 16, "num_hidden_layers": 10,
            "intermediate_size": 4096, "vocab_size": 1024, "max_position_embeddings": 512, "dtype": "bfloat16",
        });
        std::fs::write(directory.path().join("config.json"), config.to_string()).expect("writable");
        let shape = Shape::read(directory.path()).expect("reads");
        // Two tables of a million, ten layers of sixteen.
        let numbers = 162 * 1024 * 1024;
        assert!((numbers * 2..numbers * 2 + (1 << 20)).contains(&shape.weight_bytes(Format::Bf16)));
        let said = check_against(&shape, Format::F32, 1 << 20, 200 << 20)
            .expect_err("two thirds of a GiB")
            .to_string();
        assert!(said.contains("649 MiB of weights as f32"), "{said}");
        assert!(said.contains("200 MiB are free"), "{said}");
        assert!(said.contains("\"int8\""), "{said}");
        check_against(&shape, Format::Int4, 1 << 20, 200 << 20).expect("fits");
        let said = check_against(&shape, Format::Int4, 1 << 30, 1 << 30)
            .expect_err("too large")
            .to_string();
        assert!(said.contains("smaller model"), "{said}");
    }

    #[test]
    fn takes_the_configured_threads_and_never_none() {
        assert_eq!(threads(3), 3);
        assert!(threads(0) >= 1);
    }
}
