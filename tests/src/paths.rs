//! Where the package's files lie, and a place for what is made once and used by many tests.

use std::path::{Path, PathBuf};

/// A file of this package, by its path below `tests/`.
pub fn file(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A file of this package as text.
///
/// # Panics
/// When it cannot be read: the package is incomplete then.
pub fn text(relative: &str) -> String {
    let path = file(relative);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A directory beside the build that outlives one run; made when it is missing.
///
/// # Panics
/// When it cannot be made.
pub fn cache() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    // target/PROFILE/deps/it-HASH or target/PROFILE/tidegate-bench
    let target = program
        .ancestors()
        .find(|dir| dir.join(".fingerprint").is_dir())
        .map_or_else(std::env::temp_dir, Path::to_path_buf);
    let dir = target.join("tidegate-tests");
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    dir
}
