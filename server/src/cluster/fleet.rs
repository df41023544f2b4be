//! Models of other processes as models of this one, kept in step with the list of instances.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tidegate_schema::model::{DeployedKind, Instance, ModelPlace};
use tokio::{sync::Notify, time::Instant};

use super::Listing;
use crate::workers::{
    ModelKind, metrics,
    registry::Registry,
    remote::{Link, Peers, Pool, model},
};

/// Models that are asked what they are after one look at the list.
const ASKED_AT_ONCE: usize = 8;

/// The models of other processes.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    registry: Registry,
    peers: Peers,
    /// Names that stand for something else in this process: its routes.
    reserved: BTreeSet<String>,
    models: Mutex<BTreeMap<String, Member>>,
    seen: Mutex<Seen>,
    /// How long whoever keeps the list hears of processes before all of them are in it.
    expiry: Duration,
}

/// What was read of the list.
#[derive(Default)]
struct Seen {
    /// As it was taken over last; nothing before the first time.
    list: Option<Arc<Vec<Instance>>>,
    /// Whether it could not be read the last time.
    lost: bool,
    /// Since when it can be read again; nothing where it always could.
    back: Option<Instant>,
}

/// A model of other processes.
struct Member {
    pool: Arc<Pool>,
    /// Its entry among this process's models; nothing where a model or a route of this process has the name.
    link: Option<Arc<Link>>,
    /// Whether it was asked what it is.
    learned: bool,
}

