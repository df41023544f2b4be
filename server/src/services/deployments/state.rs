//! What this process knows of its own models: those of the configuration and those that were started by requests,
//! running or stopped.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::Value;
use tidegate_schema::{
    Result,
    model::{DeployedKind, Deployment, ModelPlace},
};
use tokio::sync::MutexGuard;

use super::{definition, providers};
use crate::config::{self, Config};

/// Where a model comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A table of the configuration.
    Configured(Box<config::Model>),
    /// A request, which is kept.
    Requested(Box<Deployment>),
}

impl Origin {
    /// The same, started now.
    pub(super) fn restarted(&self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Configured(model) => Self::Configured(model.clone()),
            Self::Requested(deployment) => {
                let mut deployment = deployment.clone();
                deployment.running = true;
                deployment.modified_at = now;
                Self::Requested(deployment)
            }
        }
    }

    /// What runs it, by DB-GPT's name.
    pub(super) fn provider(&self) -> String {
        match self {
            Self::Configured(model) => providers::of_config(model).to_owned(),
            Self::Requested(deployment) => definition::provider_name(&deployment.params),
        }
    }

    fn kind(&self) -> DeployedKind {
        match self {
            Self::Configured(model) => match model.kind {
                config::Kind::Llm => DeployedKind::Llm,
                config::Kind::Embedding => DeployedKind::Embedding,
                config::Kind::Reranker => DeployedKind::Reranker,
            },
            Self::Requested(deployment) => deployment.id.kind,
        }
    }
}

/// A model of this process.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// What it is for.
    pub(super) kind: DeployedKind,
    /// Where it comes from.
    pub(super) origin: Origin,
    /// Whether it is to run; one that failed to load is.
    pub(super) running: bool,
    /// When it was stopped, of one that is.
    pub(super) stopped_at: Option<DateTime<Utc>>,
}

impl Known {
    /// A model that runs.
    pub(super) fn running(origin: Origin) -> Self {
        Self {
            kind: origin.kind(),
            origin,
            running: true,
            stopped_at: None,
        }
    }

    /// The table it is loaded by.
    pub(super) fn model(&self) -> Result<config::Model> {
        match &self.origin {
            Origin::Configured(model) => Ok((**model).clone()),
            Origin::Requested(deployment) => definition::read(deployment),
        }
    }

    /// What runs it, by DB-GPT's name.
    pub(super) fn provider(&self) -> String {
        self.origin.provider()
    }

    /// The prompt template that was asked for. Local models are written to by their checkpoint's own.
    pub(super) fn prompt_template(&self) -> Option<String> {
        let Origin::Requested(deployment) = &self.origin else {
            return None;
        };
        let template = deployment.params.0.get("prompt_template");
        template
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }
}

/// The models of this process; a part of the application.
pub struct Deployed {
    place: ModelPlace,
    /// Whether every interface is listened on.
    everywhere: bool,
    known: RwLock<IndexMap<String, Known>>,
    /// Models that are being loaded for a request that is not over, with what runs them.
    starting: Mutex<HashMap<String, (DeployedKind, String)>>,
    /// Names of the models that came with the product.
    builtin: RwLock<HashSet<String>>,
    /// Whoever changes what is loaded and what is kept has it.
    turn: tokio::sync::Mutex<()>,
}

