//! How much memory a process takes.

use std::path::Path;

use anyhow::{Context as _, Result};

/// Resident memory of a process, bytes.
///
/// # Errors
/// When there is no such process, or no `/proc`.
pub fn resident(id: u32) -> Result<u64> {
    let path = Path::new("/proc").join(id.to_string()).join("status");
    let text =
        std::fs::read_to_string(path).context("memory is read from /proc, which only Linux has")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("it has no memory: the process has ended")?;
    let kilobytes: u64 = line
        .split_whitespace()
        .nth(1)
        .context("VmRSS has a figure")?
        .parse()?;
    Ok(kilobytes * 1024)
}
