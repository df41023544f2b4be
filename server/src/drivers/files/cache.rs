//! Where private databases lie: one per path, named after the path and the state of its files.

use std::{
    fs::{DirEntry, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

use super::{
    fault::{Fault, cache_io},
    found::short,
    private::{private_file, private_folder},
};

/// An unfinished database that nobody has written to for so long was left behind by a server that was killed.
const ABANDONED: Duration = Duration::from_hours(2);

/// The private databases of one path.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
    key: String,
}

/// A database in the making; removed again unless it is settled.
pub(super) struct Part {
    path: PathBuf,
    settled: bool,
}

impl Cache {
    pub(super) fn new(folder: &Path, path: &Path) -> Self {
        let mut hash = Sha256::new();
        hash.update(path.as_os_str().as_encoded_bytes());
        Self {
            folder: folder.to_owned(),
            key: short(hash),
        }
    }

    /// The finished database for a state of the files.
    pub(super) fn database(&self, fingerprint: &str) -> PathBuf {
        self.folder.join(format!("{}-{fingerprint}.db", self.key))
    }

    /// An empty file to build a database in, of a name nobody else has.
    pub(super) fn part(&self) -> Result<Part, Fault> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}.part", self.key, std::process::id());
        let path = self.folder.join(name);
        private_folder(&self.folder)
            .and_then(|()| {
                // A killed server's number may come again.
                remove(&path)?;
                private_file(&path).map(drop)
            })
            .map_err(|error| cache_io("making a private database for data files", &error))?;
        Ok(Part {
            path,
            settled: false,
        })
    }

    /// Removes databases of earlier states, and unfinished ones nobody works on. Open connections keep theirs.
    pub(super) fn tidy(&self, keep: &Path) -> io::Result<()> {
        let now = std::fs::metadata(keep)?.modified()?;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let old = self.is_ours(&entry) && entry.path() != keep;
            if old || is_abandoned(&entry, now) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes all of them.
    pub(super) fn remove_all(&self) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if self.is_ours(&entry) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes the finished databases in a folder that are of none of these paths.
    pub(super) fn sweep(folder: &Path, known: &[PathBuf]) -> io::Result<()> {
        let known: Vec<Self> = known.iter().map(|path| Self::new(folder, path)).collect();
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if has_ending(&entry, "db") && !known.iter().any(|cache| cache.is_ours(&entry)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// A finished database of this path.
    fn is_ours(&self, entry: &DirEntry) -> bool {
        has_ending(entry, "db") && entry.file_name().to_string_lossy().starts_with(&self.key)
    }
}

impl Part {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the finished database its name. It is on the disk by then, so that a crash leaves it whole or not at
    /// all.
    pub(super) fn settle(mut self, target: &Path) -> Result<(), Fault> {
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.path, target))
            .map_err(|error| cache_io("keeping a private database for data files", &error))?;
        self.settled = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.settled
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(file = %self.path.display(), %error, "an unfinished database stays behind");
        }
    }
}

/// The time is that of a file written just now: the file system's clock, which the other files' times are by too.
fn is_abandoned(entry: &DirEntry, now: SystemTime) -> bool {
    let unfinished = has_ending(entry, "part");
    let modified = entry.metadata().and_then(|meta| meta.modified());
    unfinished && modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|idle| idle > ABANDONED))
}

fn has_ending(entry: &DirEntry, ending: &str) -> bool {
    entry.path().extension().is_some_and(|end| end == ending)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
