//! `/api/v1/chat/db/…`: datasources, over the `datasources` service.

use axum::extract::State;
use tidegate_schema::{
    Error,
    model::Engine,
    wire::{envelope::Envelope, v1::datasources as wire},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Problem, Reply, reply},
        extract::{Caller, Json, Query},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_datasources_v1))
        .routes(routes!(create_datasource_v1))
        .routes(routes!(update_datasource_v1))
        .routes(routes!(delete_datasource_v1))
        .routes(routes!(refresh_datasource_v1))
        .routes(routes!(prepare_datasource_v1))
        .routes(routes!(test_datasource_v1))
        .routes(routes!(list_datasource_types_v1))
}

/// List the datasources the caller may use.
#[utoipa::path(get, path = "/api/v1/chat/db/list", tag = "datasources", params(wire::DatasourceQuery),
    responses((status = 200, body = Envelope<Vec<wire::DatasourceOut>>)))]
pub(super) async fn list_datasources_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::DatasourceQuery>,
) -> Reply<Vec<wire::DatasourceOut>> {
    let wanted = query.db_name.filter(|name| !name.is_empty());
    let found = app.datasources().list(&caller).await?;
    let named = found
        .into_iter()
        .filter(|d| wanted.as_ref().is_none_or(|name| d.name == *name));
    reply(named.map(Into::into).collect())
}

/// Add a datasource after proving that it answers.
#[utoipa::path(post, path = "/api/v1/chat/db/add", tag = "datasources", request_body = wire::DatasourceIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn create_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::DatasourceIn>,
) -> Reply<bool> {
    let new = body.into_new(&caller.user)?;
    app.datasources().create(&caller, new).await?;
    reply(true)
}

/// Change a datasource; its name says which.
///
/// `******` keeps the stored password, as long as the server and the user stay the same.
#[utoipa::path(post, path = "/api/v1/chat/db/edit", tag = "datasources", request_body = wire::DatasourceIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn update_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::DatasourceIn>,
) -> Reply<bool> {
    let current = app.datasources().get(&caller, &body.db_name).await?;
    let patch = body.into_patch(&current)?;
    app.datasources()
        .update(&caller, &current.name, patch)
        .await?;
    reply(true)
}

/// Remove a datasource; the database itself is left alone.
#[utoipa::path(post, path = "/api/v1/chat/db/delete", tag = "datasources", params(wire::DatasourceName),
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn delete_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::DatasourceName>,
) -> Reply<bool> {
    app.datasources().delete(&caller, &query.db_name).await?;
    // removing what is not there is a success, as upstream has it.
    reply(true)
}

/// Have a datasource's tables read again.
///
/// They are read in the background, and whoever asks meanwhile waits for them; those of a large database are shown as
/// they were until it is seen whether they changed.
#[utoipa::path(post, path = "/api/v1/chat/db/refresh", tag = "datasources", request_body = wire::RefreshIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn refresh_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::RefreshIn>,
) -> Reply<bool> {
    app.datasources().refresh(&caller, &body.db_name).await?;
    reply(true)
}

/// Have a datasource's tables read and indexed in the background, unless they are.
#[utoipa::path(post, path = "/api/v1/chat/db/summary", tag = "datasources", params(wire::SummaryQuery),
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn prepare_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::SummaryQuery>,
) -> Reply<bool> {
    // upstream makes the job and never runs it, whatever the name.
    app.datasources().prepare(&caller, &query.db_name).await?;
    reply(true)
}

/// Prove that a datasource answers, storing nothing.
///
/// Where one is stored under the name, `******` stands for its password, if the server and the user are the same.
#[utoipa::path(post, path = "/api/v1/chat/db/test/connect", tag = "datasources", request_body = wire::DatasourceIn,
    responses((status = 200, body = Envelope<bool>)))]
pub(super) async fn test_datasource_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Json(body): Json<wire::DatasourceIn>,
) -> Reply<bool> {
    let stored = match app.datasources().get(&caller, &body.db_name).await {
        Ok(datasource) => Some(datasource),
        // Nothing is stored under a name that is still to be added.
        Err(Error::NotFound { .. } | Error::Forbidden { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let connection = body
        .connection(stored.as_ref())
        .map_err(|error| failed(&body.db_name, &error))?;
    match app
        .datasources()
        .test(&caller, &body.db_name, &connection)
        .await
    {
        Ok(()) => reply(true),
        Err(error @ (Error::Forbidden { .. } | Error::Internal { .. })) => Err(error.into()),
        Err(error) => Err(failed(&body.db_name, &error)),
    }
}

/// a failed connection test is a handled failure, E1001, in upstream's words.
fn failed(name: &str, error: &Error) -> Problem {
    Problem::handled("E1001", format!("{name} Test connect Failure!{error}"))
}

/// List the engines there is a driver for.
#[utoipa::path(get, path = "/api/v1/chat/db/support/type", tag = "datasources",
    responses((status = 200, body = Envelope<Vec<wire::DatasourceType>>)))]
pub(super) async fn list_datasource_types_v1(
    Caller(_caller): Caller,
) -> Reply<Vec<wire::DatasourceType>> {
    reply(Engine::ALL.into_iter().map(Into::into).collect())
}
