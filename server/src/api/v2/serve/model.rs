//! `/api/v2/serve/model/…`: models that are started and stopped, over the `deployments` service. The same stands at
//! `/api/v1/worker/…`.

use axum::{Json as Plain, extract::State, routing::get};
use tidegate_schema::{
    Error,
    wire::{envelope::Envelope, v1::models as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json},
        health::{Health, get_health},
    },
    app::App,
    services::deployments::{ListedModel, Target, Wanted},
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_startable_models))
        .routes(routes!(list_models, create_model))
        .routes(routes!(stop_model))
        .routes(routes!(start_model))
        .routes(routes!(get_models_health))
        .routes(routes!(test_models_auth))
}

/// The same under upstream's second prefix.
pub(in crate::api) fn alias_routes() -> OpenApiRouter<App> {
    use axum::routing::post;

    OpenApiRouter::new()
        .route("/api/v1/worker/model-types", get(list_startable_models))
        .route("/api/v1/worker/models", get(list_models).post(create_model))
        .route("/api/v1/worker/models/stop", post(stop_model))
        .route("/api/v1/worker/models/start", post(start_model))
        .route("/api/v1/worker/health", get(get_models_health))
        .route("/api/v1/worker/test_auth", get(test_models_auth))
}

/// List what can be started here, with the parameters of each provider.
///
/// A model's name is an example where it is not a directory of the server.
#[utoipa::path(get, path = "/api/v2/serve/model/model-types", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::StartableOut>>)))]
pub(in crate::api) async fn list_startable_models(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<wire::StartableOut>> {
    let found = app.deployments().supports(&caller).await?;
    reply(found.into_iter().map(Into::into).collect())
}

/// List the models of all processes of the cluster, running or stopped, healthy or not.
#[utoipa::path(get, path = "/api/v2/serve/model/models", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::ModelOut>>)))]
pub(in crate::api) async fn list_models(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<wire::ModelOut>> {
    let found = app.deployments().everywhere(&caller).await?;
    reply(found.into_iter().map(|model| seen(model).into()).collect())
}

/// Start a model and keep it: it is started with the server from then on.
///
/// It answers once the model is loaded, and loading goes on when the caller leaves. A name that is taken, an unknown
/// provider and a model that cannot be loaded are failures `model start failed …`; nothing is kept of them, and
/// whatever has the name is left alone.
#[utoipa::path(post, path = "/api/v2/serve/model/models", tag = "models", request_body = wire::StartupIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(in crate::api) async fn create_model(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::StartupIn>,
) -> Reply<bool> {
    let wanted = wanted(body.parts()?);
    let target = wanted.target.clone();
    app.deployments()
        .start(&caller, wanted)
        .await
        .map_err(|error| failed("model start failed", &target, error))?;
    reply(true)
}

/// Stop a model and give its memory back; with `delete_after` it is forgotten too.
///
/// A model that does not run is a failure `model stop failed …`.
#[utoipa::path(post, path = "/api/v2/serve/model/models/stop", tag = "models", request_body = wire::StartupIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(in crate::api) async fn stop_model(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::StartupIn>,
) -> Reply<bool> {
    let startup = body.parts()?;
    let (target, forget) = (target(&startup), startup.forget);
    app.deployments()
        .stop(&caller, &target, forget)
        .await
        .map_err(|error| failed("model stop failed", &target, error))?;
    reply(true)
}

/// Start a model again that was stopped, with what it was started with before; `params` is not looked at.
///
/// A model that nothing is known of is a failure `model not found`.
#[utoipa::path(post, path = "/api/v2/serve/model/models/start", tag = "models", request_body = wire::StartupIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(in crate::api) async fn start_model(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::StartupIn>,
) -> Reply<bool> {
    let target = target(&body.parts()?);
    app.deployments()
        .resume(&caller, &target)
        .await
        .map_err(|error| match error {
            Error::NotFound { .. } => Problem::handled("E000X", "model not found"),
            error => failed("model start failed", &target, error),
        })?;
    reply(true)
}

/// Tell whether the model routes live.
#[utoipa::path(get, path = "/api/v2/serve/model/health", tag = "models", responses((status = 200, body = Health)))]
pub(in crate::api) async fn get_models_health() -> Plain<Health> {
    get_health().await
}

/// Tell whether a key is let in.
#[utoipa::path(get, path = "/api/v2/serve/model/test_auth", tag = "models", responses((status = 200, body = Health)))]
pub(in crate::api) async fn test_models_auth(_caller: Caller) -> Plain<Health> {
    get_health().await
}

/// A model as both generations tell of it.
pub(in crate::api) fn seen(model: ListedModel) -> wire::ModelSeen {
    let healthy = model.is_ready();
    wire::ModelSeen {
        name: model.name,
        kind: model.kind,
        manager: model.manager,
        place: model.place,
        healthy,
        prompt_template: model.prompt_template,
        seen_at: model.seen_at,
    }
}

pub(in crate::api) fn target(startup: &wire::Startup) -> Target {
    Target {
        model: startup.model.clone(),
        kind: startup.kind,
        place: startup.place.clone(),
    }
}

pub(in crate::api) fn wanted(startup: wire::Startup) -> Wanted {
    Wanted {
        target: target(&startup),
        params: startup.params,
        user: startup.user,
        sys_code: startup.sys_code,
    }
}

/// A failure of an act, which is handled with status 200 as upstream has it; who may not act at all is refused.
pub(in crate::api) fn failed(act: &str, target: &Target, error: Error) -> Problem {
    match error {
        Error::Unauthenticated { .. } | Error::Forbidden { .. } | Error::Internal { .. } => {
            error.into()
        }
        // Upstream's words, which scripts look for.
        Error::NotFound { what: "model", .. } => Problem::handled(
            "E000X",
            format!(
                "{act} No worker instance found for the model {} worker type {}",
                target.model,
                target.kind.worker_type()
            ),
        ),
        error => Problem::handled("E000X", format!("{act} {error}")),
    }
}
