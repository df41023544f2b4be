//! DB-GPT's `Result` envelope. All keys are always written, nulls included.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The wrapper around every answer of the v1 and v2 routes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Envelope<T> {
    /// Whether it went well. A handled failure has HTTP status 200 all the same.
    pub success: bool,
    /// Null on success.
    pub err_code: Option<String>,
    /// Null on success.
    pub err_msg: Option<String>,
    /// The payload; null on failure, unless the request asked for more about it.
    pub data: Option<T>,
}

impl<T> Envelope<T> {
    /// A success.
    pub fn success(data: T) -> Self {
        Self {
            success: true,
            err_code: None,
            err_msg: None,
            data: Some(data),
        }
    }

    /// A failure.
    pub fn failure(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            success: false,
            err_code: Some(code.into()),
            err_msg: Some(message.into()),
            data: None,
        }
    }

    /// The same with something about it beside the message.
    #[must_use]
    pub fn with_data(self, data: Option<T>) -> Self {
        Self { data, ..self }
    }
}
