//! `/api/v1/chat/mode/params/…` and `/api/v1/resource/params/list`: what a mode may be asked of, over the
//! `datasources` service.

use std::collections::BTreeMap;

use axum::extract::State;
use tidegate_schema::wire::{envelope::Envelope, v1::datasources as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Query},
    },
    app::App,
    services::datasources::asks_a_database,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_mode_params_v1))
        .routes(routes!(get_mode_params_v1))
        .routes(routes!(list_resource_params_v1))
}

/// List what a chat mode may be asked of: the datasources the caller may use, oldest first, for modes that ask one.
///
/// Modes that would ask a knowledge space or a plugin have an empty list; any other has null.
#[utoipa::path(post, path = "/api/v1/chat/mode/params/list", tag = "chat", params(wire::ModeQuery),
    responses((status = 200, body = Envelope<Vec<wire::ParamOut>>)))]
pub(super) async fn list_mode_params_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ModeQuery>,
) -> Reply<Option<Vec<wire::ParamOut>>> {
    let mode = query.chat_mode.unwrap_or_default();
    if asks_a_database(&mode) {
        let found = app.datasources().list_oldest_first(&caller).await?;
        return reply(Some(found.into_iter().map(Into::into).collect()));
    }
    // upstream fails for plugins. There are none here, nor spaces.
    let empty = matches!(
        mode.as_str(),
        "chat_knowledge" | "extract_refine_summary" | "chat_execution"
    );
    reply(empty.then(Vec::new))
}

/// Tell the comments of what a chat mode may be asked of, by name; null for a mode that asks no datasource.
#[utoipa::path(post, path = "/api/v1/chat/mode/params/info", tag = "chat", params(wire::ModeQuery),
    responses((status = 200, body = Envelope<BTreeMap<String, String>>)))]
pub(super) async fn get_mode_params_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ModeQuery>,
) -> Reply<Option<BTreeMap<String, String>>> {
    // no server that was looked at has this route, which the pages still name.
    if !asks_a_database(&query.chat_mode.unwrap_or_default()) {
        return reply(None);
    }
    let found = app.datasources().list_oldest_first(&caller).await?;
    let commented = found.into_iter().map(|it| (it.name, it.comment));
    reply(Some(commented.collect()))
}

/// List the resources of a kind: datasources the caller may use, oldest first; spaces and tools, of which there are
/// none. Any other kind has null.
#[utoipa::path(post, path = "/api/v1/resource/params/list", tag = "chat", params(wire::ResourceQuery),
    responses((status = 200, body = Envelope<Vec<wire::ParamOut>>)))]
pub(super) async fn list_resource_params_v1(
    State(app): State<App>,
    Caller(caller): Caller,
    Query(query): Query<wire::ResourceQuery>,
) -> Reply<Option<Vec<wire::ParamOut>>> {
    match query.resource_type.as_str() {
        "database" => {
            let found = app.datasources().list_oldest_first(&caller).await?;
            reply(Some(found.into_iter().map(Into::into).collect()))
        }
        "knowledge" | "tool" => reply(Some(Vec::new())),
        _ => reply(None),
    }
}
