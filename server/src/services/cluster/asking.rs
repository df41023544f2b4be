//! What peers ask of this process's own models. Models of other processes are not passed on: whoever asks has the same
//! list, and two processes that pass on to each other would do so for ever.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use tidegate_schema::{
    Error, Result,
    model::{Act, DeployedKind},
};

use super::{Cluster, Peer, deployed_kind, not_here};
use crate::{
    services::metering::{Call, Operation},
    workers::{ChunkStream, GenerateRequest, ModelKind, ModelMetadata, registry::State},
};

/// Longest answer; DB-GPT's callers wait no longer either.
const LONGEST: Duration = Duration::from_hours(1);
/// When to try elsewhere, as this process ends.
const SOON: Duration = Duration::from_secs(1);

impl Cluster<'_> {
    /// An answer of one of this process's models, piece by piece.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model of another process, [`Error::Overloaded`] while this one ends.
    pub async fn generate(
        &self,
        peer: &Peer,
        name: &str,
        request: GenerateRequest,
        streamed: bool,
    ) -> Result<ChunkStream> {
        self.check(peer, name, ModelKind::Llm)?;
        let request = GenerateRequest {
            deadline: Some(LONGEST),
            fair_key: peer.caller.key.as_ref().map(ToString::to_string),
            ..request
        };
        // What a peer's own callers use is counted there.
        let meter = match &peer.caller.key {
            Some(_) => {
                let call = Call {
                    model: name.to_owned(),
                    operation: Operation::Chat,
                    streamed,
                };
                Some(self.0.metering().admit(&peer.caller, call).await?)
            }
            None => None,
        };
        let busy = self.0.links.loads.begin(name);
        let begun = async {
            self.0
                .models()
                .language(Some(name))
                .await?
                .generate(request)
                .await
        };
        let chunks = match (begun.await, meter) {
            (Ok(chunks), Some(meter)) => meter.around(chunks),
            (Ok(chunks), None) => chunks,
            (Err(error), Some(meter)) => {
                meter.failed(&error);
                return Err(error);
            }
            (Err(error), None) => return Err(error),
        };
        // Counted as long as somebody listens.
        let counted = stream::unfold((chunks, busy), |(mut chunks, busy)| async move {
            let chunk = chunks.next().await?;
            Some((chunk, (chunks, busy)))
        });
        Ok(counted.boxed())
    }

    /// The vectors of texts, by one of this process's embedders.
    pub async fn embed(
        &self,
        peer: &Peer,
        name: &str,
        texts: Vec<String>,
    ) -> Result<Vec<Vec<f32>>> {
        self.check(peer, name, ModelKind::Embedding)?;
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let _busy = self.0.links.loads.begin(name);
        let model = self.0.models().embedder(name).await?;
        self.metered(peer, name, Operation::Embeddings, model.embed(texts, None))
            .await
    }

    /// The scores of documents, by one of this process's rerankers.
    pub async fn rerank(
        &self,
        peer: &Peer,
        name: &str,
        query: String,
        documents: Vec<String>,
    ) -> Result<Vec<f32>> {
        self.check(peer, name, ModelKind::Reranker)?;
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let _busy = self.0.links.loads.begin(name);
        let model = self.0.models().reranker(name).await?;
        self.metered(
            peer,
            name,
            Operation::Rerank,
            model.rerank(query, documents),
        )
        .await
    }

    /// What `doing` makes, counted for the key that asks for it.
    async fn metered<T>(
        &self,
        peer: &Peer,
        name: &str,
        operation: Operation,
        doing: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if peer.caller.key.is_none() {
            return doing.await;
        }
        let call = Call {
            model: name.to_owned(),
            operation,
            streamed: false,
        };
        let meter = self.0.metering().admit(&peer.caller, call).await?;
        let done = doing.await;
        match &done {
            Ok(_) => meter.done(),
            Err(error) => meter.failed(error),
        }
        done
    }

    /// The tokens of a text. Where no model is named, the first that writes here is meant; nothing where there is none.
    pub async fn count_tokens(
        &self,
        peer: &Peer,
        name: Option<&str>,
        text: &str,
    ) -> Result<Option<u32>> {
        peer.caller.may(Act::Ask)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => match self.first_writer() {
                Some(name) => name,
                None => return Ok(None),
            },
        };
        self.check(peer, &name, ModelKind::Llm)?;
        let model = self.0.models().language(Some(&name)).await?;
        model.count_tokens(text).await.map(Some)
    }

    /// What one of this process's models that write says of itself.
    pub async fn metadata(&self, peer: &Peer, name: &str) -> Result<ModelMetadata> {
        self.check(peer, name, ModelKind::Llm)?;
        Ok(self.0.models().language(Some(name)).await?.metadata())
    }

    /// Whether this process has a model of a name that is for that, its own and not another process's.
    pub fn has(&self, name: &str, kind: DeployedKind) -> bool {
        self.is_own(name)
            && self
                .0
                .registry
                .states()
                .iter()
                .any(|(metadata, _)| metadata.name == name && deployed_kind(metadata.kind) == kind)
    }

    fn first_writer(&self) -> Option<String> {
        self.0
            .registry
            .states()
            .into_iter()
            .find(|(metadata, state)| {
                metadata.kind == ModelKind::Llm
                    && !metadata.sql_only
                    && matches!(state, State::Ready)
                    && self.is_own(&metadata.name)
            })
            .map(|(metadata, _)| metadata.name)
    }

    fn is_own(&self, name: &str) -> bool {
        self.0.registry.knows(name) && !self.0.links.fleet.is_remote(name)
    }

    fn check(&self, peer: &Peer, name: &str, kind: ModelKind) -> Result<()> {
        peer.caller.may(Act::Ask)?;
        if self.0.stopping.is_cancelled() {
            return Err(Error::Overloaded { retry_after: SOON });
        }
        if self.has(name, deployed_kind(kind)) {
            return Ok(());
        }
        Err(not_here(name))
    }
}
