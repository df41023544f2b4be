//! `/api/v1/permission/db/list`, which DB-GPT answers with nothing: keys with grants decide here, and no page may ask
//! about those of others.

use tidegate_schema::wire::{
    envelope::Envelope,
    v1::conversations::{Nothing, PermissionQuery},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::{Caller, Query},
    },
    app::App,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_permissions_v1))
}

/// Answer null, as upstream does.
#[utoipa::path(get, path = "/api/v1/permission/db/list", tag = "datasources", params(PermissionQuery),
    responses((status = 200, body = Envelope<Nothing>)))]
pub(super) async fn list_permissions_v1(
    Caller(_caller): Caller,
    Query(_query): Query<PermissionQuery>,
) -> Reply<Option<Nothing>> {
    reply(None)
}
