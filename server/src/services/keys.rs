//! API keys: made, listed, revoked, and turned into a [`Caller`].

mod identify;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tidegate_schema::{
    Error, Result,
    ids::KeyId,
    model::{Act, ApiKey, Caller, Catalogue, CatalogueTable, Grant, KeyLimits, NewApiKey},
};

use super::datasources::nearest;
use crate::app::App;

pub use self::identify::Presented;

/// How long another process over the same store may take keys for what they were: a server, where the command line
/// makes or revokes one.
pub(crate) const MOST_AGE: Duration = Duration::from_millis(100);

/// What every key begins with, so that leaked ones can be recognised.
const PREFIX: &str = "tg-";

/// The service.
pub struct Keys<'a>(pub(crate) &'a App);

/// What a key is to be granted, as a person writes it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Datasources to read; all of their tables, unless `tables` names some.
    pub datasources: Vec<String>,
    /// Tables, each as `datasource.table`: of a datasource named here, those alone.
    pub tables: Vec<String>,
    /// Datasources whose rows it may change too.
    pub writes: Vec<String>,
}

impl Keys<'_> {
    /// Reads what is wanted against the datasources and tables there are; `None` where nothing is named, which
    /// grants reading everything.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the nearest name for a datasource or a table that is unknown.
    pub async fn grants(&self, caller: &Caller, wanted: &Wanted) -> Result<Option<Vec<Grant>>> {
        caller.may(Act::ManageKeys)?;
        let mut grants: BTreeMap<String, Grant> = BTreeMap::new();
        for name in wanted.datasources.iter().chain(&wanted.writes) {
            let name = self.0.datasources().get(caller, name).await?.name;
            grants
                .entry(name.clone())
                .or_insert_with(|| Grant::reading(name));
        }
        for written in &wanted.tables {
            let (name, table) = self.table(caller, written).await?;
            let grant = grants
                .entry(name.clone())
                .or_insert_with(|| Grant::reading(name));
            grant.tables.get_or_insert_default().insert(table);
        }
        for name in &wanted.writes {
            if let Some(grant) = grants.get_mut(name) {
                grant.write = true;
            }
        }
        Ok((!grants.is_empty()).then(|| grants.into_values().collect()))
    }

    /// The datasource and the table that `datasource.table` means, as both are spelled. Either may have dots in its
    /// name.
    async fn table(&self, caller: &Caller, written: &str) -> Result<(String, String)> {
        let datasources = self.0.datasources();
        let known: BTreeSet<String> = datasources
            .list(caller)
            .await?
            .into_iter()
            .map(|datasource| datasource.name)
            .collect();
        let Some((first, _)) = written.split_once('.') else {
            return Err(Error::invalid(
                "table",
                format!("'{written}' names no datasource; write datasource.table, as shop.orders"),
            ));
        };
        let mut found = Vec::new();
        let mut names = Vec::new();
        for (dot, _) in written.match_indices('.') {
            let (name, table) = (&written[..dot], &written[dot + 1..]);
            if !known.contains(name) {
                continue;
            }
            let catalogue = datasources.catalogue(caller, name).await?;
            names.extend(
                catalogue
                    .tables
                    .iter()
                    .map(|known| format!("{name}.{}", known.full_name())),
            );
            if let Some(table) = spelled(&catalogue, table) {
                found.push((name.to_owned(), table));
            }
        }
        match (found.pop(), found.pop()) {
            (Some(only), None) => Ok(only),
            (Some((one, _)), Some((other, _))) => Err(Error::invalid(
                "table",
                format!(
                    "'{written}' is a table of '{one}' and one of '{other}'; grant it under another name"
                ),
            )),
            (None, _) => {
                // Says which datasource comes nearest, where it is that which is unknown.
                if names.is_empty() {
                    datasources.get(caller, first).await?;
                }
                Err(no_table(written, &names))
            }
        }
    }

    /// Refuses grants on what is not there, and those of more than the maker of the key may do.
    async fn check(&self, caller: &Caller, grants: Option<&[Grant]>) -> Result<()> {
        let beyond = |what: &str| Error::Forbidden {
            reason: format!("a key cannot grant what its maker may not do: {what}"),
        };
        let Some(grants) = grants else {
            return match caller.grants {
                Some(_) => Err(beyond("read every datasource; name those it is for")),
                None => Ok(()),
            };
        };
        let mut seen = BTreeSet::new();
        for Grant {
            datasource,
            tables,
            write,
        } in grants
        {
            if !seen.insert(datasource) {
                return Err(Error::invalid(
                    "grants",
                    format!("name the datasource '{datasource}' twice; put them into one"),
                ));
            }
            let found = self.0.datasources().get(caller, datasource).await?;
            if *write && !caller.may_write(datasource) {
                return Err(beyond(&format!("change rows of '{datasource}'")));
            }
            let Some(tables) = tables else {
                if caller.tables_of(datasource).is_some() {
                    return Err(beyond(&format!(
                        "read every table of '{datasource}'; name those it is for"
                    )));
                }
                continue;
            };
            let catalogue = self.0.datasources().catalogue_of(caller, &found).await?;
            let names: Vec<String> = catalogue
                .tables
                .iter()
                .map(CatalogueTable::full_name)
                .collect();
            if let Some(unknown) = tables.iter().find(|table| !names.contains(table)) {
                return Err(no_table(unknown, &names));
            }
        }
        Ok(())
    }

    /// Makes a key without limits and returns it with its record. The key itself is nowhere else: only its hash is
    /// stored.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        admin: bool,
        grants: Option<Vec<Grant>>,
    ) -> Result<(String, ApiKey)> {
        self.create_limited(caller, name, admin, grants, KeyLimits::default())
            .await
    }

    /// The same with limits on how much it may use.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the limit that cannot be.
    pub async fn create_limited(
        &self,
        caller: &Caller,
        name: &str,
        admin: bool,
        grants: Option<Vec<Grant>>,
        limits: KeyLimits,
    ) -> Result<(String, ApiKey)> {
        caller.may(Act::ManageKeys)?;
        check_limits(limits)?;
        if name.trim().is_empty() {
            return Err(Error::invalid(
                "name",
                "must not be empty: it tells keys apart in the list",
            ));
        }
        self.check(caller, grants.as_deref()).await?;
        let secret: [u8; 32] = rand::random();
        let key = format!("{PREFIX}{}", hex::encode(secret));
        let inserted = self
            .0
            .store
            .insert_key(NewApiKey {
                id: KeyId(self.0.clock.new_id()),
                name: name.to_owned(),
                prefix: key.chars().take(PREFIX.len() + 6).collect(),
                hash: hash(&key),
                admin,
                grants,
                limits,
                created_at: self.0.clock.now(),
            })
            .await;
        self.0.keyed.forget();
        let record = inserted?;
        others_have_heard().await;
        Ok((key, record))
    }

    /// Every key, revoked ones too.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<ApiKey>> {
        caller.may(Act::ManageKeys)?;
        self.0.store.list_keys().await
    }

    /// The key of an id or of the prefix the list shows.
    pub async fn find(&self, caller: &Caller, id: &str) -> Result<ApiKey> {
        caller.may(Act::ManageKeys)?;
        self.0
            .store
            .list_keys()
            .await?
            .into_iter()
            .find(|key| key.id.as_str() == id || key.prefix == id)
            .ok_or_else(|| Error::NotFound {
                what: "key",
                name: id.to_owned(),
                hint: Some("`tidegate key list` shows ids and prefixes".to_owned()),
            })
    }

    /// Revokes a key, by id or by the prefix the list shows.
    pub async fn revoke(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.may(Act::ManageKeys)?;
        let found = self.find(caller, id).await?;
        let revoked = self.0.store.revoke_key(&found.id, self.0.clock.now()).await;
        self.0.keyed.forget();
        self.0.presented.forget(&found.hash);
        revoked?;
        others_have_heard().await;
        Ok(())
    }
}

