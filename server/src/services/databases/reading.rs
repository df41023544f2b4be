//! How a structure is read: whole where the database is small, from the store where it is large and was read before.

use std::{collections::HashMap, sync::Arc};

use tidegate_schema::{
    Result,
    model::{Catalogue, CatalogueTable, KeptCatalogue},
};

use super::{Entry, Keeper, known::Reading};
use crate::guard::GuardedDatabase;

/// A database with at most so many tables is small: its values are looked at before the first answer, and it is read
/// again as a whole. That takes less than a second.
const SMALL: usize = 50;

/// Whether a catalogue is of a database whose values and index are made in the background.
pub(super) fn is_large(catalogue: &Catalogue) -> bool {
    catalogue.tables.len() > SMALL
}

impl Keeper {
    /// The structure for somebody who asks, given what is known, if anything is. What is left to be done for it is
    /// done in the background.
    pub(super) async fn read(
        &self,
        entry: &Entry,
        database: &GuardedDatabase,
        known: Option<Reading>,
    ) -> Result<Reading> {
        match known {
            None => self.first(entry, database).await,
            // Merely old: it most likely still holds, and whether it does is seen in the background.
            Some(known) if is_large(&known.catalogue) && known.at.is_some() => Ok(Reading {
                unproved: true,
                settled: false,
                ..known
            }),
            known => self.again(database, known).await,
        }
    }

    async fn first(&self, entry: &Entry, database: &GuardedDatabase) -> Result<Reading> {
        let stored = self.stored(entry).await;
        if let Some(kept) = &stored
            && is_large(&kept.catalogue)
        {
            return Ok(Reading::kept(kept.clone()));
        }
        match (self.again(database, None).await, stored) {
            (Err(error), Some(kept)) => {
                tracing::warn!(
                    datasource = entry.name,
                    error = error.log_chain(),
                    "the tables could not be read; those of the last time are used"
                );
                Ok(Reading::kept(kept))
            }
            (read, _) => read,
        }
    }

    /// What the store has of the datasource as it is now configured.
    async fn stored(&self, entry: &Entry) -> Option<KeptCatalogue> {
        match self.store.find_catalogue(entry.datasource).await {
            Ok(kept) => kept.filter(|kept| kept.datasource_modified_at == entry.modified),
            Err(error) => {
                tracing::warn!(
                    datasource = entry.name,
                    error = error.log_chain(),
                    "the stored tables could not be read; the database is asked"
                );
                None
            }
        }
    }

    /// Reads the structure from the database, unless a large one says that it is as it was.
    pub(super) async fn again(
        &self,
        database: &GuardedDatabase,
        known: Option<Reading>,
    ) -> Result<Reading> {
        // Before the structure: a change between the two is then noticed the next time.
        let fingerprint = match database.fingerprint().await {
            Ok(fingerprint) => fingerprint,
            Err(error) => {
                tracing::debug!(%error, "the structure has no fingerprint this time");
                None
            }
        };
        let known = match known {
            Some(known)
                if is_large(&known.catalogue)
                    && fingerprint.is_some()
                    && fingerprint == known.fingerprint =>
            {
                return Ok(Reading {
                    unproved: false,
                    ..known
                });
            }
            known => known,
        };
        let mut catalogue = database.introspect().await?;
        if !is_large(&catalogue) {
            catalogue.tables = sampled(database, catalogue.tables).await;
        } else if let Some(known) = &known {
            carry_over(&known.catalogue, &mut catalogue);
        }
        let fresh = Reading::new(catalogue, fingerprint, self.clock.now());
        Ok(match known {
            // The same content stays in the same place: what was made of it holds.
            Some(known) if *known.catalogue == *fresh.catalogue => Reading {
                stored: known.stored && known.fingerprint == fresh.fingerprint,
                settled: known.settled && known.fingerprint == fresh.fingerprint,
                fingerprint: fresh.fingerprint,
                unproved: false,
                ..known
            },
            Some(known) if is_large(&fresh.catalogue) => Reading {
                sampled_at: known.sampled_at,
                ..fresh
            },
            _ => fresh,
        })
    }
}

/// The tables with their values, or as they are where those cannot be had.
async fn sampled(database: &GuardedDatabase, tables: Vec<CatalogueTable>) -> Vec<CatalogueTable> {
    match database.sample(tables.clone()).await {
        Ok(sampled) if sampled.len() == tables.len() => sampled,
        Ok(_) => tables,
        Err(error) => {
            tracing::debug!(%error, "no values were sampled");
            tables
        }
    }
}

/// Takes over the values of columns that are as they were.
fn carry_over(known: &Arc<Catalogue>, fresh: &mut Catalogue) {
    let before: HashMap<(Option<&str>, &str), &CatalogueTable> = known
        .tables
        .iter()
        .map(|table| ((table.schema.as_deref(), table.name.as_str()), table))
        .collect();
    for table in &mut fresh.tables {
        let Some(before) = before.get(&(table.schema.as_deref(), table.name.as_str())) else {
            continue;
        };
        table.row_estimate = table.row_estimate.or(before.row_estimate);
        for column in table
            .columns
            .iter_mut()
            .filter(|column| column.values.is_empty())
        {
            let same = before
                .columns
                .iter()
                .find(|other| other.name == column.name && other.data_type == column.data_type);
            if let Some(same) = same {
                column.values.clone_from(&same.values);
                column.values_complete = same.values_complete;
            }
        }
    }
}
