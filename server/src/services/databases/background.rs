//! What is done for a database while nobody waits: see whether its structure holds, look at its values, index its
//! tables, keep all of it in the store.
//!
//! It goes table by table in small steps with a rest after each, so that questions asked meanwhile find the cores and
//! the database's connections free.

mod vectors;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use chrono::TimeDelta;
use tidegate_schema::{
    Error, Result,
    model::{Catalogue, CatalogueTable, KeptCatalogue},
};

use super::{Entry, Keeper, known::Reading, reading::is_large};
use crate::{guard::GuardedDatabase, linking::SchemaIndex};

/// Tables whose values are looked at in one step.
const SAMPLED_AT_ONCE: usize = 20;
/// Rest after a step, as a share of the time it took.
const REST: f64 = 0.5;
/// Steps that may fail one after another before the rest is left for another time.
const PATIENCE: u32 = 3;
/// Values kept of a column whose values are all known, and of one of which they are a sample.
const VALUES_WHOLE: usize = 100;
const VALUES_SAMPLE: usize = 20;
/// Bytes of values kept of one database, roughly.
const VALUES_BYTES: usize = 16 << 20;

/// How old values may be in a database whose structure has changed since, and in one where it has not.
fn most_age(changed: bool) -> TimeDelta {
    if changed {
        TimeDelta::hours(1)
    } else {
        TimeDelta::days(1)
    }
}

impl Keeper {
    /// Does what is left to be done for a database, in the background; nothing twice at a time.
    pub(super) fn begin(self: &Arc<Self>, entry: &Arc<Entry>, database: &Arc<GuardedDatabase>) {
        entry.wanted.store(true, Ordering::SeqCst);
        if entry.busy.try_lock().is_err() {
            // Whoever is at it looks again before leaving.
            return;
        }
        let (keeper, entry, database) = (Arc::clone(self), Arc::clone(entry), Arc::clone(database));
        self.tasks.spawn(async move {
            tokio::select! {
                () = keeper.stopping.cancelled() => keeper.keep_known(&entry).await,
                () = entry.gone.cancelled() => {}
                () = keeper.work(&entry, &database) => {}
            }
        });
    }

