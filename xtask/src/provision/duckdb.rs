//! DuckDB's shared library: its own published build, which an npm package for Node carries.
//!
//! npm checks the package against the sum that the registry names; what is taken from it is looked at once more.

use std::{
    env,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{partial, settle};
use crate::{process, progress, workspace};

/// The version that the server is written against.
pub const VERSION: &str = "1.5.6";

/// The package of that version.
const PACKAGE_VERSION: &str = "1.5.6-r.1";

const LIBRARY: &str = "libduckdb.so";

/// A function that the library of another generation would not have, and an empty file neither.
const FUNCTION: &[u8] = b"duckdb_execute_prepared_streaming\0";

/// A package, and the number by which its machine is named in a library's header.
struct Package {
    name: &'static str,
    machine: u16,
}

impl Package {
    /// The one for this machine.
    fn here() -> Result<Self> {
        Self::of(env::consts::OS, env::consts::ARCH)
    }

    fn of(system: &str, processor: &str) -> Result<Self> {
        match (system, processor) {
            ("linux", "x86_64") => Ok(Self {
                name: "@duckdb/node-bindings-linux-x64",
                machine: 62,
            }),
            ("linux", "aarch64") => Ok(Self {
                name: "@duckdb/node-bindings-linux-arm64",
                machine: 183,
            }),
            _ => bail!(
                "no DuckDB library is known for {system} on {processor}; get {LIBRARY} {VERSION} from DuckDB's \
                 releases and set DUCKDB_LIB_DIR to its directory, or build without the feature `duckdb`"
            ),
        }
    }

    /// The package's file, as npm names it.
    fn archive(&self) -> String {
        let name = self.name.trim_start_matches('@').replace('/', "-");
        format!("{name}-{PACKAGE_VERSION}.tgz")
    }
}

/// The directory that holds DuckDB's library: `DUCKDB_LIB_DIR` if it does, else the cache's, fetched when it is not
/// there.
pub fn find_or_fetch(cache: &Path) -> Result<PathBuf> {
    if let Some(named) = workspace::set("DUCKDB_LIB_DIR").map(PathBuf::from) {
        if named.join(LIBRARY).is_file() {
            return Ok(named);
        }
        progress::say(&format!(
            "DUCKDB_LIB_DIR is {}, where {LIBRARY} is missing; the one of the cache is used",
            named.display()
        ));
    }
    let target = cache.join(format!("duckdb-{VERSION}"));
    let lib = target.join("lib");
    if !lib.join(LIBRARY).is_file() {
        fetch(&Package::here()?, &target)?;
        progress::say(&format!("DuckDB's library is in {}", lib.display()));
    }
    Ok(lib)
}

fn fetch(package: &Package, target: &Path) -> Result<()> {
    let has_npm = || process::find("npm").is_some();
    process::ensure_installed("npm, to fetch DuckDB's library with,", has_npm, &["npm"])?;
    progress::say(&format!("fetching DuckDB {VERSION} (70 MB kept)"));
    let filling = partial(target)?;
    process::output(
        Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&filling)
            .arg(format!("{}@{PACKAGE_VERSION}", package.name))
            .current_dir(&filling),
    )
    .with_context(|| {
        format!(
            "{} {PACKAGE_VERSION} could not be fetched; check the connection to the npm registry and run again, or set \
             DUCKDB_LIB_DIR to a directory with {LIBRARY} {VERSION}",
            package.name
        )
    })?;
    let archive = filling.join(package.archive());
    take(&archive, &filling)?;
    check(&filling.join("lib").join(LIBRARY), package.machine)?;
    fs::remove_file(&archive).ok();
    settle(&filling, target)
}

