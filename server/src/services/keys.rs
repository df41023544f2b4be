//! API keys: made, listed, revoked, and turned into a [`Caller`].

use sha2::{Digest as _, Sha256};
use tidegate_schema::{
    Error, Result,
    ids::KeyId,
    model::{Act, ApiKey, Caller, NewApiKey},
};

use super::check_id;
use crate::app::App;

/// What every key begins with, so that leaked ones can be recognised.
const PREFIX: &str = "tg-";

/// The service.
pub struct Keys<'a>(pub(crate) &'a App);

impl Keys<'_> {
    /// Makes a key and returns it with its record. The key itself is nowhere else: only its hash is stored.
    pub async fn create(
        &self,
        caller: &Caller,
        name: &str,
        admin: bool,
        datasources: Option<Vec<String>>,
    ) -> Result<(String, ApiKey)> {
        caller.may(Act::ManageKeys)?;
        if name.trim().is_empty() {
            return Err(Error::invalid(
                "name",
                "must not be empty: it tells keys apart in the list",
            ));
        }
        let secret: [u8; 32] = rand::random();
        let key = format!("{PREFIX}{}", hex::encode(secret));
        let record = self
            .0
            .store
            .insert_key(NewApiKey {
                id: KeyId(self.0.clock.new_id()),
                name: name.to_owned(),
                prefix: key.chars().take(PREFIX.len() + 6).collect(),
                hash: hash(&key),
                admin,
                datasources,
                created_at: self.0.clock.now(),
            })
            .await?;
        Ok((key, record))
    }

    /// Every key, revoked ones too.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<ApiKey>> {
        caller.may(Act::ManageKeys)?;
        self.0.store.list_keys().await
    }

    /// Revokes a key, by id or by the prefix the list shows.
    pub async fn revoke(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.may(Act::ManageKeys)?;
        let found = self
            .0
            .store
            .list_keys()
            .await?
            .into_iter()
            .find(|key| key.id.as_str() == id || key.prefix == id)
            .ok_or_else(|| Error::NotFound {
                what: "key",
                name: id.to_owned(),
                hint: Some("`tidegate key list` shows ids and prefixes".to_owned()),
            })?;
        self.0
            .store
            .revoke_key(&found.id, self.0.clock.now())
            .await?;
        Ok(())
    }

    /// Whether any key is in force.
    pub async fn in_use(&self) -> Result<bool> {
        self.0.store.has_active_keys().await
    }

    /// Who presents this bearer token, or nothing, over a listener that is on loopback or not.
    ///
    /// No key in force and loopback (or `server.open`): everything is allowed. Else a good key is needed.
    pub async fn identify(
        &self,
        bearer: Option<&str>,
        user: Option<&str>,
        loopback: bool,
    ) -> Result<Caller> {
        let user = user.filter(|name| !name.trim().is_empty()).unwrap_or("001");
        check_id("user-id", user)?;
        if !self.in_use().await? {
            if loopback || self.0.config.server.open {
                return Ok(Caller::local(user));
            }
            return Err(Error::Unauthenticated {
                reason: "no key is configured on this server; make one with `tidegate key create`"
                    .to_owned(),
            });
        }
        let Some(token) = bearer else {
            return Err(Error::Unauthenticated {
                reason: "an API key is needed: send it as `Authorization: Bearer <key>`".to_owned(),
            });
        };
        let key = self
            .0
            .store
            .find_key_by_hash(&hash(token))
            .await?
            .filter(|key| key.revoked_at.is_none())
            .ok_or_else(|| Error::Unauthenticated {
                reason: "this API key is unknown or revoked".to_owned(),
            })?;
        let mut acts = vec![Act::Ask];
        if key.admin {
            acts.extend([Act::ManageDatasources, Act::ManageKeys]);
        }
        Ok(Caller {
            key: Some(key.id),
            user: user.to_owned(),
            acts,
            datasources: key.datasources,
        })
    }
}

/// SHA-256, hexadecimal. Keys carry 256 random bits, so a slow hash would add nothing.
fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}
