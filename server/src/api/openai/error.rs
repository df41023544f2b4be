//! Errors in OpenAI's shape, with the older fields of DB-GPT's model server beside it.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use tidegate_schema::{
    Error,
    wire::openai::{ErrorBody, ErrorOut},
};

/// A failed answer.
#[derive(Debug)]
pub struct OpenAiError(Error);

impl From<Error> for OpenAiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// Status, type, code and DB-GPT's number of a kind. Exhaustive: a new kind has to be decided here.
fn shape(error: &Error) -> (StatusCode, &'static str, Option<&'static str>, u32) {
    match error {
        Error::NotFound { what: "model", .. } => (
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("model_not_found"),
            40301,
        ),
        Error::NotFound { .. } => (
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("not_found"),
            40001,
        ),
        Error::Invalid { reason, .. } if is_too_long(reason) => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            Some("context_length_exceeded"),
            40302,
        ),
        Error::Invalid { field, .. } if field == "previous_response_id" => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            Some("previous_response_not_found"),
            40302,
        ),
        Error::Invalid { field, .. } if field.starts_with("body") => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            None,
            40001,
        ),
        Error::Invalid { .. } => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            Some("invalid_value"),
            40302,
        ),
        Error::Unsupported { .. } => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            Some("unsupported"),
            40001,
        ),
        Error::AlreadyExists { .. } | Error::Conflict { .. } => (
            StatusCode::CONFLICT,
            "invalid_request_error",
            Some("conflict"),
            40001,
        ),
        Error::Unauthenticated { .. } => (
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            Some("invalid_api_key"),
            40101,
        ),
        Error::Forbidden { .. } => (
            StatusCode::FORBIDDEN,
            "permission_error",
            Some("forbidden"),
            40301,
        ),
        Error::Overloaded { .. } | Error::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
            42901,
        ),
        Error::QuotaExceeded { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "insufficient_quota",
            Some("insufficient_quota"),
            42901,
        ),
        Error::Upstream { .. } => (
            StatusCode::BAD_GATEWAY,
            "api_error",
            Some("upstream_error"),
            50001,
        ),
        Error::Timeout { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "api_error",
            Some("timeout"),
            50001,
        ),
        Error::Internal { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "api_error",
            Some("internal_error"),
            50001,
        ),
    }
}

/// What local models and model servers say of a prompt that is too long for them: servers have no common code for it,
/// and programs that shorten a conversation by themselves wait for OpenAI's.
const TOO_LONG: [&str; 7] = [
    "for prompt and answer together",
    "maximum context length",
    "context_length_exceeded",
    "context window",
    "available context size",
    "prompt is too long",
    "exceed context limit",
];

/// Whether a request was refused for its length.
fn is_too_long(reason: &str) -> bool {
    TOO_LONG.iter().any(|words| reason.contains(words))
}

/// A body with OpenAI's type, code and parameter, DB-GPT's number, and the message where either looks for it.
pub(in crate::api) fn body(
    kind: &str,
    code: Option<&str>,
    number: u32,
    param: Option<String>,
    message: String,
) -> ErrorBody {
    ErrorBody {
        error: ErrorOut {
            message: message.clone(),
            kind: kind.to_owned(),
            param,
            code: code.map(str::to_owned),
        },
        object: "error".to_owned(),
        message,
        code: number,
    }
}

/// The body of an error; also sent inside a stream.
pub(super) fn body_of(error: &Error) -> ErrorBody {
    let (_, kind, code, number) = shape(error);
    let (param, message) = match error {
        Error::Invalid { field, reason } if field.starts_with("body") => (
            field.strip_prefix("body.").map(str::to_owned),
            format!("{field}:{reason};"),
        ),
        Error::Invalid { field, reason } => (Some(field.clone()), reason.clone()),
        Error::NotFound { what: "model", .. } => (Some("model".to_owned()), error.to_string()),
        other => (None, other.to_string()),
    };
    body(kind, code, number, param, message)
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let (status, ..) = shape(&self.0);
        if status.is_server_error() {
            tracing::error!(error = self.0.log_chain(), "request failed");
        } else {
            tracing::debug!(kind = self.0.kind(), error = %self.0, "request refused");
        }
        let mut response = (status, Json(body_of(&self.0))).into_response();
        if let Some(seconds) = self.0.retry_after_seconds() {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// No such path, in OpenAI's shape, with the `detail` DB-GPT's server writes.
pub async fn unknown_route(uri: Uri) -> Response {
    detail(
        StatusCode::NOT_FOUND,
        "Not Found",
        &format!("no route {}", uri.path()),
    )
}

/// A known path with another method.
pub async fn wrong_method() -> Response {
    detail(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method Not Allowed",
        "another method is needed here",
    )
}

fn detail(status: StatusCode, detail: &str, message: &str) -> Response {
    let body = serde_json::json!({
        "detail": detail,
        "error": {"message": message, "type": "invalid_request_error", "param": null, "code": null},
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_that_is_too_long_has_openais_code_whoever_says_so() {
        for reason in [
            "the prompt has 9 tokens, but 'local' takes 8 for prompt and answer together; shorten it",
            "gpt: This model's maximum context length is 8192 tokens.",
            "claude: prompt is too long: 200001 tokens > 200000 maximum",
        ] {
            let body = body_of(&Error::invalid("messages", reason));
            assert_eq!(body.error.code.as_deref(), Some("context_length_exceeded"));
            assert_eq!(body.error.param.as_deref(), Some("messages"));
        }
        let other = body_of(&Error::invalid(
            "n",
            "0 is less than the minimum of 1 - 'n'",
        ));
        assert_eq!(other.error.code.as_deref(), Some("invalid_value"));
        let gone = body_of(&Error::invalid("previous_response_id", "is not kept"));
        assert_eq!(
            gone.error.code.as_deref(),
            Some("previous_response_not_found")
        );
    }
}
