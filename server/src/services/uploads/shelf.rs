//! Where files lie, and which of them are open as databases.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use moka::future::Cache;
use secrecy::SecretString;
use tidegate_schema::{
    Error, Result,
    ids::ConversationId,
    model::{Catalogue, Connection, Engine, Upload, UploadId},
};
use tokio::task::spawn_blocking;

use super::names;
use crate::{
    drivers::{self, files::Files},
    guard::GuardedDatabase,
    linking::Linker,
};

/// Files open at once, and how long one stays open that nobody asks.
const MOST_OPEN: u64 = 32;
const IDLE: Duration = Duration::from_mins(10);

/// The files that were sent, in this process.
pub struct Shelf {
    /// A folder for each, by its id.
    folder: PathBuf,
    /// What was read of them as tables.
    tables: PathBuf,
    connect_timeout: Duration,
    open: Cache<UploadId, Arc<Opened>>,
    /// Conversations that are learning a file.
    learning: Mutex<HashMap<ConversationId, Weak<tokio::sync::Mutex<()>>>>,
}

/// A file open as a database. It does not change any more, so what is known of it stays.
pub(crate) struct Opened {
    pub(crate) database: Arc<GuardedDatabase>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) linker: Linker,
}

impl Shelf {
    /// The shelf of a data directory; `tables` is where the private databases of data files lie.
    pub fn new(data_dir: &Path, tables: &Path, connect_timeout: Duration) -> Self {
        Self {
            folder: data_dir.join("uploads"),
            tables: tables.join("uploads"),
            connect_timeout,
            open: Cache::builder()
                .max_capacity(MOST_OPEN)
                .time_to_idle(IDLE)
                .build(),
            learning: Mutex::default(),
        }
    }

    /// The folder of one.
    pub(super) fn folder(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// The file itself.
    pub(super) fn path(&self, upload: &Upload) -> PathBuf {
        self.folder(&upload.id).join(names::on_disk(&upload.name))
    }

    /// A file as a database, opened on first use.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place in the file that cannot be read; nothing is kept of it then.
    pub(super) async fn opened(&self, upload: &Upload) -> Result<Arc<Opened>> {
        // Boxed: reading a file is a long act, and most calls find it read.
        let reading = Box::pin(self.read(upload));
        let opened = self.open.try_get_with(upload.id.clone(), reading).await;
        opened.map_err(|error: Arc<Error>| (*error).clone())
    }

    async fn read(&self, upload: &Upload) -> Result<Arc<Opened>> {
        let path = self.path(upload);
        let said = |error: Error| in_words(error, upload, &path);
        let driver = drivers::connect(
            &upload.name,
            &connection(&path),
            self.connect_timeout,
            &self.tables,
        )
        .await
        .map_err(said)?;
        let database = Arc::new(GuardedDatabase::new(&upload.name, driver));
        let mut catalogue = database.introspect().await.map_err(said)?;
        if catalogue.tables.is_empty() {
            return Err(Error::invalid(
                "file",
                format!(
                    "'{}' holds no table; fill it in and send it again",
                    upload.name
                ),
            ));
        }
        match database.sample(catalogue.tables.clone()).await {
            Ok(sampled) if sampled.len() == catalogue.tables.len() => catalogue.tables = sampled,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "no values of a file were sampled"),
        }
        Ok(Arc::new(Opened {
            database,
            catalogue: Arc::new(catalogue),
            linker: Linker::default(),
        }))
    }

    /// What a conversation holds while it learns a file.
    pub(super) fn learning(&self, conversation: &ConversationId) -> Arc<tokio::sync::Mutex<()>> {
        let mut known = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = known.get(conversation).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        known.insert(conversation.clone(), Arc::downgrade(&lock));
        lock
    }

    /// Closes a file and removes it from the disk, with what was read of it. What cannot be removed is in the log.
    pub(super) async fn remove(&self, upload: &Upload) {
        self.open.invalidate(&upload.id).await;
        let (folder, path, tables) = (
            self.folder(&upload.id),
            self.path(upload),
            self.tables.clone(),
        );
        let removing = spawn_blocking(move || {
            let forgotten = Files::forget(&path, &tables);
            remove_folder(&folder).and(forgotten)
        });
        if let Ok(Err(error)) = removing.await {
            tracing::warn!(upload = %upload.id, %error, "a file that was sent stays behind");
        }
    }

    /// The ids of everything that lies here.
    pub(super) async fn list(&self) -> Result<Vec<UploadId>> {
        let folder = self.folder.clone();
        on_disk("looking at files that were sent", move || {
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            entries
                .map(|entry| {
                    let name = entry?.file_name();
                    Ok(UploadId(name.to_string_lossy().into_owned()))
                })
                .collect()
        })
        .await
    }

    /// Removes these, and what was read of any but the known ones.
    pub(super) async fn sweep(&self, left: Vec<UploadId>, known: &[Upload]) -> Result<()> {
        let folders: Vec<PathBuf> = left.iter().map(|id| self.folder(id)).collect();
        let known: Vec<PathBuf> = known.iter().map(|upload| self.path(upload)).collect();
        let tables = self.tables.clone();
        on_disk("sweeping files that were sent", move || {
            for folder in &folders {
                remove_folder(folder)?;
            }
            Files::sweep(&known, &tables)
        })
        .await
    }
}

/// Does something with files where nobody waits for it but the caller.
pub(super) async fn on_disk<T: Send + 'static>(
    doing: &'static str,
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(act).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(disk_error(doing, error)),
        Err(error) => Err(Error::internal(doing, error)),
    }
}

