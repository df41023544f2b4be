//! The count of instances that a controller keeps in its store.
//!
//! Reading goes on when the store does not answer: what was read last is told, with a line in the log. What is told to
//! a controller then is refused, so that whoever tells it tries again.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use tidegate_schema::{Error, Result, model::Instance, store::Store};

use crate::{
    clock::Clock,
    cluster::{Directory, Listing},
};

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most instances that are kept; more are refused.
const MOST: usize = 4096;
/// How long one that is lost or has left stays listed.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// Instances over the store. Cheap to clone.
#[derive(Clone)]
pub struct Instances(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    /// As they were read last.
    known: Mutex<Option<Arc<Vec<Instance>>>>,
    /// Whether the store did not answer the last time.
    troubled: AtomicBool,
}

impl Instances {
    /// Those of a store.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            known: Mutex::default(),
            troubled: AtomicBool::new(false),
        }))
    }

    /// Whether the store did not answer the last time it was read.
    pub fn is_troubled(&self) -> bool {
        self.0.troubled.load(Ordering::Relaxed)
    }

    /// Marks those that were not heard of for `expiry`, and forgets those that are gone for long.
    pub async fn sweep(&self, expiry: Duration) -> Result<()> {
        let now = self.0.clock.now();
        let expiry = TimeDelta::from_std(expiry).unwrap_or(REMEMBERED);
        let store = &self.0.store;
        let lost = self
            .in_time(store.mark_silent_instances(now - expiry))
            .await?;
        if lost > 0 {
            tracing::warn!(lost, "instances were not heard of in time");
        }
        self.in_time(store.forget_instances(now - REMEMBERED))
            .await
            .map(drop)
    }

    /// What the store makes of an act, within the time that is bearable.
    async fn in_time<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(PATIENCE, act)
            .await
            .unwrap_or_else(|_| {
                Err(Error::Timeout {
                    what: "the store of the controller".to_owned(),
                    limit: PATIENCE,
                })
            })
    }

    /// All of them, or, where the store does not answer, what was read last.
    pub async fn read(&self) -> Result<Vec<Instance>> {
        match self.in_time(self.0.store.list_instances()).await {
            Ok(list) => {
                if self.0.troubled.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store of instances answers again");
                }
                let known = Some(Arc::new(list.clone()));
                *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
                Ok(list)
            }
            Err(error) => {
                if !self.0.troubled.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error = error.log_chain(),
                        "the store of instances does not answer; what was known last is told"
                    );
                }
                self.last_known()
                    .map(|known| known.as_ref().clone())
                    .ok_or(error)
            }
        }
    }

    fn last_known(&self) -> Option<Arc<Vec<Instance>>> {
        self.0
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether another one finds room.
    fn check_room(&self, instance: &Instance) -> Result<()> {
        let Some(known) = self.last_known() else {
            return Ok(());
        };
        let there = known.iter().any(|known| known.is_same(instance));
        if there || known.len() < MOST {
            return Ok(());
        }
        Err(Error::Conflict {
            reason: format!(
                "this controller knows {MOST} instances, which is the most it keeps; remove those that are gone"
            ),
        })
    }
}

#[async_trait]
impl Directory for Instances {
    async fn all(&self) -> Result<Listing> {
        // A store forgets nobody while its process is away.
        self.read().await.map(|instances| Listing {
            instances,
            heard_for: None,
        })
    }

    async fn register(&self, instance: &Instance) -> Result<()> {
        self.check_room(instance)?;
        let now = self.0.clock.now();
        self.in_time(self.0.store.keep_instance(instance, now))
            .await
    }

    async fn heartbeat(&self, instance: &Instance) -> Result<()> {
        let now = self.0.clock.now();
        let heard = self
            .in_time(self.0.store.hear_of_instance(instance, now))
            .await?;
        if heard {
            return Ok(());
        }
        self.register(instance).await
    }

    async fn deregister(&self, instance: &Instance, remove: bool) -> Result<()> {
        let Instance {
            model_name,
            host,
            port,
            ..
        } = instance;
        self.in_time(
            self.0
                .store
                .retire_instance(model_name, host, *port, remove),
        )
        .await
        .map(drop)
    }
}
