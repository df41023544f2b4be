//! The cluster: which processes offer which models, whether this one keeps count of them or asks a controller, and what
//! its peers ask of its own models.
//!
//! Where no controller is configured this process is one: instances stand in its store, which several controllers may
//! share. Else it asks those that are configured. Either way models of other processes become models of this one, and
//! its own are listed beside them.

mod admission;
mod asking;
mod instances;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tidegate_schema::{
    Error, Result,
    model::{DeployedKind, Instance, ModelPlace},
    store::Store,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::{admission::Peer, instances::Instances};
pub use crate::cluster::directory::HEARD;
use crate::{
    app::App,
    clock::Clock,
    cluster::{Controllers, Directory, Fleet, Listing, Loads, belong, follow, place},
    config::Config,
    workers::{
        ModelKind, http_client_within, metrics,
        registry::{Registry, State},
    },
};

/// Longest wait for a connection to another process of the cluster.
const CONNECT: Duration = Duration::from_secs(3);
/// Shortest and longest time between two looks for instances that fell silent.
const SWEEP_SOONEST: Duration = Duration::from_secs(1);
const SWEEP_LATEST: Duration = Duration::from_secs(10);

/// What this process knows of the cluster. A part of the application.
pub struct Links {
    /// Models of other processes.
    pub fleet: Fleet,
    /// The count this process keeps.
    pub instances: Instances,
    /// Answers under way, by model.
    pub loads: Loads,
    /// The controllers that keep count in its stead.
    controllers: Option<Arc<Controllers>>,
    /// Where this process is reached and whether it offers models, once it listens.
    here: OnceLock<Here>,
}

struct Here {
    place: ModelPlace,
    offers: bool,
    /// Since when.
    since: Instant,
}

/// What a process does in the cluster.
#[derive(Debug, Clone, Copy)]
pub struct Duties {
    /// Whether it keeps count, where no controller does it.
    pub counts: bool,
    /// Whether models of other processes become its own.
    pub follows: bool,
    /// Whether it offers its models to others.
    pub offers: bool,
}

impl Links {
    /// Alone so far.
    ///
    /// # Errors
    /// A controller's address that is none.
    pub fn new(
        config: &Config,
        store: &Store,
        clock: &Clock,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let cluster = &config.cluster;
        let client = http_client_within(CONNECT)?;
        let controllers = if cluster.controllers.is_empty() {
            None
        } else {
            let key = cluster.key.clone();
            let made = Controllers::new(&cluster.controllers, client.clone(), key)?;
            Some(Arc::new(made))
        };
        let patience = Duration::from_secs(cluster.call_seconds);
        let expiry = Duration::from_secs(cluster.expiry_seconds);
        let key = cluster.key_for_workers();
        let routes = config.routes.iter().map(|route| route.name.clone());
        Ok(Self {
            fleet: Fleet::new(
                registry.clone(),
                client,
                key,
                patience,
                expiry,
                routes.collect(),
            ),
            instances: Instances::new(store.clone(), clock.clone()),
            loads: Loads::default(),
            controllers,
            here: OnceLock::new(),
        })
    }

    /// Where instances are listed and told.
    fn directory(&self) -> Arc<dyn Directory> {
        match &self.controllers {
            Some(controllers) => Arc::clone(controllers) as Arc<dyn Directory>,
            None => Arc::new(self.instances.clone()),
        }
    }
}

/// The service.
pub struct Cluster<'a>(pub(crate) &'a App);