impl Fleet {
    /// No models yet; those that come become entries of `registry`, but for those with a name of `reserved`. A process
    /// that is there is heard of within `expiry`.
    pub fn new(
        registry: Registry,
        client: reqwest::Client,
        key: SecretString,
        patience: Duration,
        expiry: Duration,
        reserved: BTreeSet<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            registry,
            peers: Peers {
                client,
                key,
                patience,
                trouble: Arc::new(Notify::new()),
            },
            reserved,
            models: Mutex::default(),
            seen: Mutex::default(),
            expiry,
        }))
    }

    /// Whether a model of this process is in truth one of another.
    pub fn is_remote(&self, name: &str) -> bool {
        self.models()
            .values()
            .any(|member| member.link.is_some() && member.pool.model() == name)
    }

    /// The list of instances as it was taken over last; nothing before the first time.
    pub fn seen(&self) -> Option<Arc<Vec<Instance>>> {
        self.read().list.clone()
    }

    /// Has the list read at once.
    pub fn look(&self) {
        self.0.peers.trouble.notify_one();
    }

    /// Waits until the list is to be read at once.
    pub(super) async fn troubled(&self) {
        self.0.peers.trouble.notified().await;
    }

    /// Notes that the list can be read, or that it cannot; returns whether that is news.
    pub(super) fn note(&self, readable: bool) -> bool {
        let mut seen = self.read();
        let news = seen.lost == readable;
        seen.lost = !readable;
        if news && readable {
            seen.back = Some(Instant::now());
        }
        news
    }

    /// The instances there are by a list: those in it, and, while whoever keeps it has not been there for long enough
    /// to have heard of everybody, those beside it that were well when the list was read last.
    pub fn complete(&self, listing: Listing) -> Vec<Instance> {
        let Listing {
            mut instances,
            heard_for,
        } = listing;
        let seen = self.read();
        let heard_for = heard_for.or_else(|| seen.back.map(|back| back.elapsed()));
        let is_whole = heard_for.is_none_or(|heard_for| heard_for >= self.0.expiry);
        if is_whole {
            return instances;
        }
        let known = seen.list.as_deref().into_iter().flatten();
        let missing = known.filter(|known| {
            known.usable() && !instances.iter().any(|listed| listed.is_same(known))
        });
        let missing: Vec<Instance> = missing.cloned().collect();
        instances.extend(missing);
        instances
    }

    /// Takes over a list. Instances of this very process are left out: its own models are asked without a detour.
    pub fn apply(&self, own: Option<&ModelPlace>, list: Vec<Instance>) {
        let mut by_model: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
        for instance in &list {
            let here = own.is_some_and(|own| instance.is_at(&own.host, own.port));
            if !here && kind_of(instance).is_some() {
                by_model
                    .entry(instance.model_name.clone())
                    .or_default()
                    .push(instance.clone());
            }
        }
        self.read().list = Some(Arc::new(list));

        let mut models = self.models();
        models.retain(|full_name, member| {
            let stays = by_model.contains_key(full_name);
            if !stays {
                metrics::shared().gateway().no_instances(full_name);
                if member.link.is_some() {
                    self.0.registry.remove(member.pool.model());
                    tracing::info!(model = full_name.as_str(), "no process offers it any more");
                }
            }
            stays
        });
        for (full_name, instances) in by_model {
            let Some(kind) = instances.first().and_then(kind_of) else {
                continue;
            };
            let member = models.entry(full_name.clone()).or_insert_with(|| Member {
                pool: Arc::new(Pool::new(own_name(&full_name))),
                link: None,
                learned: false,
            });
            let healthy = instances
                .iter()
                .filter(|instance| instance.usable())
                .count();
            metrics::shared()
                .gateway()
                .instances(&full_name, instances.len(), healthy);
            member.pool.update(instances);
            if member.link.is_none() {
                member.link = self.enter(&full_name, &member.pool, kind);
            }
        }
    }

    /// Makes an entry among this process's models, where the name is free.
    fn enter(&self, full_name: &str, pool: &Arc<Pool>, kind: ModelKind) -> Option<Arc<Link>> {
        if self.0.reserved.contains(pool.model()) {
            return None;
        }
        let (link, model) = model(Arc::clone(pool), self.0.peers.clone(), kind);
        match self.0.registry.add(link.metadata(), model) {
            Ok(()) => {
                tracing::info!(model = full_name, "offered by another process");
                Some(link)
            }
            // A model of this process has the name, and keeps it.
            Err(_) => None,
        }
    }

    /// Asks models that are new what they are.
    pub(super) async fn learn(&self) {
        let new: Vec<(String, Arc<Link>)> = self
            .models()
            .iter()
            .filter(|(_, member)| !member.learned)
            .filter_map(|(name, member)| Some((name.clone(), Arc::clone(member.link.as_ref()?))))
            .filter(|(_, link)| link.metadata().kind == ModelKind::Llm && link.pool().usable())
            .take(ASKED_AT_ONCE)
            .collect();
        let asked = new.iter().map(|(_, link)| link.learn());
        let outcomes = futures::future::join_all(asked).await;
        let mut models = self.models();
        for ((name, _), learned) in new.iter().zip(outcomes) {
            if let Some(member) = models.get_mut(name) {
                member.learned = learned;
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn models(&self) -> MutexGuard<'_, BTreeMap<String, Member>> {
        self.0.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a model is for; nothing for what is no model.
fn kind_of(instance: &Instance) -> Option<ModelKind> {
    let (_, word) = instance.parts();
    Some(match DeployedKind::from_name(word)? {
        DeployedKind::Llm => ModelKind::Llm,
        DeployedKind::Embedding => ModelKind::Embedding,
        DeployedKind::Reranker => ModelKind::Reranker,
    })
}

fn own_name(full_name: &str) -> &str {
    full_name
        .rsplit_once('@')
        .map_or(full_name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, workers::dummy};

    fn fleet() -> Fleet {
        let client = crate::workers::http_client().expect("a client");
        let patience = Duration::from_secs(1);
        let reserved = BTreeSet::from(["fast".to_owned()]);
        let no_key = SecretString::from("");
        Fleet::new(
            Registry::new(),
            client,
            no_key,
            patience,
            Duration::from_mins(1),
            reserved,
        )
    }

    fn names(fleet: &Fleet) -> Vec<String> {
        let states = fleet.0.registry.states();
        states
            .into_iter()
            .map(|(metadata, _)| metadata.name)
            .collect()
    }

    fn at(name: &str, port: u16) -> Instance {
        Instance::new(name, "127.0.0.1", port)
    }

    #[tokio::test]
    async fn models_of_others_come_and_go_with_the_list() {
        let fleet = fleet();
        let own = ModelPlace {
            host: "127.0.0.1".to_owned(),
            port: 5670,
        };
        let list = vec![
            at("qwen@llm", 8001),
            at("qwen@llm", 8002),
            at("mini@text2vec", 8002),
            at("own@llm", 5670),
            at(Instance::MANAGER, 8001),
        ];
        fleet.apply(Some(&own), list);
        assert_eq!(names(&fleet), ["mini", "qwen"]);
        assert!(fleet.is_remote("qwen") && !fleet.is_remote("own"));
        assert_eq!(fleet.seen().map(|seen| seen.len()), Some(5));
        let ill = Instance {
            healthy: false,
            ..at("qwen@llm", 8001)
        };
        fleet.apply(Some(&own), vec![ill]);
        assert_eq!(names(&fleet), ["qwen"]);
        let qwen = fleet.0.registry.language("qwen").await.expect("known");
        let qwen = qwen.unwrap_or_else(|error| panic!("{error}"));
        assert!(qwen.failure().is_some(), "nobody healthy offers it");
        fleet.apply(Some(&own), vec![at("qwen@llm", 8003)]);
        assert!(qwen.failure().is_none(), "the same entry");
        fleet.apply(Some(&own), vec![]);
        assert!(names(&fleet).is_empty());
    }

    #[tokio::test]
    async fn a_route_of_this_process_keeps_its_name() {
        let fleet = fleet();
        fleet.apply(None, vec![at("fast@llm", 8001), at("slow@llm", 8001)]);
        assert_eq!(names(&fleet), ["slow"]);
        assert!(!fleet.is_remote("fast"));
    }

    #[tokio::test]
    async fn a_model_of_this_process_keeps_its_name() {
        let fleet = fleet();
        let text = "[[models]]\nname = 'qwen'\nprovider = 'dummy'\n";
        let config = config::Config::from_toml(text).expect("valid");
        let (metadata, model) = dummy::open(&config.models[0]);
        fleet.0.registry.add(metadata, model).expect("free");
        fleet.apply(None, vec![at("qwen@llm", 8001)]);
        assert!(!fleet.is_remote("qwen"));
        fleet.0.registry.remove("qwen");
        fleet.apply(None, vec![at("qwen@llm", 8001)]);
        assert!(fleet.is_remote("qwen"), "free again");
        fleet.apply(None, vec![]);
        assert!(!fleet.0.registry.knows("qwen"));
    }
}
