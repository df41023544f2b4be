//! The three kinds of models, for what the gateway does alike with each.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use tidegate_schema::Result;

use super::routed::Routed;
use crate::workers::{Embedder, LanguageModel, ModelMetadata, Relay, Reranker, registry::Registry};

/// What is the same with models of each kind.
pub(super) trait Kind: Send + Sync + 'static {
    /// The registry's model of a name; it may still be loading.
    fn find<'a>(registry: &'a Registry, name: &'a str) -> BoxFuture<'a, Option<Result<Arc<Self>>>>;

    /// What it says of itself.
    fn described(&self) -> ModelMetadata;

    /// Why it cannot answer any more.
    fn fault(&self) -> Option<String> {
        None
    }

    /// The way to pass bytes on.
    fn bytes(self: Arc<Self>) -> Option<Arc<dyn Relay>>;

    /// Models behind a name as one of its kind.
    fn given_out(routed: Routed<Self>) -> Arc<Self>;
}

impl Kind for dyn LanguageModel {
    fn find<'a>(registry: &'a Registry, name: &'a str) -> BoxFuture<'a, Option<Result<Arc<Self>>>> {
        registry.language(name).boxed()
    }

    fn described(&self) -> ModelMetadata {
        self.metadata()
    }

    fn fault(&self) -> Option<String> {
        self.failure()
    }

    fn bytes(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relay()
    }

    fn given_out(routed: Routed<Self>) -> Arc<Self> {
        Arc::new(routed)
    }
}

impl Kind for dyn Embedder {
    fn find<'a>(registry: &'a Registry, name: &'a str) -> BoxFuture<'a, Option<Result<Arc<Self>>>> {
        registry.embedder(name).boxed()
    }

    fn described(&self) -> ModelMetadata {
        self.metadata()
    }

    fn bytes(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relay()
    }

    fn given_out(routed: Routed<Self>) -> Arc<Self> {
        Arc::new(routed)
    }
}

impl Kind for dyn Reranker {
    fn find<'a>(registry: &'a Registry, name: &'a str) -> BoxFuture<'a, Option<Result<Arc<Self>>>> {
        registry.reranker(name).boxed()
    }

    fn described(&self) -> ModelMetadata {
        self.metadata()
    }

    fn bytes(self: Arc<Self>) -> Option<Arc<dyn Relay>> {
        self.relay()
    }

    fn given_out(routed: Routed<Self>) -> Arc<Self> {
        Arc::new(routed)
    }
}
