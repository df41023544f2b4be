//! `/api/v1/model/…`: which models can be asked, and which could be started.

use axum::extract::State;
use tidegate_schema::wire::{envelope::Envelope, v1::models as wire};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        envelope::{Reply, reply},
        extract::Caller,
    },
    app::App,
    workers::ModelKind,
};

/// Routes of this file.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_model_types_v1))
        .routes(routes!(list_supported_models_v1))
}

/// List the names of the language models that are ready.
#[utoipa::path(get, path = "/api/v1/model/types", tag = "models",
    responses((status = 200, body = Envelope<Vec<String>>,
        example = json!({"success": true, "err_code": null, "err_msg": null, "data": ["tidegate-sql"]}))))]
pub(super) async fn list_model_types_v1(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<String>> {
    let models = app.models().list(&caller)?;
    reply(
        models
            .into_iter()
            .filter(|model| model.kind == ModelKind::Llm)
            .map(|model| model.name)
            .collect(),
    )
}

/// List what can be started here, with the parameters of each provider.
#[utoipa::path(get, path = "/api/v1/model/supports", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::StartableOut>>)))]
pub(super) async fn list_supported_models_v1(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<wire::StartableOut>> {
    let found = app.deployments().supports(&caller).await?;
    reply(found.into_iter().map(Into::into).collect())
}
