//! The gateway: between those who ask for a model by name and the models that answer.
//!
//! A name is a model's own or a route's, which stands for several by weight and in order. Around each model stand its
//! bounds: calls at once, waits, retries, a breaker, and answers that are kept. All of it ends where the first piece of
//! an answer begins: what comes behind it is passed on, and a failure there is told and not repaired.
//!
//! It knows models by the workers' seam alone: not what they run on, not who asks, not what is remembered of it.

mod attempt;
mod breaker;
mod cache;
mod kind;
mod metrics;
mod policy;
mod relay;
mod retry;
mod route;
mod routed;
mod upstream;
mod watched;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::FutureExt as _;
use indexmap::IndexMap;
use tidegate_schema::{Error, Result};
use tokio::task::coop::unconstrained;

use self::{
    attempt::Candidate,
    breaker::Bounds,
    cache::Cache,
    kind::Kind,
    policy::Policy,
    retry::Waits,
    route::{Choice, Plan, plans},
    routed::{Routed, described_as},
    upstream::Upstream,
};
pub use self::{breaker::Circuit, metrics::Traffic};
use crate::{
    config::{self, Config},
    workers::{
        Embedder, LanguageModel, ModelMetadata, Reranker,
        registry::{Registry, State},
    },
};

/// Models by name, with what stands around them.
pub struct Gateway {
    registry: Registry,
    /// What names stand for, in order of configuration.
    routes: IndexMap<String, Plan>,
    /// What is known of a model while it is called; there is nothing for one without bounds that no route names.
    upstreams: RwLock<HashMap<String, Arc<Upstream>>>,
    bounds: Bounds,
    waits: Waits,
    cache: Cache,
}

impl Gateway {
    /// A gateway before the models of `registry`.
    pub fn new(config: &Config, registry: Registry) -> Self {
        let gateway = Self {
            registry,
            routes: plans(config),
            upstreams: RwLock::default(),
            bounds: Bounds::of(&config.gateway),
            waits: Waits::of(&config.gateway),
            cache: Cache::new(config.gateway.cache_megabytes.saturating_mul(1 << 20)),
        };
        for plan in gateway.routes.values() {
            for model in plan.models() {
                gateway.put(model, Policy::default());
            }
        }
        for model in &config.models {
            gateway.configure(model);
        }
        gateway
    }

    /// Keeps to what is configured for a model from its next call on. For models that come while the server runs, too.
    pub fn configure(&self, model: &config::Model) {
        let policy = Policy::of(model);
        // Without bounds there is nothing to be kept to, but that a route wants to know how it fares.
        if policy.is_plain() && !self.is_in_a_route(&model.name) {
            self.take(&model.name);
        } else {
            self.put(&model.name, policy);
        }
    }

    /// Forgets what was configured for a model that is no more.
    pub fn forget(&self, name: &str) {
        if self.is_in_a_route(name) {
            self.put(name, Policy::default());
        } else {
            self.take(name);
        }
    }

    /// The language model of a name or of a route; `None` when there is none. Waits for a model that is being loaded,
    /// where no other of its route is there.
    pub async fn language(&self, name: &str) -> Option<Result<Arc<dyn LanguageModel>>> {
        self.find::<dyn LanguageModel>(name).await
    }

    /// The embedder of a name or of a route, likewise.
    pub async fn embedder(&self, name: &str) -> Option<Result<Arc<dyn Embedder>>> {
        self.find::<dyn Embedder>(name).await
    }

    /// The reranker of a name or of a route, likewise.
    pub async fn reranker(&self, name: &str) -> Option<Result<Arc<dyn Reranker>>> {
        self.find::<dyn Reranker>(name).await
    }

    /// Every model and every route, and where it stands. A route is as ready as the readiest of its models.
    pub fn names(&self) -> Vec<(ModelMetadata, State)> {
        let models = self.registry.states();
        let routes: Vec<_> = self
            .routes
            .iter()
            .map(|(name, plan)| standing(name, plan, &models))
            .collect();
        models
            .into_iter()
            // A model that came later than the route is not reached by its name.
            .filter(|(metadata, _)| !self.routes.contains_key(&metadata.name))
            .chain(routes)
            .collect()
    }

    /// Whether there is a model or a route of that name.
    pub fn knows(&self, name: &str) -> bool {
        self.is_route(name) || self.registry.knows(name)
    }

    /// Whether a name is a route's, so that no model may take it.
    pub fn is_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    /// How the models fare that have bounds or are in a route, by name.
    pub fn traffic(&self) -> Vec<Traffic> {
        let upstreams: Vec<Arc<Upstream>> = self
            .upstreams
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        let mut traffic: Vec<Traffic> = upstreams.iter().map(|model| model.traffic()).collect();
        traffic.sort_by(|a, b| a.model.cmp(&b.model));
        traffic
    }

    fn is_in_a_route(&self, name: &str) -> bool {
        self.routes
            .values()
            .any(|plan| plan.models().any(|model| model == name))
    }

    fn put(&self, name: &str, policy: Policy) {
        let mut upstreams = self
            .upstreams
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let upstream = Upstream::new(name, policy, self.bounds);
        upstreams.insert(name.to_owned(), Arc::new(upstream));
    }

