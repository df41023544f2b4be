//! `/api/v2/…`: DB-GPT's second generation. One file per first segment.

pub mod serve;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every v2 route.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(serve::routes())
}
