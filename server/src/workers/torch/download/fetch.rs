//! Fetching a model's files from a hub, one after the other, each until it is whole.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use hf_hub::{
    Cache,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError, ApiRepo},
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Pulse, Wanted, select};

/// How often a file is tried.
const TRIES: u32 = 5;
/// Wait before the second try; it doubles with each.
const WAIT: Duration = Duration::from_millis(500);

/// Bytes from which on a file's parts are told of: smaller ones come in a moment.
const LARGE: usize = 16 << 20;

/// Where from, and who asks.
pub(super) struct Hub {
    /// Empty for the usual one.
    pub(super) endpoint: String,
    pub(super) token: Option<SecretString>,
}

impl Hub {
    fn api(&self, store: &Path) -> Result<Api, ApiError> {
        let mut builder = ApiBuilder::from_cache(Cache::new(store.to_owned()))
            .with_progress(false)
            .with_token(
                self.token
                    .as_ref()
                    .map(|token| token.expose_secret().to_owned()),
            );
        if !self.endpoint.is_empty() {
            builder = builder.with_endpoint(self.endpoint.clone());
        }
        builder.build()
    }
}

/// Fetches what is missing of a model and notes that it is whole; gives its directory.
///
/// # Errors
/// Why not, in words without addresses: those of a hub may carry signatures.
pub(super) fn fetch(
    wanted: &Wanted,
    hub: &Hub,
    store: &Path,
    pulse: &Pulse,
) -> Result<PathBuf, String> {
    fs::create_dir_all(store).map_err(|error| format!("{}: {error}", store.display()))?;
    let api = hub.api(store).map_err(|error| told(&error))?;
    let named = api.repo(wanted.at(&wanted.revision));
    let info = retried(pulse, || named.info(), || ()).map_err(|error| told(&error))?;
    let commit = info.sha;
    if commit.is_empty() || !commit.chars().all(|sign| sign.is_ascii_hexdigit()) {
        return Err("the hub names no commit".to_owned());
    }
    let listed: BTreeSet<String> = info
        .siblings
        .into_iter()
        .map(|file| file.rfilename)
        .collect();
    let mut files = select::small(&listed);
    if !files.iter().any(|name| name == "config.json") {
        return Err("it has no config.json, so it is no model directory".to_owned());
    }
    let source = Source {
        wanted,
        repo: api.repo(wanted.at(&commit)),
        commit: &commit,
        store,
        pulse,
    };
    for name in &files {
        source.get(name)?;
    }
    let snapshot = wanted.snapshot(store, &commit);
    let index = if files.iter().any(|name| name == select::INDEX) {
        let path = snapshot.join(select::INDEX);
        Some(fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?)
    } else {
        None
    };
    let weights = select::weights(&listed, index.as_deref())?;
    for name in &weights {
        source.get(name)?;
    }
    files.extend(weights);
    note(wanted, store, &commit, &files).map_err(|error| error.to_string())?;
    Ok(snapshot)
}

/// Notes that all files are there: under another name first, so that a note is never half.
fn note(wanted: &Wanted, store: &Path, commit: &str, files: &[String]) -> std::io::Result<()> {
    let path = wanted.note(store);
    let part = path.with_extension("part");
    fs::write(&part, json!({"commit": commit, "files": files}).to_string())?;
    fs::rename(part, path)
}

/// One model at one commit.
struct Source<'a> {
    wanted: &'a Wanted,
    repo: ApiRepo,
    commit: &'a str,
    store: &'a Path,
    pulse: &'a Pulse,
}