/// What a caller can do about a disk's error, where there is something.
pub(super) fn disk_error(doing: &'static str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Conflict {
            reason: "there is no room for the file on the server's disk; make room in its data directory".to_owned(),
        },
        _ => Error::internal(doing, error),
    }
}

/// Removes a folder with what is in it. A missing one is no error, and neither is a stray file in its place.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(folder) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(folder),
        Ok(_) => std::fs::remove_file(folder),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn connection(path: &Path) -> Connection {
    Connection {
        engine: Engine::File,
        path: path.to_string_lossy().into_owned(),
        host: String::new(),
        port: 0,
        user: String::new(),
        password: SecretString::from(""),
        database: String::new(),
    }
}

/// An error of reading a file, about the file as it was sent: where it lies is nobody's business.
fn in_words(error: Error, upload: &Upload, path: &Path) -> Error {
    let on_disk = names::on_disk(&upload.name);
    let told = |text: String| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        text.replace(&*absolute.to_string_lossy(), &upload.name)
            .replace(&*path.to_string_lossy(), &upload.name)
            .replace(&on_disk, &upload.name)
    };
    match error {
        Error::Invalid { reason, .. } => Error::invalid("file", told(reason)),
        Error::Upstream { provider, message } => Error::upstream(provider, told(message)),
        Error::Conflict { reason } => Error::Conflict {
            reason: told(reason),
        },
        Error::Timeout { what, limit } => Error::Timeout {
            what: told(what),
            limit,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_schema::model::CellKind;

    use super::*;
    use crate::{drivers::Limits, guard::GuardOptions};

    fn upload(id: &str, name: &str) -> Upload {
        Upload {
            id: UploadId(id.to_owned()),
            bucket: Upload::BUCKET.to_owned(),
            name: name.to_owned(),
            size: 0,
            conversation: "c".into(),
            owner: "001".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn placed(dir: &Path, upload: &Upload, content: &str) -> Shelf {
        let shelf = Shelf::new(dir, &dir.join("files"), Duration::from_secs(5));
        std::fs::create_dir_all(shelf.folder(&upload.id)).expect("a folder");
        std::fs::write(shelf.path(upload), content).expect("written");
        shelf
    }

    #[tokio::test]
    async fn a_file_is_a_database_until_it_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let upload = upload("u-1", "Sales (2024).csv");
        let shelf = placed(dir.path(), &upload, "town,n\nOslo,3\nBergen,2\n");
        let opened = shelf.opened(&upload).await.expect("opens");
        let table = &opened.catalogue.tables[0];
        assert_eq!(table.name, "Sales_2024");
        assert_eq!(table.columns[0].values, ["Bergen", "Oslo"]);
        let sql = "SELECT n FROM Sales_2024 WHERE town = 'Oslo'";
        let limits = Limits::default();
        let (_, rows) = opened
            .database
            .run(sql, &GuardOptions::default(), limits)
            .await
            .expect("runs");
        assert_eq!(rows.columns[0].kind, CellKind::Int);
        let again = shelf.opened(&upload).await.expect("opens");
        assert!(Arc::ptr_eq(&opened, &again), "it is opened once");
        assert_eq!(
            shelf.list().await.expect("lists"),
            std::slice::from_ref(&upload.id)
        );
        shelf.remove(&upload).await;
        assert!(shelf.list().await.expect("lists").is_empty());
        let tables = std::fs::read_dir(dir.path().join("files/uploads")).expect("a folder");
        assert_eq!(tables.count(), 0, "what was read of it stays behind");
    }

    #[tokio::test]
    async fn a_fault_is_told_of_the_file_as_it_was_sent() {
        let dir = tempfile::tempdir().expect("a folder");
        let upload = upload("u-1", "Sales (2024).csv");
        let shelf = placed(dir.path(), &upload, "a,b\n1,2\n1,2,3\n");
        let error = shelf.opened(&upload).await.err().expect("refused");
        let text = error.to_string();
        assert!(text.starts_with("file: 'Sales (2024).csv': "), "{text}");
        assert!(text.contains("row 3"), "{text}");
        assert!(!text.contains(&*dir.path().to_string_lossy()), "{text}");
    }

    #[tokio::test]
    async fn leftovers_are_swept_and_the_known_stay() {
        let dir = tempfile::tempdir().expect("a folder");
        let (known, left) = (upload("known", "a.csv"), upload("left", "b.csv"));
        let shelf = placed(dir.path(), &known, "a\n1\n");
        placed(dir.path(), &left, "b\n1\n");
        for one in [&known, &left] {
            shelf.opened(one).await.expect("opens");
        }
        shelf
            .sweep(vec![left.id.clone()], std::slice::from_ref(&known))
            .await
            .expect("sweeps");
        assert_eq!(shelf.list().await.expect("lists"), [known.id]);
        let tables = std::fs::read_dir(dir.path().join("files/uploads")).expect("a folder");
        assert_eq!(tables.count(), 1);
    }

    #[test]
    fn one_conversation_learns_one_file_at_a_time() {
        let shelf = Shelf::new(Path::new("x"), Path::new("y"), Duration::ZERO);
        let (a, b) = (shelf.learning(&"a".into()), shelf.learning(&"b".into()));
        assert!(Arc::ptr_eq(&a, &shelf.learning(&"a".into())));
        assert!(!Arc::ptr_eq(&a, &b));
        drop((a, b));
        let _ = shelf.learning(&"c".into());
        let known = shelf.learning.lock().expect("nobody panicked");
        assert!(!known.contains_key(&"a".into()), "nothing is kept of them");
    }
}
