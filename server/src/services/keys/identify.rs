//! From a bearer token to a caller.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use lru::LruCache;
use tidegate_schema::{
    Error, Result,
    model::{Act, ApiKey, Caller},
};

use super::{Keys, MOST_AGE, hash};
use crate::{services::check_id, telemetry};

/// Keys that are remembered, those presented last.
const MOST: usize = 1024;

/// Keys that were presented a moment ago, by their hashes, so that calls which come by the thousand cost no query.
///
/// What this process revokes is forgotten at once. A token that is no key is not remembered: there are too many.
pub struct Presented(Mutex<Latest>);

struct Latest {
    /// How often a key was forgotten: what was read before that is not kept behind it.
    forgotten: u64,
    keys: LruCache<String, (Instant, Arc<ApiKey>)>,
}

impl Default for Presented {
    fn default() -> Self {
        let most = NonZeroUsize::MIN.saturating_add(MOST - 1);
        Self(Mutex::new(Latest {
            forgotten: 0,
            keys: LruCache::new(most),
        }))
    }
}

impl Presented {
    /// The key of a hash as it was read a moment ago, or else what `read` reads.
    async fn get<F: Future<Output = Result<Option<ApiKey>>>>(
        &self,
        hash: &str,
        read: impl FnOnce() -> F,
    ) -> Result<Option<Arc<ApiKey>>> {
        // From before it was read: it is never older than it seems.
        let now = Instant::now();
        let forgotten = {
            let mut latest = self.latest();
            if let Some((at, key)) = latest.keys.get(hash)
                && now.saturating_duration_since(*at) < MOST_AGE
            {
                return Ok(Some(Arc::clone(key)));
            }
            latest.forgotten
        };
        let found = read().await?.map(Arc::new);
        if let Some(key) = &found {
            let mut latest = self.latest();
            if latest.forgotten == forgotten {
                let kept = (now, Arc::clone(key));
                latest.keys.put(hash.to_owned(), kept);
            }
        }
        Ok(found)
    }

    /// Has the next to present the key of this hash read it again. For after a write, and before it is acknowledged.
    pub(crate) fn forget(&self, hash: &str) {
        let mut latest = self.latest();
        latest.forgotten += 1;
        latest.keys.pop(hash);
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys<'_> {
    /// Whether any key is in force.
    pub async fn in_use(&self) -> Result<bool> {
        self.0.keyed.get(|| self.0.store.has_active_keys()).await
    }

    /// Who presents this bearer token, or nothing, over a listener that is on loopback or not.
    ///
    /// No key in force and loopback: everything is allowed; with `server.open`, all but changing rows. Else a good
    /// key is needed.
    pub async fn identify(
        &self,
        bearer: Option<&str>,
        user: Option<&str>,
        loopback: bool,
    ) -> Result<Caller> {
        let user = user.filter(|name| !name.trim().is_empty()).unwrap_or("001");
        check_id("user-id", user)?;
        if !self.in_use().await? {
            if loopback {
                return Ok(Caller::local(user));
            }
            if self.0.config.server.open {
                return Ok(Caller::open(user));
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
        let hash = hash(token);
        let key = self
            .0
            .presented
            .get(&hash, || self.0.store.find_key_by_hash(&hash))
            .await?
            .filter(|key| key.revoked_at.is_none())
            .ok_or_else(|| Error::Unauthenticated {
                reason: "this API key is unknown or revoked".to_owned(),
            })?;
        telemetry::note_key(&key.name);
        let mut acts = vec![Act::Ask];
        if key.admin {
            acts.extend([Act::ManageDatasources, Act::ManageKeys]);
        }
        Ok(Caller {
            key: Some(key.id.clone()),
            key_name: key.name.clone(),
            limits: key.limits,
            user: user.to_owned(),
            acts,
            grants: key.grants.clone(),
            local: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_schema::model::KeyLimits;

    use super::*;
    use crate::{app::App, clock::Clock, config::Config};

    fn key(name: &str) -> ApiKey {
        ApiKey {
            id: name.into(),
            name: name.to_owned(),
            prefix: "tg-".to_owned(),
            hash: name.to_owned(),
            admin: false,
            grants: None,
            limits: KeyLimits::default(),
            created_at: DateTime::UNIX_EPOCH,
            revoked_at: None,
        }
    }

    #[tokio::test]
    async fn a_key_that_was_revoked_meanwhile_is_not_kept_and_no_key_never_is() {
        let presented = Presented::default();
        let nothing = presented.get("a", || async { Ok(None) }).await;
        assert!(nothing.expect("read").is_none());
        let read = presented
            .get("a", || async {
                presented.forget("a");
                Ok(Some(key("old")))
            })
            .await;
        assert_eq!(read.expect("read").expect("a key").name, "old");
        let again = presented.get("a", || async { Ok(Some(key("new"))) }).await;
        assert_eq!(again.expect("read").expect("a key").name, "new");
    }

    async fn open(folder: &tempfile::TempDir) -> App {
        let mut config = Config::builtin_defaults();
        config.data.dir = folder.path().display().to_string();
        let app = App::open(config, Clock::system()).await;
        app.expect("a store")
    }

    #[tokio::test]
    async fn what_one_process_does_with_keys_is_in_force_in_another_when_it_is_acknowledged() {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, command) = (open(&folder).await, open(&folder).await);
        let person = Caller::local("001");
        let anonymous = || async { server.keys().identify(None, None, true).await };
        assert!(anonymous().await.is_ok(), "there is no key");
        let made = command.keys().create(&person, "reader", false, None).await;
        let (key, record) = made.expect("made");
        assert!(anonymous().await.is_err(), "there is a key");

        let known = || async { server.keys().identify(Some(&key), None, true).await };
        // A second one stays in force.
        let made = command.keys().create(&person, "other", false, None).await;
        made.expect("made");
        assert!(known().await.is_ok());
        let revoked = command.keys().revoke(&person, record.id.as_str()).await;
        revoked.expect("revoked");
        assert!(known().await.is_err(), "the key is revoked");
    }
}
