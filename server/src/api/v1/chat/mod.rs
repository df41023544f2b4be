//! `/api/v1/chat/…`: datasources (`db`), conversations (`dialogue`), turns (`completions`), ending them (`topic`).

pub mod completions;
pub mod db;
pub mod dialogue;
pub mod files;
pub mod params;
pub mod prepare;
pub mod topic;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every route below `/api/v1/chat`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(db::routes())
        .merge(dialogue::routes())
        .merge(params::routes())
        .merge(files::routes())
        .merge(prepare::routes())
        .merge(completions::routes())
        .merge(topic::routes())
}
