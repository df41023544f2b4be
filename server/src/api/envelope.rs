//! Reply and Problem: DB-GPT's envelope with its codes and statuses, in one place.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use tidegate_schema::{Error, wire::envelope::Envelope};

/// What a handler answers with: the payload in the envelope, or a [`Problem`].
pub type Reply<T> = Result<Json<Envelope<T>>, Problem>;

/// A successful answer.
pub fn reply<T: Serialize>(data: T) -> Reply<T> {
    Ok(Json(Envelope::success(data)))
}

/// A failed answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    retry_after_seconds: Option<u64>,
    /// Boxed, as few have one and every answer is as large as its error.
    data: Option<Box<Value>>,
}

impl Problem {
    /// A failure DB-GPT's clients expect with status 200 and `success: false`.
    pub fn handled(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            code: code.to_owned(),
            message: message.into(),
            retry_after_seconds: None,
            data: None,
        }
    }

    /// The same with a payload, for a client that asked for one. Clients read it as the payload of a success.
    #[must_use]
    pub fn with_data(self, data: &impl Serialize) -> Self {
        Self {
            data: serde_json::to_value(data).ok().map(Box::new),
            ..self
        }
    }
}

/// One exhaustive match: a new kind of error does not compile until this skin has decided.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "E0001"),
            Error::Unauthenticated { .. } => (StatusCode::UNAUTHORIZED, "401"),
            Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "403"),
            Error::Overloaded { .. } | Error::RateLimited { .. } | Error::QuotaExceeded { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "429")
            }
            Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "500"),
            Error::NotFound { .. }
            | Error::AlreadyExists { .. }
            | Error::Conflict { .. }
            | Error::Unsupported { .. }
            | Error::Upstream { .. }
            | Error::Timeout { .. } => (StatusCode::BAD_REQUEST, "E0003"),
        };
        if status.is_server_error() {
            tracing::error!(error = error.log_chain(), "request failed");
        } else {
            tracing::debug!(kind = error.kind(), %error, "request refused");
        }
        let message = match &error {
            // upstream joins problems as `location:message;`.
            Error::Invalid { field, reason } => format!("{field}:{reason};"),
            // upstream's words for an unknown database, which scripts look for.
            Error::NotFound {
                what: "datasource",
                name,
                hint,
            } => {
                let hint = hint
                    .as_ref()
                    .map_or(String::new(), |hint| format!("; {hint}"));
                format!("Database config not found for: {name}{hint}")
            }
            other => other.to_string(),
        };
        let retry_after_seconds = error.retry_after_seconds();
        Self {
            status,
            code: code.to_owned(),
            message,
            retry_after_seconds,
            data: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            Json(Envelope::failure(self.code, self.message).with_data(self.data)),
        )
            .into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// No such path: 404 for reading; 405 for the rest, as upstream's static mount answers.
pub async fn unknown_route(method: Method, uri: Uri) -> Response {
    if method == Method::GET || method == Method::HEAD {
        let message = format!("no route {}; /docs lists every route", uri.path());
        return (
            StatusCode::NOT_FOUND,
            Json(Envelope::<()>::failure("404", message)),
        )
            .into_response();
    }
    wrong_method().await
}

/// A known path with another method.
pub async fn wrong_method() -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        Json(serde_json::json!({"detail": "Method Not Allowed"})),
    )
        .into_response()
}
