//! Open connections to datasources and what is known of their structure, kept until a datasource changes.
//!
//! A small database is read whole when it is first asked, values included. Of a large one the structure is enough for
//! a first answer; its values, its index and the vectors of its tables are made in the background and kept in the
//! store, so that the next start knows it at once and only sees whether it still is as it was.

mod background;
mod known;
mod progress;
mod reading;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tidegate_schema::{
    Error, Result,
    ids::DatasourceId,
    model::{Catalogue, Connection, Datasource, Engine},
    store::Store,
};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::progress::IndexProgress;
use self::{known::Known, progress::Progress};
use super::encoder;
use crate::{
    clock::Clock, drivers, guard::GuardedDatabase, linking::Linker, workers::registry::Registry,
};

/// Connections by datasource name.
pub struct Databases {
    open: Mutex<HashMap<String, Arc<Entry>>>,
    connect_timeout: Duration,
    keeper: Arc<Keeper>,
}

/// What it takes to keep what is known of databases.
pub struct Keeper {
    /// Directory of the private databases that data files are read into.
    pub files: PathBuf,
    /// Where it is kept.
    pub store: Store,
    /// Where the sentence encoder is.
    pub registry: Registry,
    /// Time.
    pub clock: Clock,
    /// Where the background's work is tracked.
    pub tasks: TaskTracker,
    /// Ends that work.
    pub stopping: CancellationToken,
}

/// One datasource's connection and structure, made on first use.
struct Entry {
    datasource: DatasourceId,
    name: String,
    modified: DateTime<Utc>,
    database: OnceCell<Arc<GuardedDatabase>>,
    known: Known,
    progress: Progress,
    /// Held by the background's work for it, of which there is one at a time.
    busy: Mutex<()>,
    /// Whether there is something to do for it.
    wanted: AtomicBool,
    /// Set when the datasource was changed or removed.
    gone: CancellationToken,
}

impl Databases {
    /// None open yet.
    pub fn new(connect_timeout: Duration, keeper: Keeper) -> Self {
        Self {
            open: Mutex::new(HashMap::new()),
            connect_timeout,
            keeper: Arc::new(keeper),
        }
    }

    async fn entry(&self, datasource: &Datasource) -> Arc<Entry> {
        let mut open = self.open.lock().await;
        if let Some(entry) = open.get(&datasource.name) {
            if entry.modified == datasource.modified_at {
                return Arc::clone(entry);
            }
            entry.gone.cancel();
        }
        let entry = Arc::new(Entry {
            datasource: datasource.id,
            name: datasource.name.clone(),
            modified: datasource.modified_at,
            database: OnceCell::new(),
            known: Known::default(),
            progress: Progress::default(),
            busy: Mutex::new(()),
            wanted: AtomicBool::new(false),
            gone: CancellationToken::new(),
        });
        open.insert(datasource.name.clone(), Arc::clone(&entry));
        entry
    }

    /// The connection, opened on first use. A failed attempt is not kept.
    pub async fn get(&self, datasource: &Datasource) -> Result<Arc<GuardedDatabase>> {
        let entry = self.entry(datasource).await;
        self.opened(&entry, datasource).await
    }

    async fn opened(&self, entry: &Entry, datasource: &Datasource) -> Result<Arc<GuardedDatabase>> {
        entry
            .database
            .get_or_try_init(|| async {
                let driver = drivers::connect(
                    &datasource.name,
                    &datasource.connection,
                    self.connect_timeout,
                    &self.keeper.files,
                )
                .await?;
                Ok(Arc::new(GuardedDatabase::new(&datasource.name, driver)))
            })
            .await
            .cloned()
    }

    /// Tables and columns, at most a minute old; of a large database a minute older while it is seen in the
    /// background whether they changed, and without values until those were looked at.
    pub async fn catalogue(&self, datasource: &Datasource) -> Result<Arc<Catalogue>> {
        let entry = self.entry(datasource).await;
        let database = self.opened(&entry, datasource).await?;
        let reading = entry
            .known
            .get(&datasource.name, |known| {
                self.keeper.read(&entry, &database, known)
            })
            .await?;
        if !reading.settled {
            self.keeper.begin(&entry, &database);
        }
        Ok(reading.catalogue)
    }

