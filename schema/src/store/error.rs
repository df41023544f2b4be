//! What the database says, as an [`Error`] a caller can act on. Messages carry no values and no secrets.

use std::time::Duration;

use diesel::{
    ConnectionError,
    result::{DatabaseErrorKind, Error as QueryError},
};
use diesel_async::pooled_connection::{PoolError, bb8::RunError};

use crate::{Error, Result};

/// Name of the store where it fails as a peer.
const STORE: &str = "store";
const AGAIN: Duration = Duration::from_secs(1);

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let QueryError::DatabaseError(kind, detail) = &error else {
            return Self::internal("using the store", error);
        };
        let message = detail.message();
        match kind {
            DatabaseErrorKind::UniqueViolation => Self::Conflict {
                reason: String::from("the store holds this already"),
            },
            DatabaseErrorKind::ForeignKeyViolation => Self::Conflict {
                reason: String::from(
                    "something this belongs to was deleted meanwhile; read it again",
                ),
            },
            DatabaseErrorKind::SerializationFailure => Self::Overloaded { retry_after: AGAIN },
            DatabaseErrorKind::ClosedConnection => {
                Self::upstream(STORE, "the connection was lost; try again")
            }
            _ if message.contains("database is locked") => Self::Overloaded { retry_after: AGAIN },
            // PostgreSQL has no place for U+0000 in text.
            _ if message.contains("invalid byte sequence for encoding") => Self::invalid(
                "text",
                "must not contain the character U+0000; leave it out",
            ),
            _ => Self::internal("using the store", error),
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::TimedOut => Self::Overloaded { retry_after: AGAIN },
            RunError::User(PoolError::QueryError(error)) => error.into(),
            RunError::User(PoolError::ConnectionError(error)) => {
                tracing::warn!(%error, "the store cannot be reached");
                Self::upstream(STORE, "cannot be reached; the log has the details")
            }
        }
    }
}

/// The error of a store that cannot be opened: a matter of configuration.
pub(super) fn cannot_open(url: &super::StoreUrl, error: &ConnectionError) -> Error {
    let reason = match error {
        ConnectionError::BadConnection(reason) => reason.clone(),
        ConnectionError::CouldntSetupConfiguration(error) => error.to_string(),
        // Others quote the address.
        _ => String::from("the address is not understood"),
    };
    Error::invalid("database.url", format!("{url} cannot be opened: {reason}"))
}

/// Names what exists already where a unique rule was broken.
pub(super) fn or_exists<T>(
    result: Result<T, QueryError>,
    what: &'static str,
    name: &str,
) -> Result<T> {
    match result {
        Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            Err(Error::AlreadyExists {
                what,
                name: name.to_owned(),
            })
        }
        other => Ok(other?),
    }
}
