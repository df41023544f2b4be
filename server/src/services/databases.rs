//! Open connections to datasources and what is known of their structure, kept until a datasource changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tidegate_schema::{
    Result,
    model::{Catalogue, Datasource},
};
use tokio::sync::{Mutex, OnceCell};

use crate::{drivers, guard::GuardedDatabase};

/// Connections by datasource name.
pub struct Databases {
    open: Mutex<HashMap<String, Arc<Entry>>>,
    connect_timeout: Duration,
}

/// One datasource's connection and catalogue, made on first use.
struct Entry {
    modified: chrono::DateTime<chrono::Utc>,
    database: OnceCell<Arc<GuardedDatabase>>,
    catalogue: OnceCell<Arc<Catalogue>>,
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
                    catalogue: OnceCell::new(),
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

    /// Tables and columns, introspected on first use.
    pub async fn catalogue(&self, datasource: &Datasource) -> Result<Arc<Catalogue>> {
        let database = self.get(datasource).await?;
        let entry = self.entry(datasource).await;
        entry
            .catalogue
            .get_or_try_init(|| async { Ok(Arc::new(database.introspect().await?)) })
            .await
            .cloned()
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
