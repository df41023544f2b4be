//! What the private servers of a test run share: a port, a password, and clearing up after a run that was killed.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::progress;

pub(super) fn free_port() -> Result<u16> {
    // Given back at once; the server takes it before anything else is likely to.
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("no free port")?
        .local_addr()?
        .port())
}

/// Unpredictable enough for a server that listens on loopback for minutes: the standard library's seeded hasher.
pub(super) fn password_seed() -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    u128::from(RandomState::new().hash_one(1)) << 64 | u128::from(RandomState::new().hash_one(2))
}

/// Directories of servers, named by `prefix` and the process of the run that made them, whose run is gone.
pub(super) fn left_behind(prefix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(owner) = name.strip_prefix(prefix) else {
            continue;
        };
        if !Path::new("/proc").join(owner).exists() {
            progress::say(&format!(
                "clearing away {name}, left by a run that was killed"
            ));
            found.push(entry.path());
        }
    }
    found
}

/// The process that a server wrote down in its directory, if it is that server still.
pub(super) fn running_in(dir: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(dir.join("pid"))
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command);
    command.contains(&*dir.to_string_lossy()).then_some(pid)
}

pub(super) fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        progress::say(&format!("{} cannot be removed: {error}", dir.display()));
    }
}