/// Waits until no process over this store takes keys for what they were before, so that what is acknowledged is in
/// force everywhere.
async fn others_have_heard() {
    tokio::time::sleep(MOST_AGE).await;
}

/// The name of a table as the catalogue spells it: the same, or the only one that differs in case alone.
fn spelled(catalogue: &Catalogue, wanted: &str) -> Option<String> {
    let names = || catalogue.tables.iter().map(CatalogueTable::full_name);
    names().find(|name| name == wanted).or_else(|| {
        let mut alike = names().filter(|name| name.eq_ignore_ascii_case(wanted));
        let first = alike.next()?;
        alike.next().is_none().then_some(first)
    })
}

/// Refuses limits that would refuse everything or limit nothing.
fn check_limits(limits: KeyLimits) -> Result<()> {
    let nought = [
        ("requests_per_minute", limits.requests_per_minute == Some(0)),
        ("tokens_per_minute", limits.tokens_per_minute == Some(0)),
        ("token_budget", limits.token_budget == Some(0)),
        ("budget_days", limits.budget_days == Some(0)),
    ];
    if let Some((field, _)) = nought.into_iter().find(|(_, nought)| *nought) {
        return Err(Error::invalid(
            field,
            "must be at least 1; leave it out for no limit",
        ));
    }
    if limits.budget_days.is_some() && limits.token_budget.is_none() {
        return Err(Error::invalid(
            "budget_days",
            "says how long a budget is for, and there is none; give token_budget too",
        ));
    }
    Ok(())
}

fn no_table(name: &str, known: &[String]) -> Error {
    Error::NotFound {
        what: "table",
        name: name.to_owned(),
        hint: nearest(known, name).or_else(|| Some("there is none to be granted".to_owned())),
    }
}

/// SHA-256, hexadecimal. Keys carry 256 random bits, so a slow hash would add nothing.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_at_least_one_and_days_are_of_a_budget() {
        let of = |token_budget, budget_days| KeyLimits {
            token_budget,
            budget_days,
            ..KeyLimits::default()
        };
        for good in [of(None, None), of(Some(1), None), of(Some(1), Some(1))] {
            assert!(check_limits(good).is_ok(), "{good:?}");
        }
        for (bad, field) in [
            (of(Some(0), None), "token_budget: "),
            (of(Some(1), Some(0)), "budget_days: "),
            (of(None, Some(1)), "budget_days: "),
        ] {
            let refused = check_limits(bad).map_err(|error| error.to_string());
            assert!(
                refused.is_err_and(|text| text.starts_with(field)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_table_is_found_in_any_case_as_long_as_one_alone_is_meant() {
        let table = |schema: Option<&str>, name: &str| CatalogueTable {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            ..CatalogueTable::default()
        };
        let catalogue = Catalogue {
            tables: vec![
                table(None, "Orders"),
                table(None, "people"),
                table(None, "People"),
                table(Some("sales"), "Orders"),
            ],
        };
        let found = |wanted| spelled(&catalogue, wanted);
        assert_eq!(found("orders").as_deref(), Some("Orders"));
        assert_eq!(found("SALES.orders").as_deref(), Some("sales.Orders"));
        assert_eq!(found("people").as_deref(), Some("people"));
        assert_eq!(found("PEOPLE"), None, "two differ in case alone");
        assert_eq!(found("hr.orders"), None);
    }
}
