//! Datasources: adding, changing, removing, listing. Their tables are in `structure`.

mod listed;
mod structure;

use std::path::Path;

use secrecy::SecretString;
use tidegate_schema::{
    Error, Result,
    ids::DatasourceId,
    model::{
        Act, Caller, ChatMode, Connection, Datasource, DatasourcePatch, Engine, NewDatasource,
    },
};

pub use self::listed::Listed;
use super::check_id;
use crate::{app::App, sample};

/// Names listed where none is like the one asked for.
const MOST_LISTED: usize = 20;
/// How alike two names are, from 0 to 1, if one may be meant for the other.
const ALIKE: f64 = 0.7;

/// Name of the sample database.
pub const SAMPLE: &str = "shop";

/// The service.
pub struct Datasources<'a>(pub(crate) &'a App);

impl Datasources<'_> {
    /// The datasources the caller may use, newest first. What another process wrote may be missing for a second.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<Datasource>> {
        let mut all = self.list_oldest_first(caller).await?;
        all.reverse();
        Ok(all)
    }

    /// The same in the order they were added.
    pub async fn list_oldest_first(&self, caller: &Caller) -> Result<Vec<Datasource>> {
        caller.may(Act::Ask)?;
        let rows = self.0.listed.rows(&self.0.store).await?;
        let usable = rows.iter().filter(|row| caller.may_use(&row.name).is_ok());
        Ok(usable.cloned().collect())
    }

    /// One datasource by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the nearest name, [`Error::Forbidden`] without a grant.
    pub async fn get(&self, caller: &Caller, name: &str) -> Result<Datasource> {
        caller.may_use(name)?;
        check_id("db_name", name)?;
        let found = self.0.store.find_datasource(name).await?;
        self.0.listed.compare(name, found.as_ref());
        if let Some(found) = found {
            return Ok(found);
        }
        let names: Vec<String> = self
            .list(caller)
            .await?
            .into_iter()
            .map(|d| d.name)
            .collect();
        let hint =
            nearest(&names, name).or_else(|| Some("add one with `tidegate db add`".to_owned()));
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

    /// Registers a database after proving that it answers, so that a bad password leaves no trace. Its tables are read
    /// and indexed in the background; [`Datasources::progress`] tells how far that is.
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
        let connection = new.connection.clone();
        let added = self
            .0
            .store
            .insert_datasource(new, self.0.clock.now())
            .await;
        self.0.listed.forget();
        match &added {
            Ok(added) => self.look_into(added.id),
            // Nobody will ask what was read of them.
            Err(_) => self.0.databases.forget_files(connection).await,
        }
        added
    }

    /// Changes a datasource after proving that the changed connection answers. One that leads to another database than
    /// before is read only again.
    pub async fn update(
        &self,
        caller: &Caller,
        name: &str,
        patch: DatasourcePatch,
    ) -> Result<Datasource> {
        caller.may(Act::ManageDatasources)?;
        let before = self.get(caller, name).await?;
        if let Some(connection) = &patch.connection {
            self.0.databases.probe(name, connection).await?;
        }
        let changed = self
            .0
            .store
            .update_datasource(name, patch, self.0.clock.now())
            .await?
            .ok_or_else(|| Error::not_found("datasource", name))?;
        self.0.listed.forget();
        self.0.databases.forget(name).await;
        self.0.databases.forget_files(before.connection).await;
        Ok(changed)
    }

    /// Lets statements that change rows through to a datasource, or no longer. Each of them still needs a grant to
    /// write and a confirmation.
    pub async fn mark_writable(
        &self,
        caller: &Caller,
        name: &str,
        writable: bool,
    ) -> Result<Datasource> {
        caller.may(Act::ManageDatasources)?;
        self.get(caller, name).await?;
        let marked = self
            .0
            .store
            .mark_writable(name, writable, self.0.clock.now())
            .await?;
        self.0.listed.forget();
        marked.ok_or_else(|| Error::not_found("datasource", name))
    }

    /// Removes a datasource; the database itself is left alone. Answers whether there was one.
    pub async fn delete(&self, caller: &Caller, name: &str) -> Result<bool> {
        caller.may(Act::ManageDatasources)?;
        caller.may_use(name)?;
        check_id("db_name", name)?;
        let known = self.0.store.find_datasource(name).await?;
        let deleted = self.0.store.delete_datasource(name).await?;
        self.0.listed.forget();
        self.0.databases.forget(name).await;
        if let Some(known) = known {
            self.0.databases.forget_files(known.connection).await;
        }
        Ok(deleted)
    }

    /// Proves that a connection works, storing nothing: what was read of data files goes again, unless a datasource is
    /// over them.
    pub async fn test(&self, caller: &Caller, name: &str, connection: &Connection) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        let tested = self.0.databases.probe(name, connection).await;
        self.0.databases.forget_files(connection.clone()).await;
        tested
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
        let added = self
            .0
            .store
            .insert_datasource(new, self.0.clock.now())
            .await;
        self.0.listed.forget();
        match added {
            Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a chat mode, by its wire name, is asked of a datasource.
pub fn asks_a_database(mode: &str) -> bool {
    matches!(
        ChatMode::from_name(mode),
        Some(ChatMode::WithDbExecute | ChatMode::WithDbQa | ChatMode::Dashboard)
    )
}

/// The name most like the one asked for, or those there are; nothing where there are none.
pub(super) fn nearest(names: &[String], wanted: &str) -> Option<String> {
    let (score, name) = names
        .iter()
        .map(|known| (strsim::jaro_winkler(known, wanted), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    if score > ALIKE {
        return Some(format!("did you mean '{name}'?"));
    }
    let more = match names.len().saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let listed = &names[..names.len().min(MOST_LISTED)];
    Some(format!("there is: {}{more}", listed.join(", ")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_or_else_what_there_is() {
        let names = |count: usize| -> Vec<String> {
            ["orders", "people"]
                .into_iter()
                .map(str::to_owned)
                .chain((2..count).map(|n| format!("t{n}")))
                .collect()
        };
        let told = |count, wanted| nearest(&names(count), wanted);
        assert_eq!(told(2, "ordres").as_deref(), Some("did you mean 'orders'?"));
        assert_eq!(told(2, "x").as_deref(), Some("there is: orders, people"));
        let many = told(2_500, "zzz").expect("told");
        assert!(many.ends_with("t19 and 2480 more"), "{many}");
        assert_eq!(nearest(&[], "x"), None);
    }
}
