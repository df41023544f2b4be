//! A place for a model that may still be loading.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::watch;

use super::{Model, ModelMetadata, Progress};

/// What a slot holds: nothing yet, a model, or why there is none.
pub(super) type Outcome = Option<Result<Model, String>>;

/// One model's place.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) metadata: ModelMetadata,
    pub(super) outcome: watch::Receiver<Outcome>,
    /// Microseconds that loading took; 0 where nothing was loaded.
    pub(super) loading: Arc<AtomicU64>,
    /// How far loading is.
    pub(super) progress: Progress,
}

impl Slot {
    pub(super) fn new(metadata: ModelMetadata, outcome: watch::Receiver<Outcome>) -> Self {
        Self {
            metadata,
            outcome,
            loading: Arc::default(),
            progress: Progress::default(),
        }
    }

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
