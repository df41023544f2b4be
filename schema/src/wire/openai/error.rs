//! The error body: OpenAI's object, with the older fields of DB-GPT's model server beside it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong, in OpenAI's words.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorOut {
    /// For a person.
    pub message: String,
    /// `invalid_request_error`, `authentication_error`, `rate_limit_error`, `api_error`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The parameter at fault.
    pub param: Option<String>,
    /// For a program.
    pub code: Option<String>,
}

/// The body. OpenAI's SDKs read `error`; scripts made for DB-GPT's model server read the other three.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// OpenAI's object.
    pub error: ErrorOut,
    /// Always `error`.
    pub object: String,
    /// The same message.
    pub message: String,
    /// DB-GPT's number.
    pub code: u32,
}
