//! How a file is opened: for reading or for one change, and in both cases shut off from everything else.

use std::{fs::File, io::Read as _, num::NonZero, path::Path};

use duckdb::{AccessMode, Config, Connection};
use tidegate_schema::{Error, Result};

use super::Source;

/// What the queries of one file may use together. Nothing is spilled to disk: a query that needs more is refused.
pub(super) const MEMORY: &str = "1GB";
/// Threads of DuckDB's own, for each open file.
const THREADS: usize = 4;
/// Where a DuckDB file says that it is one.
const MAGIC_AT: usize = 8;
const MAGIC: &[u8] = b"DUCK";

/// Set once the file is open: from then on no other file can be opened, no address called, no extension installed or
/// loaded, and no setting changed, these two included.
const SHUT: &str = "SET enable_external_access = false; SET lock_configuration = true;";
/// The same for one who reads. To DuckDB the path of an open database is not outside: a query that sets where a
/// profile goes would have it written over the database. What is open stays open; a writer still has its log to open.
const SHUT_TO_READ: &str = "SET enable_external_access = false; SET disabled_filesystems = 'LocalFileSystem'; \
                            SET lock_configuration = true;";

/// What a session may do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read it.
    Read,
    /// Change it.
    Write,
}

/// Opens an existing DuckDB file. Blocks.
pub(super) fn open(source: &Source, mode: Mode) -> Result<Connection> {
    let path = source.file.path();
    // Looked at first: for the files of other products DuckDB would go and look for an extension.
    let head = head(path).map_err(|error| {
        Error::upstream(
            &*source.name,
            format!(
                "'{}' cannot be read: {error}; check that the file is there and may be read",
                path.display()
            ),
        )
    })?;
    if head.get(MAGIC_AT..) != Some(MAGIC) {
        return Err(Error::upstream(
            &*source.name,
            format!("'{}' is not a DuckDB database", path.display()),
        ));
    }
    let shut = match mode {
        Mode::Read => SHUT_TO_READ,
        Mode::Write => SHUT,
    };
    config(mode)
        .and_then(|config| Connection::open_with_flags(path, config))
        .and_then(|connection| connection.execute_batch(shut).map(|()| connection))
        .map_err(|error| source.error(&error))
}

/// Settings that hold from the start, so that opening itself reaches nothing else.
fn config(mode: Mode) -> duckdb::Result<Config> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    Config::default()
        .access_mode(match mode {
            Mode::Read => AccessMode::ReadOnly,
            Mode::Write => AccessMode::ReadWrite,
        })?
        .enable_autoload_extension(false)?
        .max_memory(MEMORY)?
        .threads(threads.min(THREADS) as i64)?
        .with("temp_directory", "")?
        .with("allow_community_extensions", "false")?
        .with("allow_persistent_secrets", "false")
}

/// The first bytes of the file; fewer if it is shorter. Only while DuckDB does not have it open: closing a file gives
/// up every lock the process holds on it.
fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let length = MAGIC_AT + MAGIC.len();
    File::open(path)?
        .take(length as u64)
        .read_to_end(&mut head)?;
    Ok(head)
}
