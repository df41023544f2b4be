//! `/api/v1/…`: DB-GPT's first generation. One file per first segment.

pub mod chart;
pub mod chat;
pub mod conv;
pub mod editor;
pub mod examples;
pub mod export;
pub mod feedback;
pub mod llm_strategy;
pub mod model;
pub mod permission;
pub mod question;
pub mod resource;
pub mod sql;
pub mod worker;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every v1 route.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(chart::routes())
        .merge(chat::routes())
        .merge(conv::routes())
        .merge(editor::routes())
        .merge(examples::routes())
        .merge(export::routes())
        .merge(feedback::routes())
        .merge(llm_strategy::routes())
        .merge(model::routes())
        .merge(permission::routes())
        .merge(question::routes())
        .merge(resource::routes())
        .merge(sql::routes())
        .merge(worker::routes())
}
