//! Models by name, with their state: loading, ready or failed.

use std::{num::NonZero, path::Path, sync::Arc};

use indexmap::IndexMap;
use parking::Slot;
use tidegate_schema::{Error, Result};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{Embedder, LanguageModel, ModelKind, ModelMetadata, dummy, proxy};
use crate::config::{self, Config};

/// Where a model stands.
#[derive(Debug, Clone)]
pub enum State {
    /// Being loaded; a request waits.
    Loading,
    /// Usable.
    Ready,
    /// Could not be loaded; why, and what to do.
    Failed(String),
}

/// A loaded model.
#[derive(Clone)]
pub enum Model {
    /// Writes.
    Language(Arc<dyn LanguageModel>),
    /// Embeds.
    Embedder(Arc<dyn Embedder>),
}

/// All models of this process, in order of configuration.
#[derive(Clone, Default)]
pub struct Registry {
    slots: Arc<std::sync::RwLock<IndexMap<String, Slot>>>,
    loading: Loading,
}

/// How many models are read at a time: half the processors, so that the first requests have the others.
#[derive(Clone)]
struct Loading(Arc<Semaphore>);

impl Default for Loading {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new((processors / 2).max(1))))
    }
}

mod parking {
    //! A place for a model that may still be loading.

    use tokio::sync::watch;

    use super::{Model, ModelMetadata};

    /// What a slot holds: nothing yet, a model, or why there is none.
    pub(super) type Outcome = Option<Result<Model, String>>;

    /// One model's place.
    #[derive(Clone)]
    pub(super) struct Slot {
        pub(super) metadata: ModelMetadata,
        pub(super) outcome: watch::Receiver<Outcome>,
    }

    impl Slot {
        /// Waits until the model is loaded or has failed.
        pub(super) async fn wait(&self) -> Result<Model, String> {
            let mut outcome = self.outcome.clone();
            let ended = outcome.wait_for(Option::is_some).await;
            match ended {
                Ok(value) => value
                    .clone()
                    .unwrap_or_else(|| Err("not loaded".to_owned())),
                Err(_) => Err("loading was abandoned".to_owned()),
            }
        }
    }
}

impl Registry {
    /// No models.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model that is ready.
    pub fn add(&self, metadata: ModelMetadata, model: Model) {
        let (sender, outcome) = tokio::sync::watch::channel(Some(Ok(model)));
        drop(sender);
        self.insert(Slot { metadata, outcome });
    }

    /// Adds a model that `load` makes on a blocking thread, after those added before it.
    pub fn add_loading(
        &self,
        metadata: ModelMetadata,
        tasks: &TaskTracker,
        load: impl FnOnce() -> Result<Model, String> + Send + 'static,
    ) {
        let (sender, outcome) = tokio::sync::watch::channel(None);
        let name = metadata.name.clone();
        self.insert(Slot { metadata, outcome });
        let turn = Arc::clone(&self.loading.0);
        let load = move || {
            let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(load))
                .unwrap_or_else(|_| Err("loading panicked; the log has the details".to_owned()));
            match &loaded {
                Ok(_) => tracing::info!(model = name, "model ready"),
                Err(reason) => tracing::error!(model = name, reason, "model could not be loaded"),
            }
            sender.send_replace(Some(loaded));
        };
        let blocking = tasks.clone();
        tasks.spawn(async move {
            // The semaphore is never closed.
            let turn = turn.acquire_owned().await;
            blocking.spawn_blocking(move || {
                load();
                drop(turn);
            });
        });
    }

    fn insert(&self, slot: Slot) {
        let mut slots = self
            .slots
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.insert(slot.metadata.name.clone(), slot);
    }

    /// Whether there is a model of that name, loaded or not.
    pub fn knows(&self, name: &str) -> bool {
        self.slot(name).is_some()
    }

    fn slot(&self, name: &str) -> Option<Slot> {
        self.slots
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Every model and where it stands.
    pub fn states(&self) -> Vec<(ModelMetadata, State)> {
        let slots = self
            .slots
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        slots
            .values()
            .map(|slot| {
                let state = match &*slot.outcome.borrow() {
                    None => State::Loading,
                    Some(Ok(_)) => State::Ready,
                    Some(Err(reason)) => State::Failed(reason.clone()),
                };
                (slot.metadata.clone(), state)
            })
            .collect()
    }

    /// The language model of a name, waiting for it to load; `None` when there is none of that name.
    pub async fn language(&self, name: &str) -> Option<Result<Arc<dyn LanguageModel>>> {
        let slot = self
            .slot(name)
            .filter(|slot| slot.metadata.kind == ModelKind::Llm)?;
        Some(match slot.wait().await {
            Ok(Model::Language(model)) => Ok(model),
            Ok(Model::Embedder(_)) => Err(Error::not_found("model", name)),
            Err(reason) => Err(Error::upstream(name, reason)),
        })
    }

    /// The embedder of a name, waiting for it to load; `None` when there is none of that name.
    pub async fn embedder(&self, name: &str) -> Option<Result<Arc<dyn Embedder>>> {
        let slot = self
            .slot(name)
            .filter(|slot| slot.metadata.kind == ModelKind::Embedding)?;
        Some(match slot.wait().await {
            Ok(Model::Embedder(model)) => Ok(model),
            Ok(Model::Language(_)) => Err(Error::not_found("model", name)),
            Err(reason) => Err(Error::upstream(name, reason)),
        })
    }

    /// Adds every model of the configuration, then the built-in ones whose names are free; loading goes on in the
    /// background.
    pub fn load_configured(
        &self,
        config: &Config,
        data_dir: &Path,
        tasks: &TaskTracker,
    ) -> anyhow::Result<()> {
        for model in &config.models {
            match model.provider {
                config::Provider::Proxy => {
                    let (metadata, model) = proxy::open(model)?;
                    self.add(metadata, model);
                }
                config::Provider::Dummy => {
                    let (metadata, model) = dummy::open(model);
                    self.add(metadata, model);
                }
                config::Provider::Torch => self.load_torch(model, config, tasks)?,
            }
        }
        self.load_builtin(config, data_dir, tasks);
        Ok(())
    }

    #[cfg(feature = "torch")]
    fn load_torch(
        &self,
        model: &config::Model,
        config: &Config,
        tasks: &TaskTracker,
    ) -> anyhow::Result<()> {
        super::torch::register(self, model, config, tasks)
    }

    #[cfg(not(feature = "torch"))]
    #[expect(clippy::unused_self, reason = "its twin with libtorch registers")]
    fn load_torch(&self, model: &config::Model, _: &Config, _: &TaskTracker) -> anyhow::Result<()> {
        anyhow::bail!(
            "models: '{}' has provider 'torch', but this binary was built without the `torch` feature",
            model.name
        )
    }

    #[cfg(feature = "torch")]
    fn load_builtin(&self, config: &Config, data_dir: &Path, tasks: &TaskTracker) {
        if config.builtin.enabled {
            super::builtin::register(self, config, data_dir, tasks);
        }
    }

    #[cfg(not(feature = "torch"))]
    #[expect(clippy::unused_self, reason = "its twin with libtorch registers")]
    fn load_builtin(&self, _: &Config, _: &Path, _: &TaskTracker) {}
}
