//! Deployments: models that are started, stopped and started again while the server runs.
//!
//! What a model is started with comes by DB-GPT's names and becomes a model of the configuration ([`definition`]), so
//! that both are held to the same rules. A started model is kept in the store with what it was started with, sealed,
//! and is started with its server from then on; one that was stopped is kept and stays stopped. A definition belongs to
//! the server's own address: several servers may share a store.
//!
//! Starting goes on when whoever asked for it leaves: it is a task of the process, and the request waits for it.
//!
//! A request for another process of the cluster is passed on to it ([`elsewhere`]).

mod definition;
mod elsewhere;
mod lifecycle;
mod listed;
mod parameters;
mod providers;
mod state;
mod target;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use tidegate_schema::{
    Error, Result,
    model::{
        Act, Caller, DeployParams, DeployedKind, Deployment, DeploymentId, ModelPlace, Parameter,
    },
};

use self::{
    elsewhere::Order,
    lifecycle::{Failing, Work},
    state::Origin,
    target::{check_name, kind, taken},
};
pub use self::{
    listed::{ListedModel, ListedState},
    state::Deployed,
    target::{Target, Wanted},
};
use super::{check_id, datasources::nearest};
use crate::{app::App, workers::registry::State};

/// The service.
pub struct Deployments<'a>(pub(crate) &'a App);

