//! What is known of one database's structure, and how old it may be.

use std::{
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tidegate_schema::{
    Result,
    model::{Catalogue, KeptCatalogue},
};
use tokio::sync::Mutex;

use crate::linking::SchemaIndex;

/// How old what is known of a database's structure may be when somebody asks. A new table is worth a handful of
/// queries a minute, and whoever made it can wait that long.
pub(super) const FRESH: Duration = Duration::from_mins(1);

/// What is known of a database's structure.
#[derive(Default)]
pub(super) struct Known {
    latest: StdMutex<Option<Reading>>,
    /// Held by whoever reads.
    reading: Mutex<()>,
}

/// A structure as it was read, with what was made of it.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) catalogue: Arc<Catalogue>,
    /// When it was read or proved, on this process's clock; nothing if it is known to be out of date.
    pub(super) at: Option<Instant>,
    /// The database's word for its structure, taken before that was read.
    pub(super) fingerprint: Option<String>,
    /// When it was read.
    pub(super) read_at: DateTime<Utc>,
    /// When its values were looked at to the end.
    pub(super) sampled_at: Option<DateTime<Utc>>,
    /// Its index, for a large one.
    pub(super) index: Option<Arc<SchemaIndex>>,
    /// Whether it is still to be seen if the database is as it says.
    pub(super) unproved: bool,
    /// Whether the store has it so.
    pub(super) stored: bool,
    /// Whether nothing is left to be done for it.
    pub(super) settled: bool,
}

impl Reading {
    /// One that was read just now.
    pub(super) fn new(
        catalogue: Catalogue,
        fingerprint: Option<String>,
        read_at: DateTime<Utc>,
    ) -> Self {
        Self {
            catalogue: Arc::new(catalogue),
            at: None,
            fingerprint,
            read_at,
            sampled_at: None,
            index: None,
            unproved: false,
            stored: false,
            settled: false,
        }
    }

    /// One from the store: who knows what happened since.
    pub(super) fn kept(kept: KeptCatalogue) -> Self {
        Self {
            catalogue: kept.catalogue,
            at: None,
            fingerprint: kept.fingerprint,
            read_at: kept.read_at,
            sampled_at: kept.sampled_at,
            index: None,
            unproved: true,
            stored: true,
            settled: false,
        }
    }

    fn is_fresh(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < FRESH)
    }
}

impl Known {
    /// The structure, at most [`FRESH`] old. Whoever comes first reads it again, handed what is known, and others get
    /// the known one meanwhile; so does everyone while it cannot be read.
    pub(super) async fn get<F: Future<Output = Result<Reading>>>(
        &self,
        name: &str,
        read: impl FnOnce(Option<Reading>) -> F,
    ) -> Result<Reading> {
        let Some(known) = self.reading() else {
            let _first = self.reading.lock().await;
            // Another may have been first.
            return match self.reading() {
                Some(known) => Ok(known),
                None => Ok(self.keep(read(None).await?)),
            };
        };
        if known.is_fresh() {
            return Ok(known);
        }
        let Ok(_first) = self.reading.try_lock() else {
            return Ok(known);
        };
        match read(Some(known.clone())).await {
            Ok(reading) => Ok(self.keep(reading)),
            Err(error) => {
                tracing::warn!(
                    datasource = name,
                    error = error.log_chain(),
                    "the tables could not be read again; those known are used"
                );
                // As if it were new, or every question would wait for the next failure.
                Ok(self.keep(known))
            }
        }
    }

    /// What is known, however old.
    pub(super) fn reading(&self) -> Option<Reading> {
        self.latest().clone()
    }

    fn latest(&self) -> MutexGuard<'_, Option<Reading>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, reading: Reading) -> Reading {
        let reading = Reading {
            at: Some(Instant::now()),
            ..reading
        };
        *self.latest() = Some(reading.clone());
        reading
    }

    /// Changes what is known if it is still of `catalogue`; whether it was.
    pub(super) fn change(
        &self,
        catalogue: &Arc<Catalogue>,
        change: impl FnOnce(&mut Reading),
    ) -> bool {
        let mut latest = self.latest();
        let Some(reading) = latest
            .as_mut()
            .filter(|reading| Arc::ptr_eq(&reading.catalogue, catalogue))
        else {
            return false;
        };
        change(reading);
        true
    }

    /// Nothing is left to be done for what is known.
    pub(super) fn settle(&self) {
        if let Some(reading) = self.latest().as_mut() {
            reading.settled = true;
        }
    }

    /// Has the next to ask read it again.
    pub(super) fn outdate(&self) {
        if let Some(reading) = self.latest().as_mut() {
            reading.at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_schema::{Error, model::CatalogueTable};

    use super::*;

    fn of(name: &str) -> Reading {
        let catalogue = Catalogue {
            tables: vec![CatalogueTable {
                name: name.to_owned(),
                ..CatalogueTable::default()
            }],
        };
        Reading::new(catalogue, None, DateTime::UNIX_EPOCH)
    }

    async fn ask(known: &Known, answer: Result<Reading>) -> Result<String> {
        let found = known.get("d", |_| async { answer }).await?;
        Ok(found.catalogue.tables[0].name.clone())
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
        assert_eq!(ask(&known, Ok(of("a"))).await.ok().as_deref(), Some("a"));
        assert_eq!(ask(&known, Ok(of("b"))).await.ok().as_deref(), Some("a"));
        age(&known, FRESH);
        assert_eq!(ask(&known, Ok(of("b"))).await.ok().as_deref(), Some("b"));
        known.outdate();
        assert_eq!(ask(&known, Ok(of("c"))).await.ok().as_deref(), Some("c"));
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_again_stays_in_use() {
        let known = Known::default();
        assert!(ask(&known, Ok(of("a"))).await.is_ok());
        age(&known, FRESH);
        let failed = ask(&known, Err(Error::upstream("d", "gone"))).await;
        assert_eq!(failed.ok().as_deref(), Some("a"));
        assert_eq!(ask(&known, Ok(of("b"))).await.ok().as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn while_one_reads_others_get_the_known_one() {
        let known = Known::default();
        assert!(ask(&known, Ok(of("a"))).await.is_ok());
        age(&known, FRESH);
        let slow = known.get("d", |_| async {
            assert_eq!(ask(&known, Ok(of("c"))).await.ok().as_deref(), Some("a"));
            Ok(of("b"))
        });
        assert_eq!(
            slow.await
                .ok()
                .map(|found| found.catalogue.tables[0].name.clone()),
            Some("b".to_owned())
        );
    }

    #[tokio::test]
    async fn what_was_made_of_one_structure_is_not_taken_for_the_next() {
        let known = Known::default();
        let first = known.get("d", |_| async { Ok(of("a")) }).await;
        let first = first.expect("read").catalogue;
        assert!(known.change(&first, |reading| reading.stored = true));
        age(&known, FRESH);
        assert_eq!(ask(&known, Ok(of("b"))).await.ok().as_deref(), Some("b"));
        assert!(!known.change(&first, |reading| reading.stored = true));
        assert!(known.reading().is_some_and(|reading| !reading.stored));
    }
}
