//! `/api/v1/worker/…`: models that are started and stopped, over the `deployments` service, as DB-GPT had it up to 0.6.
//! What it has since is served from `v2/serve/model`.

use axum::extract::State;
use tidegate_schema::{
    model::DeployedKind,
    wire::{
        envelope::Envelope,
        v1::{conversations::Nothing, models as wire},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Json},
        v2::serve::model::{alias_routes, failed, seen, target, wanted},
    },
    app::App,
};

/// Routes of this file, and those that stand here under their second prefix.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_startable_models_v1))
        .routes(routes!(list_models_v1))
        .routes(routes!(stop_model_v1))
        .routes(routes!(start_model_v1))
        .merge(alias_routes())
}

/// List what can be started here, with the parameters of each provider.
#[utoipa::path(get, path = "/api/v1/worker/model/params", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::StartableOut>>)))]
pub(super) async fn list_startable_models_v1(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<wire::StartableOut>> {
    let found = app.deployments().supports(&caller).await?;
    reply(found.into_iter().map(Into::into).collect())
}

/// List the models that write and those that embed, running or stopped.
#[utoipa::path(get, path = "/api/v1/worker/model/list", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::OlderModelOut>>)))]
pub(super) async fn list_models_v1(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<wire::OlderModelOut>> {
    let found = app.deployments().everywhere(&caller).await?;
    let known_then = found
        .into_iter()
        .filter(|model| model.kind != DeployedKind::Reranker);
    reply(known_then.map(|model| seen(model).into()).collect())
}

/// Stop a model and give its memory back.
#[utoipa::path(post, path = "/api/v1/worker/model/stop", tag = "models", request_body = wire::StartupIn,
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn stop_model_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::StartupIn>,
) -> Reply<Option<Nothing>> {
    let startup = body.parts()?;
    let (target, forget) = (target(&startup), startup.forget);
    app.deployments()
        .stop(&caller, &target, forget)
        .await
        .map_err(|error| failed("model stop failed", &target, error))?;
    reply(None)
}

/// Start a model: a new one with `params`, or without them one that was stopped.
#[utoipa::path(post, path = "/api/v1/worker/model/start", tag = "models", request_body = wire::StartupIn,
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn start_model_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::StartupIn>,
) -> Reply<Option<Nothing>> {
    let startup = body.parts()?;
    let target = target(&startup);
    let started = if startup.params.0.is_empty() {
        app.deployments().resume(&caller, &target).await
    } else {
        app.deployments().start(&caller, wanted(startup)).await
    };
    started.map_err(|error| failed("model start failed", &target, error))?;
    reply(None)
}