impl Deployed {
    /// What the configuration and the store hold. A model of the configuration wins over one of its name that was
    /// started by a request.
    pub fn new(config: &Config, kept: Vec<Deployment>) -> Self {
        let mut known: IndexMap<String, Known> = config
            .models
            .iter()
            .map(|model| {
                let origin = Origin::Configured(Box::new(model.clone()));
                (model.name.clone(), Known::running(origin))
            })
            .collect();
        for deployment in kept {
            let name = deployment.id.model.clone();
            if known.contains_key(&name) {
                tracing::warn!(
                    model = name,
                    "a model that was started by a request has a name that the configuration gives to another; it is \
                     not started"
                );
                continue;
            }
            let (running, at) = (deployment.running, deployment.modified_at);
            let known_now = Known {
                running,
                stopped_at: (!running).then_some(at),
                ..Known::running(Origin::Requested(Box::new(deployment)))
            };
            known.insert(name, known_now);
        }
        Self {
            place: Self::place_of(config),
            everywhere: listens_everywhere(config),
            known: RwLock::new(known),
            starting: Mutex::default(),
            builtin: RwLock::default(),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The address by which a server of this configuration names its models.
    pub fn place_of(config: &Config) -> ModelPlace {
        let advertised = &config.cluster.advertise;
        let host = if !advertised.is_empty() {
            advertised.clone()
        } else if listens_everywhere(config) || config.server.host == "localhost" {
            "127.0.0.1".to_owned()
        } else {
            config.server.host.trim_matches(['[', ']']).to_owned()
        };
        ModelPlace {
            host,
            port: config.server.port,
        }
    }

    pub(super) fn place(&self) -> &ModelPlace {
        &self.place
    }

    /// Whether an address is this server's, as far as it can be told from here.
    pub(super) fn is_here(&self, place: &ModelPlace, host_name: &str) -> bool {
        if place.port != self.place.port {
            return false;
        }
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        same(&place.host, &self.place.host)
            || (is_loopback(&place.host) && is_loopback(&self.place.host))
            || (self.everywhere && (is_unspecified(&place.host) || same(&place.host, host_name)))
    }

    /// Waits until nobody else changes what is loaded.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn find(&self, name: &str) -> Option<Known> {
        self.read().get(name).cloned()
    }

    pub(super) fn put(&self, name: &str, known: Known) {
        self.write().insert(name.to_owned(), known);
    }

    pub(super) fn forget(&self, name: &str) {
        self.write().shift_remove(name);
    }

    /// A model does not run any more.
    pub(super) fn stopped(&self, name: &str, now: DateTime<Utc>) {
        if let Some(known) = self.write().get_mut(name) {
            known.running = false;
            known.stopped_at = Some(now);
            if let Origin::Requested(deployment) = &mut known.origin {
                deployment.running = false;
                deployment.modified_at = now;
            }
        }
    }

    /// Names of the models of a kind.
    pub(super) fn names(&self, kind: DeployedKind) -> Vec<String> {
        let known = self.read();
        let of_kind = known.iter().filter(|(_, known)| known.kind == kind);
        of_kind.map(|(name, _)| name.clone()).collect()
    }

    /// Every model that is to run, or of those that are not, in order.
    pub(super) fn all(&self, running: bool) -> Vec<(String, Known)> {
        self.read()
            .iter()
            .filter(|(_, known)| known.running == running)
            .map(|(name, known)| (name.clone(), known.clone()))
            .collect()
    }

    /// A model is being loaded for a request, until what comes back is dropped.
    pub(super) fn starting(
        &self,
        name: &str,
        kind: DeployedKind,
        provider: String,
    ) -> Starting<'_> {
        let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        starting.insert(name.to_owned(), (kind, provider));
        Starting {
            of: self,
            name: name.to_owned(),
        }
    }

    /// Whether a model that is not known yet, or was stopped, is being loaded.
    pub(super) fn is_starting(&self, name: &str, kind: DeployedKind) -> bool {
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        starting
            .get(name)
            .is_some_and(|(starting, _)| *starting == kind)
            && self.read().get(name).is_none_or(|known| !known.running)
    }

    /// What runs a model of this process, by DB-GPT's name; nothing for models that run elsewhere.
    pub(super) fn provider(&self, name: &str) -> Option<String> {
        if let Some(known) = self.read().get(name) {
            return Some(known.provider());
        }
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, provider)) = starting.get(name) {
            return Some(provider.clone());
        }
        drop(starting);
        let builtin = self.builtin.read().unwrap_or_else(PoisonError::into_inner);
        builtin
            .contains(name)
            .then(|| providers::BUILTIN.to_owned())
    }

    /// Notes which models came with the product: those there are before anything else is started.
    pub(super) fn note_builtin(&self, names: impl Iterator<Item = String>) {
        let known = self.read();
        let mut builtin = self.builtin.write().unwrap_or_else(PoisonError::into_inner);
        builtin.extend(names.filter(|name| !known.contains_key(name)));
    }

    fn read(&self) -> RwLockReadGuard<'_, IndexMap<String, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, IndexMap<String, Known>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a model is being loaded, as long as it is there.
pub(super) struct Starting<'a> {
    of: &'a Deployed,
    name: String,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        let mut starting = self
            .of
            .starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        starting.remove(&self.name);
    }
}

fn listens_everywhere(config: &Config) -> bool {
    is_unspecified(&config.server.host)
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

fn is_unspecified(host: &str) -> bool {
    address(host).is_some_and(|address| address.is_unspecified())
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || address(host).is_some_and(|address| address.is_loopback())
}
