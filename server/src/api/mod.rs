//! The skins: the only code that knows axum. One router per listener, all routes in sight.
//!
//! A path stands once, in full, in the attribute over its handler; the file is named after the first segment
//! below the version. Handlers unpack, call one service function, and shape the answer.

mod bounds;
pub mod controller;
pub mod docs;
pub mod envelope;
pub mod extract;
pub mod graphql;
pub mod health;
pub mod metrics;
mod observe;
pub mod openai;
mod shape;
mod unread;
pub mod v1;
pub mod v2;
mod web;
pub mod worker;

use std::sync::Arc;

use axum::Router;
use tower::ServiceBuilder;
use tower_http::{
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_axum::router::OpenApiRouter;

use self::unread::Drain;
use crate::app::App;

/// Routes of the web listener that stand in `clients/specs/rest.json`.
pub fn rest_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::rest_document())
        .merge(health::routes())
        .merge(v1::routes())
        .merge(v2::routes())
}

/// Routes of the OpenAI listener that stand in `clients/specs/openai.json`.
pub fn openai_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::openai_document()).merge(openai::routes())
}

/// Routes between processes, that stand in `clients/specs/cluster.json`.
pub fn cluster_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::cluster_document())
        .merge(controller::routes())
        .merge(worker::routes())
}

/// The web listener: REST, GraphQL, documentation, and the OpenAI surface at `/v1`.
pub fn web(app: App) -> Router {
    let (rest, document) = rest_routes().split_for_parts();
    let router = rest
        .merge(docs::routes(document))
        .merge(graphql::routes(&app))
        .merge(openai::alias_routes())
        .merge(cluster_routes().split_for_parts().0)
        .merge(metrics::routes())
        .route("/", axum::routing::get(web::home))
        .fallback(envelope::unknown_route)
        .method_not_allowed_fallback(envelope::wrong_method);
    layers(router, &app, false).with_state(app)
}

/// The OpenAI listener.
pub fn openai_listener(app: App) -> Router {
    let (router, _) = openai_routes().split_for_parts();
    let router = router
        .merge(openai::alias_routes())
        .merge(openai::root_routes())
        .merge(health::plain_routes())
        .merge(metrics::routes())
        .fallback(openai::error::unknown_route)
        .method_not_allowed_fallback(openai::error::wrong_method);
    layers(router, &app, true).with_state(app)
}

/// The listener of a controller.
pub fn controller_listener(app: App) -> Router {
    let (router, _) = controller::routes().split_for_parts();
    between_processes(router, app)
}

/// The listener of a worker. One that has no controller is asked by its own list.
pub fn worker_listener(app: App) -> Router {
    let routes = if app.config.cluster.controllers.is_empty() {
        worker::routes().merge(controller::routes())
    } else {
        worker::routes()
    };
    let (router, _) = routes.split_for_parts();
    between_processes(router, app)
}

fn between_processes(router: Router<App>, app: App) -> Router {
    let router = router
        .merge(health::plain_routes())
        .merge(metrics::routes())
        .fallback(worker::refused::unknown_route)
        .method_not_allowed_fallback(envelope::wrong_method);
    layers(router, &app, false).with_state(app)
}

/// What every request passes: an id, a span, a size limit, CORS, and a net for panics.
fn layers(router: Router<App>, app: &App, openai: bool) -> Router<App> {
    let bounds = bounds::Bounds {
        body_bytes: app.config.server.max_body_bytes,
        upload_bytes: upload_bytes(app.config.limits.upload_megabytes),
        openai,
        drain: Arc::new(Drain {
            tasks: app.tasks.clone(),
            stopping: app.stopping.clone(),
        }),
        pages: web::Pages::of(&app.config),
    };
    let origins = &app.config.server.cors_origins;
    let cors = if origins.iter().any(|origin| origin == "*") {
        CorsLayer::permissive().allow_headers(AllowHeaders::mirror_request())
    } else {
        let allowed = origins
            .iter()
            .filter_map(|origin| origin.parse().ok())
            .collect::<Vec<_>>();
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(allowed))
            .allow_methods(tower_http::cors::Any)
            // A star would not cover `Authorization`.
            .allow_headers(AllowHeaders::mirror_request())
    };
    // As one layer: each that is put on a router by itself is a further box around every route, copied for every request.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(TraceLayer::new_for_http())
        .layer(PropagateRequestIdLayer::x_request_id())
        // Outside what may refuse a request, inside what names it.
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            observe::watch,
        ))
        .layer(cors)
        // Inside CORS, so that a page may read why it was refused.
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(bounds),
            bounds::keep,
        ))
        .layer(axum::extract::DefaultBodyLimit::disable());
    router.layer(layers)
}

/// Bytes of a form with the largest file that is taken: what stands around it is small.
fn upload_bytes(megabytes: u64) -> usize {
    let bytes = megabytes.saturating_mul(1 << 20).saturating_add(1 << 16);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
