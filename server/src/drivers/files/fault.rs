//! What can go wrong while files are read, in words for whoever gave them.

use std::{fmt::Display, path::Path, time::Duration};

use rusqlite::ErrorCode;
use tidegate_schema::Error;

/// The largest private database.
pub(super) const MAX_DATABASE_BYTES: u64 = 20 << 30;

/// Why files could not be read.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// A file cannot be had or is not what it says it is. Names the file, where it is one of several.
    File(String),
    /// The private database cannot be written.
    Room(String),
    /// It took too long.
    Slow(Duration),
}

impl Fault {
    /// A fault of one file, by its name.
    pub(super) fn file(name: &str, reason: impl Display) -> Self {
        Self::File(format!("'{name}': {reason}"))
    }

    /// A file or folder that cannot be had.
    pub(super) fn io(name: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let reason = match error.kind() {
            ErrorKind::NotFound => {
                "there is no such file or folder; give the path of one that exists".to_owned()
            }
            ErrorKind::PermissionDenied => {
                "may not be read; give the server's user the right to read it".to_owned()
            }
            _ => format!("cannot be read: {error}"),
        };
        Self::file(name, reason)
    }

    /// What the caller is told.
    pub(super) fn explain(self, datasource: &str, path: &Path) -> Error {
        match self {
            Self::File(reason) => Error::invalid("path", reason),
            Self::Room(reason) => Error::upstream(datasource, reason),
            Self::Slow(limit) => Error::Timeout {
                what: format!("reading '{}'", path.display()),
                limit,
            },
        }
    }
}

/// Writing the private database failed; the data was checked before, so it is the disk or our own limit.
impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        Self::Room(match code {
            Some(ErrorCode::DiskFull) => format!(
                "the data files do not fit: either the disk is full, or their private database would pass {} GiB; \
                 make room in the data folder, or load the files into a database server and add that",
                MAX_DATABASE_BYTES >> 30
            ),
            _ => format!(
                "the private database for the data files cannot be written: {error}; check the disk and the rights \
                 on the data folder"
            ),
        })
    }
}

/// The folder of private databases cannot be used.
pub(super) fn cache_io(doing: &str, error: &std::io::Error) -> Fault {
    Fault::Room(format!(
        "{doing} failed: {error}; check the disk and the rights on the data folder"
    ))
}
