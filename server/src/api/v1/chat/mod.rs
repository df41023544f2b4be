//! `/api/v1/chat/…`: datasources (`db`), conversations (`dialogue`), turns (`completions`).

pub mod completions;
pub mod db;
pub mod dialogue;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every route below `/api/v1/chat`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(db::routes())
        .merge(dialogue::routes())
        .merge(completions::routes())
}
