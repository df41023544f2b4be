//! What a statement came to, or why it came to nothing.

use tidegate_schema::{
    Error,
    model::{RowSet, Verdict},
};

use crate::guard::Refusal;

/// What a statement came to.
#[derive(Debug, Clone)]
pub enum Executed {
    /// It was a query.
    Read {
        /// What the guard found.
        verdict: Verdict,
        /// The rows, capped.
        rows: RowSet,
    },
    /// It changed rows, and the change is kept.
    Changed {
        /// What the guard found.
        verdict: Verdict,
        /// How many.
        rows: u64,
        /// How long it took, milliseconds.
        elapsed_ms: u64,
    },
    /// It would change rows, and waits for the caller's word. Nothing ran.
    Unconfirmed {
        /// What the guard found.
        verdict: Verdict,
        /// What would run, and how to confirm it.
        reason: String,
    },
}

/// Why a statement came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// What the guard said; nothing of a statement that never came before it.
    pub verdict: Option<Box<Verdict>>,
    /// What to tell the caller.
    pub error: Error,
}

impl Failed {
    /// One of a statement that was judged.
    pub(super) fn judged(verdict: Verdict, error: Error) -> Self {
        Self {
            verdict: Some(Box::new(verdict)),
            error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            verdict: None,
            error,
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<Refusal> for Failed {
    fn from(Refusal { verdict, error }: Refusal) -> Self {
        Self::judged(verdict, error)
    }
}