    fn take(&self, name: &str) {
        let mut upstreams = self
            .upstreams
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        upstreams.remove(name);
    }

    fn upstream(&self, name: &str) -> Option<Arc<Upstream>> {
        self.upstreams
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    async fn find<M: Kind + ?Sized>(&self, name: &str) -> Option<Result<Arc<M>>> {
        if let Some(plan) = self.routes.get(name) {
            return match self.candidates::<M>(name, plan).await? {
                Ok(candidates) => Some(Ok(self.routed(name, candidates))),
                Err(error) => Some(Err(error)),
            };
        }
        let model = match M::find(&self.registry, name).await? {
            Ok(model) => model,
            Err(error) => return Some(Err(error)),
        };
        let bounded = self
            .upstream(name)
            .filter(|upstream| !upstream.policy.is_plain());
        Some(Ok(match bounded {
            None => model,
            Some(upstream) => self.routed(
                name,
                vec![Candidate {
                    upstream,
                    model,
                    weight: 1.0,
                    tier: 0,
                }],
            ),
        }))
    }

    fn routed<M: Kind + ?Sized>(&self, name: &str, candidates: Vec<Candidate<M>>) -> Arc<M> {
        M::given_out(Routed {
            name: name.to_owned(),
            candidates,
            waits: self.waits,
            cache: self.cache.clone(),
        })
    }

    /// The models of a route that are loaded and well. Where none is, one that is being loaded is waited for, and one
    /// that is not well is better than none.
    async fn candidates<M: Kind + ?Sized>(
        &self,
        name: &str,
        plan: &Plan,
    ) -> Option<Result<Vec<Candidate<M>>>> {
        let (mut ready, mut unwell, mut loading) = (Vec::new(), Vec::new(), Vec::new());
        let mut refused = None;
        for (tier, choices) in plan.tiers.iter().enumerate() {
            for choice in choices {
                // Whether it is there is known at once; one that is not must not hold the others up.
                match unconstrained(M::find(&self.registry, &choice.model)).now_or_never() {
                    None => loading.push((tier, choice)),
                    Some(None) => {}
                    Some(Some(Err(error))) => refused = refused.or(Some(error)),
                    Some(Some(Ok(model))) => {
                        let is_well = model.fault().is_none();
                        let Some(candidate) = self.candidate(tier, choice, model) else {
                            continue;
                        };
                        if is_well {
                            ready.push(candidate);
                        } else {
                            unwell.push(candidate);
                        }
                    }
                }
            }
        }
        if ready.is_empty() {
            for (tier, choice) in loading {
                match M::find(&self.registry, &choice.model).await {
                    Some(Ok(model)) => {
                        ready.extend(self.candidate(tier, choice, model));
                        break;
                    }
                    Some(Err(error)) => refused = refused.or(Some(error)),
                    None => {}
                }
            }
        }
        if ready.is_empty() {
            ready = unwell;
        }
        if !ready.is_empty() {
            return Some(Ok(ready));
        }
        if refused.is_none() && plan.models().any(|model| self.registry.knows(model)) {
            // They are models of another kind.
            return None;
        }
        Some(Err(refused.unwrap_or_else(|| Error::NotFound {
            what: "model",
            name: name.to_owned(),
            hint: Some(absent(plan)),
        })))
    }

    fn candidate<M: ?Sized>(
        &self,
        tier: usize,
        choice: &Choice,
        model: Arc<M>,
    ) -> Option<Candidate<M>> {
        // Every model of a route has one from the beginning to the end.
        let upstream = self.upstream(&choice.model)?;
        Some(Candidate {
            upstream,
            model,
            weight: choice.weight,
            tier,
        })
    }
}

/// What a route is and where it stands.
fn standing(name: &str, plan: &Plan, models: &[(ModelMetadata, State)]) -> (ModelMetadata, State) {
    let found: Vec<&(ModelMetadata, State)> = plan
        .models()
        .filter_map(|name| models.iter().find(|(metadata, _)| metadata.name == name))
        .collect();
    let metadata = described_as(name, found.iter().map(|(metadata, _)| metadata.clone()))
        .map_or_else(
            || ModelMetadata::new(name, plan.kind.unwrap_or_default()),
            |metadata| ModelMetadata {
                // Its models count that themselves.
                memory_bytes: None,
                ..metadata
            },
        );
    let any = |wanted: fn(&State) -> bool| found.iter().any(|(_, state)| wanted(state));
    let state = if any(|state| matches!(state, State::Ready)) {
        State::Ready
    } else if any(|state| matches!(state, State::Loading)) {
        State::Loading
    } else {
        let reason = found.iter().find_map(|(_, state)| match state {
            State::Failed(reason) => Some(reason.clone()),
            State::Loading | State::Ready => None,
        });
        State::Failed(reason.unwrap_or_else(|| absent(plan)))
    };
    (metadata, state)
}

/// Why a route answers nothing.
fn absent(plan: &Plan) -> String {
    let models: Vec<&str> = plan.models().collect();
    format!(
        "it is a route to {}, of which none is here; start one, or add one under [[models]]",
        models.join(", ")
    )
}
