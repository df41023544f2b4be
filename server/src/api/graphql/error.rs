//! Errors in GraphQL: the message outside, the kind in `extensions.code`.

use async_graphql::{ErrorExtensions as _, Pos, ServerError};
use tidegate_schema::Error;

/// The error as GraphQL shows it.
pub fn to_graphql(error: &Error) -> async_graphql::Error {
    match error {
        Error::Internal { .. } => tracing::error!(error = error.log_chain(), "operation failed"),
        Error::NotFound { .. }
        | Error::AlreadyExists { .. }
        | Error::Invalid { .. }
        | Error::Unauthenticated { .. }
        | Error::Forbidden { .. }
        | Error::Conflict { .. }
        | Error::Unsupported { .. }
        | Error::Overloaded { .. }
        | Error::RateLimited { .. }
        | Error::QuotaExceeded { .. }
        | Error::Upstream { .. }
        | Error::Timeout { .. } => {
            tracing::debug!(kind = error.kind(), %error, "operation refused");
        }
    }
    async_graphql::Error::new(error.to_string()).extend_with(|_, extensions| {
        extensions.set("code", error.kind());
        if let Error::Invalid { field, .. } = error {
            extensions.set("field", field.as_str());
        }
        if let Some(seconds) = error.retry_after_seconds() {
            extensions.set("retryAfterSeconds", seconds);
        }
    })
}

/// The error of a whole operation, which has no place in its text.
pub(super) fn to_server(error: &Error) -> ServerError {
    let mut shown = to_graphql(error).into_server_error(Pos::default());
    shown.locations.clear();
    shown
}
