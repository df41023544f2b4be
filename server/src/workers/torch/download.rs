//! Models by name: `hf:organisation/name[@revision]` is looked for in the store of models and, where the configuration
//! allows it, downloaded into it.
//!
//! What is in the store whole is used as it is, without a network and without a look at whether there is a newer one.
//! A download that was cut goes on where it stood.

mod fetch;
mod select;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use hf_hub::{Repo, RepoType};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use self::fetch::Hub;
use super::error::{ModelError, Result};
use crate::{config, workers::registry::Progress};

/// What stands before a name, so that it is never taken for a path.
const SCHEME: &str = "hf:";
/// The revision that is meant when none is named.
const MAIN: &str = "main";
/// How long a download may stand still before it is given up.
const STILL: Duration = Duration::from_secs(90);

/// The directory of a model: the one that is named, or the one in `store` that a name leads to.
///
/// Blocks, for as long as a download takes.
///
/// # Errors
/// A name that is none, a model that is not in the store and may not be downloaded, or a download that failed; each
/// with the remedy.
pub(super) fn directory(model: &config::Model, store: &Path) -> Result<PathBuf> {
    watched_directory(model, store, &Progress::default())
}

/// The same, told how far the file is that comes just now.
///
/// # Errors
/// As [`directory`].
pub(super) fn watched_directory(
    model: &config::Model,
    store: &Path,
    progress: &Progress,
) -> Result<PathBuf> {
    let Some(wanted) = Wanted::read(&model.path)? else {
        return Ok(PathBuf::from(&model.path));
    };
    if let Some(found) = wanted.in_store(store) {
        return Ok(found);
    }
    if !model.allow_download {
        return Err(ModelError::Text(format!(
            "{wanted} is not in {}, and nothing is downloaded unasked; set allow_download = true in this model's \
             table, or name a model directory as its path",
            store.display()
        )));
    }
    let hub = Hub {
        endpoint: model.base_url.trim_end_matches('/').to_owned(),
        token: Some(&model.api_key)
            .filter(|key| !key.expose_secret().is_empty())
            .cloned(),
    };
    tracing::info!(model = model.name, what = %wanted, "downloading a model");
    watched(&wanted, hub, store, progress).map_err(|reason| {
        ModelError::Text(format!(
            "{wanted} could not be downloaded: {reason}; what has come is kept, and the next start goes on from there"
        ))
    })
}

/// A model of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// `organisation/name`.
    id: String,
    revision: String,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}", self.id)?;
        if self.revision == MAIN {
            return Ok(());
        }
        write!(f, "@{}", self.revision)
    }
}

impl Wanted {
    /// Reads a `path`; `None` when it is one. Without the scheme a name is a name only where no directory has it.
    fn read(path: &str) -> Result<Option<Self>> {
        if let Some(name) = path.strip_prefix(SCHEME) {
            return Self::parse(name).map(Some).ok_or_else(|| {
                ModelError::Text(format!(
                    "path '{path}' is no name of a model; it has the form {SCHEME}organisation/name or \
                     {SCHEME}organisation/name@revision"
                ))
            });
        }
        if Path::new(path).exists() {
            return Ok(None);
        }
        Ok(Self::parse(path))
    }

    fn parse(name: &str) -> Option<Self> {
        let (id, revision) = name.split_once('@').unwrap_or((name, MAIN));
        let (organisation, model) = id.split_once('/')?;
        let is_plain = |part: &str| {
            part.starts_with(|sign: char| sign.is_ascii_alphanumeric())
                && part
                    .chars()
                    .all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign))
                && !part.contains("..")
        };
        // A branch may be named in parts.
        let named = revision.split('/').all(is_plain);
        (is_plain(organisation) && is_plain(model) && named).then(|| Self {
            id: id.to_owned(),
            revision: revision.to_owned(),
        })
    }

    /// The model at one commit, for the hub's client.
    fn at(&self, revision: &str) -> Repo {
        Repo::with_revision(self.id.clone(), RepoType::Model, revision.to_owned())
    }

    /// The model's folder in a store.
    fn folder(&self, store: &Path) -> PathBuf {
        store.join(self.at(&self.revision).folder_name())
    }

    /// The file that says which commit a revision stood for when it was downloaded whole, and which files that are.
    fn note(&self, store: &Path) -> PathBuf {
        let name = format!("whole-{}.json", self.revision.replace('/', "--"));
        self.folder(store).join(name)
    }

    fn snapshot(&self, store: &Path, commit: &str) -> PathBuf {
        self.folder(store).join("snapshots").join(commit)
    }

    /// The directory in the store, if all of it is there.
    fn in_store(&self, store: &Path) -> Option<PathBuf> {
        let text = std::fs::read(self.note(store)).ok()?;
        let note: Value = serde_json::from_slice(&text).ok()?;
        let snapshot = self.snapshot(store, note["commit"].as_str()?);
        let files = note["files"].as_array()?;
        let mut names = files.iter().filter_map(Value::as_str);
        names
            .all(|name| snapshot.join(name).is_file())
            .then_some(snapshot)
    }
}

/// Counts what comes, so that a download that stands still is told from one that is slow.
#[derive(Debug, Clone, Default)]
struct Pulse {
    beats: Arc<AtomicU64>,
    progress: Progress,
}

impl Pulse {
    fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }
}

/// Downloads on a thread of its own and waits for it as long as something comes: the hub's client has no limit of its
/// own on how long it waits for the next byte.
fn watched(
    wanted: &Wanted,
    hub: Hub,
    store: &Path,
    progress: &Progress,
) -> Result<PathBuf, String> {
    let (sender, ended) = mpsc::channel();
    let pulse = Pulse {
        progress: progress.clone(),
        ..Pulse::default()
    };
    let (own, asked, place) = (pulse.clone(), wanted.clone(), store.to_owned());
    let thread = std::thread::Builder::new()
        .name("download".to_owned())
        .spawn(move || {
            // Nobody waits any more when it was given up.
            let _ = sender.send(fetch::fetch(&asked, &hub, &place, &own));
        })
        .map_err(|error| format!("no thread could be started: {error}"))?;
    let (mut seen, mut since) = (pulse.count(), Instant::now());
    loop {
        match ended.recv_timeout(Duration::from_millis(500)) {
            Ok(outcome) => {
                let _ = thread.join();
                return outcome;
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the hub answered what its client does not understand".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = pulse.count();
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > STILL {
            return Err(format!("nothing came for {} s", STILL.as_secs()));
        }
    }
}
