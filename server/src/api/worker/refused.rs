//! Refusals between processes: no envelope, `detail` with a list of fields or a text, and the kind for our own.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use tidegate_schema::{
    Error,
    model::DeployedKind,
    wire::cluster::{FieldProblem, PeerError, RefusalBody, no_worker},
};

/// A failed answer.
#[derive(Debug)]
pub(in crate::api) enum Refused {
    /// Fields that cannot be accepted.
    Fields(Vec<FieldProblem>),
    /// What failed, with the words for it where they are not the error's own.
    Failed(Box<Error>, Option<String>),
}

impl From<Vec<FieldProblem>> for Refused {
    fn from(problems: Vec<FieldProblem>) -> Self {
        Self::Fields(problems)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error), None)
    }
}

impl Refused {
    /// The same about a model of a type, with DB-GPT's words where there is none.
    pub(in crate::api) fn about(error: Error, kind: DeployedKind) -> Self {
        let words = words(&error, kind);
        Self::Failed(Box::new(error), Some(words))
    }
}

/// What a peer is told of an error about a model of a type: DB-GPT's processes look for these words.
pub(in crate::api) fn words(error: &Error, kind: DeployedKind) -> String {
    match error {
        Error::NotFound {
            what: "model",
            name,
            ..
        } => no_worker(name, kind.worker_type()),
        other => other.to_string(),
    }
}

/// The status of a kind. Exhaustive: a new kind has to be decided here.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Invalid { .. } | Error::Unsupported { .. } => StatusCode::BAD_REQUEST,
        Error::AlreadyExists { .. } | Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        Error::Forbidden { .. } => StatusCode::FORBIDDEN,
        Error::Overloaded { .. } | Error::RateLimited { .. } | Error::QuotaExceeded { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::Upstream { .. } => StatusCode::BAD_GATEWAY,
        Error::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (error, words) = match self {
            Self::Fields(problems) => {
                let body = Json(RefusalBody::fields(&problems));
                return (StatusCode::UNPROCESSABLE_ENTITY, body).into_response();
            }
            Self::Failed(error, words) => (error, words),
        };
        let status = status(&error);
        if status.is_server_error() {
            tracing::error!(error = error.log_chain(), "a peer's request failed");
        } else {
            tracing::debug!(kind = error.kind(), %error, "a peer's request was refused");
        }
        let words = words.unwrap_or_else(|| error.to_string());
        let body = Json(RefusalBody::failed(&words, PeerError::of(&error)));
        let mut response = (status, body).into_response();
        if let Some(seconds) = error.retry_after_seconds() {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// No such path, as DB-GPT's processes say it.
pub(in crate::api) async fn unknown_route() -> Response {
    let body = serde_json::json!({"detail": "Not Found"});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
