//! `/metrics` on every listener: the numbers of this process, as Prometheus reads them.

use axum::{
    Router,
    extract::{Request, State},
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{envelope::Problem, extract::identify};
use crate::app::App;

/// What Prometheus calls this text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route, for every listener.
pub fn routes() -> Router<App> {
    Router::new().route("/metrics", get(get_metrics))
}

/// Tell every number. Where keys are in force it takes one that may manage keys, or `observability.metrics_open`.
async fn get_metrics(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let text = if app.config.observability.metrics_open {
        app.metering().numbers(None)?
    } else {
        let (parts, _) = request.into_parts();
        let caller = identify(&parts, &app).await?;
        app.metering().numbers(Some(&caller))?
    };
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
