//! The one error type callers see, by kinds a caller can act on.
//!
//! The outside message is what `Display` shows; an inside cause is kept for the log and never travels.

use std::{fmt, sync::Arc, time::Duration};

/// Shorthand used throughout.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong, named by what the caller can do about it.
#[derive(Debug, Clone)]
pub enum Error {
    /// The named thing does not exist.
    NotFound {
        /// What kind of thing: `datasource`, `conversation`, `model`.
        what: &'static str,
        /// The name or id asked for.
        name: String,
        /// What to do about it, for example the nearest name.
        hint: Option<String>,
    },
    /// A thing of that name exists already.
    AlreadyExists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A field of the request cannot be accepted.
    Invalid {
        /// The field, dotted (`body.temperature`).
        field: String,
        /// Why, and what would be accepted.
        reason: String,
    },
    /// No or an unknown key.
    Unauthenticated {
        /// Why.
        reason: String,
    },
    /// The caller may not do this.
    Forbidden {
        /// Why: what was refused, and by which rule.
        reason: String,
    },
    /// The state of a thing does not allow it now.
    Conflict {
        /// Why.
        reason: String,
    },
    /// We do not do that.
    Unsupported {
        /// What, and what to use in its place.
        what: String,
    },
    /// Too much work in hand; try again.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// A key has used what it may use in so short a time.
    RateLimited {
        /// What it may use, and when to try again.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// What a key was given has been used up; waiting a moment does not help.
    QuotaExceeded {
        /// What was used up, and who can give more.
        reason: String,
    },
    /// A database, model server or other peer failed or refused.
    Upstream {
        /// Which peer: a datasource's or model's name.
        provider: String,
        /// Its own words, with secrets taken out.
        message: String,
    },
    /// Something took longer than it was allowed to.
    Timeout {
        /// What.
        what: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// Our fault; the cause is in the log.
    Internal {
        /// What we were doing, for the log.
        doing: String,
        /// Why it failed, for the log.
        cause: Option<Cause>,
    },
}

impl Error {
    /// A [`Error::NotFound`] without a hint.
    pub fn not_found(what: &'static str, name: impl fmt::Display) -> Self {
        Self::NotFound {
            what,
            name: name.to_string(),
            hint: None,
        }
    }

    /// A [`Error::Invalid`].
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// An [`Error::Upstream`].
    pub fn upstream(provider: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Upstream {
            provider: provider.into(),
            message: message.into(),
        }
    }

    /// An [`Error::Internal`] with its cause.
    pub fn internal(
        doing: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            doing: doing.into(),
            cause: Some(Arc::from(cause.into())),
        }
    }

    /// A stable lower-case name of the kind, for `extensions.code`, logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::Invalid { .. } => "invalid",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::Forbidden { .. } => "forbidden",
            Self::Conflict { .. } => "conflict",
            Self::Unsupported { .. } => "unsupported",
            Self::Overloaded { .. } => "overloaded",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::Upstream { .. } => "upstream",
            Self::Timeout { .. } => "timeout",
            Self::Internal { .. } => "internal",
        }
    }

    /// Whole seconds to wait before trying again, where waiting helps: at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Overloaded { retry_after } | Self::RateLimited { retry_after, .. } => {
                Some(retry_after.as_secs().max(1))
            }
            _ => None,
        }
    }

    /// The whole chain of causes, for the log only.
    pub fn log_chain(&self) -> String {
        let Self::Internal { doing, cause } = self else {
            return self.to_string();
        };
        let mut text = doing.clone();
        let mut next: Option<&dyn std::error::Error> =
            cause.as_ref().map(|c| c.as_ref() as &dyn std::error::Error);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what, name, hint } => {
                write!(f, "no {what} named '{name}'")?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::AlreadyExists { what, name } => {
                write!(
                    f,
                    "a {what} named '{name}' exists already; choose another name"
                )
            }
            Self::Invalid { field, reason } => write!(f, "{field}: {reason}"),
            Self::Unauthenticated { reason }
            | Self::Forbidden { reason }
            | Self::RateLimited { reason, .. }
            | Self::QuotaExceeded { reason }
            | Self::Conflict { reason } => f.write_str(reason),
            Self::Unsupported { what } => f.write_str(what),
            Self::Overloaded { retry_after } => {
                write!(
                    f,
                    "too much work in hand; try again in {} s",
                    retry_after.as_secs().max(1)
                )
            }
            Self::Upstream { provider, message } => write!(f, "{provider}: {message}"),
            Self::Timeout { what, limit } => {
                write!(f, "{what} took longer than {} s", limit.as_secs_f64())
            }
            Self::Internal { .. } => f.write_str("internal error; the log has the details"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_cause_is_logged_but_never_displayed() {
        let error = Error::internal("opening the store", std::io::Error::other("disk on fire"));
        assert!(!error.to_string().contains("disk on fire"));
        assert!(error.log_chain().contains("disk on fire"));
    }
}
