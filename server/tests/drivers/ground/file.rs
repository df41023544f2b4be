//! What the two engines in files share.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tidegate_schema::model::{Connection, Engine};

/// A file in a folder of its own.
pub(super) struct Place {
    folder: TempDir,
    pub(super) path: PathBuf,
}

impl Place {
    pub(super) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        Self { folder, path }
    }

    /// The file, whatever lies beside it, and whatever lies where statements with bare file names would put theirs.
    pub(super) fn state(&self) -> String {
        let bytes = std::fs::read(&self.path).expect("readable");
        let here = std::env::current_dir().expect("a folder");
        format!(
            "{} {:?} {:?}",
            hex::encode(Sha256::digest(&bytes)),
            names(self.folder.path()),
            names(&here)
        )
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    names
}

/// The connection to a file.
pub(crate) fn at(engine: Engine, path: &Path) -> Connection {
    Connection {
        engine,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}
