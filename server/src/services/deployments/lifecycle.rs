//! Loading and unloading, one change at a time, as tasks that outlive whoever asked.

use tidegate_schema::{Error, Result};

use super::{
    Deployments,
    state::{Known, Origin},
    target::{model_kind, taken},
};
use crate::{config, workers::ModelMetadata};

/// What is left of a model that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// Nothing: it was not there before.
    LeavesNothing,
    /// It stays as it was, stopped.
    LeavesStopped,
    /// It is listed as failed with the reason. Whatever has its name is stopped first.
    IsShown,
}

/// A change of what is loaded.
pub(super) enum Work {
    /// Loads a model and keeps it.
    Load {
        model: Box<config::Model>,
        origin: Origin,
        failing: Failing,
    },
    /// Unloads a model, and forgets it if that is wanted.
    Unload { name: String, forget: bool },
    /// Gives up a model that is being loaded and did not run before.
    GiveUp(String),
}

impl Deployments<'_> {
    /// Starts the models that were kept as running. What cannot be read of one is its state.
    pub fn restore(&self) {
        let registry = &self.0.registry;
        let there = registry.states().into_iter();
        self.0
            .deployed
            .note_builtin(there.map(|(metadata, _)| metadata.name));
        for (name, known) in self.0.deployed.all(true) {
            if matches!(known.origin, Origin::Configured(_)) {
                continue;
            }
            let begun = known.model().and_then(|model| {
                self.0.gateway.configure(&model);
                registry
                    .load(&model, &self.0.config, &self.0.tasks)
                    .map_err(refused)
            });
            let Err(error) = begun else { continue };
            tracing::error!(model = name, %error, "a model that was kept cannot be started");
            let reason = error.to_string();
            let metadata = ModelMetadata::new(name, model_kind(known.kind));
            // Where the name is taken, whatever has it is shown.
            let _ = registry.add_loading(metadata, &self.0.tasks, move || Err(reason));
        }
    }

    /// Does it as a task of the process, and waits for it.
    pub(super) async fn work(&self, work: Work) -> Result<()> {
        if self.0.stopping.is_cancelled() {
            return Err(Error::Conflict {
                reason: "the server is being stopped; try again once it runs".to_owned(),
            });
        }
        let app = self.0.clone();
        let done = self
            .0
            .tasks
            .spawn(async move { app.deployments().done(work).await });
        done.await
            .unwrap_or_else(|error| Err(Error::internal("changing what is loaded", error)))
    }

    async fn done(&self, work: Work) -> Result<()> {
        match work {
            Work::Load {
                model,
                origin,
                failing,
            } => self.load(&model, origin, failing).await,
            Work::Unload { name, forget } => self.unload(&name, forget).await,
            Work::GiveUp(name) => {
                let _turn = self.0.deployed.turn().await;
                self.remove(&name).await;
                tracing::info!(model = name, "loading a model was given up");
                Ok(())
            }
        }
    }

    async fn load(&self, model: &config::Model, origin: Origin, failing: Failing) -> Result<()> {
        let (registry, name) = (&self.0.registry, model.name.as_str());
        let known = Known::running(origin);
        let turn = self.0.deployed.turn().await;
        if failing == Failing::IsShown {
            self.remove(name).await;
        }
        if registry.knows(name) {
            return Err(taken(name));
        }
        let _starting = self.0.deployed.starting(name, known.kind, known.provider());
        self.0.gateway.configure(model);
        if let Err(error) = registry.load(model, &self.0.config, &self.0.tasks) {
            self.0.gateway.forget(name);
            self.0.deployed.stopped(name, self.0.clock.now());
            return Err(refused(error));
        }
        let awaited = registry.awaited(name);
        drop(turn);
        tracing::info!(
            model = name,
            provider = known.provider(),
            "a model is being started"
        );
        let Some(awaited) = awaited else {
            return Err(given_up(name));
        };
        let settled = awaited.settled().await;
        let _turn = self.0.deployed.turn().await;
        let is_there = registry.still_has(&awaited);
        // It holds the model, whose memory is to be free as soon as it is removed.
        drop(awaited);
        if !is_there {
            return Err(given_up(name));
        }
        if let Err(reason) = settled {
            if failing == Failing::IsShown {
                self.0.deployed.put(name, known);
            } else {
                self.remove(name).await;
            }
            return Err(Error::upstream(name, reason));
        }
        if let Origin::Requested(deployment) = &known.origin
            && let Err(error) = self.0.store.put_deployment(deployment).await
        {
            self.remove(name).await;
            // What had its name before was stopped for it.
            self.0.deployed.stopped(name, self.0.clock.now());
            return Err(error);
        }
        self.0.deployed.put(name, known);
        Ok(())
    }

    async fn unload(&self, name: &str, forget: bool) -> Result<()> {
        let _turn = self.0.deployed.turn().await;
        let Some(known) = self.0.deployed.find(name) else {
            return Err(Error::not_found("model", name));
        };
        let now = self.0.clock.now();
        let mut gone = false;
        if let Origin::Requested(deployment) = &known.origin {
            // The store first: where it cannot be written to, the model runs on.
            let id = &deployment.id;
            if forget {
                self.0.store.delete_deployment(id).await?;
                gone = true;
            } else {
                self.0.store.mark_deployment(id, false, now).await?;
            }
        }
        self.remove(name).await;
        if gone {
            self.0.deployed.forget(name);
        } else {
            self.0.deployed.stopped(name, now);
        }
        tracing::info!(model = name, forgotten = gone, "a model was stopped");
        Ok(())
    }

    /// Takes a model away where blocking is allowed: its thread ends with it.
    async fn remove(&self, name: &str) {
        let (registry, owned) = (self.0.registry.clone(), name.to_owned());
        let removed = self.0.tasks.spawn_blocking(move || registry.remove(&owned));
        if let Err(error) = removed.await {
            tracing::error!(model = name, %error, "putting a model away panicked");
        }
        self.0.gateway.forget(name);
    }
}

/// Why a model is not even begun to be loaded.
fn refused(error: anyhow::Error) -> Error {
    error
        .downcast::<Error>()
        .unwrap_or_else(|error| Error::invalid("params", format!("{error:#}")))
}

fn given_up(name: &str) -> Error {
    Error::Conflict {
        reason: format!("the model '{name}' was stopped or started anew while it was being loaded"),
    }
}