    /// What ranks the tables of a datasource for a question, as far as its index is made.
    pub async fn linker(&self, datasource: &Datasource) -> Linker {
        let entry = self.entry(datasource).await;
        let index = entry.known.reading().and_then(|reading| reading.index);
        let embedder = match &index {
            Some(index) if index.has_vectors() => encoder::ready(&self.keeper.registry).await,
            _ => None,
        };
        Linker::new(index, embedder)
    }

    /// How far the index of a datasource is; all noughts until it was first asked in this process.
    pub async fn progress(&self, name: &str) -> IndexProgress {
        let open = self.open.lock().await;
        open.get(name)
            .map(|entry| entry.progress.now())
            .unwrap_or_default()
    }

    /// Takes note of what a database said of a statement: where a table was missing, what is known of its
    /// structure may be out of date.
    pub(crate) async fn learn_from(&self, name: &str, error: &Error) {
        if !says_a_table_is_missing(error) {
            return;
        }
        if let Some(entry) = self.open.lock().await.get(name) {
            entry.known.outdate();
        }
    }

    /// Forgets a datasource's connection and catalogue. What the store has of it goes with a removed datasource, and
    /// says nothing of a changed one.
    pub async fn forget(&self, name: &str) {
        if let Some(entry) = self.open.lock().await.remove(name) {
            entry.gone.cancel();
        }
    }

    /// Removes the private database that data files were read into, unless a datasource is over the same files.
    pub async fn forget_files(&self, connection: Connection) {
        if connection.engine != Engine::File {
            return;
        }
        let is_over_them = |known: &Datasource| {
            known.connection.engine == Engine::File && known.connection.path == connection.path
        };
        match self.keeper.store.list_datasources().await {
            Ok(known) if known.iter().any(is_over_them) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "what was read of data files stays behind");
                return;
            }
        }
        let cache = self.keeper.files.clone();
        let removing = tokio::task::spawn_blocking(move || {
            drivers::files::Files::forget(Path::new(&connection.path), &cache)
        });
        if let Ok(Err(error)) = removing.await {
            tracing::warn!(%error, "what was read of data files could not be removed");
        }
    }

    /// Removes what was read of data files that no datasource is over: a caller who left, or a server that was killed,
    /// may have left it behind.
    pub async fn sweep_files(&self) -> Result<()> {
        let known = self.keeper.store.list_datasources().await?.into_iter();
        let known: Vec<PathBuf> = known
            .filter(|known| known.connection.engine == Engine::File)
            .map(|known| PathBuf::from(known.connection.path))
            .collect();
        let cache = self.keeper.files.clone();
        let sweeping =
            tokio::task::spawn_blocking(move || drivers::files::Files::sweep(&known, &cache));
        let swept = sweeping
            .await
            .map_err(|error| Error::internal("sweeping data files", error))?;
        swept.map_err(|error| Error::internal("sweeping data files", error))
    }

    /// Opens a connection that is not kept, to prove that it works.
    pub async fn probe(&self, name: &str, connection: &Connection) -> Result<()> {
        drivers::connect(name, connection, self.connect_timeout, &self.keeper.files)
            .await?
            .ping()
            .await
    }
}

/// By the words of the engines; one that speaks another language is read again after a minute all the same.
fn says_a_table_is_missing(error: &Error) -> bool {
    let Error::Upstream { message, .. } = error else {
        return false;
    };
    [
        "no such table",
        "Invalid object name",
        "Unknown table",
        "UNKNOWN_TABLE",
    ]
    .iter()
    .any(|words| message.contains(words))
        || (message.contains("relation \"") && message.contains("does not exist"))
        || (message.contains("Table ") && message.contains("exist"))
}