impl Source<'_> {
    /// Fetches a file, unless it is there.
    fn get(&self, name: &str) -> Result<(), String> {
        let there = self.wanted.snapshot(self.store, self.commit).join(name);
        if there.is_file() {
            return Ok(());
        }
        let fetched = retried(
            self.pulse,
            || {
                let progress = Told::new(self.pulse.clone());
                self.repo.download_with_progress(name, progress)
            },
            || self.forget_parts(),
        );
        let path = fetched.map_err(|error| format!("{name}: {}", told(&error)))?;
        self.verify(&path)
            .map_err(|reason| format!("{name}: {reason}"))
    }

    /// Holds a file against its sum, where the hub names it by that: large files are.
    fn verify(&self, path: &Path) -> Result<(), String> {
        let wrong = |error: std::io::Error| error.to_string();
        let blob = path.canonicalize().map_err(wrong)?;
        let name = blob
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let Some(sum) = name
            .filter(|name| name.len() == 64 && name.chars().all(|sign| sign.is_ascii_hexdigit()))
        else {
            return Ok(());
        };
        let mut file = fs::File::open(&blob).map_err(wrong)?;
        let mut digest = Sha256::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut piece).map_err(wrong)?;
            if read == 0 {
                break;
            }
            digest.update(&piece[..read]);
            self.pulse.beat();
        }
        if hex::encode(digest.finalize()) == sum.to_ascii_lowercase() {
            return Ok(());
        }
        // Nothing of it can be gone on from.
        fs::remove_file(path).map_err(wrong)?;
        fs::remove_file(&blob).map_err(wrong)?;
        Err("what came is not what the hub says it holds".to_owned())
    }

    /// Removes what cannot be gone on from.
    fn forget_parts(&self) {
        let blobs = self.wanted.folder(self.store).join("blobs");
        for entry in fs::read_dir(blobs).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "part") {
                // Where it stays the next try fails as this one did.
                fs::remove_file(path).ok();
            }
        }
    }
}

/// Tries again what may go better the next time. `forget` is called where what has come so far is in the way.
fn retried<T>(
    pulse: &Pulse,
    mut attempt: impl FnMut() -> Result<T, ApiError>,
    forget: impl Fn(),
) -> Result<T, ApiError> {
    let mut tries = 1;
    loop {
        pulse.beat();
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if tries >= TRIES || is_final(&error) {
            return Err(error);
        }
        if matches!(error, ApiError::InvalidResume) || status(&error) == Some(416) {
            forget();
        }
        tracing::info!(reason = told(&error), tries, "a download is tried again");
        std::thread::sleep(WAIT * 2_u32.pow(tries - 1));
        tries += 1;
    }
}

/// Whether another try would end the same.
fn is_final(error: &ApiError) -> bool {
    match error {
        ApiError::LockAcquisition(_) => true,
        ApiError::IoError(error) => matches!(
            error.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::ReadOnlyFilesystem
        ),
        error => matches!(status(error), Some(400..=407 | 410 | 451)),
    }
}

/// The HTTP status that the hub refused with.
fn status(error: &ApiError) -> Option<u16> {
    let ApiError::RequestError(error) = error else {
        return None;
    };
    let text = error.to_string();
    let (_, rest) = text.split_once("status code ")?;
    rest.split(|sign: char| !sign.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// An error in words that help, without addresses.
fn told(error: &ApiError) -> String {
    match (status(error), error) {
        (Some(status @ (401 | 403)), _) => format!(
            "the hub refuses it ({status}): there is no such model, or it is not for everybody; set api_key in this \
             model's table to a token that may read it"
        ),
        (Some(404), _) => "the hub has no such model or revision".to_owned(),
        (Some(status), _) => format!("the hub answered with status {status}"),
        (None, ApiError::LockAcquisition(_)) => {
            "another process downloads it just now; wait until it is done".to_owned()
        }
        (None, error) => without_addresses(&error.to_string()),
    }
}

fn without_addresses(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        if word.contains("://") {
            "(an address)"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Tells the log of a file's progress, a tenth at a time.
struct Told {
    pulse: Pulse,
    name: String,
    size: usize,
    come: usize,
    tenths: usize,
}

impl Told {
    fn new(pulse: Pulse) -> Self {
        Self {
            pulse,
            name: String::new(),
            size: 0,
            come: 0,
            tenths: 0,
        }
    }
}

impl Progress for Told {
    fn init(&mut self, size: usize, name: &str) {
        self.pulse.beat();
        name.clone_into(&mut self.name);
        (self.size, self.come) = (size, 0);
        if size >= LARGE {
            self.pulse.progress.begin(size as u64);
        }
    }

    fn update(&mut self, size: usize) {
        self.pulse.beat();
        self.come += size;
        let tenths = if self.size < LARGE {
            0
        } else {
            self.pulse.progress.add(size as u64);
            self.come.saturating_mul(10) / self.size
        };
        if tenths > self.tenths {
            self.tenths = tenths;
            tracing::info!(
                file = self.name,
                megabytes = self.come / 1_000_000,
                of = self.size / 1_000_000,
                "downloading"
            );
        }
    }

    fn finish(&mut self) {
        self.pulse.beat();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_left_out_of_what_is_told() {
        let text =
            "request error: https://hub.example/x?Signature=secret: Connection Failed: refused";
        assert_eq!(
            without_addresses(text),
            "request error: (an address) Connection Failed: refused"
        );
    }
}
