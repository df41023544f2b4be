//! The sentence encoder that tables and questions are compared by.

use std::sync::Arc;

use crate::workers::{
    Embedder,
    registry::{Registry, State},
};

/// The built-in sentence encoder, or what is configured under its name. No other model is sent a schema or a question
/// unasked.
pub(super) const NAME: &str = "all-minilm-l6-v2";

/// The encoder, if it need not be waited for.
pub(super) async fn ready(registry: &Registry) -> Option<Arc<dyn Embedder>> {
    let is_ready = registry
        .states()
        .iter()
        .any(|(metadata, state)| metadata.name == NAME && matches!(state, State::Ready));
    if !is_ready {
        return None;
    }
    registry.embedder(NAME).await?.ok()
}
