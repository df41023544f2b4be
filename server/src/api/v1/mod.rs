//! `/api/v1/…`: DB-GPT's first generation. One file per first segment.

pub mod chat;
pub mod editor;
pub mod examples;
pub mod export;
pub mod model;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every v1 route.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(chat::routes())
        .merge(editor::routes())
        .merge(examples::routes())
        .merge(export::routes())
        .merge(model::routes())
}
