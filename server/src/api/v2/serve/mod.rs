//! `/api/v2/serve/…`: one file per next segment.

pub mod model;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every route below `serve`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(model::routes())
}
