//! Data files as databases: CSV, TSV, Excel, JSON, JSON lines and Parquet, one file or a folder of them.
//!
//! The files are read once, as a stream, into a private SQLite database beside our own data; questions are then
//! answered by the SQLite driver with all its limits. The files themselves are never written. When one changes, the
//! private database is made again before the next question is answered.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::StreamExt;
use secrecy::SecretString;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, Cell, Connection, Engine},
};
use tokio::task::spawn_blocking;

use self::{
    cache::Cache,
    imports::Job,
    notes::{NOTES_TABLE, Notes},
};
use super::{Batch, Driver, Limits, RowStream, sqlite::Sqlite};

mod cache;
mod columnar;
mod delimited;
mod documents;
mod fault;
mod found;
mod imports;
mod infer;
mod load;
mod magic;
mod moments;
mod names;
mod notes;
mod numbers;
pub(crate) mod private;
mod sheets;
mod text;
mod work;

/// How long the files are taken to be unchanged after a look at them. One that took longer to read is looked at as
/// much less often, or a file that is written to all the time would be read all the time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A data file, or a folder of them.
pub struct Files {
    /// The datasource's name, for messages.
    name: String,
    path: PathBuf,
    cache: Cache,
    current: Mutex<Option<Current>>,
    /// Held by whoever looks at the files; the last state of them that could not be read, and why.
    looking: tokio::sync::Mutex<Option<(String, Error)>>,
}

/// The private database in use.
#[derive(Clone)]
struct Current {
    loaded: Arc<Loaded>,
    looked: Instant,
    /// For how long that look is good.
    good_for: Duration,
}

/// A private database and what is known of its tables besides.
struct Loaded {
    database: Sqlite,
    path: PathBuf,
    fingerprint: String,
    notes: Notes,
}

impl Files {
    /// Reads the files, unless a private database of their present state is in `cache_dir` already. Takes as long
    /// as the files are large (about a minute for a gigabyte); a caller that does not wait to the end finds the
    /// work done, or still going on, when it comes again.
    pub async fn open(name: &str, connection: &Connection, cache_dir: &Path) -> Result<Self> {
        if connection.path.trim().is_empty() {
            return Err(Error::invalid(
                "path",
                "is empty; give the path of a data file or of a folder of data files",
            ));
        }
        let path = std::path::absolute(&connection.path).map_err(|error| {
            let path = &connection.path;
            Error::invalid("path", format!("'{path}' is no usable path: {error}"))
        })?;
        let files = Self {
            name: name.to_owned(),
            cache: Cache::new(cache_dir, &path),
            path,
            current: Mutex::new(None),
            looking: tokio::sync::Mutex::new(None),
        };
        files.current().await?;
        Ok(files)
    }

    /// Removes the private databases made of `path`, once its datasource is removed. A missing one is no error.
    pub fn forget(path: &Path, cache_dir: &Path) -> std::io::Result<()> {
        Cache::new(cache_dir, &std::path::absolute(path)?).remove_all()
    }

    /// Removes the private databases of all paths but these: what was read for a caller who left, or by a server that
    /// was killed, before its datasource was there.
    pub fn sweep(known: &[PathBuf], cache_dir: &Path) -> std::io::Result<()> {
        let known: std::io::Result<Vec<PathBuf>> = known.iter().map(std::path::absolute).collect();
        Cache::sweep(cache_dir, &known?)
    }

    /// The private database of the files as they are now, or were a moment ago.
    async fn current(&self) -> Result<Arc<Loaded>> {
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let mut failed = self.looking.lock().await;
        // Another may have looked meanwhile.
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let (path, name) = (self.path.clone(), self.name.clone());
        let found =
            spawn_blocking(move || found::find(&path).map_err(|fault| fault.explain(&name, &path)));
        let found = found.await.map_err(|error| self.stopped(&error))??;
        if let Some((fingerprint, error)) = failed.as_ref()
            && *fingerprint == found.fingerprint
        {
            return Err(error.clone());
        }
        let known = self.latest().filter(|known| {
            known.loaded.fingerprint == found.fingerprint && known.loaded.path.is_file()
        });
        if let Some(known) = known {
            return Ok(self.keep(known.loaded, known.good_for));
        }
        let started = Instant::now();
        let fingerprint = found.fingerprint.clone();
        match self.load(found).await {
            Ok(loaded) => {
                *failed = None;
                Ok(self.keep(Arc::new(loaded), started.elapsed().max(LOOK_EVERY)))
            }
            Err(error) => {
                // A fault of the files stays until they change; anything else may be gone the next time.
                *failed =
                    matches!(error, Error::Invalid { .. }).then(|| (fingerprint, error.clone()));
                Err(error)
            }
        }
    }

