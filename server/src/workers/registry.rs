//! Models by name, with their state: loading, ready or failed.

mod parking;
mod progress;
mod standing;

#[cfg(test)]
mod tests;

use std::{
    num::NonZero,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use indexmap::IndexMap;
use parking::Slot;
pub use progress::Progress;
use standing::standing;
pub use standing::{Standing, State};
use tidegate_schema::{Error, Result};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{Embedder, LanguageModel, ModelKind, ModelMetadata, Reranker, dummy, proxy};
use crate::config::{self, Config};

/// A model's place, to be waited for.
#[derive(Clone)]
pub struct Awaited(Slot);

impl Awaited {
    /// Waits until it is loaded.
    ///
    /// # Errors
    /// Why it could not be, and what to do.
    pub async fn settled(&self) -> Result<(), String> {
        self.0.wait().await.map(drop)
    }
}

/// A loaded model.
#[derive(Clone)]
pub enum Model {
    /// Writes.
    Language(Arc<dyn LanguageModel>),
    /// Embeds.
    Embedder(Arc<dyn Embedder>),
    /// Judges.
    Reranker(Arc<dyn Reranker>),
}

impl Model {
    fn metadata(&self) -> ModelMetadata {
        match self {
            Self::Language(model) => model.metadata(),
            Self::Embedder(model) => model.metadata(),
            Self::Reranker(model) => model.metadata(),
        }
    }

    /// Why it cannot answer any more, though it was loaded.
    fn failure(&self) -> Option<String> {
        match self {
            Self::Language(model) => model.failure(),
            Self::Embedder(_) | Self::Reranker(_) => None,
        }
    }
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

impl Registry {
    /// No models.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a model that is ready.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when there is one of that name.
    pub fn add(&self, metadata: ModelMetadata, model: Model) -> Result<()> {
        let (sender, outcome) = tokio::sync::watch::channel(Some(Ok(model)));
        drop(sender);
        self.insert(Slot::new(metadata, outcome))
    }

    /// Adds a model that `load` makes on a blocking thread, after those added before it.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when there is one of that name; then nothing is loaded.
    pub fn add_loading(
        &self,
        metadata: ModelMetadata,
        tasks: &TaskTracker,
        load: impl FnOnce() -> Result<Model, String> + Send + 'static,
    ) -> Result<()> {
        self.add_watched(metadata, tasks, |_| load())
    }

    /// The same of one whose loading tells how far it is.
    ///
    /// # Errors
    /// As [`Registry::add_loading`].
    pub fn add_watched(
        &self,
        metadata: ModelMetadata,
        tasks: &TaskTracker,
        load: impl FnOnce(&Progress) -> Result<Model, String> + Send + 'static,
    ) -> Result<()> {
        let (sender, outcome) = tokio::sync::watch::channel(None);
        let name = metadata.name.clone();
        let slot = Slot::new(metadata, outcome);
        let loading = Arc::clone(&slot.loading);
        let progress = slot.progress.clone();
        self.insert(slot)?;
        let turn = Arc::clone(&self.loading.0);
        let load = move || {
            let begun = Instant::now();
            let load = std::panic::AssertUnwindSafe(|| load(&progress));
            let loaded = std::panic::catch_unwind(load)
                .unwrap_or_else(|_| Err("loading panicked; the log has the details".to_owned()));
            let took = begun.elapsed();
            // Nought says that nothing was loaded.
            loading.store((took.as_micros() as u64).max(1), Ordering::Relaxed);
            match &loaded {
                Ok(_) => {
                    tracing::info!(model = name, seconds = took.as_secs_f64(), "model ready");
                }
                Err(reason) => tracing::error!(model = name, reason, "model could not be loaded"),
            }
            // Where the model was removed meanwhile it goes with the sender, on this thread.
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
        Ok(())
    }

    fn insert(&self, slot: Slot) -> Result<()> {
        let mut slots = self
            .slots
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if slots.contains_key(&slot.metadata.name) {
            return Err(Error::AlreadyExists {
                what: "model",
                name: slot.metadata.name,
            });
        }
        slots.insert(slot.metadata.name.clone(), slot);
        Ok(())
    }

    /// Takes a model away, whether it is loaded or still loading; its name is free again. Answers under way keep it
    /// until they end. Putting it away may wait for its thread, so call this where blocking is allowed.
    ///
    /// Whether there was one of that name.
    pub fn remove(&self, name: &str) -> bool {
        let slot = self
            .slots
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .shift_remove(name);
        // Dropped here, behind the lock: nobody else waits for the model's thread.
        slot.is_some()
    }

    /// The place of a model, to wait for it without using it; `None` when there is none of that name.
    pub fn awaited(&self, name: &str) -> Option<Awaited> {
        self.slot(name).map(Awaited)
    }

    /// Whether a model is still where it was waited for: it may have been removed meanwhile, or another one may have
    /// its name.
    pub fn still_has(&self, awaited: &Awaited) -> bool {
        self.slot(&awaited.0.metadata.name)
            .is_some_and(|slot| Arc::ptr_eq(&slot.loading, &awaited.0.loading))
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
        self.standings()
            .into_iter()
            .map(|standing| (standing.metadata, standing.state))
            .collect()
    }

    /// The same with how long loading took.
    pub fn standings(&self) -> Vec<Standing> {
        let slots: Vec<Slot> = self
            .slots
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        slots.iter().map(standing).collect()
    }

    /// The language model of a name, waiting for it to load; `None` when there is none of that name.
    pub async fn language(&self, name: &str) -> Option<Result<Arc<dyn LanguageModel>>> {
        Some(match self.loaded(name, ModelKind::Llm).await? {
            Ok(Model::Language(model)) => Ok(model),
            other => Err(unusable(name, other)),
        })
    }

    /// The embedder of a name, waiting for it to load; `None` when there is none of that name.
    pub async fn embedder(&self, name: &str) -> Option<Result<Arc<dyn Embedder>>> {
        Some(match self.loaded(name, ModelKind::Embedding).await? {
            Ok(Model::Embedder(model)) => Ok(model),
            other => Err(unusable(name, other)),
        })
    }

    /// The reranker of a name, waiting for it to load; `None` when there is none of that name.
    pub async fn reranker(&self, name: &str) -> Option<Result<Arc<dyn Reranker>>> {
        Some(match self.loaded(name, ModelKind::Reranker).await? {
            Ok(Model::Reranker(model)) => Ok(model),
            other => Err(unusable(name, other)),
        })
    }

    async fn loaded(&self, name: &str, kind: ModelKind) -> Option<Result<Model, String>> {
        let slot = self.slot(name).filter(|slot| slot.metadata.kind == kind)?;
        Some(slot.wait().await)
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
            self.load(model, config, tasks)?;
        }
        self.load_builtin(config, data_dir, tasks)?;
        Ok(())
    }

    /// Adds one model; a local one is loaded in the background.
    ///
    /// # Errors
    /// What is wrong with its table, and a name that is taken.
    pub fn load(
        &self,
        model: &config::Model,
        config: &Config,
        tasks: &TaskTracker,
    ) -> anyhow::Result<()> {
        match model.provider {
            config::Provider::Proxy => {
                let (metadata, model) = proxy::open(model)?;
                self.add(metadata, model)?;
            }
            config::Provider::Dummy => {
                let (metadata, model) = dummy::open(model);
                self.add(metadata, model)?;
            }
            config::Provider::Torch => self.load_torch(model, config, tasks)?,
        }
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
    fn load_builtin(&self, config: &Config, data_dir: &Path, tasks: &TaskTracker) -> Result<()> {
        if config.builtin.enabled {
            super::builtin::register(self, config, data_dir, tasks)?;
        }
        Ok(())
    }

    #[cfg(not(feature = "torch"))]
    #[expect(clippy::unused_self, reason = "its twin with libtorch registers")]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "its twin with libtorch may find a name taken"
    )]
    fn load_builtin(&self, _: &Config, _: &Path, _: &TaskTracker) -> Result<()> {
        Ok(())
    }
}

/// Why a model of the kind asked for cannot be had.
fn unusable(name: &str, loaded: Result<Model, String>) -> Error {
    match loaded {
        Ok(_) => Error::not_found("model", name),
        Err(reason) => Error::upstream(name, reason),
    }
}
