//! Where models stand.

use std::{sync::atomic::Ordering, time::Duration};

use super::{ModelMetadata, parking::Slot};

/// Where a model stands.
#[derive(Debug, Clone)]
pub enum State {
    /// Being loaded; a request waits.
    Loading,
    /// Usable.
    Ready,
    /// Could not be loaded, or cannot go on; why, and what to do.
    Failed(String),
}

/// A model and where it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What it says of itself; what only loading brings to light (memory, window, dtype) once it is ready.
    pub metadata: ModelMetadata,
    /// Where it stands.
    pub state: State,
    /// How long loading took, of a model that was loaded here. Waiting for a turn to load is not counted.
    pub loaded_in: Option<Duration>,
    /// The share of it that is there while it is being loaded, from 0 to 1, as far as that is known.
    pub progress: Option<f64>,
}

/// Where the model of a slot stands now.
pub(super) fn standing(slot: &Slot) -> Standing {
    let outcome = slot.outcome.borrow().clone();
    let (metadata, state) = match outcome {
        None => (slot.metadata.clone(), State::Loading),
        Some(Ok(model)) => {
            let state = model.failure().map_or(State::Ready, State::Failed);
            (model.metadata(), state)
        }
        Some(Err(reason)) => (slot.metadata.clone(), State::Failed(reason)),
    };
    let loading = slot.loading.load(Ordering::Relaxed);
    let progress = match state {
        State::Loading => slot.progress.share(),
        State::Ready | State::Failed(_) => None,
    };
    Standing {
        progress,
        metadata,
        state,
        loaded_in: (loading > 0).then(|| Duration::from_micros(loading)),
    }
}
