//! What the server or the way to it said, by what the caller can do about it.

use std::time::Duration;

use mysql_async::{DriverError, Error as Said, IoError, ServerError};
use tidegate_schema::Error;

use crate::drivers::secret;

/// Where the database is, for messages.
pub(super) struct Place {
    /// The datasource's name.
    pub(super) name: String,
    /// Host and port, or the socket's path.
    pub(super) address: String,
    /// Kept out of every message.
    pub(super) password: String,
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Connecting,
    Running,
}

/// What a failure has left of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It may be used again.
    Whole,
    /// A statement may still run on it: it has to be stopped from outside.
    Busy,
    /// It is gone.
    Lost,
}

/// Why an act failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) line: Line,
    /// The server's number; 0 where it was not the server that refused.
    pub(super) code: u16,
}

impl Failed {
    /// We refuse by ourselves.
    pub(super) fn refused(error: Error) -> Self {
        Self {
            error,
            line: Line::Whole,
            code: 0,
        }
    }

    /// We waited long enough.
    pub(super) fn late(what: impl Into<String>, limit: Duration) -> Self {
        let what = what.into();
        Self {
            error: Error::Timeout { what, limit },
            line: Line::Busy,
            code: 0,
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Place {
    /// Reads an error of the client library. `limit` is what the server's own clock was set to.
    pub(super) fn failed(&self, act: Act, limit: Duration, error: &Said) -> Failed {
        let address = &self.address;
        let message = match error {
            Said::Server(said) => return self.refused(limit, said),
            Said::Io(IoError::Tls(cause)) => {
                format!("TLS with {address} failed: {cause}; check the server's TLS settings")
            }
            Said::Io(IoError::Io(cause)) if act == Act::Connecting => format!(
                "{address} cannot be reached: {cause}; check host and port, and that a MySQL server runs there and \
                 lets this machine in"
            ),
            Said::Io(IoError::Io(cause)) => format!(
                "the connection to {address} was lost: {cause}; run the query again once the server answers"
            ),
            Said::Driver(DriverError::UnknownAuthPlugin { name }) => format!(
                "the server asks for the password by '{name}', which is not supported; create the user with \
                 caching_sha2_password or mysql_native_password"
            ),
            Said::Driver(DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled) => {
                "the server asks for the password in a form that others could read; create the user with \
                 caching_sha2_password or mysql_native_password"
                    .to_owned()
            }
            Said::Driver(cause) if act == Act::Connecting => {
                format!("what answers at {address} is no MySQL server: {cause}; check the port")
            }
            other => format!("the connection to {address} broke: {other}; run the query again"),
        };
        Failed {
            error: self.upstream(&message),
            line: Line::Lost,
            code: 0,
        }
    }

    fn refused(&self, limit: Duration, said: &ServerError) -> Failed {
        let ServerError {
            code,
            message,
            state,
        } = said;
        let error = match code {
            // MariaDB's clock, MySQL's, OceanBase's.
            1969 | 3024 | 4012 => Error::Timeout {
                what: "the query".into(),
                limit,
            },
            1792 => Error::Forbidden {
                reason: format!(
                    "the session is read-only: {}",
                    secret::without(message, &self.password)
                ),
            },
            _ => {
                let remedy = remedy(*code).map_or_else(String::new, |text| format!("; {text}"));
                self.upstream(&format!(
                    "{message} (error {code}, SQLSTATE {state}){remedy}"
                ))
            }
        };
        Failed {
            error,
            line: if ends_the_connection(*code) {
                Line::Lost
            } else {
                Line::Whole
            },
            code: *code,
        }
    }

    fn upstream(&self, message: &str) -> Error {
        Error::upstream(&self.name, secret::without(message, &self.password))
    }
}

/// What to do about the server's refusal, where its words do not say.
fn remedy(code: u16) -> Option<&'static str> {
    Some(match code {
        1045 | 1698 => "check user and password, and that this user may connect from this machine",
        1044 | 1142 | 1143 | 1227 | 1370 => {
            "grant the user what it needs to read this, or use another user"
        }
        1049 => "create the database or correct its name",
        1040 | 1203 | 1226 => {
            "close connections that are not needed, or raise the server's limit, and try again"
        }
        1129 | 1130 => "let this machine's address in on the server",
        1205 | 1213 => "another session holds a lock on the rows; try again",
        1290 | 1836 => "the server itself was set to refuse this",
        1317 => "somebody stopped the query on the server; run it again",
        1053 | 1927 | 4031 => "run the query again once the server answers",
        3118 | 4151 => "unlock the user on the server",
        1820 | 1862 => "give the user a new password on the server",
        _ => return None,
    })
}

/// Whether the server hangs up after it: shutdown, killed, refused at the door.
fn ends_the_connection(code: u16) -> bool {
    matches!(
        code,
        1040 | 1044 | 1045 | 1049 | 1053 | 1129 | 1130 | 1698 | 1927 | 4031
    )
}

/// Whether a row was larger than a connection takes in. Told by the text: its type is not the library's own.
pub(super) fn is_too_large(error: &Said) -> bool {
    match error {
        Said::Io(IoError::Io(cause)) => cause.to_string().contains("max_allowed_packet"),
        Said::Driver(DriverError::PacketTooLarge) => true,
        _ => false,
    }
}
