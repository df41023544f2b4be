//! What the service keeps in memory between calls: the datasources as they were listed, and which are looked into.
//!
//! `chat/db/list` is called more often than anything else, by every page that is open. It cost two queries, each
//! handed to a thread and back, and a password opened for every row; it now costs a clone of the rows that the caller
//! may use, their JSON, and the way through axum.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tidegate_schema::{Result, ids::DatasourceId, model::Datasource, store::Store};

use crate::services::remembered::Remembered;

/// How old a list may be where another process writes too: the command line, or another server over one PostgreSQL.
const MOST_AGE: Duration = Duration::from_secs(1);

/// What is kept.
pub struct Listed {
    rows: Remembered<Arc<[Datasource]>>,
    /// Those whose tables are being read in the background.
    looked_into: Mutex<BTreeSet<DatasourceId>>,
}

impl Default for Listed {
    fn default() -> Self {
        Self {
            rows: Remembered::for_at_most(MOST_AGE),
            looked_into: Mutex::default(),
        }
    }
}

impl Listed {
    /// All of them, in the order they were added.
    pub(super) async fn rows(&self, store: &Store) -> Result<Arc<[Datasource]>> {
        self.rows
            .get(|| async { Ok(store.list_datasources().await?.into()) })
            .await
    }

    /// One was added, changed or removed.
    pub(super) fn forget(&self) {
        self.rows.forget();
    }

    /// Compares with what the store just said of a name: another process may have written.
    pub(super) fn compare(&self, name: &str, found: Option<&Datasource>) {
        let state = |row: &Datasource| (row.id, row.modified_at);
        self.rows.forget_if(|rows| {
            let known = rows.iter().find(|row| row.name == name);
            known.map(state) != found.map(state)
        });
    }

    /// A place for whoever looks into a datasource; none while somebody does.
    pub(super) fn look_into(&self, id: DatasourceId) -> bool {
        let mut looked_into = self
            .looked_into
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        looked_into.insert(id)
    }

    /// Gives the place back.
    pub(super) fn looked_into(&self, id: DatasourceId) {
        let mut looked_into = self
            .looked_into
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        looked_into.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datasource_is_looked_into_by_one_at_a_time() {
        let listed = Listed::default();
        let (one, other) = (DatasourceId(1), DatasourceId(2));
        assert!(listed.look_into(one) && listed.look_into(other));
        assert!(!listed.look_into(one));
        listed.looked_into(one);
        assert!(listed.look_into(one) && !listed.look_into(other));
    }
}