/// Unpacks the library into `lib`, and beside it what says under which licence it comes.
fn take(archive: &Path, into: &Path) -> Result<()> {
    let unpacked = into.join("unpacked");
    fs::create_dir_all(&unpacked)?;
    fs::create_dir_all(into.join("lib"))?;
    process::output(
        Command::new("tar")
            .args(["--extract", "--gzip", "--no-same-owner", "--file"])
            .arg(archive)
            .arg("--directory")
            .arg(&unpacked),
    )?;
    let package = unpacked.join("package");
    let library = package.join(LIBRARY);
    ensure!(
        library.is_file(),
        "{} holds no {LIBRARY}",
        archive.display()
    );
    fs::rename(library, into.join("lib").join(LIBRARY))?;
    // The licence is named in package.json where the package has no file of its own for it.
    for name in ["LICENSE", "LICENSE.md", "package.json"] {
        if package.join(name).is_file() {
            fs::rename(package.join(name), into.join(name))?;
        }
    }
    fs::remove_dir_all(&unpacked)?;
    Ok(())
}

/// Says what is wrong with a file that should be DuckDB's library for a machine.
fn check(library: &Path, machine: u16) -> Result<()> {
    let mut bytes = Vec::new();
    File::open(library)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("{} cannot be read", library.display()))?;
    // Both processors number from the small end.
    let found = bytes.get(18..20).map(|two| [two[0], two[1]]);
    ensure!(
        bytes.starts_with(b"\x7fELF") && found == Some(machine.to_le_bytes()),
        "{} is no library of this kind of machine",
        library.display()
    );
    ensure!(
        holds(&bytes, FUNCTION),
        "{} is not DuckDB's library",
        library.display()
    );
    Ok(())
}

/// Whether some bytes occur. Looks for the first of them, as whole windows of 70 MB take seconds unoptimised.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else {
        return true;
    };
    bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| byte == first && bytes[at..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(machine: u16, rest: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.resize(18, 0);
        bytes.extend(machine.to_le_bytes());
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn packages_are_named_as_npm_names_their_files() {
        let package = Package::of("linux", "x86_64").expect("known");
        assert_eq!(
            package.archive(),
            "duckdb-node-bindings-linux-x64-1.5.6-r.1.tgz"
        );
        let fault = Package::of("macos", "aarch64").err().expect("not known");
        let fault = fault.to_string();
        assert!(
            fault.contains("macos on aarch64") && fault.contains("DUCKDB_LIB_DIR"),
            "{fault}"
        );
    }

    #[test]
    fn a_library_is_looked_at_before_it_is_kept() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join(LIBRARY);
        let good = library(62, &[b"\0d", FUNCTION].concat());
        for (bytes, is_good) in [
            (good.clone(), true),
            (library(183, FUNCTION), false),
            (library(62, b"something else"), false),
            (b"<html>not found</html>".to_vec(), false),
            (Vec::new(), false),
        ] {
            fs::write(&path, bytes).expect("written");
            assert_eq!(check(&path, 62).is_ok(), is_good);
        }
    }

    #[test]
    fn the_library_and_its_licence_are_taken_and_nothing_else() {
        let dir = tempfile::tempdir().expect("dir");
        let package = dir.path().join("package");
        fs::create_dir(&package).expect("made");
        for name in [LIBRARY, "LICENSE", "package.json", "duckdb.node"] {
            fs::write(package.join(name), name).expect("written");
        }
        let archive = dir.path().join("package.tgz");
        process::output(
            Command::new("tar")
                .args(["--create", "--gzip", "--file"])
                .arg(&archive)
                .arg("--directory")
                .arg(dir.path())
                .arg("package"),
        )
        .expect("packed");
        let into = dir.path().join("out");
        fs::create_dir(&into).expect("made");
        take(&archive, &into).expect("taken");
        let mut found: Vec<String> = fs::read_dir(&into)
            .expect("read")
            .map(|entry| {
                entry
                    .expect("entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        found.sort();
        assert_eq!(found, ["LICENSE", "lib", "package.json"]);
        assert_eq!(
            fs::read_to_string(into.join("lib").join(LIBRARY)).expect("read"),
            LIBRARY
        );
    }
}
