//! Models: which there are and where each stands, and starting and stopping them.

use std::time::Duration;

use async_graphql::{Context, Enum, Json, Object, Result, SimpleObject, Subscription, Union};
use futures::{Stream, StreamExt as _};
use serde_json::{Map, Value};
use tidegate_schema::{
    Error,
    model::{Caller, DeployParams, DeployedKind},
};

use super::{error::to_graphql, turns::Problem};
use crate::{
    app::App,
    services::deployments::{ListedModel, ListedState, Target, Wanted},
};

/// How long a mutation waits for a model to be loaded. Loading goes on behind it.
const PATIENCE: Duration = Duration::from_secs(30);

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

impl From<DeployedKind> for Kind {
    fn from(kind: DeployedKind) -> Self {
        match kind {
            DeployedKind::Llm => Self::Llm,
            DeployedKind::Embedding => Self::Embedding,
            DeployedKind::Reranker => Self::Reranker,
        }
    }
}

impl From<Kind> for DeployedKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Llm => Self::Llm,
            Kind::Embedding => Self::Embedding,
            Kind::Reranker => Self::Reranker,
        }
    }
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
    /// Was stopped, and can be started again.
    Stopped,
}

/// A model.
#[derive(SimpleObject)]
struct Model {
    /// Name it is asked for by.
    name: String,
    /// What it is for.
    kind: Kind,
    /// What runs it: `hf` in this process, `proxy/openai` and its like behind a server, `builtin`. Null for a route and
    /// for a model that another process runs.
    provider: Option<String>,
    /// Where it stands.
    state: ModelState,
    /// Why it could not be loaded.
    reason: Option<String>,
    /// The share of it that is there while it is loaded, from 0 to 1, as far as that is known.
    progress: Option<f64>,
    /// Bytes of memory its weights take in this process, once they are there.
    memory_bytes: Option<u64>,
    /// Seconds that loading took.
    loaded_in: Option<f64>,
    /// What its weights are held as, in this process.
    dtype: Option<String>,
    /// Whether it answers questions about databases only.
    sql_only: bool,
}

impl From<ListedModel> for Model {
    fn from(model: ListedModel) -> Self {
        let (state, reason) = match model.state {
            None => (ModelState::Stopped, None),
            Some(ListedState::Loading) => (ModelState::Loading, None),
            Some(ListedState::Ready) => (ModelState::Ready, None),
            Some(ListedState::Failed(reason)) => (ModelState::Failed, Some(reason)),
        };
        Self {
            name: model.name,
            kind: model.kind.into(),
            provider: model.provider,
            state,
            reason,
            progress: model.progress,
            memory_bytes: model.memory_bytes,
            loaded_in: model.loaded_in.map(|time| time.as_secs_f64()),
            dtype: model.dtype,
            sql_only: model.sql_only,
        }
    }
}

/// What starting a model came to.
#[derive(Union)]
enum StartModelResult {
    /// It runs, or is still being loaded: its state says which.
    Model(Model),
    /// It was refused, or could not be loaded.
    Problem(Problem),
}

/// A model that was stopped.
#[derive(SimpleObject)]
struct ModelStopped {
    /// Its name.
    name: String,
    /// Whether what it was started with is forgotten too.
    forgotten: bool,
}

/// What stopping a model came to.
#[derive(Union)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once an answer and written out at once"
)]
enum StopModelResult {
    /// It is stopped.
    Stopped(ModelStopped),
    /// There is none to stop, or it was refused.
    Problem(Problem),
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
    /// Every model and every route, ready or not.
    async fn models(&self, context: &Context<'_>) -> Result<Vec<Model>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let found = app.deployments().all(caller).map_err(|e| to_graphql(&e))?;
        Ok(found.into_iter().map(Model::from).collect())
    }
}

/// What can be done with models.
#[derive(Default)]
pub struct ModelMutations;

#[Object]
impl ModelMutations {
    /// Start a model: a new one with what it is started with, or one that was stopped without. Waits for half a minute
    /// until it is loaded; loading goes on behind that. It is started with the server from then on.
    async fn start_model(
        &self,
        context: &Context<'_>,
        name: String,
        kind: Option<Kind>,
        #[graphql(
            desc = "As `/api/v2/serve/model/model-types` lists them: `provider`, `path`, `api_base`, `api_key`, …"
        )]
        params: Option<Json<Map<String, Value>>>,
    ) -> Result<StartModelResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let mut target = app.deployments().named(&name);
        if let Some(kind) = kind {
            target.kind = kind.into();
        }
        started(app, caller, &name, start(app, caller, target, params)).await
    }

    /// Stop a model and give its memory back. It can be started again unless it is forgotten.
    async fn stop_model(
        &self,
        context: &Context<'_>,
        name: String,
        #[graphql(default = false)] forget: bool,
    ) -> Result<StopModelResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let target = app.deployments().named(&name);
        match app.deployments().stop(caller, &target, forget).await {
            Ok(()) => Ok(StopModelResult::Stopped(ModelStopped {
                name,
                forgotten: forget,
            })),
            Err(error) => Problem::expected(&error).map(StopModelResult::Problem),
        }
    }

    /// Stop a model and start it again with what it was started with. Waits as starting does.
    async fn restart_model(&self, context: &Context<'_>, name: String) -> Result<StartModelResult> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let restart = async {
            let target = app.deployments().named(&name);
            app.deployments().restart(caller, &target).await
        };
        started(app, caller, &name, restart).await
    }
}

async fn start(
    app: &App,
    caller: &Caller,
    target: Target,
    params: Option<Json<Map<String, Value>>>,
) -> Result<(), Error> {
    let Some(Json(params)) = params else {
        return app.deployments().resume(caller, &target).await;
    };
    let wanted = Wanted {
        target,
        params: DeployParams(params),
        ..Wanted::default()
    };
    app.deployments().start(caller, wanted).await
}

/// Waits for a start as long as a mutation may, and tells how the model stands then.
async fn started(
    app: &App,
    caller: &Caller,
    name: &str,
    start: impl Future<Output = Result<(), Error>>,
) -> Result<StartModelResult> {
    // What is given up is the wait: the work is a task of the server's own.
    let begun = tokio::time::timeout(PATIENCE, start)
        .await
        .unwrap_or(Ok(()));
    let found = begun.and_then(|()| {
        let found = app.deployments().get(caller, name)?;
        found.ok_or_else(|| Error::not_found("model", name))
    });
    match found {
        Ok(model) => Ok(StartModelResult::Model(model.into())),
        Err(error) => Problem::expected(&error).map(StartModelResult::Problem),
    }
}

/// What can be watched of models.
#[derive(Default)]
pub struct ModelSubscriptions;

#[Subscription]
#[expect(
    clippy::unused_async,
    reason = "a GraphQL subscription is asynchronous, whether it waits or not"
)]
impl ModelSubscriptions {
    /// Every model and every route now, and again whenever one of them changes.
    async fn model_states(&self, context: &Context<'_>) -> Result<impl Stream<Item = Vec<Model>>> {
        let (app, caller) = (context.data::<App>()?, context.data::<Caller>()?);
        let models = app
            .deployments()
            .watch(caller)
            .map_err(|e| to_graphql(&e))?;
        Ok(models.map(|models| models.into_iter().map(Model::from).collect::<Vec<Model>>()))
    }
}
