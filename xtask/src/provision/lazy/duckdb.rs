//! DuckDB's library behind stubs: 70 MB that only a server with a DuckDB file needs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{FORM, Library, functions_of, is_supported};
use crate::provision::{self, partial, settle};

const FILE: &str = "libduckdb.so";
/// What libduckdb-sys links when it is told that the library is static.
const ARCHIVE: &str = "duckdb_static";

/// Where the library is, and the stubs.
#[derive(Debug, Clone)]
pub struct DuckDb {
    lib: PathBuf,
    stubs: Option<PathBuf>,
}

impl DuckDb {
    /// Finds or fetches the library, and makes the stubs unless they are there.
    pub fn find_or_make(cache: &Path) -> Result<Self> {
        let lib = provision::duckdb::find_or_fetch(cache)?;
        if !is_supported() {
            return Ok(Self { lib, stubs: None });
        }
        let version = provision::duckdb::VERSION;
        let stubs = cache.join(format!("duckdb-{version}-stubs-{FORM}"));
        if !stubs.is_dir() {
            let filling = partial(&stubs)?;
            let mut functions = functions_of(&lib.join(FILE))?;
            functions.retain(|name| name.starts_with("duckdb_"));
            let library = Library {
                name: ARCHIVE,
                file: FILE,
                functions,
                callbacks: Vec::new(),
                // The other library's stubs see to that.
                quiet: false,
            };
            library.archive(&filling)?;
            fs::remove_file(filling.join("stubs.S")).ok();
            settle(&filling, &stubs)?;
        }
        Ok(Self {
            lib,
            stubs: Some(stubs),
        })
    }

    /// The library's directory.
    pub fn lib(&self) -> &Path {
        &self.lib
    }

    /// Environment of a cargo command that builds with DuckDB.
    pub fn apply(&self, cargo: &mut Command) {
        cargo.env("TIDEGATE_DUCKDB_LIB", &self.lib);
        cargo.env_remove("DUCKDB_DOWNLOAD_LIB");
        match &self.stubs {
            Some(stubs) => cargo.env("DUCKDB_LIB_DIR", stubs).env("DUCKDB_STATIC", "1"),
            None => cargo
                .env("DUCKDB_LIB_DIR", &self.lib)
                .env_remove("DUCKDB_STATIC"),
        };
    }
}
