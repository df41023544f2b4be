//! Starting and stopping this process's models, and what they can be started with.

use std::time::Instant;

use axum::{Json, extract::State};
use tidegate_schema::{
    Error, Result,
    model::{Caller, DeployParams},
    wire::{
        cluster::{
            ApplyBody, ApplyOut, ApplyType, DescriptionsQuery, RefusalBody, StartupBody,
            WorkerSupportsOut,
        },
        v1::models::{ParameterOut, SupportedOut},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    peer::{Fields, Parameters, Peer},
    refused::Refused,
};
use crate::{
    app::App,
    services::deployments::{Target, Wanted},
};

/// Routes of this file.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(apply_to_model))
        .routes(routes!(list_parameter_descriptions))
        .routes(routes!(list_supported_models))
        .routes(routes!(startup_model))
        .routes(routes!(shutdown_model))
}

/// Start, stop or restart a model that is known here, or change what it is started with.
#[utoipa::path(post, path = "/api/worker/apply", tag = "worker", request_body = ApplyBody,
    responses((status = 200, body = ApplyOut), (status = 422, body = RefusalBody)))]
pub(super) async fn apply_to_model(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<ApplyOut>, Refused> {
    let body = ApplyBody::read(&body)?;
    let begun = Instant::now();
    let target = Target {
        model: body.model.clone(),
        kind: body.worker_type,
        place: None,
    };
    let name = described(&app, &peer.peer.caller, &target);
    let message = act(&app, &peer.peer.caller, body, &target, &name)
        .await
        .map_err(|error| Refused::about(error, target.kind))?;
    Ok(Json(ApplyOut {
        message,
        success: true,
        timecost: begun.elapsed().as_secs_f64(),
    }))
}

async fn act(
    app: &App,
    caller: &Caller,
    body: ApplyBody,
    target: &Target,
    name: &str,
) -> Result<String> {
    let deployments = app.deployments();
    Ok(match body.apply_type {
        ApplyType::Start => {
            deployments.resume(caller, target).await?;
            format!("model {name} start successfully")
        }
        ApplyType::Stop => {
            deployments.stop(caller, target, false).await?;
            format!("model {name} stop successfully")
        }
        ApplyType::Restart => {
            deployments.restart(caller, target).await?;
            format!("model {name} restart successfully")
        }
        ApplyType::UpdateParams => {
            if deployments
                .update_params(caller, target, body.params)
                .await?
            {
                "Update worker params and restart successfully".to_owned()
            } else {
                "Update worker params successfully".to_owned()
            }
        }
    })
}

/// A model as DB-GPT writes it in messages: `qwen@hf(127.0.0.1:8001)`.
fn described(app: &App, caller: &Caller, target: &Target) -> String {
    let listed = app.deployments().get(caller, &target.model).ok().flatten();
    let provider = listed.as_ref().and_then(|model| model.provider.as_deref());
    let provider = provider.unwrap_or_else(|| target.kind.worker_type());
    let place = app.cluster().place().map_or_else(String::new, |place| {
        format!("({}:{})", place.host, place.port)
    });
    format!("{}@{provider}{place}", target.model)
}

/// List what a model can be started with.
#[utoipa::path(get, path = "/api/worker/parameter/descriptions", tag = "worker", params(DescriptionsQuery),
    responses((status = 200, body = Vec<ParameterOut>), (status = 422, body = RefusalBody)))]
pub(super) async fn list_parameter_descriptions(
    State(app): State<App>,
    peer: Peer,
    Parameters(query): Parameters,
) -> Result<Json<Vec<ParameterOut>>, Refused> {
    let query = DescriptionsQuery::read(&query)?;
    let target = Target {
        model: query.model,
        kind: query.worker_type,
        place: None,
    };
    let found = app
        .deployments()
        .parameters(&peer.peer.caller, &target)
        .map_err(|error| Refused::about(error, target.kind))?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// List the models that can be started here.
#[utoipa::path(get, path = "/api/worker/models/supports", tag = "worker",
    responses((status = 200, body = Vec<WorkerSupportsOut>)))]
pub(super) async fn list_supported_models(
    State(app): State<App>,
    peer: Peer,
) -> Result<Json<Vec<WorkerSupportsOut>>, Refused> {
    let found = app.deployments().supports(&peer.peer.caller).await?;
    // One server, whose place all of them have.
    let place = match app.cluster().place() {
        Some(place) => place.clone(),
        None => app.deployments().place().clone(),
    };
    Ok(Json(vec![WorkerSupportsOut {
        host: place.host,
        port: place.port,
        models: found.into_iter().map(SupportedOut::from).collect(),
    }]))
}

/// Start a model here and keep it; `host` and `port` say whom the caller meant.
#[utoipa::path(post, path = "/api/worker/models/startup", tag = "worker", request_body = StartupBody,
    responses((status = 200, body = Option<String>), (status = 422, body = RefusalBody)))]
pub(super) async fn startup_model(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<Option<String>>, Refused> {
    let body = StartupBody::read(&body)?;
    let (target, caller) = (target(&body)?, &peer.peer.caller);
    let kind = target.kind;
    let started = if body.params.is_empty() {
        app.deployments().resume(caller, &target).await
    } else {
        let wanted = Wanted {
            target,
            params: DeployParams(body.params),
            user: body.user_name,
            sys_code: body.sys_code,
        };
        app.deployments().start(caller, wanted).await
    };
    started.map_err(|error| Refused::about(error, kind))?;
    Ok(Json(None))
}

/// Stop a model here; with `delete_after` it is forgotten too.
#[utoipa::path(post, path = "/api/worker/models/shutdown", tag = "worker", request_body = StartupBody,
    responses((status = 200, body = Option<String>), (status = 422, body = RefusalBody)))]
pub(super) async fn shutdown_model(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<Option<String>>, Refused> {
    let body = StartupBody::read(&body)?;
    let target = target(&body)?;
    app.deployments()
        .stop(&peer.peer.caller, &target, body.delete_after)
        .await
        .map_err(|error| Refused::about(error, target.kind))?;
    Ok(Json(None))
}

/// The model meant. Whoever is asked is the place.
fn target(body: &StartupBody) -> Result<Target> {
    if body.model.is_empty() {
        return Err(Error::invalid("model", "must not be empty"));
    }
    Ok(Target {
        model: body.model.clone(),
        kind: body.worker_type,
        place: None,
    })
}
