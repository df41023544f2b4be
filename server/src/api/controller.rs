//! `/api/controller/…`: which process offers which model, in DB-GPT's shapes.
//!
//! A process that follows other controllers passes what it is told on to them.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue},
};
use tidegate_schema::{
    Result,
    model::Instance,
    wire::cluster::{InstanceBody, InstanceKey, InstanceQuery, RefusalBody},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::worker::{
    peer::{Fields, Parameters, Peer},
    refused::Refused,
};
use crate::{app::App, services::cluster::HEARD};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(
            list_instances,
            register_instance,
            deregister_instance
        ))
        .routes(routes!(beat_instance))
}

/// List the instances of models, healthy or not.
///
/// `x-tidegate-heard-seconds` tells for how long the controller has heard of processes: one that has just begun may not
/// have heard of all.
#[utoipa::path(get, path = "/api/controller/models", tag = "controller", params(InstanceQuery),
    responses((status = 200, body = Vec<InstanceBody>), (status = 422, body = RefusalBody)))]
pub(super) async fn list_instances(
    State(app): State<App>,
    _peer: Peer,
    Parameters(query): Parameters,
) -> Result<(HeaderMap, Json<Vec<InstanceBody>>), Refused> {
    let query = InstanceQuery::read(&query)?;
    let found = app
        .cluster()
        .list(query.model_name.as_deref(), query.healthy_only)
        .await?;
    let mut headers = HeaderMap::new();
    if let Some(heard_for) = found.heard_for {
        headers.insert(HEARD, HeaderValue::from(heard_for.as_secs()));
    }
    let bodies = found
        .instances
        .iter()
        .map(|instance| InstanceBody::of(instance, query.detail))
        .collect();
    Ok((headers, Json(bodies)))
}

/// Register an instance: new, or one that is known with another weight or template.
#[utoipa::path(post, path = "/api/controller/models", tag = "controller", request_body = InstanceBody,
    responses((status = 200, body = bool), (status = 422, body = RefusalBody)))]
pub(super) async fn register_instance(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<bool>, Refused> {
    let instance = InstanceBody::read(&body)?;
    app.cluster().register(&peer.peer, &instance).await?;
    Ok(Json(true))
}

/// Tell that an instance leaves. One that is not known has left already.
#[utoipa::path(delete, path = "/api/controller/models", tag = "controller", params(InstanceKey),
    responses((status = 200, body = bool), (status = 422, body = RefusalBody)))]
pub(super) async fn deregister_instance(
    State(app): State<App>,
    peer: Peer,
    Parameters(query): Parameters,
) -> Result<Json<bool>, Refused> {
    let key = InstanceKey::read(&query)?;
    let remove = key.remove_from_registry;
    let instance = Instance::new(key.model_name, key.host, key.port);
    app.cluster()
        .deregister(&peer.peer, &instance, remove)
        .await?;
    Ok(Json(true))
}

/// Tell that an instance is still there; one that is not known is registered.
#[utoipa::path(post, path = "/api/controller/heartbeat", tag = "controller", request_body = InstanceBody,
    responses((status = 200, body = bool), (status = 422, body = RefusalBody)))]
pub(super) async fn beat_instance(
    State(app): State<App>,
    peer: Peer,
    Fields(body): Fields,
) -> Result<Json<bool>, Refused> {
    let instance = InstanceBody::read(&body)?;
    app.cluster().heartbeat(&peer.peer, &instance).await?;
    Ok(Json(true))
}
