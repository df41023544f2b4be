//! Models.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use tidegate_schema::model::Caller;

use super::error::to_graphql;
use crate::{
    app::App,
    workers::{ModelKind, registry::State},
};

/// What a model is for.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "ModelKind")]
enum Kind {
    /// Writes text.
    Llm,
    /// Turns text into vectors.
    Embedding,
    /// Judges how well documents fit a query.
    Reranker,
}

/// Where a model stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum ModelState {
    /// Being loaded.
    Loading,
    /// Usable.
    Ready,
    /// Could not be loaded.
    Failed,
}

/// A model.
#[derive(SimpleObject)]
struct Model {
    /// Name it is asked for by.
    name: String,
    /// What it is for.
    kind: Kind,
    /// Where it stands.
    state: ModelState,
    /// Why it could not be loaded.
    reason: Option<String>,
    /// Whether it answers questions about databases only.
    sql_only: bool,
}

/// What can be read of models.
#[derive(Default)]
pub struct ModelQueries;

#[Object]
#[expect(
    clippy::unused_async,
    reason = "a GraphQL field is asynchronous, whether it waits or not"
)]
impl ModelQueries {
    /// Every model, ready or not.
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        app.models().list(caller).map_err(|e| to_graphql(&e))?;
        Ok(app
            .models()
            .states()
            .into_iter()
            .map(|(metadata, state)| {
                let (state, reason) = match state {
                    State::Loading => (ModelState::Loading, None),
                    State::Ready => (ModelState::Ready, None),
                    State::Failed(reason) => (ModelState::Failed, Some(reason)),
                };
                let kind = match metadata.kind {
                    ModelKind::Llm => Kind::Llm,
                    ModelKind::Embedding => Kind::Embedding,
                    ModelKind::Reranker => Kind::Reranker,
                };
                Model {
                    name: metadata.name,
                    kind,
                    state,
                    reason,
                    sql_only: metadata.sql_only,
                }
            })
            .collect())
    }
}