    /// Has the private database made unless it is there, and opens it.
    async fn load(&self, found: found::Found) -> Result<Loaded> {
        let fingerprint = found.fingerprint.clone();
        let path = self.cache.database(&fingerprint);
        imports::settled(Job {
            name: self.name.clone(),
            path: self.path.clone(),
            cache: self.cache.clone(),
            found,
        })
        .await?;
        let at = path.clone();
        let notes = spawn_blocking(move || Notes::read(&at));
        let notes = notes.await.map_err(|error| self.stopped(&error))?;
        let notes = notes.map_err(|error| {
            Error::internal("reading what is known of the tables of data files", error)
        })?;
        let connection = Connection {
            engine: Engine::Sqlite,
            path: path.to_string_lossy().into_owned(),
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretString::from(""),
            database: String::new(),
        };
        let database = Sqlite::open(&self.name, &connection).await?;
        Ok(Loaded {
            database,
            path,
            fingerprint,
            notes,
        })
    }

    fn fresh(&self) -> Option<Arc<Loaded>> {
        let current = self.latest()?;
        // The private database may be gone: another server on the same folder may have seen a change first.
        let fresh = current.looked.elapsed() < current.good_for && current.loaded.path.is_file();
        fresh.then_some(current.loaded)
    }

    fn latest(&self) -> Option<Current> {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, loaded: Arc<Loaded>, good_for: Duration) -> Arc<Loaded> {
        let current = self.current.lock();
        *current.unwrap_or_else(PoisonError::into_inner) = Some(Current {
            loaded: Arc::clone(&loaded),
            looked: Instant::now(),
            good_for,
        });
        loaded
    }

    fn stopped(&self, error: &tokio::task::JoinError) -> Error {
        Error::upstream(
            &self.name,
            format!("looking at the files stopped unexpectedly: {error}"),
        )
    }
}

#[async_trait]
impl Driver for Files {
    fn engine(&self) -> Engine {
        Engine::File
    }

    async fn ping(&self) -> Result<()> {
        self.current().await?.database.ping().await
    }

    async fn introspect(&self) -> Result<Catalogue> {
        let loaded = self.current().await?;
        let mut catalogue = loaded.database.introspect().await?;
        catalogue.tables.retain(|table| table.name != NOTES_TABLE);
        loaded.notes.add_to(&mut catalogue.tables);
        Ok(catalogue)
    }

    async fn fingerprint(&self) -> Result<Option<String>> {
        Ok(Some(self.current().await?.fingerprint.clone()))
    }

    async fn sample(&self, tables: Vec<CatalogueTable>) -> Result<Vec<CatalogueTable>> {
        self.current().await?.database.sample(tables).await
    }

    async fn dry_run(&self, sql: &str) -> Result<String> {
        self.current().await?.database.dry_run(sql).await
    }

    async fn stream(&self, sql: &str, limits: Limits) -> Result<RowStream> {
        let loaded = tokio::time::timeout(limits.time, self.current()).await;
        // Reading goes on without us.
        let loaded = loaded.map_err(|_| Error::Conflict {
            reason: format!(
                "the files of '{}' have changed and are being read again; ask again in a while",
                self.name
            ),
        })??;
        let stream = loaded.database.stream(sql, limits).await?;
        Ok(with_scales(stream))
    }
}

/// SQLite keeps a number and not how it was written: 12.50 comes back as 12.5. The declared scale gives the digits
/// back.
fn with_scales(stream: RowStream) -> RowStream {
    let declared = stream.columns.iter().map(|column| &column.data_type);
    let scales: Vec<usize> = declared.map(|declared| scale(declared)).collect();
    if scales.iter().all(|scale| *scale == 0) {
        return stream;
    }
    let batches = stream.batches.map(move |batch| match batch {
        Ok(Batch::Rows(mut rows)) => {
            for row in &mut rows {
                for (cell, scale) in row.iter_mut().zip(&scales) {
                    if let Cell::Decimal(digits) = cell {
                        *digits = padded(std::mem::take(digits), *scale);
                    }
                }
            }
            Ok(Batch::Rows(rows))
        }
        other => other,
    });
    RowStream {
        columns: stream.columns,
        batches: batches.boxed(),
    }
}

/// The scale of `DECIMAL(p,s)`; 0 for everything else.
fn scale(declared: &str) -> usize {
    let digits = declared
        .strip_prefix("DECIMAL(")
        .and_then(|rest| rest.strip_suffix(')')?.split_once(','));
    digits
        .and_then(|(_, scale)| scale.trim().parse().ok())
        .unwrap_or(0)
}

fn padded(digits: Box<str>, scale: usize) -> Box<str> {
    let mut digits = String::from(digits);
    let has = match digits.find('.') {
        Some(point) => digits.len() - point - 1,
        None if scale > 0 => {
            digits.push('.');
            0
        }
        None => 0,
    };
    digits.extend(std::iter::repeat_n('0', scale.saturating_sub(has)));
    digits.into()
}

#[cfg(test)]
mod tests;
