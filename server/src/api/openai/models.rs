//! `/api/v1/models`.

use axum::{
    Json,
    extract::{Path, State},
};
use tidegate_schema::{
    Result, model,
    wire::openai::{ErrorBody, ModelCard, ModelList},
};

use super::{Caller, error::OpenAiError};
use crate::app::App;

/// List every model that is ready.
#[utoipa::path(get, path = "/api/v1/models", tag = "models",
    responses((status = 200, body = ModelList), (status = "4XX", body = ErrorBody)))]
pub(super) async fn list_models(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Result<Json<ModelList>, OpenAiError> {
    let created = app.clock.now().timestamp();
    let mut data: Vec<ModelCard> = app
        .models()
        .list(&caller)?
        .into_iter()
        .map(|model| ModelCard::new(&model.name, &app.clock.new_id(), created))
        .collect();
    data.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(ModelList {
        object: "list".to_owned(),
        data,
    }))
}

/// Show one model.
///
/// A name may have slashes of its own, as they are or written `%2F`.
#[utoipa::path(get, path = "/api/v1/models/{model}", tag = "models",
    params(("model" = String, Path, description = "Name")),
    responses((status = 200, body = ModelCard), (status = "4XX", body = ErrorBody)))]
pub(super) async fn get_model(
    State(app): State<App>,
    Caller(caller): Caller,
    Path(model): Path<String>,
) -> Result<Json<ModelCard>, OpenAiError> {
    Ok(card(&app, &caller, &model)?)
}

/// The same where the name has slashes.
pub(super) async fn get_owned_model(
    State(app): State<App>,
    Caller(caller): Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Json<ModelCard>, OpenAiError> {
    Ok(card(&app, &caller, &format!("{owner}/{name}"))?)
}

fn card(app: &App, caller: &model::Caller, name: &str) -> Result<Json<ModelCard>> {
    app.models().one(caller, name)?;
    let (id, created) = (app.clock.new_id(), app.clock.now().timestamp());
    Ok(Json(ModelCard::new(name, &id, created)))
}
