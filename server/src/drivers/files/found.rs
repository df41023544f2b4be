//! Which files there are, and in which state.

use std::{
    fs::{File, Metadata},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest, Sha256};

use super::fault::Fault;

/// Data files in one folder.
const MAX_FILES: usize = 1_000;
/// Part of every fingerprint: raised when files would be read into other tables than before.
const READER_VERSION: u32 = 1;
/// Names of files that can be read, for messages.
const ENDINGS: &str =
    ".csv, .tsv, .tab, .txt, .xlsx, .xlsm, .xlsb, .xls, .ods, .json, .jsonl, .ndjson or .parquet";

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated and its kin.
    Delimited,
    /// Excel and OpenDocument workbooks.
    Workbook,
    /// One JSON document, or several.
    Json,
    /// One JSON document a line.
    JsonLines,
    /// Parquet.
    Parquet,
}

/// One data file.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// The file's name, for messages.
    pub(super) name: String,
    /// The name without its ending, for tables.
    pub(super) stem: String,
    pub(super) format: Format,
    pub(super) size: u64,
    /// Nanoseconds since 1970; what the file system keeps.
    modified: u128,
}

/// All data files of one datasource.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) sources: Vec<Source>,
    /// Whether the path is a folder of files.
    pub(super) is_folder: bool,
    /// Changes when a file does.
    pub(super) fingerprint: String,
}

impl Source {
    /// A fault of this file.
    pub(super) fn fault(&self, reason: impl std::fmt::Display) -> Fault {
        Fault::file(&self.name, reason)
    }

    /// Reading failed on the way.
    pub(super) fn read_fault(&self, error: &std::io::Error) -> Fault {
        if error.kind() == std::io::ErrorKind::InvalidData {
            // The decoder's own words.
            self.fault(error)
        } else {
            Fault::io(&self.name, error)
        }
    }

    /// Opens the file; refuses what is no regular file any more.
    pub(super) fn open(&self) -> Result<File, Fault> {
        let file = File::open(&self.path).map_err(|error| Fault::io(&self.name, &error))?;
        match file.metadata() {
            Ok(meta) if meta.is_file() => Ok(file),
            Ok(_) => Err(self.fault("is no regular file any more; give a file")),
            Err(error) => Err(Fault::io(&self.name, &error)),
        }
    }
}

/// The data file at `path`, or those in the folder at `path`: not those in folders below, no hidden ones, no links.
pub(super) fn find(path: &Path) -> Result<Found, Fault> {
    let shown = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|error| Fault::io(&shown, &error))?;
    let is_folder = meta.is_dir();
    let sources = if is_folder {
        in_folder(path, &shown)?
    } else if meta.is_file() {
        let format = format_of(path).ok_or_else(|| {
            Fault::file(
                &shown,
                format!("has no ending of a data file; give one that ends in {ENDINGS}"),
            )
        })?;
        vec![source(path, format, &meta)]
    } else {
        return Err(Fault::file(
            &shown,
            "is neither a regular file nor a folder; give a data file or a folder of them",
        ));
    };
    Ok(Found {
        fingerprint: fingerprint(&sources),
        sources,
        is_folder,
    })
}

fn in_folder(folder: &Path, shown: &str) -> Result<Vec<Source>, Fault> {
    let entries = std::fs::read_dir(folder).map_err(|error| Fault::io(shown, &error))?;
    let mut sources = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Fault::io(shown, &error))?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with(['.', '~']);
        // The entry's own type: a link may lead anywhere, and opening a pipe waits for ever.
        let regular = entry.file_type().is_ok_and(|kind| kind.is_file());
        let format = format_of(&path).filter(|_| regular && !hidden);
        let Some(format) = format else {
            tracing::debug!(file = %path.display(), "no data file; left out");
            continue;
        };
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            // Removed since the folder was read.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Fault::io(&path.display().to_string(), &error)),
        };
        sources.push(source(&path, format, &meta));
        if sources.len() > MAX_FILES {
            return Err(Fault::file(
                shown,
                format!("holds more than {MAX_FILES} data files; give a folder with fewer"),
            ));
        }
    }
    if sources.is_empty() {
        return Err(Fault::file(
            shown,
            format!("holds no data file; put files that end in {ENDINGS} there"),
        ));
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

fn source(path: &Path, format: Format, meta: &Metadata) -> Source {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let since_1970 = meta
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Source {
        path: path.to_owned(),
        name: text(path.file_name()),
        stem: text(path.file_stem()),
        format,
        size: meta.len(),
        modified: since_1970.unwrap_or_default().as_nanos(),
    }
}

fn format_of(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
    Some(match ending.as_str() {
        "csv" | "tsv" | "tab" | "txt" => Format::Delimited,
        "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" => Format::Workbook,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        "parquet" => Format::Parquet,
        _ => return None,
    })
}

fn fingerprint(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    hash.update(READER_VERSION.to_le_bytes());
    for source in sources {
        hash.update(source.name.len().to_le_bytes());
        hash.update(source.name.as_bytes());
        hash.update(source.size.to_le_bytes());
        hash.update(source.modified.to_le_bytes());
    }
    short(hash)
}

/// Half a digest, in hexadecimal: enough to tell states of files apart.
pub(super) fn short(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..16])
}
