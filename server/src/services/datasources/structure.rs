//! Tables and columns of datasources: shown as far as a caller may know them, read again, looked into beforehand.

use std::sync::Arc;

use tidegate_schema::{
    Result,
    ids::DatasourceId,
    model::{Act, Caller, Catalogue, Datasource, Hidden},
};

use super::Datasources;
use crate::{app::App, guard::GuardOptions, services::databases::IndexProgress};

/// Somebody looks into a datasource; the place is given back however that ends.
struct Looking {
    app: App,
    id: DatasourceId,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.app.listed.looked_into(self.id);
    }
}

impl Datasources<'_> {
    /// Tables and columns of a datasource, as far as the caller may use them: what is not granted is not shown.
    pub async fn catalogue(&self, caller: &Caller, name: &str) -> Result<Arc<Catalogue>> {
        let datasource = self.known(caller, name).await?;
        self.catalogue_of(caller, &datasource).await
    }

    /// The same of a datasource at hand.
    pub(crate) async fn catalogue_of(
        &self,
        caller: &Caller,
        datasource: &Datasource,
    ) -> Result<Arc<Catalogue>> {
        let whole = self.0.databases.catalogue(datasource).await?;
        Ok(match caller.tables_of(&datasource.name) {
            None => whole,
            granted => Arc::new(whole.granted(granted)),
        })
    }

    /// What the guard is to let through for a caller: reading the granted tables of a datasource.
    pub fn guard_options(&self, caller: &Caller, datasource: &Datasource) -> GuardOptions {
        GuardOptions {
            allowed_tables: caller.tables_of(&datasource.name).cloned(),
            database: Some(datasource.connection.database.clone()).filter(|name| !name.is_empty()),
            ..GuardOptions::default()
        }
    }

    /// The names that the database's own words must not tell a caller who is granted some of its tables.
    pub(crate) async fn hidden(
        &self,
        caller: &Caller,
        datasource: &Datasource,
    ) -> Result<Option<Hidden>> {
        let Some(granted) = caller.tables_of(&datasource.name) else {
            return Ok(None);
        };
        let whole = self.0.databases.catalogue(datasource).await?;
        Ok(Some(Hidden::beyond(&whole, granted)))
    }

    /// How far a datasource's tables are known; nothing for a caller who is granted some of them, since it would count
    /// the others.
    pub async fn progress(&self, caller: &Caller, name: &str) -> Result<Option<IndexProgress>> {
        let datasource = self.known(caller, name).await?;
        if caller.tables_of(name).is_some() {
            return Ok(None);
        }
        let now = self.0.databases.progress(name).await;
        if now != IndexProgress::default() {
            return Ok(Some(now));
        }
        // Not asked since this process began: as far as was written down.
        let kept = self.0.store.find_catalogue(datasource.id).await?;
        Ok(Some(kept.map_or(now, |kept| IndexProgress {
            tables: kept.catalogue.tables.len(),
            tables_sampled: kept.sampled_at.map_or(0, |_| kept.catalogue.tables.len()),
            ..now
        })))
    }

    /// How many tables and views a datasource had when they were last read; the database is not asked.
    pub async fn tables_known(&self, datasource: &Datasource) -> Result<Option<usize>> {
        let kept = self.0.store.find_catalogue(datasource.id).await?;
        Ok(kept.map(|kept| kept.catalogue.tables.len()))
    }

    /// Has a datasource's tables read again: whoever asks next is shown them as they are, those of a large database as
    /// soon as it is seen in the background that they changed. Its connections are opened anew; what runs goes on.
    ///
    /// # Errors
    /// As for [`Datasources::get`].
    pub async fn refresh(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        let datasource = self.get(caller, name).await?;
        self.0.databases.forget(&datasource.name).await;
        self.look_into(datasource.id);
        Ok(())
    }

    /// Has a datasource's tables read and indexed in the background, unless they are.
    ///
    /// # Errors
    /// As for [`Datasources::get`].
    pub async fn prepare(&self, caller: &Caller, name: &str) -> Result<()> {
        let datasource = self.get(caller, name).await?;
        self.look_into(datasource.id);
        Ok(())
    }

    /// Reads a datasource's tables in the background, so that they are known when somebody asks; nothing where that is
    /// being done.
    pub(super) fn look_into(&self, id: DatasourceId) {
        if !self.0.listed.look_into(id) {
            return;
        }
        let looking = Looking {
            app: self.0.clone(),
            id,
        };
        self.0.tasks.spawn(async move {
            let app = &looking.app;
            // As it is now: it may have been changed since.
            let Ok(Some(datasource)) = app.store.find_datasource_by_id(id).await else {
                return;
            };
            let read = tokio::select! {
                read = app.databases.catalogue(&datasource) => read,
                () = app.stopping.cancelled() => return,
            };
            if let Err(error) = read {
                tracing::debug!(
                    datasource = datasource.name,
                    %error,
                    "its tables could not be read; that is tried again when it is asked"
                );
            }
            // Removed or changed meanwhile, it has just been opened once more as it was.
            if matches!(app.store.find_datasource_by_id(id).await, Ok(None)) {
                app.databases.forget(&datasource.name).await;
            }
            app.databases.forget_files(datasource.connection).await;
        });
    }

    /// The one of a name as it was a moment ago, for what is asked often and decides nothing; asked of the store where
    /// there was none.
    async fn known(&self, caller: &Caller, name: &str) -> Result<Datasource> {
        caller.may_use(name)?;
        let rows = self.0.listed.rows(&self.0.store).await?;
        match rows.iter().find(|row| row.name == name) {
            Some(found) => Ok(found.clone()),
            None => self.get(caller, name).await,
        }
    }
}
