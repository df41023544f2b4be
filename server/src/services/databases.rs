//! Open connections to datasources and what is known of their structure, kept until a datasource changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tidegate_schema::{
    Error, Result,
    model::{Catalogue, Datasource},
};
use tokio::sync::{Mutex, OnceCell};

use crate::{drivers, guard::GuardedDatabase};

/// How old what is known of a database's structure may be when somebody asks. A new table is worth a handful of
/// queries a minute, and whoever made it can wait that long.
const FRESH: Duration = Duration::from_mins(1);

/// Connections by datasource name.
pub struct Databases {
    open: Mutex<HashMap<String, Arc<Entry>>>,
    connect_timeout: Duration,
}

/// One datasource's connection and structure, made on first use.
struct Entry {
    modified: chrono::DateTime<chrono::Utc>,
    database: OnceCell<Arc<GuardedDatabase>>,
    known: Known,
}

/// What is known of a database's structure.
#[derive(Default)]
struct Known {
    latest: StdMutex<Option<Reading>>,
    /// Held by whoever reads.
    reading: Mutex<()>,
}

/// A structure as it was read.
#[derive(Clone)]
struct Reading {
    catalogue: Arc<Catalogue>,
    /// When it was read; nothing if it is known to be out of date.
    at: Option<Instant>,
}

impl Reading {
    fn is_fresh(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < FRESH)
    }
}

impl Known {
    /// The structure, at most [`FRESH`] old. Whoever comes first reads it again, others get the known one
    /// meanwhile, and so does everyone while it cannot be read.
    async fn get<F: Future<Output = Result<Catalogue>>>(
        &self,
        name: &str,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<Catalogue>> {
        let latest = self.latest().clone();
        let Some(known) = latest else {
            let _first = self.reading.lock().await;
            // Another may have been first.
            let latest = self.latest().clone();
            return match latest {
                Some(known) => Ok(known.catalogue),
                None => Ok(self.keep(Arc::new(read().await?))),
            };
        };
        if known.is_fresh() {
            return Ok(known.catalogue);
        }
        let Ok(_first) = self.reading.try_lock() else {
            return Ok(known.catalogue);
        };
        match read().await {
            Ok(catalogue) => Ok(self.keep(Arc::new(catalogue))),
            Err(error) => {
                tracing::warn!(
                    datasource = name,
                    error = error.log_chain(),
                    "the tables could not be read again; those known are used"
                );
                // As if it were new, or every question would wait for the next failure.
                Ok(self.keep(known.catalogue))
            }
        }
    }

    fn latest(&self) -> MutexGuard<'_, Option<Reading>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, catalogue: Arc<Catalogue>) -> Arc<Catalogue> {
        *self.latest() = Some(Reading {
            catalogue: Arc::clone(&catalogue),
            at: Some(Instant::now()),
        });
        catalogue
    }

    /// Has the next to ask read it again.
    fn outdate(&self) {
        if let Some(reading) = self.latest().as_mut() {
            reading.at = None;
        }
    }
}

impl Databases {
    /// None open yet.
    pub fn new(connect_timeout: Duration) -> Self {
        Self {
            open: Mutex::new(HashMap::new()),
            connect_timeout,
        }
    }

    async fn entry(&self, datasource: &Datasource) -> Arc<Entry> {
        let mut open = self.open.lock().await;
        match open.get(&datasource.name) {
            Some(entry) if entry.modified == datasource.modified_at => Arc::clone(entry),
            _ => {
                let entry = Arc::new(Entry {
                    modified: datasource.modified_at,
                    database: OnceCell::new(),
                    known: Known::default(),
                });
                open.insert(datasource.name.clone(), Arc::clone(&entry));
                entry
            }
        }
    }

    /// The connection, opened on first use. A failed attempt is not kept.
    pub async fn get(&self, datasource: &Datasource) -> Result<Arc<GuardedDatabase>> {
        let entry = self.entry(datasource).await;
        entry
            .database
            .get_or_try_init(|| async {
                let driver = drivers::connect(
                    &datasource.name,
                    &datasource.connection,
                    self.connect_timeout,
                )
                .await?;
                Ok(Arc::new(GuardedDatabase::new(&datasource.name, driver)))
            })
            .await
            .cloned()
    }

