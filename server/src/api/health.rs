//! Whether the server lives (`/health`, `/api/health`) and is ready (`/ready`).

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, workers::registry};

/// Routes of the web listener.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_ready))
        .routes(routes!(get_test_v1))
        .route("/health", get(get_health))
}

/// The same for the OpenAI listener.
pub fn plain_routes() -> Router<App> {
    Router::new()
        .route("/health", get(get_health))
        .route("/api/health", get(get_health))
        .route("/ready", get(get_ready))
}

/// Alive.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

/// Whether questions can be answered, and what that takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "ready": true, "store": true, "models": [{"name": "tidegate-sql", "state": "ready", "reason": null}]
}))]
pub struct Readiness {
    /// Whether the store answers, nothing is loading, and the model asked by default did not fail.
    pub ready: bool,
    /// The store answers.
    pub store: bool,
    /// Models.
    pub models: Vec<ModelReadiness>,
}

/// One model's state.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelReadiness {
    /// Name.
    pub name: String,
    /// `ready`, `loading` or `failed`.
    pub state: &'static str,
    /// Why it failed.
    pub reason: Option<String>,
    /// What its weights are held as, where it runs in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// Bytes its weights take, where it runs in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Tell whether the process lives.
#[utoipa::path(get, path = "/api/health", tag = "health", responses((status = 200, body = Health)))]
pub(super) async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Tell whether questions can be answered; 503 until then.
///
/// They can when the store answers, no model is still loading, and the model that is asked by default did not fail.
/// Another one that failed is told in `models` with the reason, beside status 200.
#[utoipa::path(get, path = "/ready", tag = "health", responses((status = 200, body = Readiness)))]
pub(super) async fn get_ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let models: Vec<ModelReadiness> = app
        .models()
        .states()
        .into_iter()
        .map(|(metadata, state)| {
            let (state, reason) = match state {
                registry::State::Ready => ("ready", None),
                registry::State::Loading => ("loading", None),
                registry::State::Failed(reason) => ("failed", Some(reason)),
            };
            ModelReadiness {
                name: metadata.name,
                state,
                reason,
                dtype: metadata.dtype,
                memory_bytes: metadata.memory_bytes,
            }
        })
        .collect();
    let store = app.store_answers().await;
    let ready = store && app.models().can_answer();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            store,
            models,
        }),
    )
}

/// Tell that the server is up, in upstream's words.
#[utoipa::path(get, path = "/api/v1/test", tag = "health", responses((status = 200, body = String, example = json!("service status is UP"))))]
pub(super) async fn get_test_v1() -> Json<&'static str> {
    Json("service status is UP")
}