impl Cluster<'_> {
    /// Takes part in the cluster as a process that listens at `bound`, until the application stops.
    pub fn join(&self, bound: SocketAddr, duties: Duties) {
        let app = self.0;
        let settings = &app.config.cluster;
        let place = place(&settings.advertise, bound, &settings.controllers);
        let here = Here {
            place: place.clone(),
            offers: duties.offers,
            since: Instant::now(),
        };
        if app.links.here.set(here).is_err() {
            return;
        }
        let stopping = &app.stopping;
        if duties.counts && app.links.controllers.is_none() {
            let expiry = Duration::from_secs(settings.expiry_seconds);
            app.tasks
                .spawn(count(app.links.instances.clone(), expiry, stopping.clone()));
        }
        if duties.follows {
            app.tasks.spawn(follow(
                app.links.fleet.clone(),
                app.links.directory(),
                Some(place),
                Duration::from_secs(settings.poll_seconds),
                stopping.clone(),
            ));
        }
        if duties.offers
            && let Some(controllers) = &app.links.controllers
        {
            let every = Duration::from_secs(settings.heartbeat_seconds);
            for controller in controllers.apart() {
                let offering = app.clone();
                let name = controller.names();
                app.tasks.spawn(belong(
                    Arc::new(controller) as Arc<dyn Directory>,
                    name,
                    Arc::new(move || offering.cluster().local()),
                    every,
                    stopping.clone(),
                ));
            }
        }
    }

    /// Where other processes reach this one, once it listens.
    pub fn place(&self) -> Option<&ModelPlace> {
        self.0.links.here.get().map(|here| &here.place)
    }

    /// The instances of a model, named `name@type`, or of all: those of other processes and those of this one.
    ///
    /// # Errors
    /// [`Error::Upstream`] where neither store nor controller answers and nothing was known before.
    pub async fn list(&self, model: Option<&str>, healthy_only: bool) -> Result<Listing> {
        let links = &self.0.links;
        let (told, heard_for) = match links.directory().all().await {
            Ok(listing) if links.controllers.is_some() => {
                let heard_for = listing.heard_for;
                (links.fleet.complete(listing), heard_for)
            }
            Ok(listing) => {
                let here = links.here.get();
                (listing.instances, here.map(|here| here.since.elapsed()))
            }
            // What was read of the controllers last is better than nothing.
            Err(error) => match links.fleet.seen() {
                Some(seen) => (seen.as_ref().clone(), None),
                None => return Err(error),
            },
        };
        let mut all = self.local();
        let own = all.len();
        for instance in told {
            let known = all[..own].iter().any(|local| local.is_same(&instance));
            if !known {
                all.push(instance);
            }
        }
        all.retain(|instance| {
            model.is_none_or(|model| instance.model_name == model)
                && (instance.healthy || !healthy_only)
        });
        Ok(Listing {
            instances: all,
            heard_for,
        })
    }

    /// An instance registers.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what cannot be, [`Error::Forbidden`] for peers that may not.
    pub async fn register(&self, peer: &Peer, instance: &Instance) -> Result<()> {
        peer.may_register()?;
        instance.check()?;
        self.0.links.directory().register(instance).await?;
        self.0.links.fleet.look();
        Ok(())
    }

    /// An instance is still there; one that is unknown registers with that.
    ///
    /// # Errors
    /// As [`Cluster::register`].
    pub async fn heartbeat(&self, peer: &Peer, instance: &Instance) -> Result<()> {
        peer.may_register()?;
        instance.check()?;
        self.0.links.directory().heartbeat(instance).await
    }

    /// An instance leaves; with `remove` it is not listed any more. One that is not known has left already.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for peers that may not.
    pub async fn deregister(&self, peer: &Peer, instance: &Instance, remove: bool) -> Result<()> {
        peer.may_register()?;
        self.0
            .links
            .directory()
            .deregister(instance, remove)
            .await?;
        self.0.links.fleet.look();
        Ok(())
    }

    /// This process's own models as instances, and itself; none where it offers none.
    pub fn local(&self) -> Vec<Instance> {
        let links = &self.0.links;
        let Some(here) = links.here.get().filter(|here| here.offers) else {
            return Vec::new();
        };
        let now = self.0.clock.now();
        let instance = |model_name: String, load| Instance {
            last_heartbeat: Some(now),
            load: Some(load),
            ..Instance::new(model_name, here.place.host.clone(), here.place.port)
        };
        let mut found: Vec<Instance> = self
            .0
            .registry
            .states()
            .into_iter()
            .filter(|(metadata, state)| {
                // What answers structured tasks alone has nothing to say on a wire of conversations.
                matches!(state, State::Ready)
                    && !metadata.sql_only
                    && !metadata.name.contains('@')
                    && !links.fleet.is_remote(&metadata.name)
            })
            .map(|(metadata, _)| {
                let word = deployed_kind(metadata.kind).worker_type();
                let load = links.loads.of(&metadata.name);
                instance(format!("{}@{word}", metadata.name), load)
            })
            .collect();
        found.push(instance(Instance::MANAGER.to_owned(), 0));
        found
    }
}

/// Marks instances that fell silent, and tells how many there are. A process that has just begun to listen, or whose
/// store was away, waits first: the others could not be heard.
async fn count(instances: Instances, expiry: Duration, stopping: CancellationToken) {
    let pause = (expiry / 4).clamp(SWEEP_SOONEST, SWEEP_LATEST);
    let mut listening = Instant::now();
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let swept = if listening.elapsed() >= expiry {
            instances.sweep(expiry).await
        } else {
            Ok(())
        };
        let listed = instances.read().await;
        if swept.is_err() || instances.is_troubled() {
            listening = Instant::now();
        }
        if let Ok(listed) = listed {
            tell_numbers(&listed, &mut told);
        }
    }
}

/// Tells `/metrics` how many instances there are of each model. `told` has the models that it knows of.
fn tell_numbers(listed: &[Instance], told: &mut BTreeSet<String>) {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for instance in listed {
        let (known, healthy) = counts.entry(&instance.model_name).or_default();
        *known += 1;
        *healthy += usize::from(instance.usable());
    }
    let numbers = metrics::shared().gateway();
    for (model, (known, healthy)) in &counts {
        numbers.instances(model, *known, *healthy);
        told.insert((*model).to_owned());
    }
    told.retain(|model| {
        let stays = counts.contains_key(model.as_str());
        if !stays {
            numbers.no_instances(model);
        }
        stays
    });
}

fn deployed_kind(kind: ModelKind) -> DeployedKind {
    match kind {
        ModelKind::Llm => DeployedKind::Llm,
        ModelKind::Embedding => DeployedKind::Embedding,
        ModelKind::Reranker => DeployedKind::Reranker,
    }
}

/// A model that no process of the cluster has here.
fn not_here(model: &str) -> Error {
    Error::NotFound {
        what: "model",
        name: model.to_owned(),
        hint: Some("this process does not run it".to_owned()),
    }
}
