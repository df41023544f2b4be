//! How each surface tells what befell a request before a handler had it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tidegate_schema::wire::envelope::Envelope;

use super::openai::error;

/// The shape of a surface's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Envelope,
    OpenAi,
    GraphQl,
}

/// What befell a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Its body is too large.
    TooLarge,
    /// It may not come from where it comes.
    Forbidden,
    /// Its handler panicked.
    Internal,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// OpenAI's type and code, and DB-GPT's number.
    fn openai(self) -> (&'static str, &'static str, u32) {
        match self {
            Self::TooLarge => ("invalid_request_error", "request_too_large", 40001),
            Self::Forbidden => ("permission_error", "forbidden", 40301),
            Self::Internal => ("api_error", "internal_error", 50001),
        }
    }

    fn graphql(self) -> &'static str {
        match self {
            Self::TooLarge => "invalid",
            Self::Forbidden => "forbidden",
            Self::Internal => "internal",
        }
    }
}

impl Shape {
    /// That of a path; `openai` where every path of the listener is of the OpenAI surface.
    pub(super) fn of(path: &str, openai: bool) -> Self {
        if openai || path.starts_with("/v1/") {
            Self::OpenAi
        } else if path == "/graphql" {
            Self::GraphQl
        } else {
            Self::Envelope
        }
    }

    /// The answer.
    pub(super) fn failure(self, fault: Fault, message: &str) -> Response {
        let status = fault.status();
        match self {
            Self::Envelope => {
                let body = Envelope::<()>::failure(status.as_str(), message);
                (status, Json(body)).into_response()
            }
            Self::OpenAi => {
                let (kind, code, number) = fault.openai();
                let body = error::body(kind, Some(code), number, None, message.to_owned());
                (status, Json(body)).into_response()
            }
            Self::GraphQl => {
                let body = json!({
                    "data": null,
                    "errors": [{"message": message, "extensions": {"code": fault.graphql()}}],
                });
                (status, Json(body)).into_response()
            }
        }
    }
}
