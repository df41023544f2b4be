//! `/api/v1/llm-strategy/…`: how upstream's apps choose a model.

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
        .routes(routes!(list_strategies_v1))
        .routes(routes!(list_strategy_values_v1))
}

/// List the ways in which an app can choose a model.
#[utoipa::path(get, path = "/api/v1/llm-strategy/list", tag = "models",
    responses((status = 200, body = Envelope<Vec<wire::StrategyOut>>)))]
pub(super) async fn list_strategies_v1(_caller: Caller) -> Reply<Vec<wire::StrategyOut>> {
    reply(wire::StrategyOut::all())
}

/// List the models that an app can choose from: those that write and are ready. The way, in `type`, changes nothing.
#[utoipa::path(get, path = "/api/v1/llm-strategy/value/list", tag = "models",
    responses((status = 200, body = Envelope<Vec<String>>, example = json!({
        "success": true, "err_code": null, "err_msg": null, "data": ["tidegate-sql"],
    }))))]
pub(super) async fn list_strategy_values_v1(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Reply<Vec<String>> {
    let models = app.models().list(&caller)?;
    let writing = models
        .into_iter()
        .filter(|model| model.kind == ModelKind::Llm);
    reply(writing.map(|model| model.name).collect())
}