    /// Tables and columns, at most a minute old.
    pub async fn catalogue(&self, datasource: &Datasource) -> Result<Arc<Catalogue>> {
        let database = self.get(datasource).await?;
        let entry = self.entry(datasource).await;
        entry
            .known
            .get(&datasource.name, || database.introspect())
            .await
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

    /// Forgets a datasource's connection and catalogue.
    pub async fn forget(&self, name: &str) {
        self.open.lock().await.remove(name);
    }

    /// Opens a connection that is not kept, to prove that it works.
    pub async fn probe(
        &self,
        name: &str,
        connection: &tidegate_schema::model::Connection,
    ) -> Result<()> {
        drivers::connect(name, connection, self.connect_timeout)
            .await?
            .ping()
            .await
    }
}

/// By the words of either engine; one that speaks another language is read again after a minute all the same.
fn says_a_table_is_missing(error: &Error) -> bool {
    matches!(error, Error::Upstream { message, .. }
        if message.contains("no such table")
            || (message.contains("relation \"") && message.contains("does not exist")))
}

#[cfg(test)]
mod tests {
    use tidegate_schema::model::CatalogueTable;

    use super::*;

    fn catalogue(name: &str) -> Catalogue {
        Catalogue {
            tables: vec![CatalogueTable {
                name: name.to_owned(),
                ..CatalogueTable::default()
            }],
        }
    }

    async fn ask(known: &Known, answer: Result<Catalogue>) -> Result<String> {
        let found = known.get("d", || async { answer }).await?;
        Ok(found.tables[0].name.clone())
    }

    fn age(known: &Known, by: Duration) {
        if let Some(reading) = known.latest().as_mut() {
            reading.at = reading.at.and_then(|at| at.checked_sub(by));
        }
    }

    #[tokio::test]
    async fn a_structure_is_read_again_after_a_minute() {
        let known = Known::default();
        assert!(
            ask(&known, Err(Error::upstream("d", "gone")))
                .await
                .is_err()
        );
        assert_eq!(
            ask(&known, Ok(catalogue("a"))).await.ok().as_deref(),
            Some("a")
        );
        assert_eq!(
            ask(&known, Ok(catalogue("b"))).await.ok().as_deref(),
            Some("a")
        );
        age(&known, FRESH);
        assert_eq!(
            ask(&known, Ok(catalogue("b"))).await.ok().as_deref(),
            Some("b")
        );
        known.outdate();
        assert_eq!(
            ask(&known, Ok(catalogue("c"))).await.ok().as_deref(),
            Some("c")
        );
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_again_stays_in_use() {
        let known = Known::default();
        assert!(ask(&known, Ok(catalogue("a"))).await.is_ok());
        age(&known, FRESH);
        let failed = ask(&known, Err(Error::upstream("d", "gone"))).await;
        assert_eq!(failed.ok().as_deref(), Some("a"));
        assert_eq!(
            ask(&known, Ok(catalogue("b"))).await.ok().as_deref(),
            Some("a")
        );
    }

    #[tokio::test]
    async fn while_one_reads_others_get_the_known_one() {
        let known = Known::default();
        assert!(ask(&known, Ok(catalogue("a"))).await.is_ok());
        age(&known, FRESH);
        let slow = known.get("d", || async {
            assert_eq!(
                ask(&known, Ok(catalogue("c"))).await.ok().as_deref(),
                Some("a")
            );
            Ok(catalogue("b"))
        });
        assert_eq!(
            slow.await.ok().map(|found| found.tables[0].name.clone()),
            Some("b".to_owned())
        );
    }

    #[test]
    fn a_missing_table_is_recognised_in_either_engines_words() {
        for (message, missing) in [
            ("no such table: towns", true),
            ("relation \"towns\" does not exist (at character 15)", true),
            ("column \"town\" does not exist", false),
            ("no such column: town", false),
        ] {
            let error = Error::upstream("d", message);
            assert_eq!(says_a_table_is_missing(&error), missing, "{message}");
        }
    }
}
