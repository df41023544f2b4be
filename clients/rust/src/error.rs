//! One error for generated and hand-written calls.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused, in its own words.
    #[error("{message} ({code})")]
    Refused {
        /// DB-GPT's code (`E0003`, `401`, …).
        code: String,
        /// What went wrong and what to do.
        message: String,
    },
    /// The server could not be reached, or the connection failed.
    #[error("the server cannot be reached: {0}")]
    Http(#[from] reqwest::Error),
    /// The answer was not what it should be.
    #[error("the answer broke off: {0}")]
    Broken(String),
}