    async fn work(&self, entry: &Entry, database: &GuardedDatabase) {
        loop {
            let Ok(busy) = entry.busy.try_lock() else {
                return;
            };
            while entry.wanted.swap(false, Ordering::SeqCst) {
                match self.settle(entry, database).await {
                    Ok(()) => {}
                    // The datasource was removed meanwhile.
                    Err(error @ Error::Conflict { .. }) => {
                        tracing::debug!(datasource = entry.name, %error, "nothing is kept of it");
                    }
                    Err(error) => tracing::warn!(
                        datasource = entry.name,
                        error = error.log_chain(),
                        "its tables could not all be indexed; that is tried again when it is next asked"
                    ),
                }
                entry.known.settle();
                entry.progress.set(|progress| progress.done = true);
            }
            drop(busy);
            // Somebody may have come between the last look and the opening of the door.
            if !entry.wanted.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    async fn settle(&self, entry: &Entry, database: &GuardedDatabase) -> Result<()> {
        let Some(mut reading) = entry.known.reading() else {
            return Ok(());
        };
        if reading.unproved {
            reading = self.prove(entry, database, reading).await?;
        }
        let tables = reading.catalogue.tables.len();
        if !is_large(&reading.catalogue) {
            entry.progress.set(|progress| {
                progress.tables = tables;
                progress.tables_sampled = tables;
            });
            return self.keep(entry, &reading).await;
        }
        let catalogue = Arc::clone(&reading.catalogue);
        let has_values = self.has_recent_values(&reading);
        entry.progress.set(|progress| {
            progress.tables = tables;
            progress.tables_sampled = if has_values { tables } else { 0 };
            progress.done = false;
        });
        let index = match reading.index.take() {
            Some(index) => index,
            None => index_of(&catalogue, None).await?,
        };
        entry
            .known
            .change(&catalogue, |known| known.index = Some(Arc::clone(&index)));
        // First of all, so that a restart finds it.
        self.keep(entry, &reading).await?;
        let index = self.embed(entry, &catalogue, index).await?;
        if !has_values {
            self.sample(entry, database, reading, &index).await?;
        }
        let done = entry.progress.now();
        tracing::info!(
            datasource = entry.name,
            tables,
            sampled = done.tables_sampled,
            embedded = done.tables_embedded,
            "tables indexed"
        );
        Ok(())
    }

    /// Sees whether the structure is as it was, and reads it again where it is not.
    async fn prove(
        &self,
        entry: &Entry,
        database: &GuardedDatabase,
        reading: Reading,
    ) -> Result<Reading> {
        let before = Arc::clone(&reading.catalogue);
        let now = self.again(database, Some(reading)).await?;
        entry.known.change(&before, |known| {
            *known = Reading {
                at: Some(Instant::now()),
                ..now.clone()
            };
        });
        Ok(now)
    }

    fn has_recent_values(&self, reading: &Reading) -> bool {
        reading.sampled_at.is_some_and(|at| {
            let changed = at < reading.read_at;
            self.clock.now() - at < most_age(changed)
        })
    }

    /// Writes down what is known when the process ends before the work on it has: the next one need not read it again.
    async fn keep_known(&self, entry: &Entry) {
        let Some(reading) = entry.known.reading() else {
            return;
        };
        if let Err(error) = self.keep(entry, &reading).await {
            tracing::debug!(datasource = entry.name, %error, "its tables were not written down");
        }
    }

    /// Writes down what was read, unless the store has it.
    async fn keep(&self, entry: &Entry, reading: &Reading) -> Result<()> {
        if reading.stored {
            return Ok(());
        }
        let kept = KeptCatalogue {
            catalogue: Arc::clone(&reading.catalogue),
            datasource_modified_at: entry.modified,
            fingerprint: reading.fingerprint.clone(),
            read_at: reading.read_at,
            sampled_at: reading.sampled_at,
        };
        self.store.keep_catalogue(entry.datasource, &kept).await?;
        entry
            .known
            .change(&reading.catalogue, |known| known.stored = true);
        Ok(())
    }

    /// Looks at the values of all tables and indexes them.
    async fn sample(
        &self,
        entry: &Entry,
        database: &GuardedDatabase,
        reading: Reading,
        index: &Arc<SchemaIndex>,
    ) -> Result<()> {
        let before = Arc::clone(&reading.catalogue);
        let mut tables = Vec::with_capacity(before.tables.len());
        let mut room = VALUES_BYTES;
        let mut failures = 0;
        for some in before.tables.chunks(SAMPLED_AT_ONCE) {
            let started = Instant::now();
            match database.sample(some.to_vec()).await {
                Ok(sampled) if sampled.len() == some.len() => {
                    failures = 0;
                    tables.extend(sampled.into_iter().map(|table| trimmed(table, &mut room)));
                }
                other => {
                    failures += 1;
                    if let Err(error) = other {
                        tracing::debug!(datasource = entry.name, %error, "no values were sampled");
                        if failures == PATIENCE {
                            return Err(error);
                        }
                    }
                    tables.extend(some.iter().cloned());
                }
            }
            let count = tables.len();
            entry.progress.set(|now| now.tables_sampled = count);
            entry.progress.tell(&entry.name);
            rest(started).await;
        }
        let catalogue = Arc::new(Catalogue { tables });
        let index = index_of(&catalogue, Some(Arc::clone(index))).await?;
        let sampled = Reading {
            catalogue,
            sampled_at: Some(self.clock.now()),
            index: Some(index),
            stored: false,
            ..reading
        };
        let taken = entry.known.change(&before, |known| {
            *known = Reading {
                at: known.at,
                ..sampled.clone()
            };
        });
        if taken {
            self.keep(entry, &sampled).await?;
        }
        Ok(())
    }
}

/// The index of a catalogue, with the vectors of one of the same structure.
async fn index_of(
    catalogue: &Arc<Catalogue>,
    before: Option<Arc<SchemaIndex>>,
) -> Result<Arc<SchemaIndex>> {
    let catalogue = Arc::clone(catalogue);
    let built = tokio::task::spawn_blocking(move || {
        let index = SchemaIndex::build(&catalogue);
        match before {
            Some(before) => index.with_vectors_of(&before),
            None => index,
        }
    });
    built
        .await
        .map(Arc::new)
        .map_err(|error| Error::internal("indexing tables", error))
}

/// Leaves the machine to others for a while.
async fn rest(started: Instant) {
    tokio::time::sleep(started.elapsed().mul_f64(REST)).await;
}

/// A table of a large database with no more values than are of use, and none once there is no room for more.
fn trimmed(mut table: CatalogueTable, room: &mut usize) -> CatalogueTable {
    for column in &mut table.columns {
        let most = if column.values_complete {
            VALUES_WHOLE
        } else {
            VALUES_SAMPLE
        };
        if column.values.len() > most {
            column.values.truncate(most);
            column.values_complete = false;
        }
        let bytes: usize = column
            .values
            .iter()
            .map(|value| value.len() + size_of::<String>())
            .sum();
        if bytes > *room {
            column.values = Vec::new();
            column.values_complete = false;
        } else {
            *room -= bytes;
        }
        column.values.shrink_to_fit();
    }
    table
}