impl Deployments<'_> {
    /// Starts a model that there is not, and keeps it. Answers once it is loaded. One that was started by a request and
    /// is stopped is started anew with these parameters: DB-GPT forgets what it stops, and its pages start it so.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where its name is taken, and whatever has it is left alone; [`Error::Invalid`] and
    /// [`Error::Unsupported`] with the parameter that is wrong; [`Error::NotFound`] where the place is another server;
    /// [`Error::Upstream`] with the reason when it cannot be loaded, and then nothing is kept of it, or what was.
    pub async fn start(&self, caller: &Caller, wanted: Wanted) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        let Wanted {
            target,
            params,
            user,
            sys_code,
        } = wanted;
        check_name(&target.model)?;
        if !self.is_here(&target) {
            return self.order(&target, Order::Start(&params)).await;
        }
        let renewed = self.is_stopped(&target);
        if !renewed {
            self.check_free(&target.model)?;
        }
        let now = self.0.clock.now();
        let deployment = Deployment {
            id: self.id_of(&target),
            params,
            running: true,
            user: user.or_else(|| Some(caller.user.clone())),
            sys_code,
            created_at: now,
            modified_at: now,
        };
        let model = definition::read(&deployment)?;
        self.work(Work::Load {
            model: Box::new(model),
            origin: Origin::Requested(Box::new(deployment)),
            failing: if renewed {
                Failing::LeavesStopped
            } else {
                Failing::LeavesNothing
            },
        })
        .await
    }

    /// Starts a model again that was stopped, with what it was started with before.
    ///
    /// # Errors
    /// [`Error::NotFound`] where nothing is kept under that name, [`Error::AlreadyExists`] where it runs already.
    pub async fn resume(&self, caller: &Caller, target: &Target) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        if !self.is_here(target) {
            let nothing = DeployParams::default();
            return self.order(target, Order::Start(&nothing)).await;
        }
        let known = self.known(target)?;
        let failed = matches!(self.state(&target.model), Some(State::Failed(_)));
        if known.running && !failed {
            return Err(taken(&target.model));
        }
        self.work(Work::Load {
            model: Box::new(known.model()?),
            origin: known.origin.restarted(self.0.clock.now()),
            failing: if failed {
                Failing::IsShown
            } else {
                Failing::LeavesStopped
            },
        })
        .await
    }

    /// Stops a model and gives its memory back; answers under way are written to their end. What was started by a
    /// request is kept, and can be started again, unless it is to be forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none to stop, [`Error::Unsupported`] for those that come with the product.
    pub async fn stop(&self, caller: &Caller, target: &Target, forget: bool) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        if !self.is_here(target) {
            return self.order(target, Order::Stop { forget }).await;
        }
        // What is kept of one that is started again can be forgotten all the same.
        let forgets = forget && self.0.deployed.find(&target.model).is_some();
        if !forgets && self.0.deployed.is_starting(&target.model, target.kind) {
            return self.work(Work::GiveUp(target.model.clone())).await;
        }
        let known = self.known(target)?;
        if !known.running && !forget {
            return Err(self.unknown(target));
        }
        self.work(Work::Unload {
            name: target.model.clone(),
            forget,
        })
        .await
    }

    /// Stops a model and starts it again with what it was started with. One that cannot be loaded any more is listed as
    /// failed, with the reason.
    pub async fn restart(&self, caller: &Caller, target: &Target) -> Result<()> {
        caller.may(Act::ManageDatasources)?;
        if !self.is_here(target) {
            return self.order(target, Order::Restart).await;
        }
        let known = self.known(target)?;
        self.work(Work::Load {
            model: Box::new(known.model()?),
            origin: known.origin.restarted(self.0.clock.now()),
            failing: Failing::IsShown,
        })
        .await
    }

    /// Changes what a model is started with, and restarts it where that is another thing than before; whether it was.
    /// A model that does not load with the changes goes on with what it had.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a parameter that is not known or cannot be changed.
    pub async fn update_params(
        &self,
        caller: &Caller,
        target: &Target,
        changes: Map<String, Value>,
    ) -> Result<bool> {
        caller.may(Act::ManageDatasources)?;
        let known = self.known(target)?;
        let before = known.model()?;
        let Origin::Requested(deployment) = &known.origin else {
            return Err(Error::Unsupported {
                what: format!(
                    "'{}' is a model of the configuration; change its table there and restart the server",
                    target.model
                ),
            });
        };
        let mut changed = (**deployment).clone();
        definition::merge(&mut changed.params, changes)?;
        let after = definition::read(&changed)?;
        if changed.params == deployment.params {
            return Ok(false);
        }
        changed.modified_at = self.0.clock.now();
        let renewed = self
            .work(Work::Load {
                model: Box::new(after),
                origin: Origin::Requested(Box::new(changed)),
                failing: Failing::IsShown,
            })
            .await;
        if let Err(error) = renewed {
            let back = Work::Load {
                model: Box::new(before),
                origin: known.origin.clone(),
                failing: Failing::IsShown,
            };
            self.work(back).await?;
            return Err(error);
        }
        Ok(true)
    }

    /// What the model of a name can be started with; nothing for one that is no provider's.
    pub fn parameters(&self, caller: &Caller, target: &Target) -> Result<Vec<Parameter>> {
        caller.may(Act::Ask)?;
        let known = self.known(target)?;
        Ok(providers::find(&known.provider()).map_or_else(
            |_| Vec::new(),
            |provider| parameters::of(provider, target.kind),
        ))
    }

    /// A model of this server by its name alone.
    pub fn named(&self, name: &str) -> Target {
        let known = self.0.deployed.find(name).map(|known| known.kind);
        Target {
            model: name.to_owned(),
            kind: known.or_else(|| self.kind_of(name)).unwrap_or_default(),
            place: None,
        }
    }

    /// The server's own address, by which its models are listed and meant.
    pub fn place(&self) -> &ModelPlace {
        self.0.deployed.place()
    }

    /// Whether a target is a model of this server. Pages leave the place out where they do not know one.
    pub fn is_here(&self, target: &Target) -> bool {
        target
            .place
            .as_ref()
            .is_none_or(|place| self.is_at_home(place))
    }

    /// Whether an address is this server's: as it is configured, or as the cluster knows it.
    fn is_at_home(&self, place: &ModelPlace) -> bool {
        self.0.cluster().place() == Some(place) || self.0.deployed.is_here(place, &self.0.host_name)
    }

    fn check_place(&self, target: &Target) -> Result<()> {
        if self.is_here(target) {
            return Ok(());
        }
        Err(self.unknown(target))
    }

    /// Whether a model was started by a request, and is stopped.
    fn is_stopped(&self, target: &Target) -> bool {
        self.0.deployed.find(&target.model).is_some_and(|known| {
            !known.running
                && known.kind == target.kind
                && matches!(known.origin, Origin::Requested(_))
        })
    }

    /// Refuses names that a model, a route or an alias has.
    fn check_free(&self, name: &str) -> Result<()> {
        if self.0.gateway.knows(name) || self.0.deployed.find(name).is_some() {
            return Err(taken(name));
        }
        Ok(())
    }

    /// What is known of a model of this server that can be stopped and started.
    fn known(&self, target: &Target) -> Result<state::Known> {
        check_id("model", &target.model)?;
        self.check_place(target)?;
        if let Some(known) = self.0.deployed.find(&target.model)
            && known.kind == target.kind
        {
            return Ok(known);
        }
        if self.state(&target.model).is_some() && self.kind_of(&target.model) == Some(target.kind) {
            return Err(Error::Unsupported {
                what: format!(
                    "'{}' is no model that is started and stopped by itself: it comes with the product, is a route of \
                     the configuration, or runs in another process",
                    target.model
                ),
            });
        }
        Err(self.unknown(target))
    }

    fn unknown(&self, target: &Target) -> Error {
        let names = self.0.deployed.names(target.kind);
        let elsewhere = target
            .place
            .as_ref()
            .filter(|_| !self.is_here(target))
            .map(|place| {
                let own = self.place();
                format!(
                    "no server at {}:{} is known here; this one is {}:{}",
                    place.host, place.port, own.host, own.port
                )
            });
        Error::NotFound {
            what: "model",
            name: target.model.clone(),
            hint: elsewhere.or_else(|| nearest(&names, &target.model)),
        }
    }

    fn state(&self, name: &str) -> Option<State> {
        self.0
            .models()
            .states()
            .into_iter()
            .find(|(metadata, _)| metadata.name == name)
            .map(|(_, state)| state)
    }

    fn kind_of(&self, name: &str) -> Option<DeployedKind> {
        self.0
            .models()
            .states()
            .into_iter()
            .find(|(metadata, _)| metadata.name == name)
            .map(|(metadata, _)| kind(metadata.kind))
    }

    fn id_of(&self, target: &Target) -> DeploymentId {
        DeploymentId {
            model: target.model.clone(),
            kind: target.kind,
            place: self.place().clone(),
        }
    }
}
