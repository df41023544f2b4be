//! Where things lie: the repository, cargo, the user's cache.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// The repository's root.
pub fn root() -> PathBuf {
    // Cargo sets the variable for `cargo xtask`; the compiled-in value serves a binary started by hand.
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest
        .parent()
        .map_or(manifest.clone(), Path::to_path_buf)
}

/// The cargo that runs us, in the repository's root.
pub fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    // Cargo describes the running package to us in these; a nested cargo must find out for itself.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
    ] {
        command.env_remove(name);
    }
    command
}

/// Where provisioned things are kept: `TIDEGATE_CACHE_DIR`, else `tidegate` in the user's cache.
pub fn cache() -> Result<PathBuf> {
    if let Some(dir) = set("TIDEGATE_CACHE_DIR") {
        return Ok(PathBuf::from(dir));
    }
    if let Some(dir) = set("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir).join("tidegate"));
    }
    let home = set("HOME")
        .context("neither XDG_CACHE_HOME nor HOME is set; set TIDEGATE_CACHE_DIR to a directory")?;
    Ok(PathBuf::from(home).join(".cache/tidegate"))
}

/// An environment variable that is there and not empty.
pub fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
