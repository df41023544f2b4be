//! Datasources: adding, changing, removing, listing, and their tables.

use std::{path::Path, sync::Arc};

use secrecy::SecretString;
use tidegate_schema::{
    Error, Result,
    ids::DatasourceId,
    model::{
        Act, Caller, Catalogue, Connection, Datasource, DatasourcePatch, Engine, NewDatasource,
    },
};

use crate::{app::App, sample};

/// Name of the sample database.
pub const SAMPLE: &str = "shop";

/// The service.
pub struct Datasources<'a>(pub(crate) &'a App);

impl Datasources<'_> {
    /// The datasources the caller may use, newest first.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<Datasource>> {
        caller.may(Act::Ask)?;
        let mut all = self.0.store.list_datasources().await?;
        all.retain(|datasource| caller.may_use(&datasource.name).is_ok());
        all.reverse();
        Ok(all)
    }

    /// One datasource by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the nearest name, [`Error::Forbidden`] without a grant.
    pub async fn get(&self, caller: &Caller, name: &str) -> Result<Datasource> {
        caller.may_use(name)?;
        if let Some(found) = self.0.store.find_datasource(name).await? {
            return Ok(found);
        }
        let names: Vec<String> = self
            .list(caller)
            .await?
            .into_iter()
            .map(|d| d.name)
            .collect();
        let hint = names
            .iter()
            .map(|known| (strsim::jaro_winkler(known, name), known))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(score, nearest)| {
                if score > 0.7 {
                    format!("did you mean '{nearest}'?")
                } else {
                    format!("there is: {}", names.join(", "))
                }
            })
            .or_else(|| Some("add one with `tidegate db add`".to_owned()));
        Err(Error::NotFound {
            what: "datasource",
            name: name.to_owned(),
            hint,
        })
    }

    /// One datasource by number.
    pub async fn get_by_id(&self, caller: &Caller, id: DatasourceId) -> Result<Datasource> {
        let found = self
            .0
            .store
            .find_datasource_by_id(id)
            .await?
            .ok_or_else(|| Error::not_found("datasource", id))?;
        caller.may_use(&found.name)?;
        Ok(found)
    }

    /// Registers a database after proving that it answers, so that a bad password leaves no trace.
    pub async fn create(&self, caller: &Caller, new: NewDatasource) -> Result<Datasource> {
        caller.may(Act::ManageDatasources)?;
        check_name(&new.name)?;
        if self.0.store.find_datasource(&new.name).await?.is_some() {
            return Err(Error::AlreadyExists {
                what: "datasource",
                name: new.name,
            });
        }
        self.0.databases.probe(&new.name, &new.connection).await?;
        self.0
            .store
            .insert_datasource(new, self.0.clock.now())
            .await
    }

    /// Changes a datasource after proving that the changed connection answers.
    pub async fn update(
        &self,
        caller: &Caller,
        name: &str,
        patch: DatasourcePatch,
    ) -> Result<Datasource> {
        caller.may(Act::ManageDatasources)?;
        self.get(caller, name).await?;
        if let Some(connection) = &patch.connection {
            self.0.databases.probe(name, connection).await?;
        }
        let changed = self
            .0
            .store
            .update_datasource(name, patch, self.0.clock.now())
            .await?
            .ok_or_else(|| Error::not_found("datasource", name))?;
        self.0.databases.forget(name).await;
        Ok(changed)
    }

    /// Removes a datasource; the database itself is left alone. Answers whether there was one.
    pub async fn delete(&self, caller: &Caller, name: &str) -> Result<bool> {
        caller.may(Act::ManageDatasources)?;
        caller.may_use(name)?;
        let deleted = self.0.store.delete_datasource(name).await?;
        self.0.databases.forget(name).await;
        Ok(deleted)
    }

    /// Proves that a connection works, storing nothing.
    pub async fn test(&self, caller: &Caller, name: &str, connection: &Connection) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        self.0.databases.probe(name, connection).await
    }

    /// Tables and columns of a datasource.
    pub async fn catalogue(&self, caller: &Caller, name: &str) -> Result<Arc<Catalogue>> {
        let datasource = self.get(caller, name).await?;
        self.0.databases.catalogue(&datasource).await
    }

    /// Makes the sample database's file and registers it, if either is missing.
    pub async fn ensure_sample(&self, path: &Path) -> Result<()> {
        if !path.exists() {
            let target = path.to_path_buf();
            tokio::task::spawn_blocking(move || sample::create(&target))
                .await
                .map_err(|e| Error::internal("making the sample database", e))??;
        }
        if self.0.store.find_datasource(SAMPLE).await?.is_some() {
            return Ok(());
        }
        let connection = Connection {
            engine: Engine::Sqlite,
            path: path.display().to_string(),
            host: String::new(),
            port: 0,
            user: String::new(),
            password: SecretString::from(""),
            database: String::new(),
        };
        let new = NewDatasource {
            name: SAMPLE.to_owned(),
            connection,
            comment: "Sample shop: customers, products, orders".to_owned(),
            owner: None,
        };
        match self
            .0
            .store
            .insert_datasource(new, self.0.clock.now())
            .await
        {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    let field = "db_name";
    if name.trim().is_empty() {
        return Err(Error::invalid(field, "must not be empty"));
    }
    if name.len() > 128 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            field,
            "must be at most 128 characters and hold no control characters",
        ));
    }
    Ok(())
}
